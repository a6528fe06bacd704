"""No cell that the product writes is worked out by a spreadsheet."""

import pytest

from tandem.base.csv_cells import safe_cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t1", "\r1", "\n1", "  =1", "＝1", "-", "+48600100200 x"],
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


# Each has an apostrophe wherever a spreadsheet that splits there would find a formula.
SPLIT = {
    "x;=cmd|'/C calc'!A0;y": "x;'=cmd|'/C calc'!A0;y",
    "a,@SUM(1+1)": "a,'@SUM(1+1)",
    "a\t=1": "a\t'=1",
    "a|=1": "a|'=1",
    "a\n=1": "a\n'=1",
    "a; =1": "a;' =1",
    'a;"=1': "a;'\"=1",
    "a;\t=1": "a;\t'=1",
    "\t=1": "'\t'=1",
    "=1;=2": "'=1;'=2",
    "a;-2+3": "a;'-2+3",
    "a;-5;-6;=7": "a;-5;-6;'=7",
    "a;+http://b.example;+1+1": "a;+http://b.example;'+1+1",
}
ORDINARY = (
    "Shoes, bags; -5",
    "52.2297,-21.0122",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "utm_source=a&utm_medium=b;c=d",
    "Buy | Shop - Cheap",
)


@pytest.mark.parametrize("text", SPLIT)
def test_no_formula_begins_where_another_separator_parts_cells(text: str) -> None:
    assert safe_cell(text) == SPLIT[text]


@pytest.mark.parametrize("value", ["", "shoes", "a=b", "-5", "+1.5", "-1e-7", -5, 1.5, None, *ORDINARY])
def test_numbers_and_plain_text_stay(value: object) -> None:
    assert safe_cell(value) == value
