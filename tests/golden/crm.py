"""What the golden shop's CRM tells, out of order and twice, and a second opinion of what it means.

Edges on purpose: snapshots older than what is known, a lead that became a deal, one that was qualified and then lost,
amounts in dollars and in a currency without a rate, refunds, a record without any trace, a deleted one, visits of a
person found by a shared phone, UTM fields without a visit, a click id alone, records at both ends of the span.
"""

import random
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.model.deal import DealFact
from tandem.people import store as people
from tests.golden import ads
from tests.golden.naive import Row, Visit
from tests.golden.rows import SINCE, UNTIL

CONNECTION = 7
STAGES = ("new", "talk", "offer", "paid", "no")
MEANS = {"new": "open", "talk": "open", "offer": "qualified", "paid": "won", "no": "lost"}
Fact = dict[str, Any]


def cookie_of(visitor: int) -> str:
    """The whole value of a browser's cookie: its first 16 digits alone name no browser."""
    return f"{visitor:016x}.t5zk9a"


def records(visits: list[Visit]) -> list[Fact]:
    """Each record with all of its steps; what is told comes from these."""
    chance = random.Random(5)
    people_ = [v for v in visits if v["pageviews"] and not v["bot"] and SINCE <= v["at"] < UNTIL]
    found = []
    for i in range(60):
        visit = people_[(i * 7) % len(people_)]
        at = visit["at"] + timedelta(minutes=5 + i) if i % 6 else SINCE + timedelta(days=i // 2)
        at = at.replace(microsecond=0)
        if i == 0:
            at = SINCE
        if i == 30:
            at = UNTIL
        steps = ["new"]
        if i % 3:
            steps.append("talk")
        if i % 4 > 1:
            steps.append("offer")
        if i % 5 > 1:
            steps.append("paid" if i % 5 > 2 else "no")
        moments = [at + timedelta(hours=7 * n, minutes=i) for n in range(len(steps))]
        found.append({
            "id": str(i), "kind": "lead" if i % 10 == 1 else "deal", "parent": str(i - 1) if i % 10 == 2 else "",
            "at": at, "steps": list(zip(moments, steps, strict=True)),
            "client": cookie_of(visit["visitor"]) if i % 6 and i % 4 else "",
            "phone": f"+4860010{i % 24:04d}" if i % 3 == 0 else "",
            "original": Decimal(chance.randrange(1, 90000)) / 100 if i % 7 else None,
            "currency": ("EUR", "USD", "XXX")[0 if i % 8 else 1 + (i // 8) % 2],
            "refunded": Decimal(5) if i % 9 == 4 else Decimal(0), "cost": Decimal(i) if i % 2 else None,
            "utm_source": ("Google", "newsletter", "")[i % 3], "utm_medium": "cpc" if i % 3 == 0 else "email",
            "click": "yclid" if i % 3 == 2 and i % 2 else "", "pipeline": "B2B" if i % 2 else "", "who": str(i % 4),
            "is_deleted": i == 41, "system": "hubspot" if i % 2 else "bitrix24",
            "lost_reason": ("price", "silence")[i % 2] if steps[-1] == "no" else "",
        })  # fmt: skip
    return found


def bring_in(ctx: Context, site: Site, visits: list[Visit]) -> None:
    facts = [_fact(one, n) for one in records(visits) for n in range(len(one["steps"]))]
    random.Random(site.id).shuffle(facts)
    for i in range(0, len(facts), 40):
        store.record(ctx, site, CONNECTION, facts[i : i + 40])
    store.record(ctx, site, CONNECTION, facts[::3])  # told twice
    people.stitch_all(ctx, site)
    store.derive(ctx, site, [row[0] for row in ctx.warehouse.ask(
        f"select deal from deal_rows final where site = {site.id}").rows])  # fmt: skip


def _fact(one: Fact, nth: int) -> DealFact:
    at, stage = one["steps"][nth]
    is_last = nth == len(one["steps"]) - 1
    return DealFact(
        system=one["system"], id=one["id"], kind=one["kind"], parent=one["parent"], created_at=one["at"], updated_at=at,
        stage=stage, stage_kind=MEANS[stage], pipeline=one["pipeline"], amount=one["original"],
        currency=one["currency"], refunded=one["refunded"], cost=one["cost"],
        closed_at=at if stage == "paid" and int(one["id"]) % 2 else None, utm_source=one["utm_source"],
        utm_medium=one["utm_medium"] if one["utm_source"] else "", click=one["click"], client=one["client"],
        phones=(one["phone"],) if one["phone"] else (), responsible=one["who"],
        lost_reason=one["lost_reason"] if is_last else "",
        is_deleted=one["is_deleted"] and is_last,
    )  # fmt: skip


# ── the second opinion ──


def rows(visits: list[Visit], site: Site) -> dict[str, list[Row]]:
    told = [one for one in records(visits) if not one["is_deleted"]]
    groups = _persons(told)
    deals: list[Row] = [(one["at"], None, _row(one, groups, visits)) for one in told]
    return {"deals": deals, "ad_leads": ads.lead_rows(deals, site)}


def _persons(told: list[Fact]) -> dict[str, set[int]]:
    """The browsers that are one person with each record: through clients and phones, again and again."""
    circles = [({one["id"]}, {one["client"]} - {""}, {one["phone"]} - {""}) for one in told]
    merged = True
    while merged:
        merged = False
        for a in circles:
            for b in circles:
                if a is not b and (a[1] & b[1] or a[2] & b[2]):
                    for x, y in zip(a, b, strict=True):
                        x |= y
                    circles.remove(b)
                    merged = True
                    break
            if merged:
                break
    return {number: {int(c[:16], 16) for c in clients} for numbers, clients, _ in circles for number in numbers}


def _row(one: Fact, groups: dict[str, set[int]], visits: list[Visit]) -> Fact:
    stages = [stage for _, stage in one["steps"]]
    rate = {"EUR": Decimal(1), "USD": ads.USD}.get(one["currency"])
    into = lambda x: None if x is None or rate is None else (x / rate).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)  # noqa: E731
    last_at, last = one["steps"][-1]
    return {
        **one, "bot": "", "stage": last, "stage_kind": MEANS[last], "deal_kind": one["kind"],
        "crm_system": one["system"], "responsible": one["who"], "amount": into(one["original"]),
        "refunded": into(one["refunded"]) or Decimal(0), "cost": into(one["cost"]),
        "is_qualified": any(MEANS[s] in ("qualified", "won") for s in stages),
        "won_at": last_at if last == "paid" else None, **_origin(one, groups[one["id"]], visits),
    }  # fmt: skip


FROM = ("channel", "source", "medium", "campaign", "term", "content", "entry")


def _origin(one: Fact, browsers: set[int], visits: list[Visit]) -> Fact:
    near = [
        v for v in visits
        if v["pageviews"] and not v["bot"] and v["visitor"] in browsers
        and one["at"] - timedelta(days=90) < v["at"] <= one["at"] + timedelta(minutes=10)
    ]  # fmt: skip
    own = [v for v in near if cookie_of(v["visitor"]) == one["client"]]
    others = [v for v in near if v not in own]
    marked = lambda found: [v for v in found if v["channel"] != "Direct"]  # noqa: E731
    for found, how in ((marked(own), "visit"), (marked(others), "person")):
        if found:
            return _of_visit(max(found, key=lambda v: v["at"]), how)
    nothing = dict.fromkeys(FROM, "")
    if source := one["utm_source"].lower():
        seen: dict[str, int] = {}
        medium = one["utm_medium"]
        for v in visits:
            if v["pageviews"] and not v["bot"] and (v["source"].lower(), v["medium"].lower()) == (source, medium):
                seen[v["channel"]] = seen.get(v["channel"], 0) + 1
        fallback = {"cpc": "Paid Search", "email": "Email"}[medium]
        channel = max(seen, key=lambda c: (seen[c], c)) if seen else fallback
        return {**nothing, "channel": channel, "source": source, "medium": medium, "known_by": "utm"}
    if one["click"]:
        return {**nothing, "channel": "Paid Search", "source": "yandex", "medium": "cpc", "known_by": "click"}
    for found in (own, others):
        if found:
            return _of_visit(max(found, key=lambda v: v["at"]), "direct")
    return {**nothing, "channel": "Unassigned", "known_by": ""}


def _of_visit(visit: Visit, how: str) -> Fact:
    return {**{name: visit[name] for name in FROM}, "known_by": how}


def _won(rows: list[Row]) -> list[Fact]:
    return [d for _, _, d in rows if d["kind"] == "deal" and d["stage_kind"] == "won"]


def _net(d: Fact) -> Decimal:
    return (d["amount"] or Decimal(0)) - d["refunded"]  # type: ignore[no-any-return]


def _median(rows: list[Row]) -> float | None:
    took = sorted((d["won_at"] - d["at"]).total_seconds() for d in _won(rows))
    return took[min(len(took) // 2, len(took) - 1)] if took else None


METRICS = {
    "crm.leads": lambda rows: sum(not d["parent"] for _, _, d in rows),
    "crm.qualified": lambda rows: sum(not d["parent"] and d["is_qualified"] for _, _, d in rows),
    "crm.deals": lambda rows: sum(d["kind"] == "deal" for _, _, d in rows),
    "crm.won": lambda rows: len(_won(rows)),
    "crm.lost": lambda rows: sum(d["kind"] == "deal" and d["stage_kind"] == "lost" for _, _, d in rows),
    "crm.closed": lambda rows: sum(d["kind"] == "deal" and d["stage_kind"] in ("won", "lost") for _, _, d in rows),
    "crm.priced": lambda rows: sum(d["amount"] is not None for d in _won(rows)),
    "crm.unpriced": lambda rows: sum(d["amount"] is None for d in _won(rows)),
    "crm.sourceless": lambda rows: sum(not d["parent"] and d["known_by"] == "" for _, _, d in rows),
    "crm.revenue": lambda rows: float(sum(_net(d) for d in _won(rows))),
    "crm.costed_revenue": lambda rows: float(sum(_net(d) for d in _won(rows) if d["cost"] is not None)),
    "crm.margin": lambda rows: float(sum(_net(d) - d["cost"] for d in _won(rows) if d["cost"] is not None)),
    "crm.time_to_win": _median,
}
METRICS |= {f"ads.{name}": METRICS[f"crm.{name}"] for name in ("leads", "qualified", "won", "revenue")}
METRICS["ads.costed_revenue"] = lambda rows: METRICS["crm.revenue"]([row for row in rows if row[2]["is_costed"]])
