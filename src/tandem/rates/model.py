"""Exchange rates: what one euro cost in other currencies, day by day, and how an amount is converted by them."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

EURO = "EUR"
OLDEST = timedelta(days=10)
"""How old a rate may be: banks publish none on Easter and at new year."""
SOURCES = ("file", "ecb", "cbr")
"""Who is asked first: what the operator brought, the European Central Bank, the Central Bank of Russia."""

LEAST, MOST = Decimal("1e-9"), Decimal("1e9")
"""What one euro may cost: beyond that it is a slip of the pen, and would make any sum absurd."""
MOST_MONEY = Decimal("99999999999999")
LEAST_MONEY = -MOST_MONEY
"""What the event store holds of money, as Decimal(18, 4)."""

_EXACT = Context(prec=40)
_PLACES = Decimal("0.0001")
_SAME = (Decimal(1), Decimal(1))


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What one euro cost in a currency on a day, as a source published it."""

    on: date
    currency: str
    per_eur: Decimal
    source: str

    @property
    def is_possible(self) -> bool:
        return LEAST <= self.per_eur <= MOST


def rate_of(on: date, currency: str, per_eur: str | Decimal, source: str) -> Rate:
    """A rate as it was published.

    raises   ValueError for what is no number, and for what nothing costs
    """
    try:
        rate = Rate(on=on, currency=currency, per_eur=_EXACT.plus(Decimal(per_eur)), source=source)
        if rate.is_possible:
            return rate
    except ArithmeticError:
        pass
    raise ValueError(
        f"the rate of {currency} on {on} is {str(per_eur)[:40]}, which is not between 0.000000001 and 1,000,000,000"
    )


class TooMuch(ArithmeticError):
    """An amount, as told or as converted, that is more than the event store holds."""


class Rates:
    """All known rates; asks nobody."""

    def __init__(self, rates: Iterable[Rate] = ()) -> None:
        series: dict[tuple[str, str], dict[date, Decimal]] = {}
        for rate in rates:
            series.setdefault((rate.source, rate.currency), {})[rate.on] = rate.per_eur
        self._series = {
            name: (days := sorted(of_day), [of_day[day] for day in days]) for name, of_day in series.items()
        }
        self._sources = (*SOURCES, *sorted({source for source, _ in series} - set(SOURCES)))

    def convert(self, amount: Decimal, currency: str, into: str, on: date) -> Decimal | None:
        """The amount in another currency by the rates of that day, or the last ones published up to ten days before.

        Both rates come from one source where one has both, so that two sources are not mixed without need.

        returns  to four decimal places, ties to even; the amount itself where nothing is to be converted; None where
                 no rate is known
        raises   TooMuch
        """
        rate = self.between(currency, into, on)
        return None if rate is None else converted(amount, rate)

    def between(self, currency: str, into: str, on: date) -> tuple[Decimal, Decimal] | None:
        """How many of `into` and of `currency` are worth the same on that day; None where no rate is known."""
        if currency == into:
            return _SAME
        pairs = [(self._known(s, currency, on), self._known(s, into, on)) for s in self._sources]
        have, want = next(
            ((a, b) for a, b in pairs if a is not None and b is not None),
            (next((a for a, _ in pairs if a is not None), None), next((b for _, b in pairs if b is not None), None)),
        )
        return None if have is None or want is None else (want, have)

    def _known(self, source: str, currency: str, on: date) -> Decimal | None:
        if currency == EURO:
            return Decimal(1)
        days, values = self._series.get((source, currency), ((), ()))
        place = bisect_right(days, on)
        return values[place - 1] if place and on - days[place - 1] <= OLDEST else None


def converted(amount: Decimal, rate: tuple[Decimal, Decimal]) -> Decimal:
    """The amount by a rate of `Rates.between`, to four decimal places.

    raises   TooMuch
    """
    result = amount if rate is _SAME else _EXACT.divide(_EXACT.multiply(amount, rate[0]), rate[1])
    if not LEAST_MONEY <= result <= MOST_MONEY or not LEAST_MONEY <= amount <= MOST_MONEY:
        raise TooMuch
    return result if rate is _SAME else result.quantize(_PLACES, ROUND_HALF_EVEN, _EXACT)
