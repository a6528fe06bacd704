"""What the golden shop spent on ads, as reports that are brought in, and a second opinion of what they mean.

Edges on purpose: days at both ends of the span and just outside, a restated day that loses a campaign, a report in
dollars, a campaign without visits, visits whose campaign has no cost that day, a click id without a campaign, keywords
beside a coarser report of the same days, days of 25 hours, a campaign named by its id, clicks of zero.
"""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tandem.accounts.model import Site
from tandem.ads import store
from tandem.ads.jobs import read_file
from tandem.ads.sources.report import AdHints
from tandem.core.context import Context
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tests.golden.naive import Row, Visit

USD = Decimal("1.0850")
DAYS = [date(2026, 10, 1) + timedelta(days=i) for i in range(40)]
KEYWORDS = "Day,Campaign,Campaign ID,Ad group,Keyword,Impr.,Clicks,Cost,Currency code,Conversions\n"
CAMPAIGNS = "Day,Campaign,Campaign ID,Impr.,Clicks,Cost,Currency code,Conversions\n"
YANDEX = "Date\tCampaignId\tCampaignName\tImpressions\tClicks\tCost\tConversions\n"
Fact = dict[str, Any]


def spent() -> list[Fact]:
    """What counts in the end."""
    facts = []
    for i, on in enumerate(DAYS):
        if on.day % 7 == 3:
            continue  # days without any report
        for term, weight in (("fern", 3), ("[oak tree]", 1)):
            facts.append(fact(on, "google", "Brand", "9001", weight * 100 + i, weight * (i % 5), f"{weight}.{i:02d}",
                              term=term, group="Plants"))  # fmt: skip
        facts.append(fact(on, "google", "Nobody clicks", "9002", 50, 0, "0.00", term="pots", group="Pots"))
        if on.day != 15:  # the restated day lost it
            facts.append(fact(on, "google", "Left over", "9003", 10, 1, "2.50", term="clay", group="Pots"))
        facts.append(fact(on, "yandex", "Осень", "7001", 70, i % 3, f"{i}.10", currency="USD"))
    return facts


def fact(on: date, system: str, campaign: str, number: str, shown: int, clicks: int, cost: str, **more: str) -> Fact:
    return {"on": on, "system": system, "campaign": campaign, "id": number, "impressions": shown, "clicks": clicks,
            "original": Decimal(cost), "term": more.get("term", ""), "group": more.get("group", ""),
            "currency": more.get("currency", "EUR"), "won": clicks % 2}  # fmt: skip


def bring_in(ctx: Context, site: Site, folder: Path) -> None:
    """Bring reports in such an order that `spent` is what counts."""
    facts = spent()
    rates.keep(ctx.database, [Rate(on=on, currency="USD", per_eur=USD, source="ecb") for on in DAYS])
    google = [f for f in facts if f["system"] == "google"]
    lost = fact(date(2026, 10, 15), "google", "Left over", "9003", 10, 1, "2.50", term="clay", group="Pots")
    _bring(ctx, site, folder, KEYWORDS + "".join(_keyword(f) for f in [*google, lost]))
    _bring(ctx, site, folder, KEYWORDS + "".join(_keyword(f) for f in google if f["on"] == lost["on"]))
    coarse: Counter[tuple[date, str, str]] = Counter()
    for f in google:
        coarse[f["on"], f["campaign"], f["id"]] += f["original"]
    _bring(ctx, site, folder, CAMPAIGNS + "".join(f"{on},{name},{i},9,9,{cost},EUR,0\n" for (on, name, i), cost
                                                    in coarse.items()))  # fmt: skip
    yandex = [f for f in facts if f["system"] == "yandex"]
    text = YANDEX + "".join(
        f"{f['on']}\t{f['id']}\t{f['campaign']}\t{f['impressions']}\t{f['clicks']}\t{f['original'] * 1_000_000:.0f}\t"
        f"{f['won']}\n" for f in yandex
    )  # fmt: skip
    _bring(ctx, site, folder, text, currency="USD")


def _keyword(f: Fact) -> str:
    return (
        f"{f['on']},{f['campaign']},{f['id']},{f['group']},{f['term']},{f['impressions']},{f['clicks']},"
        f"{f['original']},EUR,{f['won']}\n"
    )


def _bring(ctx: Context, site: Site, folder: Path, text: str, **hints: Any) -> None:
    path = folder / "golden-report.csv"
    path.write_text(text)
    held = read_file(ctx, site, path, path.name, AdHints(**hints))
    assert held.state == "staged", held.problems
    store.confirm(ctx, site, held)


# ── the second opinion ──

SYSTEM_OF_CLICK = {"gclid": "google", "yclid": "yandex", "msclkid": "microsoft"}
PAID = ("Paid Search", "Paid Social", "Paid Video", "Paid Shopping", "Paid Other", "Display", "Cross-network")


def rows(visits: list[Visit], site: Site) -> dict[str, list[Row]]:
    """The rows of each view, as moment, nothing, and facts by dimension."""
    zone, facts = ZoneInfo(site.zone), spent()
    touches = [_touch(v, zone) for v in visits if v["pageviews"] and not v["bot"]]
    paid = [t for t in touches if t["channel"] in PAID or t["click"] in SYSTEM_OF_CLICK]
    for touch in paid:
        _match(touch, facts)
    reached = {(t["on"], t["campaign"]) for t in paid if t["matched_by"] in ("campaign", "keyword")}
    days: list[Row] = []
    for f in facts:
        origins = Counter(
            (t["channel"], t["source"], t["medium"]) for t in paid
            if t["ad_system"] == f["system"] and t["tag"].lower() in (f["campaign"].lower(), f["id"])
        )  # fmt: skip
        most = max(origins.values(), default=0)
        channel, source, medium = max(
            (o for o, n in origins.items() if n == most), default=("Paid Search", f["system"], "cpc")
        )
        rate = USD if f["currency"] == "USD" else Decimal(1)
        told = {
            **f, "channel": channel, "source": source, "medium": medium, "ad_system": f["system"], "ad_account": "",
            "ad_group": f["group"], "ad": "", "bot": "", "is_matched": (f["on"], f["campaign"]) in reached,
            "cost": (f["original"] / rate).quantize(Decimal("0.0001"), ROUND_HALF_EVEN),
        }  # fmt: skip
        days.append((datetime(f["on"].year, f["on"].month, f["on"].day, 12, tzinfo=zone), None, told))
    return {"ad_days": days, "ad_matches": days, "ad_visits": [(t["at"], None, t) for t in paid]}


def lead_rows(leads: list[Row], site: Site) -> list[Row]:
    """Of the CRM's records those that paid channels brought, by the newest report that had begun by then."""
    zone, facts = ZoneInfo(site.zone), spent()
    return [(at, None, _lead(d, at.astimezone(zone).date(), facts)) for at, _, d in leads if d["channel"] in PAID]


def _lead(deal: Fact, on: date, facts: list[Fact]) -> Fact:
    system = {"google": "google", "yandex": "yandex", "facebook": "meta"}.get(deal["source"], "other")
    named = [
        f for f in facts
        if f["system"] == system and f["on"] <= on and deal["campaign"].lower() in (f["campaign"].lower(), f["id"])
    ]  # fmt: skip
    campaign = max(named, key=lambda f: f["on"])["campaign"] if named else deal["campaign"]
    terms = [
        f["term"] for f in facts
        if named and f["campaign"] == campaign and f["term"].strip("[]").lower() == deal["term"].lower() != ""
    ]  # fmt: skip
    return {**deal, "ad_system": system, "campaign": campaign, "term": terms[0] if terms else deal["term"],
            "is_costed": bool(named)}  # fmt: skip


def _touch(visit: Visit, zone: ZoneInfo) -> Fact:
    system = SYSTEM_OF_CLICK.get(visit["click"]) or ("google" if visit["source"] == "google" else "other")
    if visit["source"] == "facebook":
        system = "meta"
    return {**visit, "ad_system": system, "on": visit["at"].astimezone(zone).date(), "tag": visit["campaign"],
            "matched_by": ""}  # fmt: skip


def _match(touch: Fact, facts: list[Fact]) -> None:
    """By the campaign's name or id on that day, then its keyword; else by the click id to its system's cost."""
    of_day = [f for f in facts if f["on"] == touch["on"] and f["system"] == touch["ad_system"]]
    if not of_day:
        return
    named = [f for f in of_day if touch["tag"] and touch["tag"].lower() in (f["campaign"].lower(), f["id"])]
    if named:
        touch["campaign"], touch["matched_by"] = named[0]["campaign"], "campaign"
        known = [
            f for f in facts if f["campaign"] == touch["campaign"] and f["term"]
            and f["term"].strip("[]").lower() == touch["term"].lower()
        ]  # fmt: skip
        if known:
            touch["term"], touch["matched_by"] = known[0]["term"], "keyword"
    elif touch["click"] in SYSTEM_OF_CLICK:
        touch["matched_by"] = "click"


def _sum(field: str) -> Any:
    """What reports say; where there is none, nobody knows."""
    return lambda rows: float(sum(facts[field] for _, _, facts in rows)) if rows else None


def _is_reported(visit: Fact) -> bool:
    return any(f["on"] == visit["on"] and f["system"] == visit["ad_system"] for f in spent())


METRICS: dict[str, Any] = {
    "ads.cost": _sum("cost"),
    "ads.clicks": _sum("clicks"),
    "ads.impressions": _sum("impressions"),
    "ads.platform_conversions": _sum("won"),
    "ads.matched_cost": lambda rows: float(sum(f["cost"] for _, _, f in rows if f["is_matched"])) if rows else None,
    "ads.visits": len,
    "ads.matched_visits": lambda rows: sum(1 for _, _, f in rows if f["matched_by"]),
    "ads.reported_visits": lambda rows: sum(1 for _, _, f in rows if _is_reported(f)),
}
