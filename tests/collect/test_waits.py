"""Batches that fail and wait: nothing of them stays in memory, and one that was split holds nothing up."""

import gc
import os
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tandem.accounts.model import Site
from tandem.base.clock import from_ms, now_ms
from tandem.collect import batches, health, store
from tandem.collect import loader as loader_
from tandem.collect import slice as slice_
from tandem.collect.batches import Batch
from tandem.collect.health import Loading
from tandem.collect.loader import Loader, Loaders
from tandem.core.context import Context
from tests.collect.conftest import NOON, told
from tests.collect.test_loader import spooled
from tests.collect.test_poison import broken, load_until_done, short, unjudgeable

in_memory = weakref.WeakSet[Batch]()


class Remembered(Batch):
    """A batch of which is known whether it is still in memory."""

    def __init__(self, manifest: Path, now: int) -> None:
        in_memory.add(self)
        super().__init__(manifest, now)


def with_a_cause(error: Callable[[], Exception]) -> Exception:
    try:
        raise OSError("the answer broke off")
    except OSError as cause:
        made = error()
        made.__cause__ = cause
        return made


def no_connection() -> DatabaseError:
    return DatabaseError("Code: 210. DB::Exception: Connection refused", code=210)


@pytest.mark.parametrize("error", [broken, short, no_connection])
@pytest.mark.parametrize("is_at_once", [False, True])
def test_batches_that_wait_are_not_held_in_memory(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception], is_at_once: bool
) -> None:
    """Not even as garbage: the collector does not run while a batch is loaded. A restart tries all of them at once."""
    for n in range(3):
        spooled(loader.folder, f"{n:02}", [told(site.id, n * 10 + k, NOON) for k in range(2)])
    alive = list[int]()

    def add(*_: Any) -> int:
        alive.append(len(in_memory))
        raise with_a_cause(error)

    monkeypatch.setattr(batches, "BATCH_BYTES", 1)  # each segment is a batch of its own
    monkeypatch.setattr(loader_, "Batch", Remembered)
    monkeypatch.setattr(store, "add_events", add)
    gc.collect()
    gc.disable()
    monkeypatch.setattr(gc, "enable", lambda: None)
    try:
        for one in (loader, loader, Loader(loader.warehouse, loader.database, loader.folder)):
            with suppress(DatabaseError):  # what fails on its data alone is put aside in the end
                one.load_all(is_at_once)
        assert max(alive) == 1 and len(in_memory) == 0
    finally:
        monkeypatch.undo()
        gc.enable()


def test_the_collector_of_garbage_is_on_again_after_a_load_and_after_one_that_fails(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(loader.folder, "1", [told(site.id, 1, NOON)])
    with monkeypatch.context() as patch:
        patch.setattr(store, "add_events", lambda *_: _raise(short()))
        with pytest.raises(DatabaseError):
            loader.load_all()
    assert gc.isenabled()
    was_on, real = list[bool](), store.add_events
    monkeypatch.setattr(store, "add_events", lambda *given: [was_on.append(gc.isenabled()), real(*given)][1])
    assert loader.load_all() == 1
    assert was_on == [False] and gc.isenabled()


def _raise(error: Exception) -> int:
    raise error


def test_a_batch_that_was_split_waits_for_nothing(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled(loader.folder, "1", [told(site.id, visitor, NOON) for visitor in (1, 2, 66)])
    unjudgeable(monkeypatch, broken)
    load_until_done(loader)
    assert not loader.is_stuck


def test_a_batch_that_was_taken_away_by_hand_waits_for_nothing(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(loader.folder, "1", [told(site.id, 66, NOON)])
    unjudgeable(monkeypatch, short)
    with pytest.raises(DatabaseError):
        loader.load_all()
    assert loader.is_stuck
    for path in [*loader.folder.glob("*.batch"), *loader.folder.glob("*.seg")]:
        path.unlink()
    assert loader.load_all() == 0 and not loader.is_stuck


def test_a_pause_with_a_reason_is_no_trouble_after_a_split(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ctx.config.folder / "spool" / "main"
    folder.mkdir(parents=True, exist_ok=True)
    now = from_ms(now_ms())
    spooled(folder, "000000000000001", [told(site.id, v, now - timedelta(minutes=5)) for v in (1, 2, 66)])
    monkeypatch.setattr(slice_, "LONGEST_WAIT_S", 0.0)
    with monkeypatch.context() as patch:
        unjudgeable(patch, broken)
        for _ in range(6):
            slice_._load(ctx)
    assert not ctx.state(Loaders)["main"].is_stuck and ctx.state(Loading).problem == ""
    waiting = spooled(folder, "000000000000002", [told(site.id, 5, now)])
    os.utime(waiting, (time.time() - 60, time.time() - 60))
    monkeypatch.setattr(health, "STANDS_STILL_S", 0.0)  # two minutes have gone
    with health.loading_paused(ctx, "a backup"):
        assert health.minutes_still(ctx) is None


def test_loading_rests_after_much_and_never_after_little(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch costs the same whatever it holds: under load, two in a second took more than all that they stored."""
    now, begun = [100.0], list[float]()
    loads = [(slice_.MANY - 1, 0.3), (slice_.MANY, 0.3), (50_000, 9.0), (0, 0.0)]
    monkeypatch.setattr(slice_.time, "monotonic", lambda: now[0])

    def load(_: Context) -> int:
        count, took = loads[len(begun)]
        begun.append(now[0])
        now[0] += took
        return count

    monkeypatch.setattr(slice_, "load_spools", load)
    while len(begun) < len(loads):
        slice_.load_at_pace(ctx)
        now[0] += 0.1
    rests = [later - at - took - 0.1 for at, later, (_, took) in zip(begun, begun[1:], loads, strict=False)]
    assert rests == [pytest.approx(rest, abs=0.1) for rest in (0, 4 * 0.3, slice_.LONGEST_REST_S)]
