"""Currencies by what files and systems call them."""

import re
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
    "₸": "KZT",
}  # fmt: skip
"""Signs and abbreviations that stand for one currency wherever our users work; without a full stop behind them."""
SIGN: Final = rf"(?:{'|'.join(map(re.escape, sorted(SIGNS, key=len, reverse=True)))})\.?"
"""An expression for any of them, to be read whatever the case."""
_OF_SEVERAL: Final = frozenset(("$", "руб", "р"))
"""Signs that several countries have: whoever writes one beside an amount means their own, as Canada does with $."""
_BEFORE: Final = re.compile(rf"^(?P<rest>[-+\u2212(]*)(?P<word>{SIGN}|[a-z]{{3}}(?=[-+\u2212(\d.,]))", re.IGNORECASE)
_BEHIND: Final = re.compile(rf"(?P<word>{SIGN}|(?<=[\d.,)])[a-z]{{3}})(?P<rest>\)?)$", re.IGNORECASE)


def currency_code(text: str) -> str | None:
    """The ISO 4217 code of a currency that is given by code, sign or name; None where no single one is called so.

    Names are those of the Unicode CLDR in five languages ("US Dollar", "российский рубль", "złoty polski").
    """
    name = " ".join(text.split()).lower().rstrip(".")
    codes, names = _known()
    return SIGNS.get(name) or (name.upper() if name.upper() in codes else names.get(name))


def currency_codes() -> list[str]:
    """All ISO 4217 codes of currencies, but for the one of no currency."""
    return sorted(_known()[0] - {NO_CURRENCY})


def split_amount(text: str) -> tuple[str, str]:
    """An amount without the currency beside it, and that currency as it is written: "-€5" -> -5, €.

    text      without spaces
    returns   no currency where a sign that several countries have is all that says it
    """
    words = list[str]()

    def rest(match: re.Match[str]) -> str:
        if not currency_code(match["word"]):  # 1.2 mln is no amount of 1.2
            return match[0]
        words.append(match["word"])
        return match["rest"]

    bare = _BEHIND.sub(rest, _BEFORE.sub(rest, text))
    return bare, next((word for word in words if word.lower().rstrip(".") not in _OF_SEVERAL), "")


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
