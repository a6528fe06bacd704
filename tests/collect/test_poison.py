"""Poison: whatever strangers send, their bad events stand alone and everybody else's are loaded."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tandem.accounts.model import Site
from tandem.base.jobs import Jobs
from tandem.base.warehouse import Fault, Warehouse
from tandem.collect import site_batch, store
from tandem.collect import slice as slice_
from tandem.collect.batches import all_aside
from tandem.collect.health import Loading
from tandem.collect.loader import PATIENCE, Loader
from tandem.collect.model.hit import Record, event_id, ids_of
from tandem.core.context import Context
from tests.collect.conftest import HOUR, MINUTE, NOON, Load, ledger, told, visits_by_loops, visits_in
from tests.collect.test_loader import copies, facts, spooled
from tests.served import eventually


def events_of(warehouse: Warehouse, site: int) -> set[tuple[int, int]]:
    return {tuple(r) for r in warehouse.ask("select visitor, id from events where site = {s:UInt32}", {"s": site}).rows}


def orders(site: int, visitor: int, count: int, amount: str, minutes: int = 0) -> list[Record]:
    return [
        told(site, visitor, NOON + minutes * MINUTE + i * timedelta(seconds=1), "event", name="purchase", amount=amount)
        for i in range(count)
    ]


def test_amounts_whose_sum_no_decimal_holds_stop_nobody(load: Load, site: Site, warehouse: Warehouse) -> None:
    load(*orders(site.id, 1, 150, "999999999999.0000"), *orders(site.id, 2, 150, "-999999999999.0000"))
    load(*orders(site.id, 3, 1, "10.0000"))
    rows = warehouse.ask(
        "select visitor, revenue from visit_rows final where site = {s:UInt32} order by 1", {"s": site.id}
    )
    assert rows.rows == [(1, Decimal("99999999999999")), (2, Decimal("-99999999999999")), (3, Decimal("10"))]
    total = warehouse.value("select sum(revenue) from visit_rows final where site = {s:UInt32}", s=site.id)
    assert total == Decimal("10")


# ── halving ──

BAD = "bad"
FAILS = {
    "facts": (store, "add_events"),
    "visits": (store, "derive_visits"),
}


def broken() -> DatabaseError:
    return DatabaseError("Code: 407. DB::Exception: Decimal math overflow", code=407)


def short() -> DatabaseError:
    return DatabaseError("Code: 241. DB::Exception: Memory limit exceeded", code=241)


def poisoned(monkeypatch: pytest.MonkeyPatch, where: str, bad: set[int], loader: Loader, error: Any = broken) -> None:
    """Let the real engine's call fail when one of these visitors is in it."""
    if where == "facts":
        real = store.add_events

        def add(warehouse: Warehouse, columns: Any, token: str) -> int:
            if bad & set(columns["visitor"]):
                raise error()
            return real(warehouse, columns, token)

        monkeypatch.setattr(store, "add_events", add)
    elif where == "visits":
        derive = store.derive_visits

        def deriving(warehouse: Warehouse, site: Site, near: int, first_at: Any, goals: Any, sizes: Any = ()) -> None:
            sql = "select distinct visitor from events where site = {s:UInt32} and name = 'bad'"
            found = {r[0] for r in warehouse.ask(sql, {"s": site.id}).rows}
            if found & set(first_at):
                raise error()
            derive(warehouse, site, near, first_at, goals, dict(sizes))

        monkeypatch.setattr(store, "derive_visits", deriving)
    else:

        def identified(site: Site, one: Any) -> None:
            if bad & {t.visitor for t in one}:
                raise error()

        loader.identified = identified


def mixed(site: int, bad: set[int]) -> list[Record]:
    """Four visitors with two events each; those in `bad` send one more, which cannot be loaded."""
    found = []
    for visitor in range(1, 5):
        found += [
            told(site, visitor, NOON, event_id=visitor * 10),
            told(site, visitor, NOON + MINUTE, path="/2", event_id=visitor * 10 + 1),
        ]
        if visitor in bad:
            record = told(
                site,
                visitor,
                NOON + 2 * MINUTE,
                "identify" if visitor < 0 else "event",
                name="bad",
                event_id=visitor * 10 + 2,
            )
            found.append(record)
    return found


def load_until_done(loader: Loader, most: int = PATIENCE + 2) -> int:
    tries = 0
    while True:
        tries += 1
        try:
            loader.load_all()
            return tries
        except DatabaseError:
            assert tries < most


def test_a_bad_event_is_put_aside_and_the_rest_goes_on(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails when visits are derived, so its facts are in the store already: they are taken out again."""
    records = mixed(site.id, {1, 3})
    spooled(loader.folder, "1", records[:4])
    spooled(loader.folder, "2", records[4:])
    poisoned(monkeypatch, "visits", {1, 3}, loader)
    assert load_until_done(loader) == PATIENCE
    good = [r for r in records if r.events[0].name != BAD]
    assert visits_in(loader.warehouse, site.id) == visits_by_loops(good, site)
    assert facts(loader.warehouse, site.id) == 8
    assert ledger(loader.warehouse, site.id) == {"stored": 10, "unstored": 2, "quarantined": 2}
    (day,) = store.ingestion_days(loader.warehouse, site.id, NOON.date())
    assert (day.received, day.stored, day.refused, day.balance) == (10, 8, {"quarantined": 2}, 0)
    assert sorted(p.suffix for p in loader.folder.iterdir()) == [""]
    (aside,) = all_aside(loader.folder.parent)
    assert sum(aside.reasons.values()) == 2 and "407" in str(aside.reasons)


def test_taking_back_names_what_was_found_and_is_allowed_on_a_cluster(
    load: Load, site: Site, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(told(site.id, 1, NOON, event_id=71), told(site.id, 2, NOON, event_id=72), told(site.id, 3, NOON, event_id=73))
    asked = list[tuple[str, dict[str, Any]]]()
    real = warehouse.do

    def do(sql: str, *args: Any, **more: Any) -> Any:
        asked.append((sql, more))
        return real(sql, *args, **more)

    monkeypatch.setattr(warehouse, "do", do)
    store.take_back(warehouse, site, [(1, 71), (2, 99), (9, 73)])
    ((sql, settings),) = asked
    assert "id in (71)" in sql and settings["allow_nondeterministic_mutations"] == 1
    assert events_of(warehouse, site.id) == {(2, 72), (3, 73)}


@pytest.mark.parametrize("where", ["facts", "identified"])
def test_it_does_not_matter_where_it_fails(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    records = [told(site.id, visitor, NOON, event_id=visitor) for visitor in range(1, 6)]
    records.append(told(site.id, 66, NOON, "identify", event_id=66))
    spooled(loader.folder, "1", records)
    poisoned(monkeypatch, where, {66}, loader)
    assert loader.load_all(at_once=True) == 5
    assert facts(loader.warehouse, site.id) == 5
    (day,) = store.ingestion_days(loader.warehouse, site.id, NOON.date())
    assert (day.received, day.stored, day.refused, day.balance) == (6, 5, {"quarantined": 1}, 0)


def test_what_was_put_aside_can_be_put_back(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled(loader.folder, "1", [told(site.id, 1, NOON), told(site.id, 66, NOON, event_id=5)])
    with monkeypatch.context() as patch:
        poisoned(patch, "facts", {66}, loader)
        loader.load_all(at_once=True)
    (segment,) = (loader.folder / "aside").glob("*.seg")
    segment.rename(loader.folder / segment.name)
    assert loader.load_all() == 1
    assert (66, 5) in events_of(loader.warehouse, site.id)
    assert all_aside(loader.folder.parent) == []


@pytest.mark.parametrize(
    "error",
    [
        lambda: DatabaseError("Code: 243. DB::Exception: not enough space", code=243),
        lambda: DatabaseError("Code: 241. DB::Exception: memory limit exceeded", code=241),
        lambda: OSError(28, "No space left on device"),
        lambda: ConnectionRefusedError(),
    ],
)
def test_a_store_that_does_not_work_puts_nothing_aside(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    records = [told(site.id, visitor, NOON) for visitor in (1, 2)]
    spooled(loader.folder, "1", records)
    with monkeypatch.context() as patch:
        poisoned(patch, "facts", {1, 2}, loader, error)
        for _ in range(PATIENCE + 1):
            with pytest.raises((DatabaseError, OSError)):
                loader.load_all(at_once=True)
    loader.load_all()
    assert facts(loader.warehouse, site.id) == 2
    assert ledger(loader.warehouse, site.id) == {"stored": 2}
    assert all_aside(loader.folder.parent) == []


def test_one_stuck_batch_does_not_hold_up_the_others(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(loader.folder, "1", [told(site.id, 66, NOON)])
    poisoned(monkeypatch, "facts", {66}, loader)
    with pytest.raises(DatabaseError):
        loader.load_all()
    spooled(loader.folder, "2", [told(site.id, 2, NOON)])
    with pytest.raises(DatabaseError):
        loader.load_all()
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == {2}


def test_a_stuck_batch_lets_later_hits_in_at_once(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job waited for it ever longer, and everybody's hits with it."""
    folder = ctx.config.folder / "spool" / "main"
    folder.mkdir(parents=True)
    poisoned(monkeypatch, "facts", {66}, Loader(ctx.warehouse, ctx.database, folder), short)
    spooled(folder, "1", [told(site.id, 66, NOON)])
    monkeypatch.setattr(slice_, "LOAD_EVERY_S", 0.01)
    jobs = Jobs([job for job in slice_._jobs(ctx) if job.name == "load"])
    jobs.start()
    try:
        for nth in range(2, 6):
            spooled(folder, str(nth), [told(site.id, nth, NOON)])
            began = time.monotonic()
            while (nth, nth) not in {(v, v) for v, _ in events_of(ctx.warehouse, site.id)}:
                assert time.monotonic() - began < 60, "later hits wait for the stuck batch"
                time.sleep(0.02)
            time.sleep(0.2)
        assert jobs.states["load"].failures == 0
        eventually(lambda: ctx.state(Loading).problem == Fault.SHORT.value)  # once a try is over
    finally:
        jobs.stop()


class Killed(BaseException):
    """Stands for kill -9 at this very place."""


# ── batches that fail while they are judged ──


def unjudgeable(monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]) -> None:
    """Let the question for known ids fail while visitor 66 is among those that are asked about."""
    real = store.mark_stale

    def marking(warehouse: Warehouse, since: Any, *more: Any) -> int:
        if 66 in since:
            raise error()
        return real(warehouse, since, *more)

    monkeypatch.setattr(store, "mark_stale", marking)


@pytest.mark.parametrize("is_at_once", [True, False])
def test_a_batch_that_cannot_even_be_judged_is_halved_too(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, is_at_once: bool
) -> None:
    records = [told(site.id, visitor, NOON, event_id=visitor) for visitor in (1, 66, 4)]
    records += copies(records[:1])
    records[0].events += told(site.id, 1, NOON + MINUTE, event_id=10).events
    records[0].refused = {"bad_event": 2}
    path = spooled(loader.folder, "1", records)
    path.write_bytes(path.read_bytes() + b"torn\n")
    unjudgeable(monkeypatch, broken)
    if is_at_once:
        assert loader.load_all(at_once=True) == 3
    else:
        assert load_until_done(loader) == PATIENCE
    assert events_of(loader.warehouse, site.id) == {(1, 1), (1, 10), (4, 4)}
    (day,) = store.ingestion_days(loader.warehouse, site.id, NOON.date())
    assert (day.received, day.stored, day.duplicates, day.balance) == (7, 3, 1, 0)
    assert day.refused == {"quarantined": 1, "bad_event": 2}
    assert sum((Counter(one.reasons) for one in all_aside(loader.folder.parent)), Counter()).total() == 2
    assert [p.name for p in loader.folder.iterdir()] == ["aside"]


def test_a_batch_too_large_to_be_judged_is_halved_and_nothing_is_put_aside(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (1, 2, 66)])
    with monkeypatch.context() as patch:
        unjudgeable(patch, lambda: DatabaseError("Code: 241. DB::Exception: memory limit exceeded", code=241))
        with pytest.raises(DatabaseError):
            loader.load_all(at_once=True)
        assert facts(loader.warehouse, site.id) == 2
    assert loader.load_all() == 1
    assert all_aside(loader.folder.parent) == []


@pytest.mark.parametrize("nth", range(12))
def test_a_loader_killed_while_it_splits_a_batch_goes_on_where_it_was(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    spooled(loader.folder, "1", [told(site.id, visitor, NOON, event_id=visitor) for visitor in (1, 66)])
    unjudgeable(monkeypatch, broken)
    with monkeypatch.context() as patch:
        dying_in_files(patch, nth)
        with pytest.raises(Killed):
            loader.load_all(at_once=True)
            raise Killed
    Loader(loader.warehouse, loader.database, loader.folder).load_all(at_once=True)
    assert events_of(loader.warehouse, site.id) == {(1, 1)}
    (day,) = store.ingestion_days(loader.warehouse, site.id, NOON.date())
    assert (day.received, day.stored, day.duplicates, day.refused) == (2, 1, 0, {"quarantined": 1})


def dying_in_files(monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """After so many files were written, renamed or deleted nothing more is."""
    left = [nth]

    def counted(real: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            if left[0] < 0:
                raise Killed
            left[0] -= 1
            return real(*args, **more)

        return call

    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))


def test_neither_log_nor_files_tell_what_a_visitor_wrote(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spooled(loader.folder, "1", [told(site.id, 1, NOON), told(site.id, 66, NOON, path="/private")])
    unread = told(site.id, 2, NOON)
    unread.events[0].amount = "a private amount"
    spooled(loader.folder, "2", [unread])

    def quoting() -> DatabaseError:
        return DatabaseError("Code: 407. DB::Exception: In scope '/private' (DECIMAL_OVERFLOW)", code=407)

    poisoned(monkeypatch, "facts", {66}, loader, quoting)
    monkeypatch.setattr(site_batch, "Decimal", lambda text: int(text) if text else 0)
    loader.load_all(at_once=True)
    said = capsys.readouterr().out
    assert "batch_halved" in said and "put_aside" in said and "407" in said and "private" not in said
    (kept,) = (loader.folder / "aside").glob("*.json")
    assert "private" not in kept.read_text()
    (aside,) = all_aside(loader.folder.parent)
    assert sum(aside.reasons.values()) == 2


# ── ids of servers and of browsers ──

SHOP = ["api"]


def test_a_servers_event_stored_by_an_earlier_version_is_known_when_it_is_sent_again(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    """Earlier versions gave it the id of a browser's; the two may differ by one bit."""
    orders, again = ("order-1", "order-2", "order-3"), list[Record]()
    load(*(told(site.id, 1, NOON, "event", event_id=event_id(text), marks=SHOP) for text in orders))
    for text in orders:
        own, former = ids_of(text, is_servers=True)
        again.append(told(site.id, 2, NOON + HOUR, "event", event_id=own, marks=SHOP))
        again[-1].events[0].former = former
    load(*again)
    assert ledger(warehouse, site.id) == {"stored": 3, "duplicate": 3}


def test_a_browsers_event_never_makes_a_servers_known_nor_hides_it(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    """The stranger knows even the visitor, and comes first."""
    for nth, text in enumerate(("order-1", "order-2")):
        browsers, servers = ids_of(text, is_servers=False)[0], ids_of(text, is_servers=True)[0]
        stolen = told(site.id, 5, NOON, "event", name="x", event_id=browsers, marks=["retried"])
        order = told(
            site.id, 5, NOON + MINUTE * nth, "event", name="purchase", amount="10.0000", event_id=servers, marks=SHOP
        )
        load(*([stolen, order] if nth else [stolen]))
        if not nth:
            load(order)
    assert ledger(warehouse, site.id) == {"stored": 4}
    assert warehouse.value("select sum(revenue) from visit_rows final where site = {s:UInt32}", s=site.id) == 20


def test_an_order_that_browser_and_server_send_under_one_id_counts_once_as_the_server_tells_it(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    ids = [ids_of("order-9", is_servers)[0] for is_servers in (False, True)]
    load(told(site.id, 5, NOON, "event", name="purchase", amount="1.0000", event_id=ids[0]))
    load(told(site.id, 5, NOON + MINUTE, "event", name="purchase", amount="10.0000", event_id=ids[1], marks=SHOP))
    rows = warehouse.ask("select orders, revenue from visit_rows final where site = {s:UInt32}", {"s": site.id}).rows
    assert rows == [(1, Decimal("10.0000"))]
