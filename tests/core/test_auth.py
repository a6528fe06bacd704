"""Who is refused, and in which words."""

import pytest

from tandem.accounts.model import ApiToken
from tandem.accounts.permissions import Role
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.core.auth import Caller


def test_a_token_of_somebody_who_was_demoted_says_whose_right_is_missing() -> None:
    """It was told to be made anew with a scope that it has."""
    token = ApiToken(
        id=1, workspace_id=1, site_id=None, name="t", scopes=("money:read",), made_at=clock.now(), expires_at=None,
        used_at=None, revoked_at=None, maker=Role.VIEWER,
    )  # fmt: skip
    caller = Caller(workspace_id=1, user=None, token=token, csrf="", language="en", theme="auto")
    with pytest.raises(UserError, match="The user who created this token"):
        caller.must("money.read")
    with pytest.raises(UserError, match="This token is not allowed to"):
        caller.must("metrics.read")
