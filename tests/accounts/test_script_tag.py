"""The script tag says what the site's privacy mode needs, and breaks no head."""

import re
from pathlib import Path

import pytest

from tandem.accounts.model import Site
from tandem.accounts.tag import numbers_tag, picture_tag, script_tag
from tandem.collect.counter import FILES, STATIC

DOCS = Path(__file__).parents[2] / "docs"
OWN = "+48225550100"


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


def attributes_read() -> set[str]:
    """What numbers.src.js asks of its own tag."""
    source = (STATIC / "numbers.src.js").read_text()
    return {f"data-{name}" for name in re.findall(r"\bdata(?:set)?\.(\w+)", source) if name != "dataset"}


def shape_of(tag: str) -> tuple[str, dict[str, str]]:
    file = re.search(r'src="[^"]*(/t/[^"]+)"', tag)
    assert file, tag
    return file[1], dict(re.findall(r'(data-[\w-]+)="([^"]*)"', tag))


@pytest.mark.parametrize("mode", ["cookieless", "cookie", "consent"])
@pytest.mark.parametrize("reveals", [["at_once"], ["on_scroll"], ["on_click", "on_click"], []])
def test_the_tag_for_numbers_says_what_its_script_reads(mode: str, reveals: list[str]) -> None:
    """It put an empty data-numbers on the counter's tag, which reads none: nothing was ever replaced."""
    file, attributes = shape_of(numbers_tag("https://t.example", site_of(mode), [OWN, OWN], reveals))
    assert FILES[file] == "numbers.js"
    assert attributes.keys() <= attributes_read()
    assert (attributes["data-site"], attributes["data-numbers"]) == ("fern", OWN)
    assert attributes.get("data-mode", "cookieless") == mode
    assert attributes.get("data-reveal", "at_once") in {how.removeprefix("on_") for how in reveals} | {"at_once"}


def test_pools_that_disagree_show_their_numbers_at_once() -> None:
    assert "data-reveal" not in numbers_tag("", site_of("cookie"), [OWN], ["on_scroll", "at_once"])
    assert 'data-reveal="click"' in numbers_tag("", site_of("cookie"), [OWN], ["on_click", "on_click"])


def test_the_tags_for_numbers_in_the_docs_are_read_too() -> None:
    tags = [tag for doc in DOCS.glob("*.md") for tag in re.findall(r"<script[^>]*data-numbers[^>]*>", doc.read_text())]
    assert len(tags) == 2  # docs/calls.md and docs/counter.md
    for tag in tags:
        file, attributes = shape_of(tag)
        assert FILES[file] == "numbers.js"
        assert attributes.keys() <= attributes_read() and re.fullmatch(r"\+\d{8,15}", attributes["data-numbers"])


def site_of(mode: str) -> Site:
    return Site(
        id=1, workspace_id=1, key="fern", name="Fern", hosts=("shop.example",), zone="UTC", currency="EUR", mode=mode,
        keep_days=100,
    )  # fmt: skip
