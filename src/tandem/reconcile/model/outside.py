"""What an outside system says of one day, and what can be wrong with a file of it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from tandem.imports.problem import Problem, Wording
from tandem.imports.problem import sentence as _text

SYSTEMS: Final = {
    "ga4": "Google Analytics 4",
    "metrika": "Yandex Metrica",
    "google": "Google Ads",
    "yandex": "Yandex Direct",
    "meta": "Meta",
    "vk": "VK Ads",
    "tiktok": "TikTok",
    "microsoft": "Microsoft Advertising",
    "crm": "CRM",
    "other": "Other",
}
AD_SYSTEMS: Final = ("google", "yandex", "meta", "vk", "tiktok", "microsoft")
SPLITS: Final = ("day", "channel", "source", "campaign")
"""How finely a report splits a day: not at all, by channel, by source and medium, by campaign."""

MOST_PROBLEMS: Final = 50
OTHER_ROW: Final = "(other)"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that outside systems tell, and the figure of our catalogue that stands against it.

    adds_up   whether its rows may be added: users may not
    """

    label: str
    ours: str
    is_money: bool = False
    adds_up: bool = True


FIGURES: Final[Mapping[str, Figure]] = {
    "users": Figure(label=_text("Users"), ours="collect.visitors", adds_up=False),
    "sessions": Figure(label=_text("Sessions"), ours="collect.visits"),
    "pageviews": Figure(label=_text("Page views"), ours="collect.pageviews"),
    "conversions": Figure(label=_text("Conversions"), ours="collect.goals_reached"),
    "orders": Figure(label=_text("Orders"), ours="collect.orders"),
    "revenue": Figure(label=_text("Revenue"), ours="collect.revenue", is_money=True),
    "clicks": Figure(label=_text("Ad clicks"), ours="ads.visits"),
    "cost": Figure(label=_text("Ad cost"), ours="ads.cost", is_money=True),
    "leads": Figure(label=_text("Leads"), ours="crm.leads"),
    "deals": Figure(label=_text("Deals"), ours="crm.deals"),
}
OF_VISITS: Final = ("users", "sessions", "pageviews", "conversions", "orders", "revenue")
"""Figures whose rules (bots, consent, attribution) can be recounted: they are counted on visits of the site."""


class OutsideRow(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one day and part, as the system said it.

    share          part of the data that was read for it (0 to 1), where the system sampled; None where it did not
    is_thresholded the system says that it withheld rows
    is_other       the row stands for all that found no row of its own
    """

    on: date
    figure: str
    value: Decimal
    channel: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    currency: str = ""
    share: Decimal | None = None
    is_thresholded: bool = False
    is_other: bool = False

    @property
    def part(self) -> tuple[str, str, str, str]:
        return (self.channel, self.source, self.medium, self.campaign)


_BY_DAY = _text("Add the day (GA4: “Date”, Metrica: “Date of visit”) as the first dimension and export again.")
PROBLEMS: Final[Wording] = {
    "no_table": (
        _text("The file is not a text table."),
        _text("Export it as CSV, not as PDF or a spreadsheet."),
    ),
    "unknown": (
        _text("No line of the file looks like the header of a report."),
        _text("The table needs a day column and at least one metric, such as sessions or revenue."),
    ),
    "empty": (
        _text("The file contains no row with a day."),
        _text("Choose past days and export again."),
    ),
    "period_total": (
        _text(
            "The table gives totals of a whole period (%(columns)s), not daily figures. Totals are never spread "
            "over days."),
        _BY_DAY,
    ),
    "period_row": (
        _text("The row covers %(first)s to %(last)s, not a single day."),
        _BY_DAY,
    ),
    "day_order": (
        _text("It is unclear whether %(day)s starts with the day or the month."),
        _text("Set it under “Not given in the file”."),
    ),
    "not_a_day": (
        _text("“%(cell)s” is not a day."),
        _text("Correct the cell, or export the file again."),
    ),
    "not_a_number": (
        _text("“%(cell)s” in the column “%(column)s” is not a number."),
        _text("Correct the cell, or export the file again."),
    ),
    "not_a_figure": (
        _text("“%(cell)s” is not a metric that can be compared."),
        _text("Use one of: %(figures)s."),
    ),
    "too_few_cells": (
        _text("Cells in the row: %(count)s, in the header: %(wanted)s."),
        _text("Export the file again, and import it unchanged."),
    ),
    "users_twice": (
        _text("%(day)s has users of the same part twice. Users cannot be added up."),
        _text("Remove all dimensions except day, channel, source, medium and campaign, and export again."),
    ),
    "no_rate": (
        _text("There is no exchange rate from %(currency)s to %(into)s for %(day)s."),
        _text("Connect a source of exchange rates, or export in %(into)s."),
    ),
    "too_much": (
        _text(
            "The value %(value)s (%(figure)s) on %(day)s is too large. The maximum is 99,999,999,999,999 %(into)s."),
        _text("Correct the value or the currency."),
    ),
    "day_in_the_future": (
        _text("%(day)s is in the future."),
        _text("Check the order of day and month."),
    ),
    "total_left_out": (
        _text("One row with totals was skipped: the daily rows already include it."),
        "",
    ),
    "totals_left_out": (
        _text("%(count)s rows with totals were skipped: the daily rows already include them."),
        "",
    ),
    "period_left_out": (
        _text("A table without days was skipped: totals of a period are not spread over days."),
        "",
    ),
    "is_sampled": (
        _text("The system counted %(share)s of the data and extrapolated: the figures are estimates."),
        _text("A shorter period, or a report by API (accuracy “full”), may be unsampled."),
    ),
    "is_thresholded": (
        _text("The system withheld rows with few users (thresholding)."),
        _text("It does so when Google signals or demographics are in the report."),
    ),
    "has_other": (
        _text("The system combined rows into “(other)”: %(count)s of them."),
        _text("Request fewer dimensions. Small rows may have been put there."),
    ),
}  # fmt: skip


class OutsideReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a file or an API said. With problems nothing of it is to be kept.

    zone, attribution   the rules of the system, where it tells them
    """

    system: str
    split: str
    rows: list[OutsideRow]
    account: str = ""
    zone: str = ""
    attribution: str = ""
    problems: list[Problem] = []
    notes: list[Problem] = []


_PAID: Final = (
    "Paid Search",
    "Paid Social",
    "Paid Video",
    "Paid Shopping",
    "Paid Other",
    "Display",
    "Cross-network",
    "Audio",
)
CLASSES: Final[Mapping[str, Mapping[str, str]]] = {
    "ga4": {
        "AI Assistants": "Referral",
        "Messengers": "Referral",
        "Maps": "Referral",
        "Marketplaces": "Organic Shopping",
        "No visit": "Unassigned",
    },
    "metrika": {
        **dict.fromkeys(_PAID, "Ad traffic"),
        "Direct": "Direct traffic",
        "Organic Search": "Search engine traffic",
        "Organic Social": "Social network traffic",
        "Messengers": "Messenger traffic",
        "Email": "Mailing traffic",
        **dict.fromkeys(
            ("Referral", "AI Assistants", "Maps", "Marketplaces", "Affiliates", "Organic Shopping", "Organic Video"),
            "Link traffic",
        ),
        **dict.fromkeys(("SMS", "Mobile Push Notifications", "Unassigned", "No visit"), "Not known"),
    },
}
"""Which of the other system's channels stand for ours; those that are not named have the same name there."""

OWN: Final = "held"
"""Sources that other rooms of Tandem hold already: `held:google` is what Ads knows, `held:crm` the CRM's records."""
OWN_FIGURES: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "ads": {"clicks": ("ads.clicks", "ads.visits"), "conversions": ("ads.platform_conversions", "")},
    "crm": {
        "leads": ("crm.leads", "collect.goals_reached"),
        "orders": ("crm.won", "collect.orders"),
        "revenue": ("crm.revenue", "collect.revenue"),
    },
}
"""Their figure and ours in the catalogue; "" is counted by a question of this room (sql/paid_conversions.sql)."""
ALIKE: Final = ("clicks",)
"""Figures of theirs that count the same as ours. A won deal is no order of the site unless somebody says that it is."""

GOALS_OF_ADS: Final = _text("Goals reached in visits from these ads")


def system_of(source: str) -> str:
    """The system behind a source: `ga4:123` is ga4, `held:google` is google."""
    system, _, account = source.partition(":")
    return account if system == OWN else system
