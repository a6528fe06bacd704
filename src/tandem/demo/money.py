"""What the shop's ads cost, who called and what came of it: made from its visits, and stored by the real ways.

Costs go through the import of ad reports, calls through the store of calls, which must find out for itself whose calls
they were: the demo knows it, and tests ask it back. Deals are in deals.py.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tandem.accounts.model import Site
from tandem.ads import jobs as ads
from tandem.ads.model import AdDay
from tandem.base.warehouse import questions_in
from tandem.calls import store as calls
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.model.delay import Delay
from tandem.calls.model.pool import Traffic, least_recently_used
from tandem.core.context import Context
from tandem.demo.deals import Phones, Rang, seed_deals
from tandem.demo.truth import CallTruth, MoneyTruth
from tandem.people import store as people

SQL = questions_in(Path(__file__).parent / "sql")
OWN = "+48225550100"
BILLBOARD = "+48225550199"
NUMBERS = 16
PAID = ("Paid Search", "Paid Social", "Display", "Paid Shopping", "Paid Video", "Paid Other", "Cross-network")
SYSTEM_OF = {"google": "google", "bing": "microsoft", "facebook": "meta", "instagram": "meta", "tiktok": "tiktok"}
PRICE = {"google": 0.62, "microsoft": 0.48, "meta": 0.41, "tiktok": 0.22, "other": 0.15}
"""What a click costs on average, in the shop's currency."""
LOST = 0.08
"""Share of clicks that never become a visit: people leave before the page is there."""
CALLS = {"Paid Search": 0.030, "Organic Search": 0.012, "Direct": 0.010, "Organic Maps": 0.06}
"""Share of visits that call, by channel; planted. All others call a third as often as direct ones."""
RARELY = 0.0033
ANSWERED, BACK = 0.78, 0.7
"""Share of calls in opening hours that somebody answered, and of missed ones that were called back."""
BATCH = 4000


def seed_money(ctx: Context, site: Site, seed: int, until: datetime) -> MoneyTruth:
    """Costs, calls and deals for the visits that are there; returns the truth about them."""
    cost, clicks = _seed_costs(ctx, site, np.random.default_rng([seed, 71]), until)
    answer = ctx.warehouse.ask(SQL["visits_in_order"], {"site": site.id}, max_execution_time=0)
    visits = [dict(zip(answer.names, row, strict=True)) for row in answer.rows]
    if not visits:
        return MoneyTruth(cost=cost, clicks=clicks, calls=[], called_back=0, deals=None)
    phones = Phones()
    rang, received, backs = _seed_calls(ctx, site, np.random.default_rng([seed, 72]), until, visits, phones)
    deals = seed_deals(ctx, site, seed, until, visits, rang, phones)
    return MoneyTruth(cost=cost, clicks=clicks, calls=received, called_back=backs, deals=deals)


# ── costs ──


def _seed_costs(
    ctx: Context, site: Site, rng: np.random.Generator, until: datetime
) -> tuple[dict[str, Decimal], dict[str, int]]:
    asked = {"site": site.id, "zone": site.zone, "channels": list(PAID)}
    by_system: dict[str, list[AdDay]] = {}
    cost, clicks = dict[str, Decimal](), dict[str, int]()
    for on, source, medium, campaign, term, visits in ctx.warehouse.ask(SQL["paid_visits"], asked).rows:
        system = SYSTEM_OF.get(source, "other")
        row = _ad_day(rng, site, system, on, source, medium, campaign, term, int(visits))
        by_system.setdefault(system, []).append(row)
        cost[campaign] = cost.get(campaign, Decimal(0)) + row.cost
        clicks[campaign] = clicks.get(campaign, 0) + row.clicks
    for system, rows in sorted(by_system.items()):
        days = sorted({row.on for row in rows})
        ads.take(ctx, site, system, f"{system}.csv", 0, "keyword", "", days, _batches(rows))
    return cost, clicks


def _ad_day(
    rng: np.random.Generator,
    site: Site,
    system: str,
    on: date,
    source: str,
    medium: str,
    campaign: str,
    term: str,
    visits: int,
) -> AdDay:
    made = visits + int(rng.binomial(visits * 2, LOST / 2))
    price = PRICE[system] * float(rng.lognormal(0, 0.15))
    return AdDay(
        on=on, campaign=campaign, term=term, clicks=made, impressions=made * int(rng.integers(18, 60)),
        cost=Decimal(str(round(made * price, 2))), currency=site.currency,
        source=source if system == "other" else "", medium=medium if system == "other" else "",
    )  # fmt: skip


def _batches(rows: list[AdDay]) -> Iterator[list[AdDay]]:
    for i in range(0, len(rows), 5000):
        yield rows[i : i + 5000]


# ── calls ──


def _seed_calls(
    ctx: Context, site: Site, rng: np.random.Generator, until: datetime, visits: list[dict[str, Any]], phones: Phones
) -> tuple[list[Rang], list[CallTruth], int]:
    """The calls, the truth about them, and how many missed ones were called back."""
    pool = calls.add_pool(ctx, site, "Everybody", [OWN], price=2.5)
    lent = calls.add_numbers(ctx, site, [f"+482255502{n:02d}" for n in range(NUMBERS)], pool)
    calls.add_numbers(
        ctx, site, [BILLBOARD], channel="Offline", source="billboard", campaign="ring_road", label="Ring road"
    )
    traffic = _traffic(rng, visits, until)
    tapped = _store_leases(ctx, site, rng, pool.id, lent, visits, traffic)
    rang, truths = _calls_of(rng, visits, traffic, tapped, phones)
    backs = _called_back(rng, [call.fact for call in rang], until)
    facts = [*(call.fact for call in rang), *backs]
    for i in range(0, len(facts), BATCH):
        calls.record(ctx, site, facts[i : i + BATCH])
    people.stitch_all(ctx, site)
    return rang, truths, len(backs)


def _called_back(rng: np.random.Generator, facts: list[CallFact], until: datetime) -> list[CallFact]:
    """Calls to most of those who reached nobody, mostly within the hour."""
    call_facts = []
    for fact in facts:
        at = fact.at + timedelta(minutes=float(rng.lognormal(2.9, 0.9)))
        if fact.outcome == CallOutcome.MISSED and rng.random() < BACK and at < until:
            call_facts.append(CallFact(
                system="demo", ref=f"{fact.ref}-back", at=at, line=OWN, caller=fact.caller, direction="out",
                outcome=CallOutcome.ANSWERED, talk_s=int(rng.lognormal(4.2, 0.6)), operator=fact.operator,
            ))  # fmt: skip
    return call_facts


def _traffic(rng: np.random.Generator, visits: list[dict[str, Any]], until: datetime) -> Traffic:
    """Who calls, and when: channels call as often as was planted, and late calls come late."""
    start = np.array([v["at"].timestamp() for v in visits])
    end = np.maximum(start + 5, [v["ended"].timestamp() for v in visits])
    share = np.array([CALLS.get(v["channel"], RARELY) for v in visits])
    caller = np.flatnonzero(rng.random(len(visits)) < share)
    call = start[caller] + Delay().sample(end[caller] - start[caller], rng)
    has_come = call < until.timestamp()
    return Traffic(start, end, caller[has_come], call[has_come])


def _store_leases(
    ctx: Context,
    site: Site,
    rng: np.random.Generator,
    pool: int,
    lent: list[str],
    visits: list[dict[str, Any]],
    traffic: Traffic,
) -> dict[int, tuple[str, float]]:
    """Lend numbers as the site would have; returns the number that each visit saw, and when it tapped it (0: not)."""
    called = dict(zip(traffic.caller.tolist(), traffic.call.tolist(), strict=True))
    saw: dict[int, tuple[str, float]] = {}
    rows: list[dict[str, Any]] = []
    for number, leases in zip(lent, least_recently_used(traffic, len(lent)), strict=True):
        for lease in leases:
            visit = visits[lease.visit]
            call = called.get(lease.visit, 0.0)
            taps = bool(visit["is_mobile"]) and lease.start < call <= lease.end and rng.random() < 0.6
            saw[lease.visit] = (number, call if taps else 0.0)
            rows.append({
                "site_id": site.id, "pool_id": pool, "number": number, "visitor": people.hexed(visit["visitor"]),
                "began_ms": round(lease.start * 1000), "seen_ms": round(lease.end * 1000),
                "tapped_ms": round((call - 4) * 1000) if taps else 0, "is_overflow": False,
                **{name: visit[name] for name in calls.TEXTS},
            })  # fmt: skip
    for i in range(0, len(rows), 50_000):
        calls.keep_leases(ctx, rows[i : i + 50_000])
    return saw


def _calls_of(
    rng: np.random.Generator, visits: list[dict[str, Any]], traffic: Traffic, saw: dict[int, tuple[str, float]],
    phones: Phones,
) -> tuple[list[Rang], list[CallTruth]]:  # fmt: skip
    """The calls as the exchange tells of them, in order of time, and the truth; one in thirty is the billboard's."""
    facts, truths = list[Rang](), list[CallTruth]()
    order = np.argsort(traffic.call)
    for n, (place, moment) in enumerate(zip(traffic.caller[order].tolist(), traffic.call[order].tolist(), strict=True)):
        visit, at = visits[place], datetime.fromtimestamp(moment, UTC)
        phone = phones.of(visit["visitor"])
        is_billboard = n % 30 == 7
        ref, line = f"demo-{n}", BILLBOARD if is_billboard else saw[place][0]
        campaign = "ring_road" if is_billboard else visit["campaign"]
        facts.append(Rang(_fact(rng, ref, at, line, phone), visit["visitor"], campaign))
        truths.append(CallTruth(
            ref=ref, at=at, visitor=0 if is_billboard else visit["visitor"],
            channel="Offline" if is_billboard else visit["channel"], campaign=campaign,
        ))  # fmt: skip
    return facts, truths


def _fact(rng: np.random.Generator, ref: str, at: datetime, line: str, phone: str) -> CallFact:
    is_open = 8 <= (at + timedelta(hours=1)).hour < 20
    is_answered = rng.random() < (ANSWERED if is_open else 0.05)
    return CallFact(
        system="demo", ref=ref, at=at, line=line, caller=phone,
        outcome=CallOutcome.ANSWERED if is_answered else CallOutcome.MISSED, wait_s=int(rng.integers(4, 40)),
        talk_s=int(rng.lognormal(4.6, 0.7)) if is_answered else 0, operator=("Ada", "Kuba")[int(rng.integers(0, 2))],
    )  # fmt: skip
