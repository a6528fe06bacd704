"""Currencies by what files and systems call them."""

from collections import Counter
from functools import lru_cache
from typing import Final

from babel import Locale, numbers

from tandem.base.formats import Formats

NO_CURRENCY: Final = "XXX"
"""What ISO 4217 writes where no currency is known."""
LANGUAGES: Final = ("en", "ru", "pl", "de", "uk")
SIGNS: Final = {
    "€": "EUR", "$": "USD", "£": "GBP", "₽": "RUB", "руб": "RUB", "р": "RUB", "rur": "RUB", "zł": "PLN", "₴": "UAH",
}  # fmt: skip
"""Signs and abbreviations that stand for one currency wherever our users work; without a full stop behind them."""


def currency_code(text: str) -> str | None:
    """The ISO 4217 code of a currency that is given by code, sign or name; None where no single one is called so.

    Names are those of the Unicode CLDR in five languages ("US Dollar", "российский рубль", "złoty polski").
    """
    name = " ".join(text.split()).lower().rstrip(".")
    codes, names = _known()
    return SIGNS.get(name) or (name.upper() if name.upper() in codes else names.get(name))


@lru_cache
def tenders(language: str) -> list[tuple[str, str]]:
    """Currencies that are legal tender somewhere today, by code, with their names."""
    locale = Formats(language).locale
    codes = {
        code for t in map(str, Locale("en").territories) if t.isalpha() for code in numbers.get_territory_currencies(t)
    }
    return [(code, numbers.get_currency_name(code, locale=locale)) for code in sorted(codes)]


@lru_cache(maxsize=1)
def _known() -> tuple[frozenset[str], dict[str, str]]:
    """All codes, and names that only one currency has."""
    pairs = {(name.lower(), code) for language in LANGUAGES for code, name in Locale(language).currencies.items()}
    currencies_of = Counter(name for name, _ in pairs)
    codes = frozenset(code for _, code in pairs)
    return codes, {name: code for name, code in pairs if currencies_of[name] == 1}
