"""The spool: records are on disk before anybody is told that they were received.

A spool is a folder of segments. The writer appends to the open one (`NNN.open`) and seals it (`NNN.seg`) when it is
old or large enough; readers see sealed segments only. A record is one line: CRC-32 in eight hex digits, a space, the
payload. A line that does not check is passed over: at the end it was torn by a crash and never acknowledged; elsewhere
the disk has damaged it, the loader puts it aside, and the records after it are still good. A folder has one writer,
held by a lock.
"""

import asyncio
import fcntl
import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from tandem.base import log
from tandem.base.disk import sync_folder
from tandem.base.errors import UserError

_log = log.get("spool")

LOGGED_EVERY_S = 10.0
"""How often a failure that goes on is logged: a full disk refuses a thousand commits a second."""

QueuedWrite = tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class SpoolFull(Exception):
    """The disk took no more; nothing of the record was kept, the sender must try again."""


def framed(payload: bytes) -> bytes:
    """One record as a line; the payload must hold no newline (JSON does not)."""
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def unframed(line: bytes) -> bytes:
    """The payload of a line.

    raises   ValueError when it does not check
    """
    if not _checks(line):
        raise ValueError("a line that does not check")
    return line[9:-1]


def records_in(segment: Path, damaged: list[bytes] | None = None) -> Iterator[bytes]:
    """The payloads of a segment, without lines that do not check.

    damaged   is given those lines, as they are
    """
    with segment.open("rb") as file:
        for line in file:
            if _checks(line):
                yield line[9:-1]
            elif damaged is not None:
                damaged.append(line)


def _checks(line: bytes) -> bool:
    return line[-1:] == b"\n" and line[8:9] == b" " and line[:8] == b"%08x" % zlib.crc32(line[9:-1])


class _Failure:
    """What fails again and again: logged when it begins, in sums while it goes on, and when it is over.

    A disk with hardly any room takes one record and refuses the next; that is one failure, too.
    """

    def __init__(self, event: str, over: str, folder: Path) -> None:
        self._event, self._over, self._folder = event, over, str(folder)
        self._logged_at = self._over_at = -LOGGED_EVERY_S
        self._is_on, self._times, self._refused = False, 0, 0

    def happened(self, why: str, refused: int = 0) -> None:
        self._is_on, self._times, self._refused = True, self._times + 1, self._refused + refused
        now = time.monotonic()
        if now - self._logged_at >= LOGGED_EVERY_S:
            self._logged_at = now
            _log.error(self._event, folder=self._folder, why=why, lost=0, **self._sums())

    def is_over(self) -> None:
        now = time.monotonic()
        if self._is_on and now - self._over_at >= LOGGED_EVERY_S:
            self._is_on, self._over_at = False, now
            _log.info(self._over, folder=self._folder, **self._sums())

    def _sums(self) -> dict[str, int]:
        """How often it happened since it was last told, and how many records were refused for it."""
        sums = {"failures": self._times, "refused": self._refused}
        self._times = self._refused = 0
        return sums


class Spool:
    """The writing end. `append` returns when the record is safely on disk (group commit with fdatasync).

    One thread writes and syncs whatever has gathered while it was busy, so the cost of a sync is shared by all who
    wait for it.
    """

    def __init__(self, folder: Path, segment_bytes: int = 32 << 20, seal_after_s: float = 0.8) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _locked(folder)
        self._segment_bytes, self._seal_after_s = segment_bytes, seal_after_s
        recover(folder)
        self._number = max(_next_number(folder), time.time_ns() // 1_000_000)
        self._file: int | None = None
        self._size = 0
        self._opened_at = 0.0
        self._waiting: SimpleQueue[QueuedWrite | None] = SimpleQueue()
        self._is_closing = False
        self._writing = _Failure("spool.write_failed", "spool.writes_again", folder)
        self._sealing = _Failure("spool.seal_failed", "spool.seals_again", folder)
        self._thread = threading.Thread(target=self._write_all, name="spool", daemon=True)
        self._thread.start()

    async def append(self, payload: bytes) -> None:
        """Return once the record is on disk.

        raises   SpoolFull when the disk is full or broken; nothing of the record is kept then
        """
        if self._is_closing:
            raise SpoolFull("The spool is closing.")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put((payload, loop, done))
        await done

    def close(self) -> None:
        """Write what waits, seal, let go of the folder."""
        self._is_closing = True
        self._waiting.put(None)
        self._thread.join()
        os.close(self._lock_file)

    # ── the writing thread ──

    def _write_all(self) -> None:
        is_last = False
        while not is_last:
            group = self._gathered()
            is_last = None in group
            if records := [waiting for waiting in group if waiting is not None]:
                self._commit(records)
            if is_last or self._is_due():
                self._seal()
        while not self._waiting.empty():  # came while the spool was closing
            if late := self._waiting.get():
                late[1].call_soon_threadsafe(_settle, [late[2]], SpoolFull("The spool is closing."))

    def _gathered(self) -> list["QueuedWrite | None"]:
        """Whatever waits by now; nothing when it is time to seal and nobody came."""
        group = []
        with suppress(Empty):
            group.append(self._waiting.get(timeout=self._patience()))
            while True:
                group.append(self._waiting.get_nowait())
        return group

    def _patience(self) -> float | None:
        return None if self._file is None else max(0.0, self._opened_at + self._seal_after_s - time.monotonic())

    def _is_due(self) -> bool:
        if self._file is None:
            return False
        return self._size >= self._segment_bytes or time.monotonic() - self._opened_at >= self._seal_after_s

    def _commit(self, group: list["QueuedWrite"]) -> None:
        error: Exception | None = None
        try:
            self._put(b"".join([framed(payload) for payload, _, _ in group]))
        except OSError as problem:
            error = SpoolFull(problem.strerror or str(problem))
            self._writing.happened(str(error), len(group))
        else:
            self._writing.is_over()
        for loop, futures in _by_loop(group).items():
            with suppress(RuntimeError):  # a loop that has closed meanwhile waits for nothing; the others do
                loop.call_soon_threadsafe(_settle, futures, error)

    def _put(self, lines: bytes) -> None:
        if self._file is None:
            self._open_segment()
        file = self._file
        assert file is not None
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(file, view) :]
            os.fdatasync(file)
        except OSError:
            self._cut_off(file)
            raise
        self._size += len(lines)

    def _cut_off(self, file: int) -> None:
        """Take away what was written in part: it was never acknowledged, and nothing may follow a torn line."""
        try:
            os.ftruncate(file, self._size)
            os.lseek(file, self._size, os.SEEK_SET)
        except OSError:
            self._seal()  # a disk that refuses even that: the torn line stays last, the next segment is a new file

    def _open_segment(self) -> None:
        path = self.folder / f"{self._number:015d}.open"
        file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        self._number += 1
        try:
            sync_folder(self.folder)
        except OSError:  # a file whose name may not be on disk holds nothing that could be acknowledged
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        self._file, self._size, self._opened_at = file, 0, time.monotonic()

    def _seal(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        path = self.folder / f"{self._number - 1:015d}.open"
        try:
            os.close(file)
            path.rename(path.with_suffix(".seg")) if self._size else path.unlink()
            sync_folder(self.folder)
        except OSError as problem:  # what is acknowledged is on disk; recover() seals it at the next start
            self._sealing.happened(problem.strerror or str(problem))
        else:
            self._sealing.is_over()


def sealed(folder: Path) -> list[Path]:
    """The segments that are complete, oldest first."""
    return sorted(folder.glob("*.seg"))


def recover(folder: Path) -> int:
    """Seal what a killed writer left open, without a torn last line; returns how many segments were saved.

    A last line whose end alone is damaged was written whole, so it may have been acknowledged: it gets its end back.
    """
    saved = 0
    for path in sorted(folder.glob("*.open")):
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if _checks(content[whole:-1] + b"\n"):
            whole = len(content)
            with path.open("r+b") as file:
                file.seek(whole - 1)
                file.write(b"\n")
                os.fsync(file.fileno())
        os.truncate(path, whole)
        if whole:
            path.rename(path.with_suffix(".seg"))
            saved += 1
        else:
            path.unlink()
    return saved


def _next_number(folder: Path) -> int:
    """One more than the highest number of a segment; files that somebody put there under other names do not count."""
    return 1 + max((int(p.stem) for p in folder.glob("*.seg") if p.stem.isdecimal()), default=0)


def _locked(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise UserError(
            f"Another collector writes to {folder}.",
            "Give each collector its own name with TANDEM_COLLECTOR.",
            status=409,
        ) from error
    return handle


def _by_loop(
    group: list["QueuedWrite"],
) -> dict[asyncio.AbstractEventLoop, list["asyncio.Future[None]"]]:
    parts: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for _, loop, future in group:
        parts.setdefault(loop, []).append(future)
    return parts


def _settle(futures: list["asyncio.Future[None]"], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
