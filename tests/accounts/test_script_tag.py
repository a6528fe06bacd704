"""The script tag says what the site's privacy mode needs, and breaks no head."""

import re

import pytest

from tandem.accounts.model import Site
from tandem.accounts.tag import picture_tag, script_tag


@pytest.mark.parametrize(
    ("mode", "attribute"), [("cookieless", ""), ("cookie", ' data-mode="cookie"'), ("consent", ' data-mode="consent"')]
)
def test_the_tag_carries_the_privacy_mode(mode: str, attribute: str) -> None:
    assert f'data-site="fern"{attribute}></script>' in script_tag("https://t.example", site_of(mode))


def test_nothing_for_the_head_belongs_into_the_body() -> None:
    """A picture in the head ended it for readers without scripts: the canonical address behind it was none any more."""
    site = site_of("cookie")
    assert set(re.findall(r"<(\w+)", script_tag("https://t.example", site))) == {"script"}
    assert set(re.findall(r"<(\w+)", picture_tag("https://t.example", site))) == {"noscript", "img"}


def site_of(mode: str) -> Site:
    return Site(
        id=1, workspace_id=1, key="fern", name="Fern", hosts=("shop.example",), zone="UTC", currency="EUR", mode=mode,
        keep_days=100,
    )  # fmt: skip
