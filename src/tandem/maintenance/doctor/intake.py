"""What comes in: loading, the spool and what was put aside, jobs, salts and the clock."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tandem.base import clock
from tandem.base.spool import sealed
from tandem.base.texts import quantity
from tandem.collect import health
from tandem.collect import store as collect
from tandem.collect.batches import PutAside, all_aside, damaged_notes, unreadable_aside
from tandem.collect.loader import spool_folders
from tandem.collect.manifests import is_own
from tandem.maintenance.doctor.finding import OK, PROBLEM, WARNING, Check, DoctorFinding, Installation, lacks_records

OLD_SPOOL_S = 60.0


def _aside(installation: Installation) -> Iterator[DoctorFinding]:
    """What could not be loaded and was put aside."""
    root = installation.settings.folder / "spool"
    put_asides, notes, unreadable = all_aside(root), damaged_notes(root), unreadable_aside(root)
    if not put_asides and not unreadable:
        yield DoctorFinding("put aside", OK, "No received records were set aside.")
    if segments := [path for path in unreadable if not is_own(path)]:
        yield _unreadable(root, segments)
    if own := [path for path in unreadable if is_own(path)]:
        yield _own(root, own)
    if put_asides:
        yield _put_aside(root, put_asides)
    if notes:
        yield _notes(notes)


def _unreadable(root: Path, paths: list[Path]) -> DoctorFinding:
    """Segments with bad sectors: what stands behind these is in no store."""
    text = f"The disk does not give back all of {quantity(len(paths), 'segment')} of received records: {_few(paths)}."
    cure = (
        "Check the disk. What could be read of them is loaded, what comes after the bad sector is not. They are kept "
        f"in {root}/*/aside: recover what you can, move it into the folder above under a name that ends in .seg, and "
        "delete them. No record counts twice."
    )
    return DoctorFinding("put aside", WARNING, text, cure)


def _own(root: Path, paths: list[Path]) -> DoctorFinding:
    """Files that the loader writes for itself: the received records lie beside them, and are loaded."""
    text = f"Damaged files in which the loader notes its progress: {len(paths)} ({_few(paths)})."
    cure = (
        "Check the disk. The received records are in other files: they were loaded without these notes, and none "
        f"counts twice. The damaged files are kept in {root}/*/aside. Delete them."
    )
    return DoctorFinding("put aside", WARNING, text, cure)


def _notes(paths: list[Path]) -> DoctorFinding:
    text = f"Unreadable notes of why records were set aside: {len(paths)} ({', '.join(map(str, paths[:3]))})."
    cure = (
        "Check the disk. The records are in the file of the same name that ends in .seg: move it into the folder above "
        "to try it again, and delete the note."
    )
    return DoctorFinding("put aside", WARNING, text, cure)


def _few(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths[:3]) + (" …" if len(paths) > 3 else "")


def _put_aside(root: Path, put_asides: list[PutAside]) -> DoctorFinding:
    reasons = Counter[str]()
    for one in put_asides:
        reasons.update(one.reasons)
    since = clock.from_ms(min(one.at for one in put_asides)).date()
    most = "; ".join(f"{count} × {why}" for why, count in reasons.most_common(3))
    text = (
        f"Not loaded since {since}: {quantity(sum(reasons.values()), 'record')} "
        f"in {quantity(len(put_asides), 'batch', 'batches')}: {most}."
    )
    cure = (
        f"They are kept in {root}/*/aside. Move a .seg file into the folder above it to try it again, or delete it "
        "with its .json. Those of a wrong “clock” would be put aside again until the day has come that they are dated: "
        "delete them if it never comes. “damaged” means that the data on disk has changed: check the disk."
    )
    return DoctorFinding("put aside", WARNING, text, cure)


def _clock(installation: Installation) -> Iterator[DoctorFinding]:
    """Whether the clock has jumped, as far as the salts, the ledger and this process can tell."""
    today, wrong = clock.now().date(), []
    if abs(moved := clock.moved_s()) > health.CLOCK_MOVED_S and installation.runs:
        wrong.append(f"it has moved by {moved / 3600:.1f} hours since Tandem started")
    if not lacks_records(installation):
        assert installation.database is not None
        newest = max(collect.salt_days(installation.database), default=today)
        if newest > today + timedelta(days=1):
            wrong.append(f"a salt of {newest} was made")
    if installation.warehouse is not None and installation.warehouse.value("exists table reception"):
        # The ledger's days are the days of receiving, by the clock of the collector.
        last = installation.warehouse.value("select max(on) from reception")
        if last is not None and last > today + timedelta(days=1):
            wrong.append(f"hits were received on {last}")
    if wrong:
        cure = (
            "Set the clock of the machine (and of each collector) right, if it is not. Hits that were loaded while it "
            "was ahead keep their day; those that were not are put aside once browsers tell that it is right again. "
            f"Where no browser does, move their segments out of {installation.settings.folder / 'spool'} and start "
            "Tandem again."
        )
        yield DoctorFinding("clock", PROBLEM, f"Today is {today}, but {'; '.join(wrong)}.", cure)
    else:
        yield DoctorFinding("clock", OK, f"It is {clock.now():%Y-%m-%d %H:%M} UTC. No future day has been counted.")


def _loading(installation: Installation) -> Iterator[DoctorFinding]:
    if installation.ctx is not None:
        for trouble in health.troubles(installation.ctx):
            yield DoctorFinding("loading", PROBLEM, trouble.what, trouble.hint)


def _spool(installation: Installation) -> Iterator[DoctorFinding]:
    root = installation.settings.folder / "spool"
    segments = list[os.stat_result]()
    for path in (path for folder in spool_folders(root) for path in sealed(folder)):
        with suppress(FileNotFoundError):  # loaded meanwhile
            segments.append(path.stat())
    if not segments:
        yield DoctorFinding("spool", OK, "Everything received is loaded.")
        return
    size = sum(segment.st_size for segment in segments) / (1 << 20)
    age = time.time() - min(segment.st_mtime for segment in segments)
    text = f"Waiting to be loaded: {quantity(len(segments), 'segment')} ({size:.1f} MB), the oldest for {_span(age)}."
    if age < OLD_SPOOL_S:
        yield DoctorFinding("spool", OK, text)
    elif installation.paused_by:
        yield DoctorFinding("spool", OK, f"{text} They are loaded after {installation.paused_by}.")
    elif installation.runs:
        yield DoctorFinding("spool", PROBLEM, text, "See the job `load` below and the log. No data is lost.")
    else:
        yield DoctorFinding("spool", WARNING, text, "Start `tandem serve`. No data is lost.")


def _span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def _jobs(installation: Installation) -> Iterator[DoctorFinding]:
    jobs = installation.ctx.jobs if installation.ctx else None
    for state in jobs.states.values() if jobs else ():
        if state.failures:
            text = f"`{state.name}` has failed {quantity(state.failures, 'time')}: {state.problem}"
            yield DoctorFinding("jobs", PROBLEM, text, "Fix the cause. The job is retried automatically.")
        else:
            yield DoctorFinding("jobs", OK, f"`{state.name}` runs; it took {state.took_ms:.0f} ms last.")


def _salts(installation: Installation) -> Iterator[DoctorFinding]:
    if lacks_records(installation):
        return
    assert installation.database is not None
    today = clock.now().date()
    oldest = min(collect.salt_days(installation.database), default=today)
    if oldest < today - timedelta(days=1):
        text = f"A salt of {oldest} still exists, so IDs of that day could be traced back."
        cure = "Start `tandem serve`: it deletes old salts." if not installation.runs else "See the job `salts` above."
        yield DoctorFinding("salts", PROBLEM, text, cure)
    else:
        yield DoctorFinding("salts", OK, "No salt is older than a day.")


CHECKS: tuple[Check, ...] = (_loading, _spool, _aside, _jobs, _salts, _clock)
