"""Damaged bytes in the loader's own small files: nothing waits for ever, nothing is lost, nothing counts twice."""

import errno
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.collect import store
from tandem.collect.batches import all_aside, damaged_notes, next_batch, unreadable_aside
from tandem.collect.loader import Loader
from tandem.core.context import Context
from tandem.maintenance.doctor import intake
from tandem.maintenance.doctor.finding import WARNING, Installation
from tests.collect.conftest import NOON, ledger, told
from tests.collect.test_loader import Killed, a_walk, facts, killed_at, spooled
from tests.collect.test_poison import events_of

NO_TEXT = b"\xff\xfe\xff"


def anew(loader: Loader) -> Loader:
    """A new process."""
    return Loader(loader.warehouse, loader.database, loader.folder)


def kept(loader: Loader) -> list[str]:
    return [path.name for path in unreadable_aside(loader.folder.parent)]


def half_loaded(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, when: str = "after") -> Path:
    """A batch whose facts are told to the ledger, and (not) in the store, when its process is killed."""
    spooled(loader.folder, "1", a_walk(site.id))
    spooled(loader.folder, "2", a_walk(site.id, 2))
    with monkeypatch.context() as patch:
        killed_at(patch, store, "add_events", when)
        with pytest.raises(Killed):
            loader.load_all()
    (manifest,) = loader.folder.glob("*.batch")
    return manifest


def put_in(path: Path, bad: bytes) -> None:
    """Damage the first byte of a file."""
    path.write_bytes(bad + path.read_bytes()[1:])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("bad", [b"\xff", b"/", b"\n", b"7"])
def test_a_damaged_manifest_is_written_again_from_what_it_is_called_after(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, bad: bytes, when: str
) -> None:
    """Under another name the ledger would count its events a second time."""
    manifest = half_loaded(loader, site, monkeypatch, when)
    put_in(manifest, bad)
    spooled(loader.folder, "3", a_walk(site.id, 3))
    anew(loader).load_all()
    assert ledger(loader.warehouse, site.id) == {"stored": 15} and facts(loader.warehouse, site.id) == 15
    assert kept(loader) == [f"{manifest.name}.unreadable"] and not list(loader.folder.glob("*.*"))


def test_a_manifest_that_nothing_explains_is_set_apart_and_the_segments_are_loaded(loader: Loader, site: Site) -> None:
    (loader.folder / "000000000000004-bad.batch").write_bytes(NO_TEXT)
    spooled(loader.folder, "000000000000005", a_walk(site.id))
    assert loader.load_all() == 5 and loader.load_all() == 0
    assert kept(loader) == ["000000000000004-bad.batch.unreadable"]


@pytest.mark.parametrize("note", [NO_TEXT, b'{"at": 5, "outcomes": {"0": "dupli\xffcate"}}', b'{"at":', b""])
def test_what_was_judged_and_is_damaged_is_judged_anew(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, note: bytes
) -> None:
    manifest = half_loaded(loader, site, monkeypatch)
    manifest.with_suffix(".judged").write_bytes(note)
    anew(loader).load_all()
    assert ledger(loader.warehouse, site.id) == {"stored": 10} and facts(loader.warehouse, site.id) == 10
    assert kept(loader) == ([f"{manifest.stem}.judged.unreadable"] if note else [])


def test_a_flipped_bit_that_leaves_a_note_readable_loses_no_event(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled(loader.folder, "0", [a_walk(site.id)[1]])
    manifest = half_loaded(loader, site, monkeypatch, "before")
    note = manifest.with_suffix(".judged")
    assert note.read_bytes().count(b'{"2":"duplicate"}') == 1
    note.write_bytes(note.read_bytes().replace(b'{"2":"duplicate"}', b'{"3":"duplicate"}'))
    anew(loader).load_all()
    assert len(events_of(loader.warehouse, site.id)) == facts(loader.warehouse, site.id) == 10
    assert kept(loader) == [f"{note.name}.unreadable"]


def test_a_note_of_an_earlier_version_has_no_checksum_and_is_read(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = half_loaded(loader, site, monkeypatch).with_suffix(".judged")
    judged = msgspec.json.decode(note.read_bytes()[9:])
    del judged["key"]
    note.write_bytes(msgspec.json.encode(judged))
    anew(loader).load_all()
    assert ledger(loader.warehouse, site.id) == {"stored": 10} and kept(loader) == []
    assert facts(loader.warehouse, site.id) == 10


@pytest.mark.parametrize("note", [NO_TEXT, b""])
def test_a_segment_and_the_note_are_damaged_one_after_the_other_and_the_ledger_is_put_right(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, note: bytes
) -> None:
    manifest = half_loaded(loader, site, monkeypatch, "before")
    put_in(loader.folder / "1.seg", b"x")
    with monkeypatch.context() as patch:
        killed_at(patch, store, "add_events", "before")
        with pytest.raises(Killed):
            anew(loader).load_all()
    manifest.with_suffix(".judged").write_bytes(note)
    anew(loader).load_all()
    (day,) = store.ingestion_days(loader.warehouse, site.id, NOON.date())
    assert (facts(loader.warehouse, site.id), day.stored, day.balance) == (9, 9, 0)


@pytest.mark.parametrize("suffix", [".batch", ".judged", ".loaded"])
def test_a_file_of_its_own_that_the_disk_does_not_give_back_stops_nothing(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    own = half_loaded(loader, site, monkeypatch).with_suffix(suffix)
    own.unlink(missing_ok=True)
    own.mkdir()  # reading it fails, as on a bad sector
    anew(loader).load_all()
    assert facts(loader.warehouse, site.id) == 10 and kept(loader) == [f"{own.name}.unreadable"]
    assert not list(loader.folder.glob("*.*"))


@pytest.mark.parametrize("suffix", [".batch", ".judged"])
@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENOMEM])
def test_a_file_of_its_own_waits_while_the_process_can_read_no_file(
    loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch, suffix: str, code: int
) -> None:
    half_loaded(loader, site, monkeypatch)
    real = Path.read_bytes

    def reading(path: Path) -> bytes:
        if path.suffix == suffix:
            raise OSError(code, os.strerror(code))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", reading)
        with pytest.raises(OSError, match=os.strerror(code)):
            anew(loader).load_all()
    anew(loader).load_all()
    assert ledger(loader.warehouse, site.id) == {"stored": 10} and kept(loader) == []


def test_a_damaged_manifest_of_a_finished_batch_takes_its_segments_away(loader: Loader, site: Site) -> None:
    spooled(loader.folder, "1", [told(site.id, 1, NOON)])
    manifest = next_batch(loader.folder, [])
    assert manifest is not None
    manifest.rename(manifest.with_suffix(".loaded")).write_bytes(NO_TEXT)
    assert loader.load_all() == 0 and not list(loader.folder.glob("*.*"))


def test_a_draft_of_a_killed_process_is_cleared(loader: Loader, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk it is empty; of what was put aside it may hold what a visitor sent."""
    manifest = half_loaded(loader, site, monkeypatch)
    (loader.folder / "aside").mkdir()
    drafts = [manifest.with_suffix(".draft"), loader.folder / "aside" / f"{manifest.stem}.draft"]
    for draft in drafts:
        draft.write_bytes(b"")
    anew(loader).load_all()
    assert not any(draft.exists() for draft in drafts) and facts(loader.warehouse, site.id) == 10


def findings_of(ctx: Context) -> list[Any]:
    return list(intake._aside(Installation(ctx.config, ctx.warehouse, ctx.database, ctx)))


def test_the_doctor_names_a_damaged_file_of_the_loader_and_what_to_do(ctx: Context) -> None:
    aside = ctx.config.folder / "spool" / "main" / "aside"
    aside.mkdir(parents=True)
    (aside / "4-bad.batch.unreadable").write_bytes(NO_TEXT)
    (finding,) = findings_of(ctx)
    assert finding.state == WARNING and "Damaged files in which the loader notes its progress: 1" in finding.text
    assert "4-bad.batch.unreadable" in finding.text and "none counts twice" in finding.cure


def test_a_damaged_note_of_what_was_put_aside_is_named_and_its_records_are_counted(
    ctx: Context, loader: Loader, site: Site
) -> None:
    spooled(loader.folder, "1", [told(site.id, visitor, NOON.replace(year=2245)) for visitor in (1, 2)])
    loader.load_all()
    root = loader.folder.parent
    (note,) = root.glob("*/aside/*.json")
    note.write_bytes(note.read_bytes().replace(b"clock", b"cl\xffck"))
    assert [one.reasons for one in all_aside(root)] == [{"unknown": 2}] and damaged_notes(root) == [note]
    aside = ctx.config.folder / "spool" / "main" / "aside"
    aside.mkdir(parents=True)
    for path in note.parent.iterdir():
        path.rename(aside / path.name)
    counted, named = findings_of(ctx)
    assert "2 records in 1 batch:" in counted.text and str(aside / note.name) in named.text
