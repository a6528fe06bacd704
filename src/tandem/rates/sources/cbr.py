"""The Central Bank of Russia: roubles for some units of a currency, with decimal commas, in windows-1251."""

from datetime import date, datetime
from decimal import Context, Decimal
from xml.etree import ElementTree

from tandem.base.errors import SourceError
from tandem.imports.archives import UnreadableFile
from tandem.imports.xml import element_of
from tandem.rates.model import EURO, Rate, rate_of

NAME = "cbr"
BASE = "https://www.cbr.ru"
DAILY = "/scripts/XML_daily.asp?date_req={on:%d/%m/%Y}"
COURSE = "/scripts/XML_dynamic.asp?date_req1={since:%d/%m/%Y}&date_req2={until:%d/%m/%Y}&VAL_NM_RQ={id}"
IDS = {"EUR": "R01239", "USD": "R01235", "GBP": "R01035", "CNY": "R01375", "KZT": "R01335", "BYN": "R01090B"}
"""The bank's names of the currencies whose course is asked for; XML_daily has all, but one day at a time."""

_LONG = Context(prec=24)


def rates_in(content: bytes) -> list[Rate]:
    """The rates of one file, XML_daily or XML_dynamic of the euro.

    raises   SourceError when it is neither, or the course of another currency
    """
    currency = _root(content).get("ID")
    if currency is None:
        return rates_in_day(content)
    if currency.strip() != IDS[EURO]:
        raise SourceError("Central Bank of Russia", f"the course of {currency} does not tell the euro's, {IDS[EURO]}")
    return rates_in_course({EURO: content})


def rates_in_day(content: bytes) -> list[Rate]:
    """The rates of XML_daily. A rate against the rouble becomes one against the euro by the same day's euro.

    raises   SourceError when the file is no such list, or lacks the euro
    """
    root = _root(content)
    try:
        on = _day(root.attrib["Date"])
        roubles = {
            (e.findtext("CharCode") or "").strip(): _unit(e.findtext("Value") or "", e.findtext("Nominal") or "")
            for e in root.iter("Valute")
        }
        return _against_euro(on, roubles)
    except (KeyError, ValueError, ArithmeticError) as error:
        raise _unreadable(error) from error


def rates_in_course(contents: dict[str, bytes]) -> list[Rate]:
    """The rates of XML_dynamic, one file a currency; days without the euro are left out.

    raises   SourceError when a file is no such course
    """
    days: dict[date, dict[str, Decimal]] = {}
    for currency, content in contents.items():
        try:
            for e in _root(content).iter("Record"):
                value = _unit(e.findtext("Value") or "", e.findtext("Nominal") or "")
                days.setdefault(_day(e.attrib["Date"]), {})[currency] = value
        except (KeyError, ValueError, ArithmeticError) as error:
            raise _unreadable(error) from error
    try:
        return [rate for on in sorted(days) if EURO in days[on] for rate in _against_euro(on, days[on])]
    except (ValueError, ArithmeticError) as error:
        raise _unreadable(error) from error


def _against_euro(on: date, roubles: dict[str, Decimal]) -> list[Rate]:
    euro = roubles.pop(EURO, None)
    if euro is None:
        raise SourceError("Central Bank of Russia", f"the rates of {on} do not include the euro")
    rates = [rate_of(on, "RUB", euro, NAME)]
    return rates + [
        rate_of(on, currency, _LONG.divide(euro, value), NAME)
        for currency, value in roubles.items()
        if len(currency) == 3
    ]


def _root(content: bytes) -> ElementTree.Element:
    try:
        return element_of(content)
    except UnreadableFile as error:
        raise _unreadable(error) from error


def _day(text: str) -> date:
    return datetime.strptime(text, "%d.%m.%Y").date()


def _unit(value: str, nominal: str) -> Decimal:
    """Roubles for one unit; a nominal is a power of ten, so this is exact."""
    roubles = Decimal(value.strip().replace("\N{NO-BREAK SPACE}", "").replace(",", ".")) / Decimal(nominal.strip())
    if not roubles > 0:
        raise ValueError(f"{value} is not above 0")
    return roubles


def _unreadable(error: Exception) -> SourceError:
    return SourceError("Central Bank of Russia", f"the XML of rates cannot be read: {error}")
