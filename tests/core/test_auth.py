"""Who is refused, and in which words."""

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import ApiToken, Site
from tandem.accounts.permissions import Role
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.core.auth import Caller, site_for, sites_for
from tandem.core.context import Context


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


@pytest.mark.parametrize(("bound", "keys"), [(None, ["fern", "oak"]), ("oak", ["oak"]), ("elm", [])])
def test_a_token_bound_to_a_site_sees_that_one_and_none_of_another_workspace(
    ctx: Context, site: Site, bound: str | None, keys: list[str]
) -> None:
    """Without the bond, whoever has the token of one shop reads the figures of all shops of its workspace."""
    sites = {site.key: site, "oak": add_site(ctx, site.workspace_id, "oak")}
    sites["elm"] = add_site(ctx, accounts.make_workspace(ctx.database, "Elm"), "elm")
    ctx.forget_sites()
    caller = called_by_token(site.workspace_id, sites[bound].id if bound else None)
    assert [one.key for one in sites_for(ctx, caller)] == keys
    for key in sites:
        if key in keys:
            assert site_for(ctx, caller, key).key == key
        else:
            with pytest.raises(UserError, match="There is no site"):
                site_for(ctx, caller, key)


def add_site(ctx: Context, workspace: int, key: str) -> Site:
    return accounts.add_site(ctx.database, workspace, key, key.title(), [f"{key}.example"], "UTC", "EUR")


def called_by_token(workspace: int, site: int | None) -> Caller:
    token = ApiToken(
        id=1, workspace_id=workspace, site_id=site, name="t", scopes=("metrics:read",), made_at=clock.now(),
        expires_at=None, used_at=None, revoked_at=None, maker=Role.VIEWER,
    )  # fmt: skip
    return Caller(workspace_id=workspace, user=None, token=token, csrf="", language="en", theme="auto")
