"""The style sheet's colours can be told apart by everyone, in both themes."""

import re
from pathlib import Path

import pytest

from tandem.base.translations import WEB

SHEET = (Path(WEB) / "static" / "tandem.css").read_text("utf-8")
TOKEN = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
TOKENS = {name: (light, dark) for name, light, dark in TOKEN.findall(SHEET)}
TEXT_ON = [
    (text, ground)
    for text in ("ink", "soft", "faint", "accent", "good", "bad")
    for ground in ("paper", "surface", "sunken")
]
PAIRS = [
    *TEXT_ON, ("on-accent", "accent"), ("accent", "accent-soft"), ("ink", "accent-soft"), ("soft", "accent-soft"),
    ("ink", "good-soft"), ("ink", "bad-soft"), ("bad", "bad-soft"),
]  # fmt: skip
SHAPES = [
    (shape, ground) for shape in ("edge", "marketing", "engineering", "accent") for ground in ("paper", "surface")
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_aa_contrast(theme: int) -> None:
    ratios = {f"{a} on {b}": round(contrast(TOKENS[a][theme], TOKENS[b][theme]), 2) for a, b in PAIRS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_borders_of_fields_and_marks_have_three_to_one(theme: int) -> None:
    ratios = {f"{a} on {b}": round(contrast(TOKENS[a][theme], TOKENS[b][theme]), 2) for a, b in SHAPES}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 3} == {}


def test_the_palette_is_okabe_itos() -> None:
    palette = {
        "orange": "#e69f00",
        "sky": "#56b4e9",
        "green": "#009e73",
        "blue": "#0072b2",
        "vermilion": "#d55e00",
        "purple": "#cc79a7",
    }
    assert {name: TOKENS[name][0] for name in palette} == palette


def test_no_template_holds_inline_styles_or_scripts() -> None:
    for path in WEB.parent.glob("*/templates/*.html"):
        text = path.read_text("utf-8")
        assert not re.search(
            r"\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", text.replace("<script defer", "<script src="), re.I
        ), path
