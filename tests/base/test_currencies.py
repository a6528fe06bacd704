"""Signs of currencies: one list, from which whatever reads amounts and heads is made."""

from decimal import Decimal
from pathlib import Path

import pytest

import tandem
from tandem.base import currencies
from tandem.base.currencies import SIGNS, split_amount
from tandem.crm.model.mapping import money_of
from tandem.imports.cells import Unreadable, number
from tandem.imports.headers import with_currency
from tandem.reconcile.sources.words import head_of


@pytest.mark.parametrize("sign", SIGNS)
def test_every_sign_is_read_in_amounts_and_heads_of_all_imports(sign: str) -> None:
    for text in (f"{sign}5", f"5 {sign}", f"5 {sign.upper()}.", f"-{sign} 5", f"({sign}5)"):
        value = -5 if text[0] in "-(" else 5
        assert (money_of(text), number(text, ".")) == (value, value), text
    assert with_currency(f"Cost ({sign})") == with_currency(f"Cost, {sign.upper()}") == ("cost", SIGNS[sign])
    assert head_of(f"Revenue, {sign}") == head_of("Revenue") != ""


@pytest.mark.parametrize(("text", "parts"), [
    ("5", ("5", "")), ("$5", ("5", "")), ("5CAD", ("5", "CAD")), ("$5CAD", ("5", "CAD")), ("-€5", ("-5", "€")),
    ("1.2mln", ("1.2mln", "")), ("EUR", ("EUR", "")), ("5€50", ("5€50", "")), ("eur5", ("5", "eur")),
])  # fmt: skip
def test_an_amount_apart_from_its_currency(text: str, parts: tuple[str, str]) -> None:
    assert split_amount(text) == parts


@pytest.mark.parametrize("text", ["5€50", "1.2 mln", "12 pcs", "EUR"])
def test_what_is_no_currency_is_not_left_out_of_a_number(text: str) -> None:
    """5€50 was read as 550 in reports of ads, and 1.2 mln as 1.2 in deals."""
    with pytest.raises(Unreadable):
        number(text, ".")
    with pytest.raises(Unreadable):
        money_of(text)


def test_a_word_in_brackets_that_is_no_currency_stays_in_the_head() -> None:
    assert with_currency("Clicks (all)") == ("clicks (all)", "")
    assert with_currency("Расход (у.е.)") == ("расход", "")


def test_signs_of_currencies_stand_in_one_file() -> None:
    files = Path(tandem.__file__).parent.rglob("*.py")
    assert [file.name for file in files if "₽" in file.read_text()] == [Path(currencies.__file__).name]


def test_deals_and_reports_agree_on_amounts() -> None:
    """Deals took 1_000 for 1000, and refused 1.234.567 and (5)."""
    for text, value in {"1 000": 1000, "(5)": -5, "−5": -5, "1’000": 1000, "1,234": 1234, "12,5": "12.5"}.items():
        assert money_of(text) == Decimal(value)
