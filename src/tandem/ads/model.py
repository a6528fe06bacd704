"""What a day of an ad cost, what can be wrong with a report, and which of several reports counts for a day."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec

from tandem.base.words import hand_in
from tandem.imports.problem import Wording
from tandem.imports.problem import sentence as _text

SYSTEMS: Final = {
    "google": "Google Ads",
    "yandex": "Yandex Direct",
    "meta": "Meta",
    "vk": "VK Ads",
    "tiktok": "TikTok",
    "microsoft": "Microsoft Advertising",
    "other": "Other",
}
hand_in(members={("ad_system", system): name for system, name in SYSTEMS.items()})
LEVELS: Final = ("account", "campaign", "group", "ad", "keyword")
"""How finely a report splits the cost, coarsest first."""

COMPLETE: Final = Decimal("0.005")
"""Two reports of a day tell of the same cost when they are this close, as a share."""

MOST_PROBLEMS: Final = 50


class AdDay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one campaign, group, ad or keyword did on one day, in the account's own currency."""

    on: date
    campaign: str
    impressions: int
    clicks: int
    cost: Decimal
    currency: str
    account: str = ""
    campaign_id: str = ""
    ad_group: str = ""
    ad_group_id: str = ""
    ad: str = ""
    ad_id: str = ""
    term: str = ""
    term_id: str = ""
    kind: str = ""  # the platform's word for the type of campaign
    source: str = ""  # only where the report says it: a table of utm tags
    medium: str = ""
    platform_conversions: Decimal = Decimal(0)


_AGAIN = _text("Export the report again, and import the file unchanged.")
PROBLEMS: Final[Wording] = {
    "empty": (
        _text("The file contains no rows with a day."),
        _text("Choose days with advertising and export again."),
    ),
    "unknown": (
        _text("No line of the file looks like the header of an ad report."),
        _text("Export a table with the columns day, campaign, impressions, clicks and cost."),
    ),
    "no_day": (
        _text("The file has one row per campaign for the whole period."),
        _text("Export it by day: add the column Day."),
    ),
    "period_row": (
        _text("The row covers %(first)s to %(last)s, not a single day."),
        _text("Export it by day: add the column Day."),
    ),
    "one_day_for_all": (
        _text("All rows name %(first)s, but the report covers %(first)s to %(last)s."),
        _text("These are totals of the period. Export it by day: add the column Day."),
    ),
    "no_column": (
        _text("The report has no column “%(column)s”."),
        _text("Add the column to the report and export it again."),
    ),
    "no_campaign": (_text("The row has no campaign."), _AGAIN),
    "long_name": (
        _text("“%(text)s…” is longer than 1,000 characters."),
        _text("Check which column it stands in, or shorten the name in the ad system and export again."),
    ),
    "bad_day": (
        _text("The day “%(text)s” cannot be read."),
        _text("Export with dates like 2026-10-31."),
    ),
    "unclear_days": (
        _text("Dates like “%(text)s” can be read two ways."),
        _text("Choose the order of day and month below, or export with dates like 2026-10-31."),
    ),
    "future_day": (
        _text("The day %(text)s is in the future."),
        _text("Choose the order of day and month below."),
    ),
    "bad_number": (_text("“%(text)s” in the column “%(column)s” is not a number."), _AGAIN),
    "negative": (_text("A number in the column “%(column)s” is below zero."), _AGAIN),
    "cut_id": (
        _text("The ID “%(text)s” was truncated by a spreadsheet program."),
        _text("Export the report again, and import the file without opening it first."),
    ),
    "short_row": (_text("The row has %(found)s columns, but the header has %(wanted)s."), _AGAIN),
    "cut_off": (_text("The file states %(said)s rows, but contains %(found)s."), _AGAIN),
    "totals": (_text("The rows add up to %(found)s, but the total in the file is %(said)s."), _AGAIN),
    "not_text": (
        _text("The file is neither a text table nor a spreadsheet."),
        _text("Export it as CSV or XLSX."),
    ),
    "no_currency": (_text("The currency of the cost is unknown."), _text("Choose the currency below.")),
    "no_rate": (
        _text("There is no exchange rate from %(currency)s into %(into)s for %(on)s."),
        _text("Rates are fetched every working day. Import older ones with “tandem rates import”."),
    ),
    "too_much": (
        _text("%(cost)s %(currency)s of “%(campaign)s” on %(on)s is more than 99,999,999,999,999 %(into)s."),
        _text("Correct the cost or the currency."),
    ),
    "mixed_micros": (
        _text("Some costs have decimals and others look like millionths."),
        _text("Export with the header returnMoneyInMicros: false."),
    ),
    "more": (_text("More problems like these: %(count)s."), _text("Correct the first ones and try again.")),
}
"""Everything that can be wrong with a report: what it is, and its cure."""


# ── which report counts ──


class AdLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One report's word on one account and day: where its rows are, how fine it is, what it adds up to."""

    load: int
    level: str
    cost: Decimal
    rows: int
    is_forced: bool = False  # somebody said: take this one whatever stood there


def better_of(load: AdLoad | None, newer: AdLoad) -> AdLoad:
    """Which of two reports counts for a day. Levels are never added together.

    The newer one, unless that would lose detail or money: a coarser report of the same cost does not replace a finer
    one, and a finer one that holds less than the cost known (campaigns without keywords) does not replace a whole one.
    """
    if load is None or newer.is_forced or newer.level == load.level:
        return newer
    tolerance = abs(load.cost) * COMPLETE
    if LEVELS.index(newer.level) > LEVELS.index(load.level):
        return newer if newer.cost >= load.cost - tolerance else load
    return load if abs(newer.cost - load.cost) <= tolerance else newer


def winner(loads: Iterable[AdLoad]) -> AdLoad | None:
    """Which report counts for a day, of all that were confirmed, oldest first."""
    best = None
    for load in loads:
        best = better_of(best, load)
    return best


# ── the same name, however it is written ──

_GAPS = re.compile(r"[ \t\n\f\r\u00a0_+]+|%20")
_SIGNS = re.compile(r"[\"'\[\]!]")
_ODD = re.compile(r"[\t\n\f\r\u00a0_+%\"'\[\]!]| [ -]")
"""Without any of these there is nothing to take away; looked for first, because a report has a million keywords."""


def same_name(text: str) -> str:
    """A name as it is compared: case, spaces, plus and underscore signs do not matter. The views do the same in SQL."""
    return _GAPS.sub(" ", text.lower()).strip(" ") if _ODD.search(text) else text.lower().strip(" ")


def same_term(text: str) -> str:
    """A keyword as it is compared: without the signs for match types, and without negative words after it."""
    return same_name(_SIGNS.sub("", text).partition(" -")[0] if _ODD.search(text) else text)


# ── where the cost belongs ──

_SEARCH, _SOCIAL = ("Paid Search", "cpc"), ("Paid Social", "cpc")
ORIGINS: Final[Mapping[str, tuple[str, str, str]]] = {
    "google": (_SEARCH[0], "google", "cpc"),
    "yandex": (_SEARCH[0], "yandex", "cpc"),
    "microsoft": (_SEARCH[0], "bing", "cpc"),
    "meta": (_SOCIAL[0], "facebook", "cpc"),
    "vk": (_SOCIAL[0], "vk", "cpc"),
    "tiktok": (_SOCIAL[0], "tiktok", "cpc"),
    "other": ("Paid Other", "", "cpc"),
}
"""Channel, source and medium of a system's cost where no visit has told better."""

KINDS: Final[Sequence[tuple[re.Pattern[str], str, str]]] = (
    (re.compile(r"performance.?max|cross.?network|demand.?gen|мастер кампаний", re.I), "Cross-network", "cpc"),
    (re.compile(r"shopping|товарн|produktow", re.I), "Paid Shopping", "cpc"),
    (re.compile(r"video|видео|wideo", re.I), "Paid Video", "cpv"),
    (re.compile(r"display|banner|рся|медийн|баннер|graficzn|ad_network|смарт", re.I), "Display", "display"),
)
"""What the type of a campaign says about its channel."""


def origin_of(system: str, kind: str) -> tuple[str, str, str]:
    """Channel, source and medium of a campaign, by its system and type; only until visits of it say better."""
    channel, source, medium = ORIGINS[system]
    match = next(((c, m) for like, c, m in KINDS if kind and like.search(kind)), None)
    return (match[0], source, match[1]) if match else (channel, source, medium)


class Memo(dict[Any, Any]):
    """Remembers what is made of a value: the same days, names and numbers stand in a report thousands of times.

    most   forget all when there are more than so many; 0: never
    """

    def __init__(self, made: Callable[[Any], Any], most: int = 0) -> None:
        self._made, self._most = made, most

    def __missing__(self, value: Any) -> Any:
        if self._most and len(self) > self._most:
            self.clear()
        made = self[value] = self._made(value)
        return made


LONGEST_NAME = 1_000
"""No ad system has longer names, ids or keywords; thousands of long ones would fill memory and every page."""
MOST_REMEMBERED = 10_000


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign cost and how many leads it brought; `expected`: how many at the average cost of a lead."""

    name: str
    cost: float
    leads: int
    expected: float = 0.0


CHANCE: Final = 0.05


def worst_of(campaigns: Iterable[Campaign]) -> Campaign | None:
    """The campaign that lacks most leads, of those that have fewer than chance explains.

    Leads are taken as Poisson counts in proportion to the cost. Among n campaigns one falls short by chance n times as
    easily, so the limit is 5% / n (Bonferroni). Costs without a campaign are left out: nobody could act on them.
    """
    paid = [one for one in campaigns if one.cost > 0 and one.name]
    cost, leads = sum(one.cost for one in paid), sum(one.leads for one in paid)
    judged = [msgspec.structs.replace(one, expected=one.cost * leads / cost) for one in paid]
    poor = [one for one in judged if _at_most(one.leads, one.expected) < CHANCE / len(paid)]
    return max(poor, key=lambda one: one.expected - one.leads, default=None)


def _at_most(count: int, mean: float) -> float:
    """The probability of so few or fewer where so many are expected (cumulative Poisson distribution)."""
    if mean <= 0:
        return 1.0
    return sum(math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(count + 1))
