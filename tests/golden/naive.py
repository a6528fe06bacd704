"""A second opinion: the same figures by plain loops, written from their meaning."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tandem.accounts.model import Site
from tandem.collect.model.agents import agent_of
from tandem.collect.model.goal import Goal
from tandem.collect.model.hit import Record
from tandem.collect.model.origins import conclude, origin_id, origin_of, tag_key
from tandem.collect.model.rules import load_rules

PASSIVE = ("engage", "vital")
Visit = dict[str, Any]
Hit = dict[str, Any]


def hits_of(records: Iterable[Record], site: int) -> list[Hit]:
    """Each event once: the first to happen of those with the same id and visitor."""
    first: dict[tuple[int, int], Hit] = {}
    for record in records:
        for event in record.events if record.site == site else ():
            hit = {
                "record": record, "event": event, "visitor": record.visitor, "id": event.id, "kind": event.kind,
                "at": datetime.fromtimestamp(event.at / 1000, UTC),
            }  # fmt: skip
            known = first.get((record.visitor, event.id))
            if known is None or hit["at"] < known["at"]:
                first[(record.visitor, event.id)] = hit
    return list(first.values())


def visits_of(records: Iterable[Record], site: Site, goals: list[Goal]) -> list[Visit]:
    """The visits, each with its hits, as the definition says."""
    by_visitor: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits_of(records, site.id):
        by_visitor[hit["visitor"]].append(hit)
    found = []
    for hits in by_visitor.values():
        hits.sort(key=lambda h: (h["at"], h["record"].received, h["event"].nth, h["id"]))
        found += [_visit(group, site, goals) for group in _groups(hits)]
    return found


def _groups(hits: list[Hit]) -> list[list[Hit]]:
    groups: list[list[Hit]] = []
    previous = chain_start = None
    campaign = 0

    def days_of(moment: datetime) -> int:
        return (int(moment.timestamp()) - int(chain_start.timestamp())) // 86_400

    for hit in hits:
        key = tag_key(origin_of(hit["event"].query, hit["event"].referrer)) if hit["kind"] == "pageview" else 0
        silence = hit["at"] - previous if previous else None
        begins_chain = silence is None or silence > timedelta(hours=24)
        if hit["kind"] not in PASSIVE and silence is not None and silence > timedelta(minutes=30):
            begins_chain = True
        begins_day = False
        if begins_chain:
            chain_start, campaign = hit["at"], 0
        elif days_of(previous) != days_of(hit["at"]):
            begins_day, campaign = True, 0
        begins = begins_chain or begins_day or (key not in (0, campaign))
        if begins:
            groups.append([])
        groups[-1].append(hit)
        campaign = key or campaign
        previous = hit["at"]
    return groups


def _visit(hits: list[Hit], site: Site, goals: list[Goal]) -> Visit:
    views = [h for h in hits if h["kind"] == "pageview"]
    opening = (views or hits)[0]
    origin = (
        origin_of(opening["event"].query, opening["event"].referrer)
        if opening["kind"] == "pageview"
        else origin_of("", "")
    )
    known = conclude(origin, frozenset(site.hosts), load_rules())
    is_touch = known.is_touch and origin_id(origin) != 0
    agent, record = agent_of(opening["record"].agent), opening["record"]
    last_ms = (hits[-1]["at"] - hits[0]["at"]) / timedelta(milliseconds=1)
    attention = min(sum(h["event"].engaged_ms for h in hits), last_ms + 60_000)
    for hit in hits:
        hit["goals"] = [g.id for g in goals if _meets(hit, g)]
    conversions = sum(len(h["goals"]) for h in hits)
    sales = [
        float(h["event"].amount) for h in hits
        if h["kind"] == "event" and h["event"].amount and h["event"].currency in ("", site.currency)
    ]  # fmt: skip
    started = (views or hits)[0]["at"]
    if not record.born:
        loyalty = "unknown"
    else:
        born = datetime.fromtimestamp(record.born, UTC)
        loyalty = "new" if started <= born + timedelta(minutes=30) else "returning"
    bot = agent.bot or ("datacentre" if record.network == "datacentre" else "")
    return {
        "hits": hits, "main": {g.id for g in goals if g.is_main},
        "visitor": hits[0]["visitor"], "at": started, "pageviews": len(views), "engaged_ms": attention,
        "is_engaged": attention >= 10_000 or len(views) > 1, "conversions": conversions,
        "revenue": sum(sales), "orders": sum(1 for s in sales if s > 0),
        "channel": (known.channel if is_touch else "Direct") if views else "No visit",
        "source": (known.source if is_touch else "(direct)") if views else "(no visit)",
        "medium": known.medium if is_touch else "(none)", "campaign": known.campaign if is_touch else "",
        "term": known.term if is_touch else "", "content": known.content if is_touch else "",
        "click": known.click if is_touch else "", "referrer": origin.referrer_host if is_touch else "",
        "country": record.country, "city": record.city, "network": record.network, "language": record.language,
        "device": agent.device, "browser": agent.browser, "os": agent.os, "bot": bot, "bot_name": agent.bot_name,
        "loyalty": loyalty, "host": opening["event"].host, "entry": views[0]["event"].path if views else "",
        "exit": views[-1]["event"].path if views else "",
    }  # fmt: skip


def _meets(hit: Hit, goal: Goal) -> bool:
    if goal.kind == "event":
        return hit["kind"] in ("event", "form", "download", "outbound") and hit["event"].name == goal.match
    path, match = hit["event"].path, goal.match
    if hit["kind"] != "pageview":
        return False
    return path.startswith(match[:-1]) if match.endswith("*") else path == match


# ── rows of each view: (moment, what happened, the visit) ──

Row = tuple[datetime, Hit | None, Visit]
KINDS: dict[str, Callable[[Hit], bool]] = {
    "pageviews": lambda h: h["kind"] == "pageview",
    "attention": lambda h: h["kind"] == "engage",
    "actions": lambda h: h["kind"] in ("event", "outbound", "download", "form", "search"),
    "vitals": lambda h: h["kind"] == "vital",
}


def rows_of(view: str, visits: list[Visit], since: datetime, until: datetime) -> list[Row]:
    if view == "visits":
        rows: list[Row] = [(v["at"], None, v) for v in visits if v["pageviews"]]
    elif view == "sales":
        rows = [(v["at"], None, v) for v in visits if v["orders"] or v["revenue"]]
    elif view == "conversions":
        rows = [(h["at"], {**h, "goal": g}, v) for v in visits for h in v["hits"] for g in h["goals"]]
    else:
        rows = [(h["at"], h, v) for v in visits for h in v["hits"] if KINDS[view](h)]
    return [row for row in rows if since <= row[0] < until]


def split_of(row: Row, by: str, zone: str) -> Any:
    at, hit, visit = row
    local = at.astimezone(ZoneInfo(zone))
    if by == "hour":
        # An hour on the clock of a half-hour zone begins at its own full hour.
        return (at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)).astimezone(
            UTC
        )
    if by == "day":
        return local.date()
    if by == "week":
        return local.date() - timedelta(days=local.weekday())
    if by == "month":
        return date(local.year, local.month, 1)
    if by == "page":
        return hit["event"].path  # type: ignore[index]
    if by == "goal":
        return str(hit["goal"])  # type: ignore[index]
    if by == "action":
        return hit["event"].name  # type: ignore[index]
    if by == "kind":
        return hit["kind"]  # type: ignore[index]
    return visit[by]


def _p75(values: list[float]) -> float | None:
    """ClickHouse's quantileExact: the element at floor(0.75 × n) of the sorted values, kept within them."""
    return sorted(values)[min(int(0.75 * len(values)), len(values) - 1)] if values else None


def _vitals(name: str, rows: list[Row]) -> list[float]:
    return [hit["event"].value for _, hit, _ in rows if hit and hit["event"].name == name]


def _has_converted(visit: Visit) -> bool:
    return any(set(h["goals"]) & visit["main"] for h in visit["hits"])


Naive = Callable[[list[Row]], float | int | None]
METRICS: dict[str, Naive] = {
    "collect.visitors": lambda rows: len({v["visitor"] for _, _, v in rows}),
    "collect.visits": len,
    "collect.all_visits": len,
    "collect.pageviews": len,
    "collect.page_visits": lambda rows: len({id(v) for _, _, v in rows}),
    "collect.exits": lambda rows: len({id(v) for _, h, v in rows if h and h["event"].path == v["exit"]}),
    "collect.lcp_slow": lambda rows: sum(value > 2500 for value in _vitals("LCP", rows)),
    "collect.page_visitors": lambda rows: len({v["visitor"] for _, _, v in rows}),
    "collect.engaged_visits": lambda rows: sum(1 for _, _, v in rows if v["is_engaged"] or _has_converted(v)),
    "collect.bounced_visits": lambda rows: sum(1 for _, _, v in rows if not (v["is_engaged"] or _has_converted(v))),
    "collect.engaged_seconds": lambda rows: sum(v["engaged_ms"] for _, _, v in rows) / 1000,
    "collect.page_seconds": lambda rows: sum(h["event"].engaged_ms for _, h, _ in rows) / 1000,  # type: ignore[index]
    "collect.conversions": lambda rows: sum(1 for _, h, v in rows if h and h["goal"] in v["main"]),
    "collect.goals_reached": len,
    "collect.converted_visits": lambda rows: sum(1 for _, _, v in rows if _has_converted(v)),
    "collect.revenue": lambda rows: sum(v["revenue"] for _, _, v in rows),
    "collect.orders": lambda rows: sum(v["orders"] for _, _, v in rows),
    "collect.error_pages": lambda rows: sum(1 for _, h, _ in rows if h["event"].status >= 400),  # type: ignore[index]
    "collect.new_visits": lambda rows: sum(1 for _, _, v in rows if v["loyalty"] == "new"),
    "collect.known_visits": lambda rows: sum(1 for _, _, v in rows if v["loyalty"] != "unknown"),
    "collect.bot_visits": lambda rows: sum(1 for _, _, v in rows if v["bot"]),
    "collect.actions": len,
    **{f"collect.{n.lower()}_p75": lambda rows, n=n: _p75(_vitals(n, rows)) for n in ("LCP", "INP", "CLS", "TTFB")},
    **{f"collect.{n.lower()}_measured": lambda rows, n=n: len(_vitals(n, rows)) for n in ("LCP", "INP", "CLS", "TTFB")},
    **{
        f"collect.{n.lower()}_good": lambda rows, n=n, most=most: sum(1 for v in _vitals(n, rows) if v <= most)
        for n, most in (("LCP", 2500), ("INP", 200), ("CLS", 0.1), ("TTFB", 800))
    },
}  # fmt: skip
