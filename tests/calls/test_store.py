"""Numbers lent to visits, calls heard in any order, and whose calls they were; on both record stores and real chDB."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from tandem.accounts import store as accounts
from tandem.base import clock
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse
from tandem.calls import store
from tandem.calls.model.call import CallFact, CallOutcome, merged
from tandem.calls.store import leases as lease_store
from tandem.calls.tables import leases, pools
from tandem.core.context import Context
from tandem.core.slice import NumberAsked
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Link, visitor
from tests.clocks import set_ahead

OWN = "+48225550000"
POOL = [f"+4822555010{n}" for n in range(4)]
ANNA = "+48600100200"
NOON = datetime.fromisoformat("2026-11-10T12:00:00+00:00")


class Shop:
    """A context with one site and one pool."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        workspace = accounts.make_workspace(ctx.database, "Fern")
        self.site = accounts.add_site(ctx.database, workspace, "fern", "Fern", ["shop.example"], "UTC", "EUR")
        self.pool = store.add_pool(ctx, self.site, "All", [OWN])
        store.add_numbers(ctx, self.site, POOL, self.pool)

    def ask(
        self,
        who: int,
        at: datetime,
        act: str = "ask",
        channel: str = "Paid Search",
        term: str = "ferns",
        sender: int = 0,
    ) -> str:
        """The number that this visit is shown, or "" for none."""
        answer = store.lend(self.ctx, NumberAsked(
            site=self.site, visitor=who, at=at, act=act, channel=channel, source="google", medium="cpc",
            campaign="spring", term=term, content="", entry="/", sender=sender,
        ))  # fmt: skip
        return answer.swap[OWN] if answer else ""

    def call(self, ref: str, at: datetime, line: str, caller: str = ANNA, **more: Any) -> None:
        store.record(self.ctx, self.site, [CallFact(system="test", ref=ref, at=at, line=line, caller=caller, **more)])

    def credits(self, call: str = "") -> list[tuple[int, float, str]]:
        sql = "select visitor, weight, channel from call_credits_received order by weight desc, visitor"
        return [(int(v), float(w), str(c)) for v, w, c in self.ctx.warehouse.ask(sql).rows]


@pytest.fixture
def shop(any_database: Database, warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    yield Shop(Context(Config(data=str(tmp_path / "data")), warehouse, any_database))


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


# ── lending ──


def test_a_sender_who_invents_browsers_leaves_numbers_for_others(shop: Shop) -> None:
    stranger = [shop.ask(n, NOON + seconds(n / 1000), sender=7) for n in range(1, 300)]
    assert len(set(stranger) - {""}) == store.SENDERS_LEAST
    other = shop.ask(1000, NOON + seconds(1), sender=8)
    assert other in POOL and other not in stranger
    with shop.ctx.database.read() as c:
        rows = c.execute(select(func.count()).select_from(leases)).scalar_one()
    assert rows == store.SENDERS_LEASES + 1, "a flood is answered without being remembered"


def test_a_sender_gets_numbers_again_once_theirs_are_idle(shop: Shop) -> None:
    for n in range(1, 10):
        shop.ask(n, NOON, sender=7)
    later = NOON + timedelta(seconds=shop.pool.hold_s + 1)
    assert shop.ask(20, later, sender=7) in POOL


def test_an_office_behind_one_address_may_hold_a_quarter_of_a_large_pool(shop: Shop) -> None:
    store.add_numbers(shop.ctx, shop.site, [f"+482255502{n:02d}" for n in range(28)], shop.pool)
    shown = {shop.ask(n, NOON + seconds(n), sender=7) for n in range(1, 30)}
    assert len(shown - {""}) == 32 // store.SENDERS_SHARE


def test_a_visit_keeps_its_number_while_it_is_active(shop: Shop) -> None:
    first = shop.ask(1, NOON)
    assert first in POOL
    for minute in (5, 30, 55):
        assert shop.ask(1, NOON + timedelta(minutes=minute)) == first
    assert shop.ask(2, NOON + timedelta(minutes=55)) != first


def test_the_number_idle_longest_is_lent_next(shop: Shop) -> None:
    taken = [shop.ask(who, NOON + timedelta(minutes=10 * who)) for who in range(4)]
    assert sorted(taken) == sorted(POOL)
    shop.ask(0, NOON + timedelta(minutes=29), "seen")  # the first visit is still there
    assert shop.ask(9, NOON + timedelta(minutes=40)) == taken[1]


def test_an_empty_pool_lends_nothing_or_the_overflow_and_says_so(shop: Shop) -> None:
    for who in range(4):
        shop.ask(who, NOON + seconds(who))
    assert shop.ask(9, NOON + seconds(60)) == ""
    rows = [leases.c.visitor, leases.c.is_overflow]
    with shop.ctx.database.read() as c:
        found = {row[0]: row[1] for row in c.execute(select(*rows))}
    assert found[people.hexed(9)] and not found[people.hexed(0)]


def test_a_pool_serves_the_channels_it_was_made_for(shop: Shop) -> None:
    ctx, site = shop.ctx, shop.site
    paid = store.add_pool(ctx, site, "Paid", [OWN], channels=["Paid Search"])
    with ctx.database.write() as c:
        c.execute(update(pools).where(pools.c.id == shop.pool.id).values(is_on=False))
    store.add_numbers(ctx, site, ["+48225550200"], paid)
    assert shop.ask(1, NOON, channel="Direct") == ""
    assert shop.ask(2, NOON) == "+48225550200"


def test_a_ping_without_a_lease_takes_no_number(shop: Shop) -> None:
    assert shop.ask(1, NOON, "seen") == ""
    with shop.ctx.database.read() as c:
        assert c.execute(select(leases)).all() == []


def test_visits_that_ask_at_the_same_moment_get_different_numbers(shop: Shop) -> None:
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda who: shop.ask(who, NOON), range(4)))
    assert sorted(taken) == sorted(POOL)


def test_a_wrong_number_is_named_and_none_is_added(shop: Shop) -> None:
    with pytest.raises(UserError, match="“12345” is not a phone number"):
        store.add_numbers(shop.ctx, shop.site, ["+48225550300", "12345"], shop.pool)
    assert len(store.numbers_of(shop.ctx, shop.site)) == 4


def test_leases_are_archived_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.ask(1, NOON)
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(NOON + timedelta(hours=2)))
    kept = lease_store.delete
    monkeypatch.setattr(
        lease_store, "delete", lambda table: kept(table).where(table.c.id < 0)
    )  # as if killed before it
    assert store.archive_leases(shop.ctx) == 1
    monkeypatch.setattr(lease_store, "delete", kept)
    assert store.archive_leases(shop.ctx) == 1
    assert store.archive_leases(shop.ctx) == 0
    assert shop.ctx.warehouse.value("select count() from lease_rows final") == 1


def test_entry_pages_of_leases_that_an_earlier_version_lent_are_archived_in_their_normal_form(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.ask(1, NOON)
    with shop.ctx.database.write() as c:
        c.execute(update(leases).values(entry="/%D0%BA%D0%B0%2f"))
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(NOON + timedelta(hours=2)))
    assert store.archive_leases(shop.ctx) == 1
    assert shop.ctx.warehouse.value("select entry from lease_rows") == "/ка%2F"


# ── calls ──


def test_a_call_during_the_visit_is_that_visits(shop: Shop) -> None:
    line = shop.ask(1, NOON)
    shop.ask(1, NOON + seconds(90), "seen")
    shop.call("c1", NOON + seconds(60), line)
    assert (shop.credits()[0][0], shop.credits()[0][2]) == (1, "Paid Search")
    assert shop.credits()[0][1] > 0.99


def test_a_number_lent_again_leaves_doubt_and_the_tap_removes_it(shop: Shop) -> None:
    ctx, site = shop.ctx, shop.site
    for number in store.numbers_of(ctx, site)[1:]:
        store.switch_number(ctx, site, number.id, is_on=False)
    line = shop.ask(1, NOON)
    assert shop.ask(2, NOON + timedelta(minutes=10)) == line
    shop.call("c1", NOON + timedelta(minutes=13), line)
    doubt = {v: w for v, w, _ in shop.credits()}
    assert 0.02 < doubt[1] < 0.5 < doubt[2] < 0.98
    assert sum(doubt.values()) == pytest.approx(1, abs=1e-4)
    shop.ask(1, NOON + timedelta(minutes=12, seconds=50), "tap")
    store.credit_again(ctx, site, NOON)
    assert shop.credits()[0][0] == 1


def test_a_call_on_a_number_nobody_saw_is_nobodys(shop: Shop) -> None:
    shop.call("c1", NOON, "+48225550900")
    assert shop.credits() == [(0, 1.0, "")]


def test_a_static_number_stands_for_its_source(shop: Shop) -> None:
    store.add_numbers(shop.ctx, shop.site, ["+48225550700"], channel="Offline", source="billboard", campaign="A4")
    shop.call("c1", NOON, "+48 22 555 07 00")
    assert shop.credits() == [(0, 1.0, "Offline")]


def test_a_certain_call_tells_whose_phone_it_is_and_the_next_call_knows(shop: Shop) -> None:
    ctx, site = shop.ctx, shop.site
    line = shop.ask(1, NOON)
    shop.ask(1, NOON + seconds(90), "seen")
    shop.call("c1", NOON + seconds(60), line)
    people.stitch_all(ctx, site)
    key = people.key_of(ctx, site, Identifier("phone", ANNA))
    assert people.person_of(ctx, site, key) == 1
    for minute in range(10, 200, 10):  # others are shown the number, then the known caller calls back hours later
        shop.ask(100 + minute, NOON + timedelta(minutes=minute))
    shop.call("c2", NOON + timedelta(hours=5), line)
    later = "select visitor, weight from call_credits_received where at > '2026-11-10 13:00:00' order by weight desc"
    best = ctx.warehouse.ask(later).rows[0]
    assert best[0] == 1 and best[1] > 0.5


def test_a_form_with_the_same_phone_tells_whose_call_it_is(shop: Shop) -> None:
    ctx, site = shop.ctx, shop.site
    line = shop.ask(1, NOON)
    for number in store.numbers_of(ctx, site)[1:]:
        store.switch_number(ctx, site, number.id, is_on=False)
    shop.ask(2, NOON + timedelta(minutes=10))
    people.record(ctx, site, [Link(a=visitor(1), b=Identifier("phone", ANNA), at=NOON, source="site")])
    people.stitch_all(ctx, site)
    shop.call("c1", NOON + timedelta(minutes=11), line)
    assert shop.credits()[0][0] == 1


def test_delays_are_learnt_from_callers_whose_browser_a_form_told(shop: Shop) -> None:
    ctx, site = shop.ctx, shop.site
    line = shop.ask(1, NOON)
    other = shop.ask(2, NOON)
    people.record(ctx, site, [Link(a=visitor(1), b=Identifier("phone", ANNA), at=NOON, source="site")])
    people.record(ctx, site, [Link(a=visitor(2), b=Identifier("phone", "+48600100299"), at=NOON, source="calls")])
    people.record(ctx, site, [Link(a=visitor(1), b=Identifier("email", "anna@a.example"), at=NOON, source="site")])
    with pytest.MonkeyPatch.context() as later:
        later.setattr(clock, "now_ms", lambda: clock.to_ms(NOON + timedelta(hours=2)))
        assert store.archive_leases(ctx) == 2
    shop.call("c1", NOON + seconds(90), line)
    shop.call("c2", NOON + seconds(50), other, "+48600100299")  # only a call said whose phone it is
    assert ctx.warehouse.ask(store.SQL["certain_delays"], {"site": site.id}).rows == [(90.0,)]


def test_the_callers_phone_is_in_no_event(shop: Shop) -> None:
    line = shop.ask(1, NOON)
    shop.call("c1", NOON, line, recording="https://exchange.example/r/1")
    for table in ("call_rows", "call_credit_rows", "lease_rows", "identity_links"):
        assert "600100200" not in str(shop.ctx.warehouse.ask(f"select * from {table}").rows)


def test_a_recording_that_is_no_safe_link_is_left_out(shop: Shop) -> None:
    shop.call("c1", NOON, OWN, recording="javascript:alert(1)")
    assert shop.ctx.warehouse.value("select recording from call_rows") == ""


PIECES = [
    CallFact(system="t", ref="1", at=NOON, line=POOL[0], caller=ANNA),
    CallFact(system="t", ref="1", at=NOON + seconds(8), outcome=CallOutcome.MISSED, wait_s=8),
    CallFact(system="t", ref="1", at=NOON + seconds(9), outcome=CallOutcome.ANSWERED, wait_s=9, operator="ola"),
    CallFact(
        system="t", ref="1", at=NOON + seconds(70), outcome=CallOutcome.ANSWERED, talk_s=61, recording="https://r/1"
    ),
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_order_and_repetition_do_not_matter(told: list[CallFact]) -> None:
    mixed = told * 2
    random.Random(len(told)).shuffle(mixed)
    assert merged(mixed) == merged(told)
    for cut in range(1, len(told)):
        assert merged([merged(told[:cut]), *told[cut:]]) == merged(told)


def test_pieces_in_any_portion_make_one_call(shop: Shop) -> None:
    rng = random.Random(3)
    wanted = None
    for turn in range(3):
        shop.ctx.warehouse.do("truncate table call_rows")
        order = PIECES * 2
        rng.shuffle(order)
        for piece in order:
            store.record(shop.ctx, shop.site, [piece])
        found = shop.ctx.warehouse.ask(
            "select at, line, caller != 0, outcome, wait_s, talk_s, operator, recording from call_rows final"
        ).rows
        wanted = wanted or found
        assert len(found) == 1 and found == wanted, turn
    assert wanted is not None and wanted[0][3] == "answered"


def test_weights_sum_to_one_a_call(shop: Shop) -> None:
    rng = random.Random(5)
    for n in range(40):
        line = shop.ask(n, NOON + timedelta(minutes=3 * n))
        if n % 2 and line:
            shop.call(f"c{n}", NOON + timedelta(minutes=3 * n, seconds=rng.randrange(20_000)), line, f"+4860020{n:04d}")
    rows = shop.ctx.warehouse.ask("select call, sum(weight) from call_credits_received group by call").rows
    assert len(rows) > 10
    assert all(weight == pytest.approx(1, abs=1e-3) for _, weight in rows)
    heard = shop.ctx.warehouse.value("select count() from calls_received")
    assert heard == len(rows)


# ── pools ──


def acts(shop: Shop) -> list[tuple[str, str, dict[str, object]]]:
    entries = accounts.audit_log(shop.ctx.database, shop.site.workspace_id)
    return [(e.act, e.object, e.detail) for e in entries if e.act == "calls.pool_changed"]


def test_a_pool_that_is_off_lends_nothing_and_takes_back_what_it_lent(shop: Shop) -> None:
    lent = shop.ask(1, NOON)
    off = store.change_pool(shop.ctx, shop.site, shop.pool, is_on=False)
    assert not off.is_on
    assert shop.ask(1, NOON + timedelta(minutes=5)) == ""
    assert shop.ask(2, NOON + timedelta(minutes=5)) == ""
    shop.call("1", NOON + timedelta(minutes=6), lent)
    assert shop.credits()[0][0] == 1  # calls to its numbers are still heard, and still known
    store.change_pool(shop.ctx, shop.site, off, is_on=True)
    assert shop.ask(1, NOON + timedelta(minutes=10)) == lent
    assert shop.ask(2, NOON + timedelta(minutes=10)) in POOL
    assert [detail for _, _, detail in acts(shop)] == [
        {"is_on": {"from": False, "to": True}},
        {"is_on": {"from": True, "to": False}},
    ]


def test_a_pool_is_renamed_and_priced(shop: Shop) -> None:
    store.change_pool(shop.ctx, shop.site, shop.pool, name=" Search ", price=1.5)
    pool = store.pool_of(shop.ctx, shop.site, shop.pool.id)
    assert (pool.name, pool.price, pool.is_on, pool.swaps) == ("Search", 1.5, True, [OWN])
    store.change_pool(shop.ctx, shop.site, pool, name="Search", price=1.5)  # nothing new: nothing to note
    store.change_pool(shop.ctx, shop.site, pool, price=None)
    assert store.pool_of(shop.ctx, shop.site, pool.id).price is None
    assert acts(shop) == [
        ("calls.pool_changed", "Search", {"price": {"from": "1.5", "to": "None"}}),
        (
            "calls.pool_changed",
            "All",
            {"name": {"from": "All", "to": "Search"}, "price": {"from": "None", "to": "1.5"}},
        ),
    ]
    with pytest.raises(UserError):
        store.change_pool(shop.ctx, shop.site, pool, name="  ")


def test_a_clock_that_ran_ahead_freezes_no_call_and_no_credit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx, site = shop.ctx, shop.site
    for number in store.numbers_of(ctx, site)[1:]:
        store.switch_number(ctx, site, number.id, is_on=False)
    line = shop.ask(1, NOON)
    assert shop.ask(2, NOON + timedelta(minutes=10)) == line
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        shop.call("c1", NOON + timedelta(minutes=13), line)
    assert shop.credits()[0][0] == 2
    shop.ask(1, NOON + timedelta(minutes=12, seconds=50), "tap")
    shop.call("c1", NOON + timedelta(minutes=13), line, outcome=CallOutcome.ANSWERED, talk_s=90)
    assert ctx.warehouse.ask("select outcome, talk_s from calls_received").rows == [("answered", 90)]
    assert shop.credits()[0][0] == 1


def test_a_call_at_the_edge_of_a_month_stands_once_whichever_moment_is_told_first(shop: Shop) -> None:
    midnight = datetime(2026, 11, 1, tzinfo=UTC)
    for told in (midnight + timedelta(seconds=5), midnight - timedelta(seconds=5), midnight - timedelta(seconds=9)):
        fact = CallFact(system="golden", ref="edge", line=OWN, at=told, outcome="answered", talk_s=60)
        store.record(shop.ctx, shop.site, [fact])
    rows = shop.ctx.warehouse.ask("select at, outcome from calls_received").rows
    assert len(rows) == 1
