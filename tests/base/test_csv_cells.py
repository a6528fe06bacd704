"""No cell that the product writes is worked out by a spreadsheet."""

import pytest

from tandem.base.csv_cells import safe_cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "-", "+48600100200 x"],
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["", "shoes", "a=b", "-5", "+1.5", "-1e-7", -5, 1.5, None])
def test_numbers_and_plain_text_stay(value: object) -> None:
    assert safe_cell(value) == value
