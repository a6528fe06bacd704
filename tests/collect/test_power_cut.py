"""A power cut while a poisoned batch is loaded: whatever it leaves of `.judged`, each event counts once."""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.batches import all_aside
from tandem.collect.loader import Loader
from tests.collect.conftest import MINUTE, NOON, told
from tests.collect.test_loader import copies, spooled
from tests.collect.test_poison import BAD, events_of, poisoned

MOMENTS = 21
"""Writes to store and disk until such a batch is finished."""
GOOD, POISON = 1, 2
_rounds = count(1)


class Cut(BaseException):
    """The power is gone at this very place."""


class Disk:
    """What a power cut may leave of the file with this suffix: only what is synced, and named for good, is sure.

    A file that has its name, but was never synced, may also turn out empty or torn.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
        self.states: list[bytes | None] = [None]
        self._synced, self._named = set[int](), list[bytes | None]()
        self._suffix, self._replace, self._fsync = suffix, Path.replace, os.fsync
        monkeypatch.setattr(Path, "replace", lambda path, to: self._named_so(path, to))
        monkeypatch.setattr(os, "fsync", self._sync)

    def _named_so(self, draft: Path, to: Path) -> Path:
        if to.suffix == self._suffix:
            content, number = draft.read_bytes(), draft.stat().st_ino
            self._named = [content] if number in self._synced else [content, b"", content[: len(content) // 2]]
            self.states += self._named
        return self._replace(draft, to)

    def _sync(self, handle: int) -> None:
        self._fsync(handle)
        if not Path(f"/proc/self/fd/{handle}").resolve().is_dir():
            self._synced.add(os.fstat(handle).st_ino)
        elif self._named:
            self.states = self._named


def cut_after(monkeypatch: pytest.MonkeyPatch, moments: int) -> None:
    """Nothing more is done after so many writes."""
    left = [moments]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            if left[0] == 0:
                raise Cut
            left[0] -= 1
            return real(*args, **more)

        return write

    for owner, name in [
        (store, "add_ingestion"), (store, "add_events"), (store, "take_back"), (Path, "replace"),
    ]:  # fmt: skip
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


def cut_off(loader: Loader, site: Site, moments: int, which: int) -> tuple[int, int, bool]:
    """Load a batch until the cut, and go on with the nth of the notes that it may leave.

    A good event is loaded before the poison is put aside, and comes once more behind it.

    returns   by how much its visitors' ids are larger than 0 to POISON, how many such notes there are, was it cut
    """
    mark = next(_rounds) * 100
    poison = told(site.id, mark + POISON, NOON, "event", name=BAD, event_id=mark + POISON)
    good = told(site.id, mark + GOOD, NOON + MINUTE, event_id=mark + GOOD)
    folder = loader.folder / str(mark)
    folder.mkdir()
    spooled(folder, "1", [good, poison])
    spooled(folder, "2", copies([good]))
    is_cut = True
    with pytest.MonkeyPatch.context() as patch:
        poisoned(patch, "visits", {mark + POISON}, loader)
        with pytest.MonkeyPatch.context() as power:
            disk = Disk(power, ".judged")
            cut_after(power, moments)
            try:
                Loader(loader.warehouse, loader.database, folder).load_all(at_once=True)
                is_cut = False
            except Cut:
                leave(folder, disk.states[which])
        Loader(loader.warehouse, loader.database, folder).load_all(at_once=True)
    return mark, len(disk.states), is_cut


def leave(folder: Path, content: bytes | None) -> None:
    for manifest in folder.glob("*.batch"):
        note = manifest.with_suffix(".judged")
        note.unlink(missing_ok=True)
        if content is not None:
            note.write_bytes(content)


def unlike(warehouse: Warehouse, loader: Loader, site: Site, mark: int) -> list[str]:
    """What is not as if there had been no cut."""
    found = {id_ for visitor, id_ in events_of(warehouse, site.id) if mark <= visitor < mark + 100}
    facts = warehouse.value(
        "select count() from events where site = {s:UInt32} and visitor between {a:UInt64} and {b:UInt64}",
        s=site.id, a=mark, b=mark + 99,
    )  # fmt: skip
    (day,) = store.ingestion_days(warehouse, site.id, NOON.date())
    aside = [sum(one.reasons.values()) for one in all_aside(loader.folder) if one]
    wanted = {
        "ids": (found, {mark + GOOD}),
        "facts": (facts, 1),
        "ledger": (day.balance, 0),
        "copies": (day.duplicates, len(aside)),
        "poison": (day.refused, {"quarantined": len(aside)}),
        "aside": (aside, [1] * len(aside)),
    }
    return [f"{what}: {is_} instead of {should}" for what, (is_, should) in wanted.items() if is_ != should]


@pytest.mark.parametrize("moments", range(1, MOMENTS))
def test_whatever_a_cut_leaves_of_what_was_judged_nothing_is_lost_or_doubled(
    loader: Loader, site: Site, moments: int
) -> None:
    which, states, wrong = 0, 1, dict[int, list[str]]()
    while which < states:
        mark, states, is_cut = cut_off(loader, site, moments, which)
        assert is_cut
        if problems := unlike(loader.warehouse, loader, site, mark):
            wrong[which] = problems
        which += 1
    assert wrong == {}


def test_the_moments_reach_to_the_end_of_a_batch(loader: Loader, site: Site) -> None:
    assert not cut_off(loader, site, MOMENTS, 0)[2]
