"""What the page asks: the list, candidates, call-backs, tags and timeline; on one node and on two shards."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tandem.accounts import store as accounts
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse
from tandem.calls import queries, store
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.queries import CallBacks, Missed
from tandem.calls.store import SQL, tags
from tandem.calls.timeline import timeline
from tandem.core.context import Context
from tandem.core.slice import NumberAsked
from tandem.metrics.address import Address, address_of
from tandem.metrics.ask import CachedRunner
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Link, phone, visitor

OWN, LINE, BILLBOARD = "+48225550000", "+48225550100", "+48225550700"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
MISSED = (CallOutcome.MISSED, CallOutcome.BUSY, CallOutcome.FAILED, CallOutcome.VOICEMAIL)
HOUR = timedelta(hours=1)


class Shop:
    """A context with one site, one pool of one number and one static number."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        workspace = accounts.make_workspace(ctx.database, "Fern")
        self.site = accounts.add_site(ctx.database, workspace, "fern", "Fern", ["shop.example"], "UTC", "EUR")
        self.pool = store.add_pool(ctx, self.site, "All", [OWN])
        store.add_numbers(ctx, self.site, [LINE], self.pool)
        store.add_numbers(ctx, self.site, [BILLBOARD], channel="Offline", source="billboard")
        self.told = 0

    def fact(self, at: datetime, caller: str, line: str = BILLBOARD, **more: Any) -> CallFact:
        self.told += 1
        return CallFact(system="test", ref=str(self.told), at=at, line=line, caller=caller, **more)

    def call(self, *told: Any, **more: Any) -> None:
        store.record(self.ctx, self.site, [self.fact(*told, **more)])

    def visit(self, who: int, at: datetime, channel: str) -> None:
        store.lend(self.ctx, NumberAsked(
            site=self.site, visitor=who, at=at, act="ask", channel=channel, source="google", medium="cpc",
            campaign="spring", term="ferns", content="", entry="/",
        ))  # fmt: skip

    def address(self, *filters: str) -> Address:
        query = {"period": "2026-11-10..2026-11-10"}
        return address_of(query, list(filters), self.site, "marketing", NOON)


class AlwaysLooks(CachedRunner):
    """Looks at each question whether data have changed: these tests write and ask within a moment."""

    def kept(self, key: Any, make: Any) -> Any:
        self.look_soon()
        return super().kept(key, make)


@pytest.fixture
def shop(warehouse: Warehouse, database: Database, tmp_path: Path) -> Iterator[Shop]:
    yield Shop(Context(Config(data=str(tmp_path / "data")), warehouse, database, runner=AlwaysLooks(warehouse)))


def on(shop: Shop, warehouse: Warehouse) -> Context:
    """The same context over another layout of the same data."""
    ctx = Context(shop.ctx.config, warehouse, shop.ctx.database, runner=AlwaysLooks(warehouse))
    ctx.vault = shop.ctx.vault
    return ctx


def test_who_was_called_back_equals_plain_loops(shop: Shop, shards: Warehouse) -> None:
    rng = random.Random(9)
    told, facts = [], []
    for _ in range(150):
        at = NOON + timedelta(seconds=rng.randrange(-40_000, 60_000))
        outcome = rng.choice([CallOutcome.ANSWERED, CallOutcome.RINGING, *MISSED])
        caller = rng.choice(["", *(f"+4860010{n:04d}" for n in range(9))])
        direction = "out" if caller and rng.random() < 0.15 else "in"
        told.append((at, caller, direction, outcome))
        facts.append(shop.fact(at, caller, direction=direction, outcome=outcome))
    store.record(shop.ctx, shop.site, facts)
    begin, end = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC)
    late_at = NOON + timedelta(hours=20)
    for minutes in (5, 60, 600):
        limit, counted, took = minutes * 60, dict.fromkeys(("in_time", "late", "never", "pending"), 0), []
        withheld = missed = 0
        open_callers = set()
        for at, caller, direction, outcome in told:
            if direction == "out" or outcome not in MISSED or not begin <= at < end:
                continue
            missed += 1
            if not caller:
                withheld += 1
                continue
            later = [
                other for other, who, way, what in told
                if who == caller and other > at and (way == "out" or what == CallOutcome.ANSWERED)
            ]  # fmt: skip
            if later:
                took.append((min(later) - at).total_seconds())
                counted["in_time" if took[-1] <= limit else "late"] += 1
            else:
                counted["pending" if at + timedelta(minutes=minutes) > late_at else "never"] += 1
            if not later or took[-1] > limit:
                open_callers.add(caller)
        for ctx in (shop.ctx, on(shop, shards)):
            found = queries.call_backs(ctx, shop.address(), timedelta(minutes=minutes), late_at)
            assert {name: getattr(found, name) for name in counted} == counted
            assert (found.missed, found.withheld) == (missed, withheld)
            assert found.median_s == pytest.approx(median(took))
            assert len(found.waiting) == len(open_callers) == len({w.last.caller for w in found.waiting})


def test_a_caller_who_rings_again_in_vain_was_not_called_back(shop: Shop) -> None:
    for minute in (0, 5, 9):
        shop.call(NOON + timedelta(minutes=minute), "+48600100200", outcome=CallOutcome.MISSED)
    found = queries.call_backs(shop.ctx, shop.address(), HOUR, NOON + 5 * HOUR)
    assert (found.never, found.in_time, found.median_s) == (3, 0, None)
    assert [(w.times, w.last.at) for w in found.waiting] == [(3, NOON + timedelta(minutes=9))]


def test_no_missed_calls_are_no_trouble() -> None:
    assert queries.concluded([], HOUR, NOON) == CallBacks(
        missed=0, withheld=0, in_time=0, late=0, never=0, pending=0, median_s=None, waiting=[]
    )


def test_a_missed_call_may_still_be_called_back_in_time() -> None:
    nobody = datetime(1970, 1, 1, tzinfo=UTC)
    missed = [
        Missed(call=1, at=NOON, line=LINE, caller=7, outcome="missed", channel="", person=7, back_at=nobody),
        Missed(call=2, at=NOON - 2 * HOUR, line=LINE, caller=8, outcome="busy", channel="", person=8, back_at=nobody),
    ]
    found = queries.concluded(missed, HOUR, NOON + HOUR / 2)
    assert (found.pending, found.never) == (1, 1)


def test_the_list_shows_callers_masked_and_all_candidates(shop: Shop, shards: Warehouse) -> None:
    shop.visit(1, NOON, "Paid Search")
    shop.visit(2, NOON + timedelta(minutes=10), "Direct")
    shop.call(NOON + timedelta(minutes=13), "+48600100200", LINE, outcome=CallOutcome.ANSWERED, talk_s=60)
    shop.call(NOON + timedelta(minutes=20), "", BILLBOARD)
    for ctx in (shop.ctx, on(shop, shards)):
        calls = queries.latest(ctx, shop.address(), queries.Listing(most=10))
        assert [c.channel for c in calls] == ["Offline", "Direct"]
        assert calls[0].person == 0 and calls[1].person != 0
        found = queries.chances(ctx, shop.site, calls)
        assert [c.visitor for c in found[calls[1].call]][:2] == [2, 1]
        assert sum(c.weight for c in found[calls[1].call]) == pytest.approx(1, abs=1e-4)
        names = queries.names(ctx, shop.site, [c.caller for c in calls])
        assert list(names) == [calls[1].caller] and "600100200" not in str(names).replace(" ", "")
        direct = queries.latest(ctx, shop.address("channel:is:Direct"), queries.Listing(most=10))
        rest = queries.latest(ctx, shop.address("channel:is_not:Direct"), queries.Listing(most=10))
        assert [len(direct), len(rest)] == [1, 1] and direct[0].call != rest[0].call
        assert len(queries.latest(ctx, shop.address("source:contains:GOOG"), queries.Listing(most=10))) == 1
        assert len(queries.latest(ctx, shop.address(), queries.Listing(most=1))) == 2, "one more than is shown"


def test_the_list_is_sorted_and_searched(shop: Shop, shards: Warehouse) -> None:
    for minute, talk, operator in ((1, 60, "Ada"), (2, 5, "100%"), (3, 30, "Żaneta\nx")):
        at = NOON + timedelta(minutes=minute)
        shop.call(at, "", LINE, outcome=CallOutcome.ANSWERED, talk_s=talk, operator=operator)
    for ctx in (shop.ctx, on(shop, shards)):

        def seen(**asked: Any) -> list[int]:
            return [c.talk_s for c in queries.latest(ctx, shop.address(), queries.Listing(**asked))]  # noqa: B023

        assert seen() == [30, 5, 60] and seen(is_rising=True) == [60, 5, 30]
        assert seen(sort="talk") == [60, 30, 5] and seen(sort="talk", is_rising=True) == [5, 30, 60]
        assert seen(search="ada") == [60] and seen(search="żANETA") == [30] and seen(search="100%") == [5]
        assert seen(search="%") == [5] and seen(search="_") == [] and seen(search="answered") == [30, 5, 60]


def test_a_tag_stays_when_the_exchange_tells_more(shop: Shop) -> None:
    shop.call(NOON, "+48600100200")
    call = queries.latest(shop.ctx, shop.address(), queries.Listing(most=1))[0]
    tags.put(shop.ctx, shop.site, call.call, "target")
    tags.put(shop.ctx, shop.site, call.call, "spam")
    more = CallFact(system="test", ref="1", at=NOON + timedelta(seconds=70), outcome=CallOutcome.ANSWERED, talk_s=61)
    store.record(shop.ctx, shop.site, [more])
    found = queries.latest(shop.ctx, shop.address(), queries.Listing(most=10))
    assert [(c.tag, c.outcome, c.talk_s, c.at) for c in found] == [("spam", "answered", 61, NOON)]
    tags.put(shop.ctx, shop.site, call.call, "")
    assert queries.latest(shop.ctx, shop.address(), queries.Listing(most=1))[0].tag == ""


def test_a_tag_is_one_of_ours_or_the_exchanges_and_the_call_is_the_sites(shop: Shop) -> None:
    shop.call(NOON, "+48600100200", tag="VIP")
    call = queries.latest(shop.ctx, shop.address(), queries.Listing(most=1))[0].call
    tags.put(shop.ctx, shop.site, call, "VIP")
    with pytest.raises(UserError, match="no such tag"):
        tags.put(shop.ctx, shop.site, call, "<b>")
    with pytest.raises(UserError, match="no such call"):
        tags.put(shop.ctx, shop.site, call + 1, "spam")


def test_a_profile_tells_calls_from_and_to_the_person_and_certain_ones_of_their_browser(
    shop: Shop, shards: Warehouse
) -> None:
    shop.visit(1, NOON, "Paid Search")
    shop.call(NOON + timedelta(seconds=20), "+48600100200", LINE, outcome=CallOutcome.MISSED)
    shop.call(NOON + HOUR, "+48600100200", LINE, direction="out", outcome=CallOutcome.ANSWERED, talk_s=90)
    shop.call(NOON + 2 * HOUR, "+48600999999", BILLBOARD, outcome=CallOutcome.ANSWERED)
    key = people.key_of(shop.ctx, shop.site, Identifier("phone", "+48600100200"))
    for ctx in (shop.ctx, on(shop, shards)):
        told = timeline(ctx, shop.site, [key])
        assert [(m.title, m.at) for m in told] == [
            ("Call to them", NOON + HOUR), ("Missed call", NOON + timedelta(seconds=20))
        ]  # fmt: skip
        assert dict(told[1].facts)["Channel"] == "Paid Search" and "Channel" not in dict(told[0].facts)
        assert dict(told[0].facts)["Talk time"] == "90 s"
        assert [m.title for m in timeline(ctx, shop.site, [1])] == ["Missed call"]
        assert timeline(ctx, shop.site, [5]) == [] == timeline(ctx, shop.site, [])


def test_the_pool_counts_leases_live_and_archived_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from tandem.base import clock

    shop.visit(1, NOON, "Paid Search")
    shop.visit(2, NOON + timedelta(seconds=30), "Direct")  # finds the number busy
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(NOON + timedelta(minutes=80)))
    room = queries.rooms(shop.ctx, shop.site)[0]
    assert (room.lent, room.shown) == (1, 0)
    before = queries.recommendation(shop.ctx, shop.site, room, NOON + HOUR)
    assert store.archive_leases(shop.ctx) == 2
    assert queries.recommendation(shop.ctx, shop.site, room, NOON + HOUR) == before
    assert (before.advice.overflowed, before.hours) == (1, [(12, 2, 1)])


def test_the_live_list_is_the_newest_of_all_calls(shop: Shop, shards: Warehouse) -> None:
    rng = random.Random(4)
    facts = []
    for _ in range(40):
        at = NOON - timedelta(seconds=rng.randrange(0, 3600))
        facts.append(shop.fact(at, rng.choice(["", "+48600100200"]), direction=rng.choice(["in", "in", "out"])))
    store.record(shop.ctx, shop.site, facts)
    shop.visit(5, NOON - timedelta(minutes=3), "Paid Search")
    shop.call(NOON - timedelta(minutes=2), "+48600100201", LINE)
    sql = (
        "select at, caller, outcome, channel, source, campaign, term, if(caller = 0, 0, person_of(site, caller)) "
        "from calls_received where at >= {since:DateTime64(3)} order by at desc, call limit 10"
    )
    rows = shop.ctx.warehouse.ask(sql, {"since": NOON - timedelta(minutes=30)}).rows
    for warehouse in (shop.ctx.warehouse, shards):
        found = queries.live(on(shop, warehouse), shop.site, NOON)
        told = [(c.at.replace(tzinfo=None), c.caller, c.outcome, c.channel, c.source, c.campaign, c.term, c.person)
                for c in found]  # fmt: skip
        assert told == [(row[0].replace(tzinfo=None), *row[1:]) for row in rows]
        assert any(c.channel == "Paid Search" for c in found)


def test_what_the_live_list_reads_does_not_grow_with_the_history(shop: Shop) -> None:
    def read() -> int:
        span = {"site": shop.site.id, "since": NOON - timedelta(minutes=30), "until": NOON, "most": 10}
        sql = SQL["live"].replace("with recent as", "explain estimate with recent as", 1)
        rows = shop.ctx.warehouse.ask(sql, span).rows
        return sum(row[3] for row in rows if row[1] == "call_rows")

    def history(calls: int, days: range) -> None:
        shop.ctx.warehouse.do(
            "insert into call_rows (site, call, at, version, system, ref, direction, outcome) select {site:UInt32}, "
            "cityHash64(number, {seed:UInt64}), "
            "{noon:DateTime64(3)} - interval ({first:UInt32} + number % {span:UInt32}) day, 1, 'x', "
            "toString(number), 'in', 'answered' from numbers({calls:UInt64})",
            {"site": shop.site.id, "noon": NOON, "seed": days.start, "first": days.start, "span": len(days),
             "calls": calls},
        )  # fmt: skip

    history(1000, range(9))
    before = read()
    history(100_000, range(40, 700))
    assert 0 < read() == before
    assert shop.ctx.warehouse.value("select count() from call_rows") == 101_000


def test_calls_stand_over_time_with_days_without_any(shop: Shop) -> None:
    shop.ctx.runner = CachedRunner(shop.ctx.warehouse)
    told = {
        9: (CallOutcome.ANSWERED, CallOutcome.MISSED),
        10: (CallOutcome.BUSY, CallOutcome.ANSWERED, CallOutcome.ANSWERED),
    }
    for day, outcomes in told.items():
        for n, outcome in enumerate(outcomes):
            shop.call(NOON.replace(day=day) + timedelta(minutes=n), f"+4860010020{n}", outcome=outcome)
    address = address_of({"period": "2026-11-07..2026-11-13"}, [], shop.site, "marketing", NOON)
    points, step = queries.course(shop.ctx, address, NOON)
    assert step == "day"
    assert [(p.at.day, p.answered, p.missed) for p in points] == [(7, 0, 0), (8, 0, 0), (9, 1, 1), (10, 2, 1)]
    hours, step = queries.course(shop.ctx, shop.address(), NOON + timedelta(minutes=5))
    assert step == "hour"
    assert [(p.at.hour, p.answered, p.missed) for p in hours if p.answered + p.missed] == [(12, 2, 1)]
    assert hours[-1].at.hour == 12


def test_known_callers_keep_their_first_source(shop: Shop, shards: Warehouse) -> None:
    ctx, site, caller = shop.ctx, shop.site, "+48600100200"
    made = ((7, 50, "Organic Search"), (7, 2, "Paid Search"), (8, 90, "Email"), (9, 99, "Direct"))
    for who, hours, channel in made:
        at = NOON - timedelta(hours=hours)
        ctx.warehouse.insert("visit_rows", {name: [value] for name, value in {
            "site": site.id, "visit": who * 1000 + hours, "visitor": who, "started": at, "ended": at,
            "opened": at, "chain_started": at, "version": 1, "channel": channel, "source": "s", "medium": "",
            "campaign": f"c{hours}", "entry": "/", "pageviews": 1,
        }.items()})  # fmt: skip
    shop.call(NOON, caller)
    shop.call(NOON, "+48600100299")
    found = queries.latest(ctx, shop.address(), queries.Listing(most=10))
    assert queries.first_sources(ctx, site, found) == {}
    own = phone(caller, "")
    assert own is not None
    links = [Link(a=own, b=visitor(who), at=NOON, source="site", ref="1") for who in (7, 8)]
    people.record(ctx, site, links)
    people.stitch_all(ctx, site)
    for warehouse in (ctx.warehouse, shards):
        firsts = queries.first_sources(on(shop, warehouse), site, found)
        assert [(f.channel, f.campaign, f.visitor) for f in firsts.values()] == [("Email", "c90", 8)]
