"""The loader: each event counts once, whatever is copied, torn, late, retried or killed."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.clock import to_ms
from tandem.base.spool import framed
from tandem.base.warehouse import Warehouse
from tandem.collect import batches, store
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record, WireEvent, accepted
from tandem.core.context import Context
from tests.collect.conftest import DAY, HOUR, MINUTE, NOON, Load, ledger, told, visits_by_loops, visits_in


def spooled(folder: Path, name: str, records: list[Record]) -> Path:
    path = folder / f"{name}.seg"
    path.write_bytes(b"".join(framed(msgspec.json.encode(r)) for r in records))
    return path


def facts(warehouse: Warehouse, site: int) -> int:
    return int(warehouse.value("select count() from events where site = {site:UInt32}", site=site))


def copies(records: list[Record]) -> list[Record]:
    """The same as they would come from disk: a loader may change a record's visitor."""
    return msgspec.convert(msgspec.to_builtins(records), list[Record])


def a_walk(site: int, visitor: int = 1) -> list[Record]:
    return [
        told(site, visitor, NOON, query="utm_source=letter&utm_medium=email", event_id=visitor * 100 + 1),
        told(site, visitor, NOON + MINUTE, "engage", engaged_ms=4000, event_id=visitor * 100 + 2),
        told(site, visitor, NOON + 2 * MINUTE, path="/cart", event_id=visitor * 100 + 3),
        told(site, visitor, NOON + 3 * MINUTE, "event", name="purchase", amount="10.0000", event_id=visitor * 100 + 4),
        told(site, visitor, NOON + 50 * MINUTE, path="/plants", event_id=visitor * 100 + 5),
    ]


# ── each event once ──


def test_segments_become_visits_and_are_taken_away(loader: Loader, site: Site) -> None:
    records = a_walk(site.id) + a_walk(site.id, 2)
    spooled(loader.folder, "1", records[:4])
    spooled(loader.folder, "2", records[4:])
    assert loader.load_all() == 10
    assert visits_in(loader.warehouse, site.id) == visits_by_loops(records, site)
    assert ledger(loader.warehouse, site.id) == {"stored": 10}
    assert list(loader.folder.iterdir()) == []
    assert loader.load_all() == 0


@pytest.mark.parametrize("is_together", [True, False])
def test_a_copied_segment_counts_nothing_twice(loader: Loader, site: Site, is_together: bool) -> None:
    records = a_walk(site.id)
    path = spooled(loader.folder, "1", records)
    copy = shutil.copy(path, loader.folder.parent / "kept")
    if not is_together:
        loader.load_all()
    shutil.copy(copy, loader.folder / "1 (copy).seg".replace(" ", "-"))
    loader.load_all()
    assert facts(loader.warehouse, site.id) == 5
    assert visits_in(loader.warehouse, site.id) == visits_by_loops(records, site)
    assert ledger(loader.warehouse, site.id) == {"stored": 5, "duplicate": 5}


def test_a_segment_whose_name_holds_spaces_is_loaded(loader: Loader, site: Site) -> None:
    """An operator's "copy of …" must neither be lost nor stop the loader."""
    spooled(loader.folder, "copy of 1", a_walk(site.id))
    assert loader.load_all() == 5
    assert list(loader.folder.iterdir()) == []


def test_the_same_event_twice_in_one_record_counts_once(load: Load, site: Site, warehouse: Warehouse) -> None:
    record = told(site.id, 1, NOON, event_id=5)
    record.events.append(record.events[0])
    load(record)
    assert ledger(warehouse, site.id) == {"stored": 1, "duplicate": 1}
    assert visits_in(warehouse, site.id)[0][5] == 1


def test_an_event_retried_after_midnight_under_another_visitor_id_counts_once(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    """The answer got lost, the salt changed, the browser sent it again: the same id, another visitor."""
    first = [told(site.id, 1, NOON, event_id=5), told(site.id, 1, NOON + MINUTE, event_id=6)]
    load(*first)
    load(told(site.id, 999, NOON, event_id=5, marks=["retried"], received=NOON + DAY))
    assert ledger(warehouse, site.id) == {"stored": 2, "duplicate": 1}
    assert visits_in(warehouse, site.id) == visits_by_loops(first, site)


def test_an_event_retried_under_another_visitor_id_in_the_same_batch_counts_once(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    load(told(site.id, 1, NOON, event_id=5), told(site.id, 999, NOON, event_id=5, marks=["retried"]))
    assert ledger(warehouse, site.id) == {"stored": 1, "duplicate": 1}


def test_two_visitors_may_use_the_same_event_id(load: Load, site: Site, warehouse: Warehouse) -> None:
    load(told(site.id, 1, NOON, event_id=5), told(site.id, 2, NOON, event_id=5))
    assert ledger(warehouse, site.id) == {"stored": 2}


# ── a killed loader ──

STEPS: dict[str, tuple[Any, str]] = {
    "ledger": (store, "add_ingestion"),
    "rules": (Loader, "note_rules"),
    "facts": (store, "add_events"),
    "visits": (store, "derive_visits"),
    "stale": (store, "mark_stale"),
    "known": (store, "stored_already"),
}


class Killed(Exception):
    """Stands for kill -9 at this very place."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_loader_killed_at_any_step_leaves_metrics_and_ledger_as_if_nothing_had_been(
    loader: Loader, site: Site, ctx: Context, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    other = accounts.add_site(ctx.database, site.workspace_id, "other", "Other", ["o.example"], mode="cookie")
    load_and_check_after_kills(loader, site, other, lambda: killed_at(monkeypatch, *STEPS[step], when))


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_loader_killed_while_it_takes_files_away(
    loader: Loader, site: Site, ctx: Context, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    other = accounts.add_site(ctx.database, site.workspace_id, "other", "Other", ["o.example"], mode="cookie")
    load_and_check_after_kills(loader, site, other, lambda: killed_at(monkeypatch, Path, "unlink", "before", nth))


def killed_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str, nth: int = 0) -> None:
    real, calls = getattr(owner, name), [0]

    def dying(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] <= nth:
            return real(*args, **more)
        if when == "after":
            real(*args, **more)
        raise Killed

    monkeypatch.setattr(owner, name, dying)


def load_and_check_after_kills(loader: Loader, site: Site, other: Site, arm: Callable[[], None]) -> None:
    records = a_walk(site.id) + a_walk(other.id, 3) + [a_walk(site.id)[0]]
    records[0].refused = {"url_too_long": 2}
    early = told(site.id, 1, NOON - 20 * MINUTE, event_id=77)
    loader.load([early], f"before-{site.id}")
    spooled(loader.folder, "1", records[:6])
    spooled(loader.folder, "2", records[6:])
    arm()
    with pytest.raises(Killed):
        loader.load_all()
    raise_nothing_more(loader)
    assert visits_in(loader.warehouse, site.id) == visits_by_loops([early, *records], site)
    assert visits_in(loader.warehouse, other.id) == visits_by_loops(records, other)
    assert ledger(loader.warehouse, site.id) == {"stored": 6, "duplicate": 1, "url_too_long": 2}
    assert ledger(loader.warehouse, other.id) == {"stored": 5}
    assert facts(loader.warehouse, site.id) == 6
    assert list(loader.folder.iterdir()) == []


def raise_nothing_more(loader: Loader) -> None:
    """A new process: a loader that knows nothing, and nothing patched."""
    for owner, name in [*STEPS.values(), (Path, "unlink")]:
        setattr(owner, name, REAL[(owner, name)])
    Loader(loader.warehouse, loader.database, loader.folder).load_all()


REAL = {(owner, name): getattr(owner, name) for owner, name in [*STEPS.values(), (Path, "unlink")]}


def test_a_batch_begun_before_newer_segments_came_is_finished_under_its_own_name(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(loader.folder, "1", a_walk(site.id))
    with monkeypatch.context() as patch:
        killed_at(patch, store, "add_events", "after")
        with pytest.raises(Killed):
            loader.load_all()
    spooled(loader.folder, "2", a_walk(site.id, 2))
    Loader(loader.warehouse, loader.database, loader.folder).load_all()
    assert ledger(loader.warehouse, site.id) == {"stored": 10}
    assert visits_in(loader.warehouse, site.id) == visits_by_loops(a_walk(site.id) + a_walk(site.id, 2), site)


# ── time ──


@pytest.mark.parametrize("ids", [(10**7, 10**6), (10**6, 10**7)])
@pytest.mark.parametrize("is_one_request", [True, False])
def test_what_is_bought_in_the_millisecond_of_its_page_view_belongs_to_it(
    load: Load, site: Site, warehouse: Warehouse, ids: tuple[int, int], is_one_request: bool
) -> None:
    """Ids are random, and the order followed them: half of such orders stood in the visit before."""
    may, june = (f"utm_source=letter&utm_medium=email&utm_campaign={month}" for month in ("may", "june"))
    now = NOON + 5 * MINUTE
    later = now if is_one_request else now + timedelta(milliseconds=1)
    records = [
        told(site.id, 7, NOON, query=may),
        told(site.id, 7, now, path="/june", query=june, event_id=ids[0], nth=0),
        told(site.id, 7, now, "event", name="order", amount="9.50", event_id=ids[1], nth=int(is_one_request),
             received=later),
        told(site.id, 7, now, path="/thanks", event_id=10**5, nth=2, received=later),
    ]  # fmt: skip
    load(*records)
    asked = "select campaign, toFloat64(revenue), entry, exit from visit_rows final where site = {site:UInt32}"
    rows = warehouse.ask(f"{asked} order by started", {"site": site.id}).rows
    assert rows == [("may", 0, "/", "/"), ("june", 9.5, "/june", "/thanks")]
    assert visits_in(warehouse, site.id) == visits_by_loops(records, site)


def test_a_late_event_lands_in_the_right_visit_and_day(load: Load, site: Site, warehouse: Warehouse) -> None:
    records = [
        told(site.id, 1, NOON),
        told(site.id, 1, NOON + 50 * MINUTE, path="/cart"),
        told(site.id, 1, NOON + 6 * DAY),
        told(site.id, 1, NOON + 25 * MINUTE, path="/late", received=NOON + 7 * DAY - MINUTE),
    ]
    for record in records:
        load(record)
    visits = visits_in(warehouse, site.id)
    assert [(v[1], v[5]) for v in visits] == [(NOON, 3), (NOON + 6 * DAY, 1)]
    assert visits == visits_by_loops(records, site)


def wire(at: Any, **more: Any) -> WireEvent:
    return WireEvent(i="0123456789abcdef", k="pageview", t=to_ms(at), u="https://shop.example/", **more)


@pytest.mark.parametrize(
    ("happened", "received", "kept"),
    [
        (NOON, NOON + 7 * DAY, NOON),
        (NOON, NOON + 7 * DAY + MINUTE, NOON + 7 * DAY + MINUTE),
        (NOON + timedelta(seconds=2), NOON, NOON + timedelta(seconds=2)),
        (NOON + HOUR, NOON, NOON),
    ],
    ids=["a week old", "older than a week", "two seconds ahead", "in the future"],
)
def test_a_time_that_cannot_be_gives_way_to_the_servers_and_is_marked(happened: Any, received: Any, kept: Any) -> None:
    event = accepted(wire(happened), to_ms(received), 0, str)
    assert event.at == to_ms(kept)
    assert event.marks == ([] if kept == happened else ["clock"])


def test_a_clock_that_is_wrong_by_days_is_corrected(load: Load, site: Site, warehouse: Warehouse) -> None:
    """Three days behind: what happened two minutes before sending happened two minutes before receiving."""
    event = accepted(
        wire(NOON - 3 * DAY - 2 * MINUTE), to_ms(NOON), to_ms(NOON) - to_ms(NOON - 3 * DAY), str, ["clock"]
    )
    record = told(site.id, 1, NOON)
    record.events = [event]
    load(record)
    assert visits_in(warehouse, site.id)[0][1] == NOON - 2 * MINUTE
    assert warehouse.value("select marks from events where site = {site:UInt32}", site=site.id) == ["clock"]


# ── the id changes in mid-visit ──

OLD, NEW = 100, 200
LATE = NOON.replace(hour=23, minute=50)


def midnight(site: int, gap: timedelta = 20 * MINUTE) -> list[Record]:
    return [
        told(site, OLD, LATE),
        told(site, NEW, LATE + gap, path="/plants", before=OLD),
        told(site, NEW, LATE + gap + 25 * MINUTE, path="/cart", before=OLD),
        told(site, NEW, LATE + gap + 50 * MINUTE, path="/thanks", before=OLD),
    ]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_visit_over_midnight_stays_one_though_the_salt_changed(
    load: Load, site: Site, warehouse: Warehouse, size: int
) -> None:
    records = midnight(site.id)
    for i in range(0, 4, size):
        load(*records[i : i + size])
    visits = visits_in(warehouse, site.id)
    assert [(v[0], v[5]) for v in visits] == [(OLD, 4)]


def test_after_half_an_hour_of_silence_the_new_id_holds(load: Load, site: Site, warehouse: Warehouse) -> None:
    for record in midnight(site.id, 31 * MINUTE):
        load(record)
    assert [(v[0], v[5]) for v in visits_in(warehouse, site.id)] == [(OLD, 1), (NEW, 3)]


@pytest.mark.parametrize("size", [1, 10])
def test_consent_in_mid_visit_keeps_one_visit_to_its_end(
    load: Load, site: Site, warehouse: Warehouse, size: int
) -> None:
    """Also when the visit goes on for longer than half an hour after the cookie was made."""
    records = [told(site.id, OLD, NOON)]
    born = to_ms(NOON + 2 * MINUTE) // 1000
    records += [told(site.id, NEW, NOON + (2 + 20 * i) * MINUTE, path=f"/{i}", before=OLD, born=born) for i in range(6)]
    for i in range(0, len(records), size):
        load(*records[i : i + size])
    assert [(v[0], v[5]) for v in visits_in(warehouse, site.id)] == [(OLD, 7)]


def test_a_visit_lasts_until_the_last_event_of_a_record(load: Load, site: Site, warehouse: Warehouse) -> None:
    """One record brings the old id's page views at 0 and 25 minutes; consent changes the id by the 45th."""
    record = told(site.id, OLD, NOON)
    record.events += told(site.id, OLD, NOON + 25 * MINUTE, path="/more").events
    load(record, told(site.id, NEW, NOON + 45 * MINUTE, path="/consent", before=OLD))
    assert [(v[0], v[4]) for v in visits_in(warehouse, site.id)] == [(OLD, ("/", "/more", "/consent"))]


def test_the_visit_after_the_one_with_consent_belongs_to_the_cookie(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    born = to_ms(NOON) // 1000
    load(told(site.id, OLD, NOON))
    load(told(site.id, NEW, NOON + MINUTE, before=OLD, born=born))
    load(told(site.id, NEW, NOON + 3 * HOUR, before=OLD, born=born))
    # meanwhile a neighbour without a cookie comes, with the same address and browser
    load(told(site.id, OLD, NOON + 3 * HOUR + MINUTE, path="/neighbour"))
    load(told(site.id, NEW, NOON + 3 * HOUR + 2 * MINUTE, before=OLD, born=born, path="/still-me"))
    assert [(v[0], v[4]) for v in visits_in(warehouse, site.id)] == [
        (OLD, ("/", "/")), (OLD, ("/neighbour",)), (NEW, ("/", "/still-me")),
    ]  # fmt: skip


def test_a_neighbour_with_an_old_cookie_is_not_swallowed(load: Load, site: Site, warehouse: Warehouse) -> None:
    load(told(site.id, OLD, NOON))
    load(told(site.id, NEW, NOON + MINUTE, before=0, born=to_ms(NOON - 5 * DAY) // 1000))
    assert [v[0] for v in visits_in(warehouse, site.id)] == [OLD, NEW]


def test_a_later_visit_of_the_neighbour_draws_nobody_in(load: Load, site: Site, warehouse: Warehouse) -> None:
    """A record that comes late is judged by who was active then, not by who was active last."""
    load(told(site.id, OLD, NOON), told(site.id, OLD, NOON + 3 * HOUR))
    load(told(site.id, NEW, NOON + HOUR, before=OLD, born=to_ms(NOON) // 1000, received=NOON + 4 * HOUR))
    assert sorted((v[0], v[1]) for v in visits_in(warehouse, site.id)) == [
        (OLD, NOON), (OLD, NOON + 3 * HOUR), (NEW, NOON + HOUR),
    ]  # fmt: skip


# ── the rest ──


def test_facts_are_kept_as_long_as_the_site_says(load: Load, site: Site, ctx: Context, warehouse: Warehouse) -> None:
    accounts.change_site(ctx.database, site, keep_days=40)
    load(told(site.id, 1, NOON), told(site.id, 1, NOON + MINUTE))
    until = (NOON + 40 * DAY).date()
    for table in ("events", "visit_rows"):
        assert warehouse.value(f"select max(keep_until) from {table} where site = {{s:UInt32}}", s=site.id) == until


def test_records_of_a_site_taken_away_meanwhile_stand_in_the_ledger(
    load: Load, site: Site, warehouse: Warehouse
) -> None:
    gone = told(4_000_000, 1, NOON)
    gone.refused = {"no_id": 1}
    load(gone, told(site.id, 1, NOON))
    assert ledger(warehouse, 0)["unknown_site"] == 1
    assert ledger(warehouse, 4_000_000) == {"no_id": 1}
    assert facts(warehouse, 4_000_000) == 0
    assert ledger(warehouse, site.id) == {"stored": 1}


def test_the_ledger_balances_with_what_the_store_holds(load: Load, site: Site, warehouse: Warehouse) -> None:
    records = a_walk(site.id)
    records[0].refused = {"no_url": 3, "property_explosion": 1}
    load(*records)
    load(*copies(records[:2]))
    (day,) = store.ingestion_days(warehouse, site.id, date(2026, 11, 1))
    assert (day.received, day.stored, day.duplicates, day.balance) == (15, 5, 2, 0)
    assert day.refused == {"no_url": 6, "property_explosion": 2}


def test_a_batch_is_no_larger_than_it_must_be(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 1)
    seen: list[str] = []
    real = loader._load
    monkeypatch.setattr(
        loader, "_load", lambda records, name, *more: [seen.append(name), real(records, name, *more)][1]
    )
    for i in range(3):
        spooled(loader.folder, str(i), a_walk(site.id, i + 1))
    assert loader.load_all() == 15
    assert len(set(seen)) == 3


def test_values_no_browser_sends_do_not_stop_the_loader(load: Load, site: Site, warehouse: Warehouse) -> None:
    record = told(
        site.id, 2**64 - 1, NOON, path="/\x00'\\\t\n", query="utm_source=%ff%00&utm_campaign='; drop table events",
        referrer="http://[::1", event_id=2**64 - 1, born=4_102_444_799, agent="\x00" * 600,
    )  # fmt: skip
    record.events[0].props = {"\x00": "\x00", "'": "\\'"}
    load(
        record,
        told(site.id, 1, NOON, "vital", name="LCP", value=9e6),
        told(site.id, 1, NOON, "event", amount="-999999999999.9999"),
    )
    assert ledger(warehouse, site.id) == {"stored": 3}
    assert len(visits_in(warehouse, site.id)) == 2


def test_a_clock_that_ran_ahead_does_not_freeze_visits(
    load: Load, site: Site, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = clock.now_ns
    with monkeypatch.context() as ahead:
        ahead.setattr(clock, "now_ns", lambda: real() + 3600 * 10**9)
        load(told(site.id, 7, NOON))
    load(told(site.id, 7, NOON + timedelta(minutes=1)))
    assert warehouse.value("select pageviews from visits where site = {site:UInt32}", site=site.id) == 2
    with monkeypatch.context() as behind:
        behind.setattr(clock, "now_ns", lambda: real() - 3600 * 10**9)
        load(told(site.id, 7, NOON + timedelta(minutes=2)))
        assert warehouse.value("select pageviews from visits where site = {site:UInt32}", site=site.id) == 3
        store.derive_all(warehouse, site, 0, 2**64 - 1, [])
    assert warehouse.value("select pageviews from visits where site = {site:UInt32}", site=site.id) == 3


def test_a_referrer_that_was_erased_elsewhere_is_noted_again_when_it_comes_again(
    loader: Loader, site: Site, warehouse: Warehouse
) -> None:
    """The erasure runs in another process than this loader, which remembers what it has noted."""
    referrer = "https://erased.example/post"
    count = "select uniqExact(origin) from origins where referrer_host = 'erased.example'"

    loader.load([told(site.id, 1, NOON, referrer=referrer)], "first")
    assert warehouse.value(count) == 1
    warehouse.do("alter table origins delete where 1 settings mutations_sync = 1")
    store.note_erasure(loader.database)
    loader.load([told(site.id, 2, NOON, referrer=referrer)], "second")
    assert warehouse.value(count) == 1
