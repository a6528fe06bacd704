"""What was planted in the invented history, in a form that tests can ask back."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal

import msgspec
import numpy as np

from tandem.demo.columns import Ids, Ints


class Planted(msgspec.Struct, frozen=True):
    """One cause with its effect: the figure was multiplied by `times` and raised by `plus` within [since, until).

    name        slow_release, outage … (docs/demo.md lists them)
    scope       what it touched, in words
    metric      the figure that shows it
    within      how far a figure measured on a million events may be from `times` or `plus` (0 = exact)
    fades_days  after `until` the effect shrinks to nothing over so many days
    """

    name: str
    since: datetime
    until: datetime
    scope: str
    metric: str
    note: str
    times: float = 1.0
    plus: float = 0.0
    within: float = 0.0
    fades_days: int = 0


class DayTruth(msgspec.Struct, frozen=True):
    """Exact counts of one day in the site's zone; bots are counted only in `bot_events`.

    visitors   different visitor ids with a pageview that day
    visits     visits whose first pageview lies in that day
    revenue    sum of purchases, in 1/10000 of the currency; refunds are not taken off
    refunded   sum of refunds, zero or negative
    """

    on: date
    visitors: int
    visits: int
    pageviews: int
    orders: int
    revenue: int
    refunds: int
    refunded: int
    signups: int
    bot_events: int


class CampaignTruth(msgspec.Struct, frozen=True):
    """Exact counts of the visits that landed with this utm_campaign, and of the purchases made in those visits."""

    campaign: str
    visits: int
    orders: int
    revenue: int


class SourceTruth(msgspec.Struct, frozen=True):
    """Exact counts of one planted source, and the channel that published rules should find for it."""

    source: str
    channel: str
    visits: int
    orders: int


class Truth(msgspec.Struct, frozen=True):
    """All that is known about a generated history [since, until)."""

    since: datetime
    until: datetime
    zone: str
    events: int
    human_events: int
    bot_events: int
    days: list[DayTruth]
    campaigns: dict[str, CampaignTruth]
    sources: dict[str, SourceTruth]
    planted: dict[str, Planted]

    @property
    def orders(self) -> int:
        """All human purchases."""
        return sum(day.orders for day in self.days)

    @property
    def revenue(self) -> int:
        """All purchases in 1/10000 of the currency, refunds not taken off."""
        return sum(day.revenue for day in self.days)


class CallTruth(msgspec.Struct, frozen=True, kw_only=True):
    """An invented call: whose it was, and what brought that visit. Visitor 0: the billboard's."""

    ref: str
    at: datetime
    visitor: int
    channel: str
    campaign: str


class LeadTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign brought by the form: leads, qualified ones, won deals, and revenue less refunds."""

    campaign: str
    leads: int
    qualified: int
    won: int
    revenue: Decimal


class DealsTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of the CRM's records; a lead is an enquiry, so a deal that was made from a lead is none.

    revenue     of won deals less refunds, in the site's currency by the rate of the closing day; `refunded` of the same
    margin      revenue less cost of goods, of won deals whose cost is known
    sourceless  leads of the fair; of phone calls some may be without a source too
    late        leads by who is responsible that were first touched after more than 30 minutes, or never
    untouched   leads that still stand in their first stage an hour after they came
    still       open records that have not moved for 14 days; duplicates: open enquiries that share their phone
    campaigns   of records whose browser is told and whose last visit but direct ones is known
    many, good  the campaign that brings many leads and few good ones, and the one that brings few and good
    """

    leads: int
    qualified: int
    deals: int
    won: int
    lost: int
    revenue: Decimal
    refunded: Decimal
    margin: Decimal
    sourceless: int
    late: dict[str, int]
    untouched: int
    still: int
    duplicates: int
    campaigns: dict[str, LeadTruth]
    many: str
    good: str


class MoneyTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of costs, calls and deals: cost and clicks by campaign, every call, and what became of enquiries.

    called_back   missed calls that were called back; `deals` is None in a history without visits
    """

    cost: dict[str, Decimal]
    clicks: dict[str, int]
    calls: list[CallTruth]
    called_back: int
    deals: DealsTruth | None


COUNTED = ("visits", "pageviews", "orders", "revenue", "refunds", "refunded", "signups", "bot_events")


class Tally:
    """Counts while the history is made, so that the truth costs no second pass."""

    def __init__(self, midnights: Ints) -> None:
        self.midnights = midnights
        size = len(midnights) - 1
        self.by_day: dict[str, Ints] = {name: np.zeros(size, dtype=np.int64) for name in COUNTED}
        self.visitors: list[list[Ids]] = [[] for _ in range(size)]
        self.by_label: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
        self.by_source: dict[str, Counter[int]] = {name: Counter() for name in COUNTED}
        self.human_events = 0

    def day_of(self, at: Ints) -> Ints:
        """The number of the local day that each moment lies in."""
        return np.searchsorted(self.midnights, at, side="right").astype(np.int64) - 1

    def add(self, what: str, at: Ints, amount: Ints | None = None) -> None:
        """Add one (or `amount`) per moment to the days."""
        for day, extra in _sums(self.day_of(at), amount):
            self.by_day[what][day] += extra

    def add_split(self, what: str, labels: list[str], sources: Ints, amount: Ints | None = None) -> None:
        """Add one (or `amount`) per entry to its campaign and its source."""
        amounts = [1] * len(labels) if amount is None else amount.tolist()
        for label, source, extra in zip(labels, sources.tolist(), amounts, strict=True):
            self.by_label[what][label] += extra
            self.by_source[what][source] += extra

    def see(self, at: Ints, visitor: Ids) -> None:
        """Remember who had a pageview on which day."""
        days = self.day_of(at)
        for day in np.unique(days).tolist():
            self.visitors[day].append(np.unique(visitor[days == day]))

    def day_truths(self, first: date) -> list[DayTruth]:
        """The days in order."""
        return [
            DayTruth(
                on=date.fromordinal(first.toordinal() + number),
                visitors=len(np.unique(np.concatenate(seen))) if seen else 0,
                **{name: int(self.by_day[name][number]) for name in COUNTED},
            )
            for number, seen in enumerate(self.visitors)
        ]


def _sums(days: Ints, amount: Ints | None) -> list[tuple[int, int]]:
    # Integers throughout: np.bincount with weights would go through floats.
    places: list[int] = np.unique(days).tolist()
    if amount is None:
        return [(day, int(np.count_nonzero(days == day))) for day in places]
    return [(day, int(amount[days == day].sum())) for day in places]
