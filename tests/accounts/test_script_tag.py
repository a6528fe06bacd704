"""The script tag of the settings page says what the site's privacy mode needs."""

import pytest

from tandem.accounts.model import Site
from tandem.accounts.tag import script_tag


@pytest.mark.parametrize(
    ("mode", "attribute"), [("cookieless", ""), ("cookie", ' data-mode="cookie"'), ("consent", ' data-mode="consent"')]
)
def test_the_tag_carries_the_privacy_mode(mode: str, attribute: str) -> None:
    site = Site(
        id=1, workspace_id=1, key="fern", name="Fern", hosts=("shop.example",), zone="UTC", currency="EUR", mode=mode,
        keep_days=100,
    )  # fmt: skip
    assert f'data-site="fern"{attribute}></script>' in script_tag("https://t.example", site)
