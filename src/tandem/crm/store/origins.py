"""Where deals came from: the visit, the person's visits, or what the record itself says."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tandem.accounts.model import Site
from tandem.base import clock, progress
from tandem.core.context import Context
from tandem.crm.store.common import AT_ONCE, SQL, asked, columns_of

BACK, AHEAD = timedelta(days=90), timedelta(minutes=10)
"""How long before a record was created a visit may have led to it, and how far its CRM's clock may be behind."""
AGAIN = timedelta(days=120)
ORIGIN = ("visit", "visitor", "channel", "source", "medium", "campaign", "term", "content", "entry", "how")


def derive_again(ctx: Context, site: Site) -> int:
    """Find out again where the records of the last 120 days came from; returns how many came from elsewhere."""
    since = clock.now() - AGAIN
    rows = ctx.warehouse.ask(SQL["recent_deals"], {"site": site.id, "since": since}).rows
    return derive(ctx, site, [int(row[0]) for row in rows])


def derive(ctx: Context, site: Site, deals: Sequence[int]) -> int:
    """Find out where these records came from, and write down what differs; returns how many did.

    In this order: the last visit of the browser that the record names, if it was not Direct; the last visit of the
    person in the 90 days before, if not Direct; the record's own UTM fields or click id; a Direct visit; unknown.
    """
    return sum(_derive(ctx, site, part) for part in progress.parts(deals, AT_ONCE))


def _derive(ctx: Context, site: Site, deals: Sequence[int]) -> int:
    records = list(asked(ctx, "origin_evidence", site, deals=list(deals)))
    if not records:
        return 0
    visits = _visits_before(ctx, site, records)
    channels = _channels(ctx, site, records)
    rows = []
    for deal in records:
        origin = _origin(deal, visits.get(deal["deal"], {}), channels)
        if not deal["is_existing"] or tuple(deal["existing"]) != origin:
            version = clock.version_after(int(deal["version"]), clock.now_ms())
            rows.append((site.id, deal["deal"], deal["node"], version, *origin))
    if rows:
        ctx.warehouse.insert("deal_origins", columns_of(("site", "deal", "node", "version", *ORIGIN), rows))
    return len(rows)


Found = dict[tuple[bool, bool], tuple[Any, ...]]


def _visits_before(ctx: Context, site: Site, records: Sequence[Mapping[str, Any]]) -> dict[int, Found]:
    moments = [deal["at"] for deal in records]
    nodes = {deal["person"] for deal in records} | {deal["told_visitor"] for deal in records} - {0}
    visits: dict[int, Found] = {}
    for row in asked(
        ctx, "visits_before", site, deals=[deal["deal"] for deal in records], nodes=list(nodes),
        since=min(moments) - BACK, until=max(moments) + AHEAD,
    ):  # fmt: skip
        visits.setdefault(row["deal"], {})[bool(row["is_own"]), bool(row["is_direct"])] = tuple(row["last_visit"])
    return visits


def _channels(ctx: Context, site: Site, records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    sources = sorted({deal["utm_source"].lower() for deal in records} - {""})
    if not sources:
        return {}
    rows = ctx.warehouse.ask(SQL["channels_of"], {"site": site.id, "sources": sources}).rows
    return {(source, medium): channel for source, medium, channel in rows}


CLICKS = {
    "gclid": ("Paid Search", "google", "cpc"), "yclid": ("Paid Search", "yandex", "cpc"),
    "msclkid": ("Paid Search", "bing", "cpc"), "fbclid": ("Organic Social", "facebook", "social"),
}  # fmt: skip
MEDIA = {
    "cpc": "Paid Search", "ppc": "Paid Search", "email": "Email", "organic": "Organic Search", "referral": "Referral",
    "social": "Organic Social", "paid_social": "Paid Social", "cpm": "Display", "display": "Display",
    "banner": "Display", "affiliate": "Affiliates", "sms": "SMS", "push": "Mobile Push Notifications",
}  # fmt: skip
"""Channels of records that say what no visit has ever said."""


def _origin(deal: Mapping[str, Any], visits: Found, channels: Mapping[tuple[str, str], str]) -> tuple[Any, ...]:
    for is_own, how in ((True, "visit"), (False, "person")):
        if (is_own, False) in visits:
            return (*visits[is_own, False], how)
    texts = (deal["utm_campaign"], deal["utm_term"], deal["utm_content"])
    if source := deal["utm_source"].lower():
        medium = deal["utm_medium"].lower()
        channel = channels.get((source, medium)) or MEDIA.get(medium, "Unassigned")
        return (0, deal["told_visitor"], channel, source, medium, *texts, "", "utm")
    if deal["click"] in CLICKS:
        return (0, deal["told_visitor"], *CLICKS[deal["click"]], *texts, "", "click")
    for is_own in (True, False):
        if (is_own, True) in visits:
            return (*visits[is_own, True], "direct")
    return (0, deal["told_visitor"], "", "", "", "", "", "", "", "")
