"""Headers as four kinds of systems write them: the same words, whatever stands around them."""

import pytest

from tandem.imports import headers
from tandem.imports.headers import LONGEST, places, title, with_currency, without_brackets, word


@pytest.mark.parametrize("text", ["Deal  ID", "\ufeffDeal ID", " deal\u00a0id ", '"Deal ID"', "deal\tid"])
def test_marks_and_spaces_are_no_part_of_a_header(text: str) -> None:
    assert word(text) == "deal id"


def test_a_text_that_is_too_long_names_no_column() -> None:
    assert (word("x" * (LONGEST + 1)), len(title("x" * (LONGEST + 1)))) == ("", LONGEST)


@pytest.mark.parametrize(("text", "name", "currency"), [
    ("Cost (EUR)", "cost", "EUR"), ("Расход, руб.", "расход", "RUB"), ("Cost", "cost", ""),
    ("Расход (у.е.)", "расход", ""),
    ("Clicks (all)", "clicks (all)", ""), ("Cost (conv.) (USD)", "cost (conv.)", "USD"), ("a, b", "a, b", ""),
])  # fmt: skip
def test_a_currency_in_a_header_is_told_apart_from_other_brackets(text: str, name: str, currency: str) -> None:
    assert with_currency(text) == (name, currency)


def test_brackets_are_left_away_where_a_slice_says_so() -> None:
    assert without_brackets("sessions (google)") == "sessions"


def test_columns_stand_where_the_best_word_says_and_then_the_next() -> None:
    words = {"phone": ("phone", "mobile"), "id": ("id",), "none": ("x",)}
    assert places(["mobile", "id", "phone", "mobile"], words) == {"phone": [2, 0, 3], "id": [1]}
    assert headers.places([], words) == {}
