"""What the amounts of a record are in its site's currency."""

from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal
from functools import cache

from tandem.crm.model.deal import DealFact
from tandem.rates.model import Rates

NO_RATES = Rates()


class Pricing:
    """Converts amounts into a site's currency, by the rates of a record's day in the site's zone.

    rates   gives them; asked once, and only when an amount is in another currency
    """

    def __init__(self, currency: str, zone: tzinfo, rates: Callable[[], Rates]) -> None:
        self.currency, self.zone = currency, zone
        self._rates = cache(rates)

    def convert(self, fact: DealFact, amount: Decimal | None) -> Decimal | None:
        """One of the amounts of a record; None for none, and where no rate is known.

        raises   TooMuch
        """
        if amount is None:
            return None
        currency = fact.currency or self.currency
        rates = NO_RATES if currency == self.currency else self._rates()
        on = (fact.closed_at or fact.created_at).astimezone(self.zone).date()
        return rates.convert(amount, currency, self.currency, on)
