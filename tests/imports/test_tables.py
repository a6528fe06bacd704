"""Tables as text, whoever brings them: encoding, delimiter, numbers and days are found out by one set of rules."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tandem.base.errors import UserError
from tandem.imports.cells import Decimals, Unreadable, day, decimals_of, number, order_of
from tandem.imports.text import table

TODAY = date(2026, 11, 28)


def rows(tmp_path: Path, text: bytes, **manner: str) -> list[list[str]]:
    path = tmp_path / "table.csv"
    path.write_bytes(text)
    return [cells for _, cells in table(path, **manner)]


@pytest.mark.parametrize(
    "text",
    [
        b"id;amount;note\n1;1,5;a, b, c\n2;2,5;d, e\n3;3,5;f\n",
        b"id,amount,note\n1,1.5,a; b; c\n2,2.5,d; e\n3,3.5,f\n",
        b"id\tamount\tnote\n1\t1,5\ta; b\n2\t2,5\tc, d\n3\t3,5\te\n",
        b"id|amount|note\n1|1,5|a; b\n2|2,5|c, d\n3|3,5|e\n",
        b"sep=|\r\nid|amount|note\r\n1|2,5|x;y;z\r\n",
        b"# account 12, export of today, all campaigns\nid;amount;note\n1;2,5;x\n2;3,5;y\n",
    ],
)
def test_the_delimiter_is_the_one_that_splits_the_lines_alike(tmp_path: Path, text: bytes) -> None:
    assert ["id", "amount", "note"] in rows(tmp_path, text)
    assert {len(cells) for cells in rows(tmp_path, text) if not cells[0].startswith("#")} == {3}


@pytest.mark.parametrize("sign", [" ", "e", "t", "h", ",", "\t", "я"])
def test_any_sign_may_be_named_as_the_delimiter(tmp_path: Path, sign: str) -> None:
    """Behind the last line stands a mark; with one of its signs as the delimiter a quote seemed never closed."""
    lines = [f"sep={sign}", sign.join("AB"), sign.join(("1", f'"2{sign}3"'))]
    expected = [["A", "B"], ["1", f"2{sign}3"]]
    assert rows(tmp_path, "\n".join([*lines, ""]).encode()) == rows(tmp_path, "\n".join(lines).encode()) == expected
    with pytest.raises(UserError, match="never closed"):
        rows(tmp_path, "\n".join([*lines, f'1{sign}"2']).encode())


def test_text_that_is_not_unicode_is_read_as_its_writers_do(tmp_path: Path) -> None:
    assert rows(tmp_path, "имя;план\n".encode("cp1251")) == [["имя", "план"]]
    assert rows(tmp_path, "naïve;où\n".encode("cp1252"), otherwise="cp1252") == [["naïve", "où"]]
    assert rows(tmp_path, "имя;план\n".encode("utf-16")) == [["имя", "план"]]


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["13/10/2026"], "dmy"), (["10/13/2026"], "mdy"), (["01.02.2026"], "dmy"), (["2026-10-01"], "dmy"),
        (["10/11/2026"], None), (["11/11/2026"], "dmy"), (["11/01/2026", "11/02/2026", "11/03/2026"], "mdy"),
        (["01/10/2026", "02/10/2026", "03/10/2026"], "dmy"), (["01/02/0000"], None), (["00/00/2026"], "dmy"),
    ],
)  # fmt: skip
def test_the_order_of_day_and_month_is_told_by_the_days_or_not_at_all(cells: list[str], order: str | None) -> None:
    assert order_of(cells, TODAY) == order


@pytest.mark.parametrize(
    "cell", ["20261031", "2026-10-31", "2026-10-31T00:00:00", "31.10.2026", "31.10.26", "31/10/2026 00:00",
             "Oct 31, 2026", "31 октября 2026 г.", "31 października 2026"],
)  # fmt: skip
def test_a_day_is_read_as_systems_write_it(cell: str) -> None:
    assert day(cell, "dmy") == date(2026, 10, 31)


@pytest.mark.parametrize(
    "cell",
    ["", "31.10", "31.13.2026", "01.10.2026-31.10.2026", "2026-10", "yesterday", "12345678", "1.1.202", "01.01.02026"],
)
def test_what_is_no_day_is_not_read_as_one(cell: str) -> None:
    with pytest.raises(Unreadable):
        day(cell, "dmy")


def test_decimals_are_told_by_values_that_can_be_read_one_way_only() -> None:
    assert decimals_of(["1,234", "1.5"], is_local=True) == "."
    assert decimals_of(["1,234", "1 234,56"], is_local=False) == ","
    assert decimals_of(["1,234"], is_local=True) == "," and decimals_of(["1,234"], is_local=False) == "."


@pytest.mark.parametrize("cell", ["12%", "< 10", "1e30", "nan", "inf", "9" * 101, "x", "1_000", "(-5)"])
def test_what_is_no_plain_number_is_not_read_as_one(cell: str) -> None:
    with pytest.raises(Unreadable):
        number(cell, ".")


def test_brackets_and_signs_of_money_belong_to_a_number() -> None:
    cells = ["(12.5)", "−3", "1'000.5", "PLN 7", "12.5 ₽", "--", ""]
    assert [number(cell, ".") for cell in cells] == [
        Decimal("-12.5"), Decimal(-3), Decimal("1000.5"), Decimal(7), Decimal("12.5"), 0, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "decimals", "value"),
    [
        ("1.234,50", ",", "1234.50"), ("1.500", ",", "1500"), ("12,34,567.8", ".", "1234567.8"), ("1,234", ".", "1234"),
        ("0.333", ",", None), ("1234.56", ",", None), ("12.5", ",", None), ("1,5", ".", None), ("1.2345", ",", None),
        ("1,234,56", ".", None), ("1.234.5", ",", None), ("0.125", ".", "0.125"), ("-1.500", ",", "-1500"),
    ],
)  # fmt: skip
def test_what_parts_thousands_stands_before_three_digits_or_the_number_is_not_read(
    cell: str, decimals: Decimals, value: str | None
) -> None:
    """Left out wherever it stood, it made 1234.56 into 123456."""
    if value is not None:
        assert number(cell, decimals) == Decimal(value)
        return
    with pytest.raises(Unreadable):
        number(cell, decimals)


def test_a_number_below_one_tells_which_sign_stands_before_decimals() -> None:
    assert decimals_of(["0.333", "1.500"], is_local=True) == "."
    assert decimals_of(["1.500", "0,250"], is_local=False) == ","


TABBED = {
    'a\tb\n"Sale -50%\t1\nx\t2\n"Sale -50%\t3\n': [["a", "b"], ['"Sale -50%', "1"], ["x", "2"], ['"Sale -50%', "3"]],
    '"a"\t"b"\n"say ""hi"""\t"1"\n': [["a", "b"], ['say "hi"', "1"]],
    'a\tb\n"two\nlines"\t1\nx\t2\n': [["a", "b"], ["two\nlines", "1"], ["x", "2"]],
    'a\tb\n"1\t2"\t1\nx\t2\n': [["a", "b"], ["1\t2", "1"], ["x", "2"]],
    'a\tb\n19" screen\t1\n"\t2\n': [["a", "b"], ['19" screen', "1"], ['"', "2"]],
    'a\tb\r\n\r\n"x"\t\r\n': [["a", "b"], [], ["x", ""]],
}


@pytest.mark.parametrize("text", TABBED)
def test_a_quote_in_a_tab_separated_file_is_a_sign_unless_it_holds_tabs_or_line_ends(tmp_path: Path, text: str) -> None:
    assert rows(tmp_path, text.encode()) == TABBED[text]
