"""Batches as files: what is loaded together, how far it has come, and what had to be put aside.

Beside the segments of a spool (`NNN.seg`) lie, while a batch is being loaded, its manifest (`*.batch`, the names of
its segments) and what was judged about it (`*.judged`, a line with its checksum). The manifest is renamed to
`*.loaded` when all is in the store: only then are the segments taken away. Where a batch is made into two, the halves
are written first (`*.half`), then its manifest is renamed to `*.split`: from then on they stand for its segments.
Where a segment has a bad sector, what could be read of it is written first (`*.read`), then the segment is put aside
(`<segment>.unreadable`), and the former takes its name. The folder `aside` keeps what cannot be loaded:
`<batch>.seg`, in the form of a segment, and `<batch>.json`, which says why.
"""

import functools
import hashlib
import secrets
import shutil
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from tandem.base import log
from tandem.base.disk import sync_folder, write_whole
from tandem.base.errors import NO_JSON
from tandem.base.spool import framed, records_in, sealed, unframed
from tandem.collect.manifests import (
    ASIDE,
    OWN_FAULTS,
    UNREADABLE,
    free_place,
    is_whole,
    segments_of,
    set_apart,
    write_manifest,
)
from tandem.collect.model.hit import LATEST_MS, Record

BATCH_BYTES = 24 << 20
READ = ".read"
KEPT_BESIDE = b"it is kept beside this file.\n"
read_record = msgspec.json.Decoder(Record).decode
_write = msgspec.json.Encoder().encode
_log = log.get("collect")


class Judged(msgspec.Struct):
    """What was decided about a batch when it was first looked at, and how far its halving is.

    at         when that was (ms)
    outcomes   position of an event in the batch -> what became of it, where it was not simply stored
    failures   how often loading it as a whole has failed on its data
    todo       spans of positions still to be loaded apart; None while the batch is loaded as a whole
    is_told    whether the ledger has it
    aside      position -> why it cannot be loaded
    late       positions that were put aside after the ledger had counted them
    handed     positions of claims of who somebody is that were handed on, and so counted
    given      segment -> a mark of the records that it gave, and how many damaged lines: what the positions count
    anew       how often what was judged before had to be thrown away
    key        of this judgement alone: the store ignores what it was given under its name before
    """

    at: int
    outcomes: dict[int, str] | None = None
    failures: int = 0
    todo: list[tuple[int, int]] | None = None
    is_told: bool = False
    aside: dict[int, str] = {}
    late: set[int] = set()
    handed: set[int] = set()
    given: dict[str, tuple[int, int]] = {}
    anew: int = 0
    key: str = msgspec.field(default_factory=lambda: secrets.token_hex(8))


class PutAside(msgspec.Struct):
    """What the folder `aside` says of one batch: since when (ms), and how many events for which reason."""

    at: int
    reasons: dict[str, int]


class Batch:
    """One manifest of a spool folder, with its segments read."""

    def __init__(self, manifest: Path, now: int) -> None:
        self.manifest, self.name = manifest, manifest.stem
        self.folder = manifest.parent
        self.segments = segments_of(manifest)
        self.damaged: list[bytes] = []
        self.halves: list[Path] = []
        self.given: dict[str, tuple[int, int]] = {}
        self.records = self._records()
        self.judged = self._still_true(self._judged_before(now))

    def _records(self) -> list[Record]:
        records = list[Record]()
        for path in self.segments:
            if not path.exists():
                continue
            first, damaged, marks = len(records), len(self.damaged), [0]
            try:
                for record in self._records_in(path, marks):
                    records.append(record)  # one by one: those before an error stay
            except OSError as error:
                if error.errno in OWN_FAULTS:
                    raise
                marks[0] = self._set_apart(path, error, records[first:], self.damaged[damaged:])
            self.given[path.name] = marks[0], len(self.damaged) - damaged
        return records

    def _records_in(self, path: Path, marks: list[int]) -> Iterator[Record]:
        for payload in records_in(path, self.damaged):
            try:
                record = read_record(payload)
            except NO_JSON:
                self.damaged.append(framed(payload))
            else:
                marks[0] = zlib.crc32(payload, marks[0])
                yield record

    def _still_true(self, judged: Judged) -> Judged:
        """What was judged, if the segments give what they gave then; else what is left of it.

        A sector goes bad, a byte rots, a file vanishes between two tries: then the positions are those of other events.
        All is judged anew, and the store knows what it has: nothing is doubled, nothing that can be read is lost.
        """
        if judged.outcomes is not None and judged.given != self.given:
            at, anew = judged.at, judged.anew + 1
            _log.warning("collect.judged_anew", batch=self.name, segments=len(self.segments), times=anew)
            judged = Judged(at, failures=judged.failures, is_told=judged.is_told, anew=anew)
        judged.given = self.given
        return judged

    def _set_apart(self, path: Path, error: OSError, records: Sequence[Record], damaged: Sequence[bytes]) -> int:
        """Put what was read of a segment with a bad sector in its place, and the segment beside what was put aside.

        Every later try reads the same events in the same places, and of the rest one damaged line, which says where it
        is. Once that file can be read it may be put back, and nothing counts twice.

        returns   the mark of the records that now stand in its place
        """
        aside = self.folder / ASIDE
        aside.mkdir(exist_ok=True)
        self.damaged.append(f"{path.name} cannot be read ({error.strerror}); ".encode() + KEPT_BESIDE)
        payloads = [_write(record) for record in records]
        write_whole(path.with_suffix(READ), b"".join([*map(framed, payloads), *_ended(damaged), self.damaged[-1]]))
        path.rename(free_place(aside, path.name))
        sync_folder(aside)
        _stand_in(path.with_suffix(READ))
        return functools.reduce(lambda mark, payload: zlib.crc32(payload, mark), payloads, 0)

    @property
    def _note(self) -> Path:
        return self.manifest.with_suffix(".judged")

    def _judged_before(self, now: int) -> Judged:
        """What was judged before; what cannot be read of it is judged anew.

        The ledger knows the batch by its name and takes it once, the store knows the events that it has.
        """
        try:
            judged = _note_in(self._note)
        except FileNotFoundError:
            return Judged(at=now)
        # What was judged on a day that the ledger cannot name is in no store.
        return judged if judged is not None and judged.at < LATEST_MS else Judged(at=now, anew=1)

    def save(self) -> None:
        """Note what was judged, on disk before anything is done by it: whatever ends the process, the next goes on."""
        write_whole(self._note, framed(_write(self.judged)))

    def put_aside(self, units: Sequence[Record]) -> None:
        """Keep the damaged lines and the events that cannot be loaded, on disk before the segments go."""
        reasons = Counter(self.judged.aside.values())
        if self.damaged:
            reasons["damaged"] = len(self.damaged)
        if not reasons:
            return
        aside = self.folder / ASIDE
        aside.mkdir(exist_ok=True)
        lines = [*_lines_of(units[place] for place in sorted(self.judged.aside)), *_ended(self.damaged)]
        write_whole(aside / f"{self.name}.json", _write(PutAside(self.judged.at, dict(reasons))))
        write_whole(aside / f"{self.name}.seg", b"".join(lines))

    def split(self, failures: int) -> None:
        """Make two batches of this one, of which neither store nor ledger knows yet; `halves` are their manifests.

        failures   how often they count as tried already
        """
        self.damaged = []
        parts = _halved(self._records())  # read again: judging may have changed visitors
        for nth, part in enumerate(parts):
            lines = [*_lines_of(part), *(_ended(self.damaged) if nth == 0 else ())]
            write_whole(self.folder / f"{self.name}-{nth}.half", b"".join(lines))
        self.halves = _stand_for(self.manifest.rename(self.manifest.with_suffix(".split")))
        for half in self.halves:
            write_whole(half.with_suffix(".judged"), framed(_write(Judged(self.judged.at, failures=failures))))


def finish(manifest: Path, segments: Sequence[Path]) -> None:
    """Everything of a batch is in the store or aside: take the files away."""
    _cleared(manifest.rename(manifest.with_suffix(".loaded")), segments)


def begun(folder: Path) -> list[Path]:
    """Manifests of batches that were begun and not finished, oldest first; what finished ones have left is cleared."""
    for manifest in filter(is_whole, folder.glob("*.split")):
        _stand_for(manifest)
    for half in folder.glob("*.half"):  # the batch they are of is still whole
        half.unlink()
    for part in folder.glob(f"*{READ}"):
        _stand_in(part)
    for draft in [*folder.glob("*.draft"), *folder.glob(f"{ASIDE}/*.draft")]:  # of a process that was killed
        draft.unlink(missing_ok=True)
    for manifest in filter(is_whole, folder.glob("*.loaded")):
        _cleared(manifest, segments_of(manifest))
    whole = [manifest for manifest in sorted(folder.glob("*.batch")) if is_whole(manifest)]
    for note in folder.glob("*.judged"):
        if not note.with_suffix(".batch").exists():
            note.unlink(missing_ok=True)
    return whole


def next_batch(folder: Path, taken: Sequence[Path]) -> Path | None:
    """The manifest of the next batch, written down; None when no segment is left that is in none of `taken`."""
    named = {path for manifest in taken for path in segments_of(manifest)}
    chosen, size = [], 0
    for path in sealed(folder):
        if path in named:
            continue
        chosen.append(path)
        size += path.stat().st_size
        if size >= BATCH_BYTES:
            break
    return write_manifest(folder, chosen) if chosen else None


def _lines_of(records: Iterable[Record]) -> list[bytes]:
    return [framed(_write(record)) for record in records]


def _ended(damaged: Sequence[bytes]) -> list[bytes]:
    """Damaged lines as they may stand before others."""
    return [line if line.endswith(b"\n") else line + b"\n" for line in damaged]


def _stand_in(part: Path) -> None:
    """Let what was read of a segment take its place, if the segment has been put aside; else it is read again."""
    segment = part.with_suffix(".seg")
    if segment.exists():
        part.unlink()
    else:
        part.rename(segment)
    sync_folder(part.parent)


def _note_in(path: Path) -> Judged | None:
    """What a note says; None of a damaged one, which is kept aside, and of an empty one.

    raises   FileNotFoundError
    """
    try:
        if not (content := path.read_bytes()):
            return None
        is_checked = not content.startswith(b"{")  # earlier versions wrote no checksum
        return msgspec.json.decode(unframed(content) if is_checked else content, type=Judged)
    except FileNotFoundError:
        raise
    except (OSError, *NO_JSON) as error:
        if isinstance(error, OSError) and error.errno in OWN_FAULTS:
            raise
        set_apart(path, type(error).__name__)
        return None


def all_aside(root: Path) -> list[PutAside]:
    """What every spool under `root` has put aside."""
    put_asides = []
    for path in sorted(root.glob(f"*/{ASIDE}/*.json")):
        with suppress(FileNotFoundError):  # an operator has taken it away or put it back
            at = path.with_suffix(".seg").stat().st_mtime
            put_asides.append(_put_aside_in(path) or _put_aside_of(path, round(at * 1000)))
    return put_asides


def damaged_notes(root: Path) -> list[Path]:
    """The notes under `root` that no longer say why something was put aside."""
    notes = sorted(root.glob(f"*/{ASIDE}/*.json"))
    return [path for path in notes if path.with_suffix(".seg").exists() and _is_damaged(path)]


def _is_damaged(note: Path) -> bool:
    try:
        return _put_aside_in(note) is None
    except FileNotFoundError:
        return False


def _put_aside_in(note: Path) -> PutAside | None:
    """raises   FileNotFoundError"""
    try:
        return msgspec.json.decode(note.read_bytes(), type=PutAside)
    except FileNotFoundError:
        raise
    except (OSError, *NO_JSON):
        return None


def _put_aside_of(note: Path, at: int) -> PutAside:
    """What can be said of a batch whose note is damaged: how many lines were put aside."""
    records, unread = _read_aside(note.with_suffix(".seg"))
    return PutAside(at, {"unknown": sum(max(1, len(record.events)) for _, record in records) + len(unread)})


def unreadable_aside(root: Path) -> list[Path]:
    """The files under `root` that were put aside because they cannot be read, or not to their end."""
    return sorted(root.glob(f"*/{ASIDE}/*{UNREADABLE}"))


class Unread(msgspec.Struct, frozen=True):
    """Of what was put aside, what nobody can read, so that nobody can say whose it is.

    files   those that cannot be read at all, and those with lines that cannot
    bytes   of these files and lines
    """

    files: int = 0
    bytes: int = 0


def unread_aside(root: Path) -> Unread:
    """What nobody can read of all that was put aside: an erasure deletes it."""
    sizes = [path.stat().st_size for path in unreadable_aside(root)]
    for path in root.glob(f"*/{ASIDE}/*.seg"):
        lines = [line for line in _read_aside(path)[1] if not line.endswith(KEPT_BESIDE)]
        sizes += [sum(map(len, lines))] if lines else []
    return Unread(len(sizes), sum(sizes))


def forget_aside(root: Path, visitors: Sequence[int]) -> Unread:
    """Take what these visitors sent out of what was put aside, and what nobody can read; returns the latter."""
    unread, wanted = unread_aside(root), set(visitors)
    for path in unreadable_aside(root):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in root.glob(f"*/{ASIDE}/*.seg"):
        records, lost = _read_aside(path)
        lines = [framed(payload) for payload, record in records if not {record.visitor, record.before} & wanted]
        if lost or len(lines) < len(records):
            write_whole(path, b"".join(lines)) if lines else path.unlink()
    return unread


def _read_aside(path: Path) -> tuple[list[tuple[bytes, Record]], list[bytes]]:
    """The records of a file that was put aside, and its lines that cannot be read."""
    records, unread = list[tuple[bytes, Record]](), list[bytes]()
    try:
        for payload in records_in(path, unread):
            try:
                records.append((payload, read_record(payload)))
            except NO_JSON:
                unread.append(framed(payload))
    except OSError:  # a bad sector: what comes after it is lost
        unread.append(b"")
    return records, unread


def _halved(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The records in two lists with half of the events each; what was refused is told in one of them."""
    left = sum(len(record.events) for record in records) // 2
    first, second = list[Record](), list[Record]()
    for record in records:
        events = record.events
        if left >= len(events):
            first.append(record)
        elif left == 0:
            second.append(record)
        else:
            first.append(msgspec.structs.replace(record, events=events[:left]))
            second.append(msgspec.structs.replace(record, events=events[left:], refused={}))
        left = max(0, left - len(events))
    return first, second


def _stand_for(manifest: Path) -> list[Path]:
    """Put the halves of a split batch in its place, as batches of their own; done twice it changes nothing."""
    folder, paths = manifest.parent, []
    segments = segments_of(manifest)
    for nth in range(2):
        # A short name however often it is halved, and one that sorts where the batch was.
        mark = hashlib.sha256(f"{manifest.stem}-{nth}".encode()).hexdigest()[:16]
        path = folder / f"{manifest.stem.partition('-')[0]}-{mark}.seg"
        with suppress(FileNotFoundError):  # done before a process was killed
            (folder / f"{manifest.stem}-{nth}.half").rename(path)
        paths.append(write_manifest(folder, [path]))
    _cleared(manifest, segments)
    return paths


def _cleared(manifest: Path, segments: Sequence[Path]) -> None:
    for path in segments:
        path.unlink(missing_ok=True)
    manifest.with_suffix(".judged").unlink(missing_ok=True)
    manifest.unlink()
