"""Damaged disks, wrong clocks, greedy visitors, full disks: what each leaves, and who says so."""

import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.clock import to_ms
from tandem.base.errors import UserError
from tandem.base.spool import records_in
from tandem.base.warehouse import Fault, Warehouse, fault_of
from tandem.collect import batches, health, store
from tandem.collect import loader as loader_
from tandem.collect.batches import (
    Judged,
    Unread,
    all_aside,
    forget_aside,
    next_batch,
    read_record,
    unread_aside,
    unreadable_aside,
)
from tandem.collect.health import Loading
from tandem.collect.loader import Loader
from tandem.collect.manifests import OWN_FAULTS
from tandem.collect.model.quota import Quota
from tandem.collect.slice import FreshSalts
from tandem.collect.store import visits
from tandem.collect.tables import salts
from tandem.core.context import Context
from tandem.maintenance.doctor import intake
from tandem.maintenance.doctor.finding import OK, WARNING, Installation
from tests import forked
from tests.clocks import set_clock
from tests.collect.conftest import DAY, NOON, Load, ledger, told
from tests.collect.test_loader import facts, spooled
from tests.collect.test_poison import Killed, broken, events_of, poisoned, unjudgeable


def of_site(warehouse: Warehouse, site: int, since: datetime) -> dict[str, int]:
    sql = "select outcome, sum(count) from reception where site = {site:UInt32} and on = {on:Date} group by 1"
    return {row[0]: int(row[1]) for row in warehouse.ask(sql, {"site": site, "on": since.date()}).rows}


# ── a damaged disk ──


def test_a_damaged_record_is_kept_aside_and_counted_and_its_neighbours_are_loaded(loader: Loader, site: Site) -> None:
    path = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (1, 2, 3)])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"pageview", b"pagevieW")
    path.write_bytes(b"".join(lines))
    before = of_site(loader.warehouse, 0, clock.now()).get("damaged", 0)
    assert loader.load_all() == 2
    assert of_site(loader.warehouse, 0, clock.now())["damaged"] == before + 1
    (kept,) = (loader.folder / "aside").glob("*.seg")
    assert kept.read_bytes() == lines[1]
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"damaged": 1}]


def test_a_segment_that_the_disk_does_not_give_back_stops_none_of_the_others(loader: Loader, site: Site) -> None:
    spooled(loader.folder, "1", [told(site.id, 1, NOON)])
    bad = spooled(loader.folder, "2", [told(site.id, 2, NOON)])
    spooled(loader.folder, "3", [told(site.id, 3, NOON)])
    bad.unlink()
    bad.mkdir()  # reading it fails, as on a bad sector
    before = of_site(loader.warehouse, 0, clock.now()).get("damaged", 0)
    assert loader.load_all() == 2
    assert of_site(loader.warehouse, 0, clock.now())["damaged"] == before + 1
    assert (loader.folder / "aside" / f"{bad.name}.unreadable").exists()
    assert not list(loader.folder.glob("*.seg")) and loader.load_all() == 0
    assert unread_aside(loader.folder.parent).files == 1
    assert forget_aside(loader.folder.parent, [2]).files == 1
    assert not list((loader.folder / "aside").glob("*.unreadable")), "an erasure leaves nothing that may be theirs"
    assert not list((loader.folder / "aside").glob("*.seg")), "nor says of it that it is still there"


def bad_after(monkeypatch: pytest.MonkeyPatch, segment: Path, count: int, code: int = errno.EIO) -> None:
    """Let the disk give back so many records of this file and no more; what is written in its place can be read."""
    real, bad = batches.records_in, segment.stat().st_ino

    def reading(path: Path, damaged: list[bytes] | None = None) -> Iterator[bytes]:
        is_bad = path.stat().st_ino == bad
        for nth, payload in enumerate(real(path, damaged)):
            if is_bad and nth == count:
                raise OSError(code, os.strerror(code))
            yield payload

    monkeypatch.setattr(batches, "records_in", reading)


def no_space() -> DatabaseError:
    return DatabaseError("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space", code=243)


def failing_once(monkeypatch: pytest.MonkeyPatch, loader: Loader, error: Callable[[], Exception]) -> None:
    with monkeypatch.context() as patch:
        poisoned(patch, "facts", {21}, loader, error)
        with pytest.raises(DatabaseError):
            loader.load_all()


@pytest.mark.parametrize("error", [no_space, broken])
def test_what_was_read_before_a_bad_sector_is_there_at_the_next_try_too(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    """The segment was put aside while it was read: a second try lost what the first had counted as stored."""
    segment = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (11, 12, 13, 14)])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23)])
    bad_after(monkeypatch, segment, 3)
    before = of_site(loader.warehouse, 0, clock.now()).get("damaged", 0)
    failing_once(monkeypatch, loader, error)
    assert [path.name for path in unreadable_aside(loader.folder.parent)] == ["1.seg.unreadable"]
    loader.load_all()
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == {11, 12, 13, 21, 22, 23}
    assert ledger(loader.warehouse, site.id) == {"stored": 6}
    assert of_site(loader.warehouse, 0, clock.now())["damaged"] == before + 1
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"damaged": 1}]
    assert [path.name for path in loader.folder.iterdir()] == ["aside"]


def test_a_bad_sector_moves_no_judgement_to_another_event(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repetition stood in the third place; at the second try an event of the sound segment stood there."""
    again = told(site.id, 12, NOON, event_id=999)
    segment = spooled(loader.folder, "1", [told(site.id, 11, NOON), again, again, told(site.id, 14, NOON)])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23)])
    bad_after(monkeypatch, segment, 3)
    failing_once(monkeypatch, loader, no_space)
    loader.load_all()
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == {11, 12, 21, 22, 23}
    assert ledger(loader.warehouse, site.id) == {"stored": 5, "duplicate": 1}


def test_a_sector_that_goes_bad_between_two_tries_moves_no_judgement(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fourth place was a repetition's; at the second try an event of the sound segment stood there and was lost."""
    again = told(site.id, 12, NOON, event_id=99_901)
    segment = spooled(loader.folder, "1", [told(site.id, 11, NOON), again, told(site.id, 14, NOON), again])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23)])
    before = of_site(loader.warehouse, 0, clock.now()).get("damaged", 0)
    failing_once(monkeypatch, loader, no_space)
    bad_after(monkeypatch, segment, 2)
    loader.load_all()
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == {11, 12, 21, 22, 23}
    assert facts(loader.warehouse, site.id) == 5
    is_balanced(loader, site, stored=5)
    assert of_site(loader.warehouse, 0, clock.now())["damaged"] == before + 1
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"damaged": 1}]


def is_balanced(loader: Loader, site: Site, stored: int, refused: dict[str, int] | None = None) -> None:
    (day,) = store.ingestion_days(loader.warehouse, site.id, NOON.date())
    assert (day.stored, day.refused, day.balance) == (stored, refused or {}, 0)


@pytest.mark.parametrize("parts", [1, 3, 4])
def test_a_sector_that_goes_bad_during_halving_loses_nothing_of_the_sound_segment(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    """What was still to be loaded in parts were places, and other events stood there; 23 is still bad."""
    segment = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (11, 12, 13, 14)])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23, 24)])
    poisoned(monkeypatch, "facts", {23}, loader, broken)
    real, left = loader._load_part, [parts]

    def load_part(*args: Any) -> None:
        if left[0] == 0:
            raise no_space()
        left[0] -= 1
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loader, "_load_part", load_part)
        with pytest.raises(DatabaseError):
            loader.load_all(at_once=True)
    was_there = {visitor for visitor, _ in events_of(loader.warehouse, site.id)}
    bad_after(monkeypatch, segment, 2)
    loader.load_all(at_once=True)
    found = [visitor for visitor, _ in events_of(loader.warehouse, site.id)]
    assert sorted(found) == sorted({11, 12, 21, 22, 24} | was_there) and facts(loader.warehouse, site.id) == len(found)
    is_balanced(loader, site, stored=len(found), refused={"quarantined": 1})
    reasons = sum((Counter(one.reasons) for one in all_aside(loader.folder.parent)), Counter())
    assert reasons.pop("damaged") == 1 and reasons.total() == 1, "what is bad is put aside once"


def test_what_was_put_aside_while_a_sector_went_bad_is_put_aside_once(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """66 had been judged bad already, and the batch was not finished yet."""
    segment = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (11, 12, 13)])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 66, 23)])
    poisoned(monkeypatch, "facts", {66}, loader, broken)

    def killed(manifest: Path, segments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loader_, "finish", killed)
        with pytest.raises(Killed):
            loader.load_all(at_once=True)
    bad_after(monkeypatch, segment, 1)
    loader.load_all(at_once=True)
    assert sorted(visitor for visitor, _ in events_of(loader.warehouse, site.id)) == [11, 12, 13, 21, 23]
    is_balanced(loader, site, stored=5, refused={"quarantined": 1})
    (kept,) = (loader.folder / "aside").glob("*.seg")
    assert [read_record(payload).visitor for payload in records_in(kept)] == [66]


@pytest.mark.parametrize("nth", [0, 1])
def test_a_byte_that_rots_between_two_tries_costs_its_own_line_alone(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """And where the line was the first of two, the repetition is stored in its place."""
    again = told(site.id, 12, NOON, event_id=99_902)
    segment = spooled(loader.folder, "1", [told(site.id, 11, NOON), again, told(site.id, 14, NOON), again])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23)])
    failing_once(monkeypatch, loader, no_space)
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[nth] = lines[nth].replace(b"pageview", b"pagevieW")
    segment.write_bytes(b"".join(lines))
    loader.load_all()
    there = {11, 12, 14, 21, 22, 23} - ({11} if nth == 0 else set())
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == there
    is_balanced(loader, site, stored=len(there))
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"damaged": 1}]


def test_a_segment_that_vanishes_between_two_tries_moves_no_judgement(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = told(site.id, 12, NOON, event_id=99_903)
    segment = spooled(loader.folder, "1", [told(site.id, 11, NOON), again, again])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23)])
    failing_once(monkeypatch, loader, no_space)
    segment.unlink()
    loader.load_all()
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == {21, 22, 23}
    is_balanced(loader, site, stored=3)


def test_a_segment_that_comes_back_between_two_tries_is_loaded_too(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store had facts under the batch's name already, and would have ignored others under it."""
    segment = spooled(loader.folder, "1", [told(site.id, 11, NOON)])
    spooled(loader.folder, "2", [told(site.id, visitor, NOON) for visitor in (21, 22, 23)])
    assert next_batch(loader.folder, [])
    away = segment.rename(segment.with_suffix(".away"))

    def failing(*args: object) -> None:
        raise no_space()

    with monkeypatch.context() as patch:
        patch.setattr(store, "derive_visits", failing)
        with pytest.raises(DatabaseError):
            loader.load_all()
    assert facts(loader.warehouse, site.id) == 3
    away.rename(segment)
    loader.load_all()
    assert sorted(visitor for visitor, _ in events_of(loader.warehouse, site.id)) == [11, 21, 22, 23]
    assert facts(loader.warehouse, site.id) == 4
    is_balanced(loader, site, stored=4)


def test_a_batch_with_a_bad_sector_that_cannot_be_judged_is_halved_without_loss(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (1, 2, 66, 4, 5)])
    bad_after(monkeypatch, segment, 4)
    unjudgeable(monkeypatch, broken)
    loader.load_all(at_once=True)
    assert {visitor for visitor, _ in events_of(loader.warehouse, site.id)} == {1, 2, 4}
    assert sum((Counter(one.reasons) for one in all_aside(loader.folder.parent)), Counter())["damaged"] == 1


@pytest.mark.parametrize("nth", [0, 1])
def test_a_loader_killed_while_it_puts_a_bad_segment_aside_goes_on_where_it_was(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    segment = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (1, 2, 3)])
    bad_after(monkeypatch, segment, 2)

    def killed(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(batches, ("free_place", "_stand_in")[nth], killed)
        with pytest.raises(Killed):
            loader.load_all()
    assert [bool(list(loader.folder.glob(name))) for name in ("*.seg", "*.read")] == [nth == 0, True]
    assert loader.load_all() == 2
    assert [path.name for path in loader.folder.iterdir()] == ["aside"]
    assert len(unreadable_aside(loader.folder.parent)) == 1


def test_what_was_put_aside_under_the_same_name_stays(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    (loader.folder / "aside").mkdir()
    (loader.folder / "aside" / "1.seg.unreadable").write_bytes(b"more of the same hits")
    bad_after(monkeypatch, spooled(loader.folder, "1", [told(site.id, 1, NOON)] * 2), 1)
    loader.load_all()
    assert [path.name for path in unreadable_aside(loader.folder.parent)] == ["1.seg-2.unreadable", "1.seg.unreadable"]


@pytest.mark.parametrize("code", sorted(OWN_FAULTS))
def test_a_segment_waits_while_the_process_can_read_no_file(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """With too many files open, a sound segment was said to be unreadable, and never loaded."""
    segment = spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (1, 2)])
    with monkeypatch.context() as patch:
        bad_after(patch, segment, 1, code)
        with pytest.raises(OSError, match=os.strerror(code)):
            loader.load_all()
    assert loader.load_all() == 2
    assert unreadable_aside(loader.folder.parent) == []


def test_the_doctor_tells_of_segments_that_cannot_be_read(ctx: Context) -> None:
    """While their batch fails, nothing else says so."""
    aside = ctx.config.folder / "spool" / "main" / "aside"
    aside.mkdir(parents=True)
    installation = Installation(ctx.config, ctx.warehouse, ctx.database, ctx)
    assert [finding.state for finding in intake._aside(installation)] == [OK]
    (aside / "7.seg.unreadable").write_bytes(b"half of it")
    (finding,) = intake._aside(installation)
    assert finding.state == WARNING and "7.seg.unreadable" in finding.text and str(aside.parent.parent) in finding.cure
    (aside / "7.seg.unreadable").unlink()


def test_an_erasure_takes_what_was_put_aside(loader: Loader, site: Site) -> None:
    late = NOON.replace(year=2245)
    spooled(loader.folder, "1", [told(site.id, visitor, late) for visitor in (1, 2)])
    loader.load_all()
    root = loader.folder.parent
    assert forget_aside(root, [2]) == Unread()
    (kept,) = root.glob("*/aside/*.seg")
    assert b'"/"' in kept.read_bytes() and kept.read_bytes().count(b"\n") == 1
    assert forget_aside(root, [1]) == Unread()
    assert not list(root.glob("*/aside/*.seg"))


def test_what_nobody_can_read_is_counted_before_an_erasure_deletes_it(loader: Loader, site: Site) -> None:
    late, root = NOON.replace(year=2245), loader.folder.parent
    path = spooled(loader.folder, "1", [told(site.id, visitor, late) for visitor in (1, 2)])
    torn = b"0badc0de torn by the disk\n"
    path.write_bytes(path.read_bytes() + torn)
    loader.load_all()
    lost = b"10,000 acknowledged hits of other people"
    (loader.folder / "aside" / "7.seg.unreadable").write_bytes(lost)
    there = Unread(2, len(lost) + len(torn))
    assert unread_aside(root) == there
    assert forget_aside(root, [2]) == there
    assert unread_aside(root) == Unread()
    (kept,) = root.glob("*/aside/*.seg")
    assert [read_record(payload).visitor for payload in records_in(kept)] == [1], "what can be read of others stays"


# ── a wrong clock ──


def test_hits_of_a_year_to_come_make_no_partition_and_are_put_aside(loader: Loader, site: Site) -> None:
    spooled(loader.folder, "1", [told(site.id, 1, NOON), told(site.id, 2, NOON.replace(year=2245))])
    assert loader.load_all() == 1
    assert facts(loader.warehouse, site.id) == 1
    assert loader.warehouse.value("select max(on) from reception") <= clock.now().date()
    assert of_site(loader.warehouse, site.id, clock.now()) == {"wrong_clock": 1}
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"clock": 1}]


def test_the_salt_follows_the_right_day_when_the_clock_is_set_back(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = FreshSalts(ctx)
    with monkeypatch.context() as patch:
        future = clock.now() + 800 * DAY
        patch.setattr(clock, "now", lambda: future)
        patch.setattr(clock, "now_ms", lambda: to_ms(future))
        assert fresh().on == future.date()
    assert fresh().on == clock.now().date()
    with ctx.database.read() as c:
        assert max(c.execute(select(salts.c.on)).scalars()) <= clock.now().date() + timedelta(days=1)


# ── one visitor who sends without end ──


def test_a_visitor_may_send_so_much_in_a_day_and_the_rest_is_counted(
    loader: Loader, site: Site, load: Load, warehouse: Warehouse
) -> None:
    loader.quota = Quota(events=5)
    load(*[told(site.id, 1, NOON) for _ in range(4)], told(site.id, 2, NOON))
    load(*[told(site.id, 1, NOON) for _ in range(4)], told(site.id, 2, NOON))
    load(told(site.id, 1, NOON))
    load(told(site.id, 1, NOON, received=NOON + DAY), told(site.id, 1, NOON, event_id=10**9, marks=["api"]))
    assert ledger(warehouse, site.id) == {"stored": 9, "too_much": 4}
    assert facts(warehouse, site.id) == 9
    (today,) = (day for day in store.ingestion_days(warehouse, site.id, NOON.date()) if day.on == NOON.date())
    assert (today.refused, today.balance) == ({"too_much": 4}, 0)


@pytest.mark.parametrize("mark", ["retried", "clock", "pixel"])
def test_what_a_browser_sends_is_bounded_whatever_marks_it_bears(
    loader: Loader, site: Site, load: Load, warehouse: Warehouse, mark: str
) -> None:
    loader.quota = Quota(events=2)
    load(told(site.id, 1, NOON), told(site.id, 1, NOON), told(site.id, 1, NOON, marks=[mark]))
    load(told(site.id, 1, NOON, marks=[mark, "retried"]))
    assert ledger(warehouse, site.id) == {"stored": 2, "too_much": 2}


def test_a_visitors_bytes_are_bounded_too(loader: Loader, site: Site, load: Load, warehouse: Warehouse) -> None:
    loader.quota = Quota(size=2000)
    big = [told(site.id, 1, NOON, path="/" + "x" * 700) for _ in range(5)]
    load(*big, told(site.id, 2, NOON))
    assert ledger(warehouse, site.id) == {"stored": 3, "too_much": 3}


def test_a_visitors_bytes_are_bytes_and_not_signs(loader: Loader, site: Site, load: Load, warehouse: Warehouse) -> None:
    loader.quota = Quota(size=2000)
    load(*[told(site.id, 1, NOON, path="/" + "\N{GRINNING FACE}" * 175) for _ in range(5)])
    assert ledger(warehouse, site.id) == {"stored": 2, "too_much": 3}


def test_visitors_who_have_sent_very_much_are_not_derived_together(
    loader: Loader, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty of them, each within the limit, needed more memory than there was, and nobody's hits were loaded."""
    monkeypatch.setattr(visits, "READ_TOGETHER", 3000)
    parts, write = list[int](), visits._write_visits

    def noted(warehouse: Warehouse, site: Site, batch: int, *rest: Any) -> None:
        parts.append(int(warehouse.value("select count() from stale_visits where batch = {batch:UInt64}", batch=batch)))
        write(warehouse, site, batch, *rest)

    monkeypatch.setattr(visits, "_write_visits", noted)
    load(*[told(site.id, visitor, NOON, path="/" + "x" * 1000) for visitor in range(1, 6)])
    load(*[told(site.id, visitor, NOON + timedelta(seconds=5), path="/b") for visitor in range(1, 6)])
    assert parts[:3] == [2, 2, 1] and max(parts) <= 2
    made = "select count() from visits where site = {site:UInt32} and pageviews = 2"
    assert warehouse.value(made, site=site.id) == 5


@pytest.mark.parametrize("where", ["mark_stale", "stored_already"])
def test_what_a_store_that_is_down_kept_from_loading_is_counted_once(
    loader: Loader, site: Site, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    loader.quota = Quota(events=5)
    spooled(loader.folder, "1", [told(site.id, 1, NOON) for _ in range(4)])

    def is_down(*args: object) -> int:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(store, where, is_down)
        for _ in range(5):
            with pytest.raises(ConnectionRefusedError):
                loader.load_all()
    assert loader.load_all() == 4
    spooled(loader.folder, "2", [told(site.id, 1, NOON) for _ in range(4)])
    assert loader.load_all() == 1
    assert ledger(warehouse, site.id) == {"stored": 5, "too_much": 3}


# ── loading that stands still ──


def test_health_tells_in_plain_words_that_loading_stands_still(ctx: Context, site: Site) -> None:
    folder = ctx.config.folder / "spool" / "main"
    folder.mkdir(parents=True, exist_ok=True)
    segment = spooled(folder, "1", [told(site.id, 1, NOON)])
    ctx.state(Loading).went_on = time.monotonic()
    assert list(health.troubles(ctx)) == []
    os.utime(segment, (time.time() - 600, time.time() - 600))
    assert list(health.troubles(ctx)) == []  # old, but the loader is at it
    ctx.state(Loading).went_on = time.monotonic() - 300
    ctx.state(Loading).problem = "the store has too little memory or time"
    (trouble,) = health.troubles(ctx)
    assert trouble.status == 503
    assert trouble.what.startswith(
        "Nothing has been loaded into the event store for 5 minutes: the store has too little"
    )
    segment.unlink()
    assert list(health.troubles(ctx)) == []


def test_health_tells_a_loader_that_hangs_from_a_backup_that_holds_it(ctx: Context, site: Site) -> None:
    folder = ctx.config.folder / "spool" / "main"
    folder.mkdir(parents=True, exist_ok=True)
    segment = spooled(folder, "1", [told(site.id, 1, NOON)])
    os.utime(segment, (time.time() - 600, time.time() - 600))
    ctx.keep(Loading(went_on=time.monotonic() - 300))
    release, holds = threading.Event(), threading.Event()

    def hang() -> None:
        with ctx.loading:
            holds.set()
            release.wait(60)

    loader = threading.Thread(target=hang)
    loader.start()
    try:
        assert holds.wait(10)
        (trouble,) = health.troubles(ctx)
        assert trouble.status == 503 and "for 5 minutes: the loader is stuck" in trouble.what
    finally:
        release.set()
        loader.join()
    with health.loading_paused(ctx, "a backup"):
        assert list(health.troubles(ctx)) == []
    assert len(list(health.troubles(ctx))) == 1
    segment.unlink()


def test_health_tells_of_a_batch_that_stands_though_others_go_on(ctx: Context, site: Site) -> None:
    folder = ctx.config.folder / "spool" / "main"
    folder.mkdir(parents=True, exist_ok=True)
    segment = spooled(folder, "1", [told(site.id, 1, NOON)])
    manifest = next_batch(folder, [])
    assert manifest is not None
    ctx.keep(Loading(went_on=time.monotonic(), since=time.monotonic() - 5000))
    assert list(health.troubles(ctx)) == []
    os.utime(manifest, (time.time() - 1200, time.time() - 1200))
    (trouble,) = health.troubles(ctx)
    assert trouble.status == 503 and trouble.what.startswith("One batch of events has not been loaded for 20 minutes")
    ctx.state(Loading).since = time.monotonic()  # just started: it has its chance
    assert list(health.troubles(ctx)) == []
    manifest.unlink()
    segment.unlink()


# ── a full disk, by the system's own limit ──

FULL = """
import os, resource, signal, sys
from pathlib import Path
import msgspec
from tandem.accounts import store as accounts
from tandem.base.database import Database
from tandem.base.spool import framed
from tandem.base.warehouse import Fault, Warehouse, fault_of, migrate
from tandem.collect import store
from tandem.collect.batches import all_aside
from tandem.collect.loader import PATIENCE, Loader
from tests.collect.conftest import NOON, told

folder = Path(os.environ["FOLDER"])
warehouse, database = Warehouse(f"chdb:///{folder / 'events'}"), Database(f"sqlite:///{folder / 'records.db'}")
database.migrate()
migrate(warehouse, store.schema())
site = accounts.add_site(database, accounts.make_workspace(database, "Fern"), "fern", "Fern", ["shop.example"])
(folder / "spool").mkdir()
paths = ["".join(chr(97 + (n * k) % 26) for k in range(900)) for n in range(1, 300)]
records = [told(site.id, n, NOON, path=path) for n, path in enumerate(paths, 1)]
(folder / "spool" / "1.seg").write_bytes(b"".join(framed(msgspec.json.encode(r)) for r in records))
loader = Loader(warehouse, database, folder / "spool")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
for _ in range(PATIENCE + 1):
    try:
        loader.load_all(at_once=True)
        sys.exit("loaded in spite of the full disk")
    except Exception as error:
        assert fault_of(error) is Fault.STORE, repr(error)
assert all_aside(folder) == []
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(loader.load_all(), warehouse.value("select count() from events"), all_aside(folder), flush=True)
"""


@pytest.mark.process
def test_a_full_disk_puts_nothing_aside_and_loses_nothing(tmp_path: Path) -> None:
    done = forked.run_code(FULL, {**os.environ, "FOLDER": str(tmp_path)}, 120)
    assert done.stdout.splitlines()[-1:] == ["299 299 []"], done.stderr[-1500:]


def test_a_damaged_file_of_the_store_puts_no_hit_aside(loader: Loader, site: Site) -> None:
    """What the engine cannot read is its disk's fault: healthy hits wait for the repair."""
    spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in range(1, 200)])
    loader.load_all()
    store.tidy(loader.warehouse)
    found = loader.warehouse.ask("select path from system.parts where table = 'visit_rows' and active").rows
    damaged = [Path(row[0]) / "data.bin" for row in found if (Path(row[0]) / "data.bin").exists()]
    whole = {path: path.read_bytes() for path in damaged}
    try:
        for path, content in whole.items():
            path.write_bytes(bytes(b ^ 0x55 for b in content[:4096]) + content[4096:])
        loader.warehouse.do("system drop mark cache")
        spooled(loader.folder, "2", [told(site.id, visitor, NOON + DAY) for visitor in range(150, 160)])
        with pytest.raises(DatabaseError) as failed:
            loader.load_all(at_once=True)
        assert fault_of(failed.value) is Fault.STORE
        assert all_aside(loader.folder.parent) == []
    finally:
        for path, content in whole.items():
            path.write_bytes(content)
    assert loader.load_all(at_once=True) == 10


def test_a_clock_that_has_fallen_behind_throws_no_hit_out(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    spooled(loader.folder, "1", [told(site.id, 1, now)])
    loader.load_all()
    spooled(loader.folder, "2", [told(site.id, 2, now)])
    with monkeypatch.context() as behind:
        behind.setattr(clock, "now_ms", lambda: to_ms(now - 3 * DAY))
        with pytest.raises(UserError, match="server's clock is behind") as failed:
            loader.load_all()
    assert fault_of(failed.value) is Fault.STORE
    assert loader.load_all() == 1
    assert all_aside(loader.folder.parent) == []


def test_what_was_put_back_many_times_keeps_a_short_name(tmp_path: Path) -> None:
    name = "000000000000001"
    for _ in range(12):
        (tmp_path / f"{name}.seg").write_bytes(b"x")
        manifest = next_batch(tmp_path, [])
        assert manifest is not None
        (tmp_path / f"{name}.seg").unlink()
        name = manifest.stem
        manifest.unlink()
    assert len(name) < 64


# ── a clock that ran ahead ──


@pytest.fixture
def ran_ahead(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., datetime]]:
    """Loads a hit while the clock is ahead, and leaves a segment of hits with these marks for later."""

    def run(days: int, visitors: int = 1, marks: Iterable[str] = ()) -> datetime:
        now = clock.now()
        with monkeypatch.context() as ahead:
            future = now + days * DAY
            set_clock(ahead, future)
            spooled(loader.folder, "1", [told(site.id, 1, future)])
            assert loader.load_all() == 1
            spooled(loader.folder, "2", [told(site.id, 2 + n, future, marks=marks) for n in range(visitors)])
        return now

    yield run
    loader.warehouse.do("truncate table reception")


@pytest.mark.parametrize("days", [3, 800])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_clock_that_ran_ahead_puts_its_hits_aside_and_the_others_are_loaded(
    loader: Loader, site: Site, ran_ahead: Callable[..., datetime], days: int, at_once: bool
) -> None:
    now = ran_ahead(days)
    spooled(loader.folder, "3", [told(site.id, n, now) for n in range(10, 20)])
    assert loader.load_all(at_once) == 10
    spooled(loader.folder, "4", [told(site.id, n, now) for n in range(20, 30)])
    assert loader.load_all(at_once) == 10
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"clock": 1}]
    assert of_site(loader.warehouse, site.id, now) == {"stored": 20, "wrong_clock": 1}
    assert facts(loader.warehouse, site.id) == 21


def test_hits_in_doubt_wait_alone_until_later_ones_tell_that_the_clock_was_ahead(
    loader: Loader, site: Site, ran_ahead: Callable[..., datetime]
) -> None:
    now = ran_ahead(3, visitors=2)
    with pytest.raises(UserError, match="If the clock is right, it was ahead") as failed:
        loader.load_all()
    assert str(loader.doubt) == str(failed.value)
    spooled(loader.folder, "3", [told(site.id, 9, now, marks=["api"]), told(site.id, 9, now, marks=["pixel"])])
    with pytest.raises(UserError, match="server's clock is behind"):
        loader.load_all(at_once=True)
    assert facts(loader.warehouse, site.id) == 3, "whose time was our own: they tell nothing, and are loaded"
    spooled(loader.folder, "4", [told(site.id, 10, now)])
    assert loader.load_all() == 1
    assert (loader.doubt, loader.is_stuck) == (None, False)
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"clock": 2}]


def test_browsers_that_knew_the_day_better_tell_by_themselves_that_the_clock_was_ahead(
    loader: Loader, site: Site, ran_ahead: Callable[..., datetime]
) -> None:
    ran_ahead(3, visitors=2, marks=["clock"])
    assert loader.load_all() == 0
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"clock": 2}]


def test_browsers_that_know_the_day_better_than_a_clock_behind_keep_hits_waiting(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    spooled(loader.folder, "1", [told(site.id, 1, now)])
    loader.load_all()
    spooled(loader.folder, "2", [told(site.id, 2, now)])
    with monkeypatch.context() as behind:
        set_clock(behind, now - 3 * DAY)
        spooled(loader.folder, "3", [told(site.id, n, now - 3 * DAY, marks=["clock"]) for n in (3, 4, 5)])
        spooled(loader.folder, "4", [told(site.id, 6, now - 3 * DAY)])  # whose clock happens to be as wrong as ours
        for _ in range(3):
            with pytest.raises(UserError, match="server's clock is behind"):
                loader.load_all(at_once=True)
    assert loader.load_all() == 5
    assert all_aside(loader.folder.parent) == []


def test_a_clock_in_another_century_judges_no_hit(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store has names for the days up to 2149."""
    now = clock.now()
    with monkeypatch.context() as ahead:
        future = now + 80_000 * DAY
        set_clock(ahead, future)
        spooled(loader.folder, "1", [told(site.id, 1, future), told(site.id, 2, future)])
        for _ in range(4):
            with pytest.raises(UserError, match="shows 2245") as failed:
                loader.load_all()
            assert fault_of(failed.value) is Fault.STORE
    # What an earlier version has judged then is judged anew.
    (manifest,) = loader.folder.glob("*.batch")
    manifest.with_suffix(".judged").write_bytes(msgspec.json.encode(Judged(at=to_ms(future), outcomes={}, failures=4)))
    spooled(loader.folder, "3", [told(site.id, n, now) for n in range(10, 20)])
    assert loader.load_all() == 10
    assert [one.reasons for one in all_aside(loader.folder.parent)] == [{"clock": 2}]
    assert of_site(loader.warehouse, site.id, now) == {"stored": 10, "wrong_clock": 2}
