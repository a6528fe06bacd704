"""The spool: records are on disk before anybody is told that they were received.

A spool is a folder of segments. The writer appends to the open one (`NNN.open`) and seals it (`NNN.seg`) when it is
old or large enough; readers see sealed segments only. A record is one line: CRC-32 in eight hex digits, a space, the
payload. After a crash the open segment is read up to the first line that does not check: whatever follows was never
acknowledged. A folder has one writer, held by a lock.
"""

import asyncio
import fcntl
import os
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from tandem.base import log
from tandem.base.errors import UserError

_log = log.get("spool")


class SpoolFull(Exception):
    """The disk took no more; nothing of the record was kept, the sender must try again."""


def framed(payload: bytes) -> bytes:
    """One record as a line; the payload must hold no newline (JSON does not)."""
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def records_in(segment: Path) -> Iterator[bytes]:
    """The payloads of a segment up to the first line that does not check."""
    with segment.open("rb") as file:
        for line in file:
            payload = line[9:-1]
            if line[-1:] != b"\n" or line[8:9] != b" " or line[:8] != b"%08x" % zlib.crc32(payload):
                return
            yield payload


class Spool:
    """The writing end. `append` returns when the record is safely on disk (group commit with fdatasync).

    One thread writes and syncs whatever has gathered while it was busy, so the cost of a sync is shared by all who
    wait for it.
    """

    def __init__(self, folder: Path, segment_bytes: int = 32 << 20, seal_after_s: float = 0.5) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = _locked(folder)
        self._segment_bytes, self._seal_after_s = segment_bytes, seal_after_s
        recover(folder)
        self._number = 1 + max((int(p.stem.partition("-")[0]) for p in folder.glob("*.seg")), default=0)
        self._number = max(self._number, time.time_ns() // 1_000_000)
        self._file: int | None = None
        self._size = 0
        self._opened_at = 0.0
        self._waiting: list[tuple[bytes, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._ready = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._write_all, name="spool", daemon=True)
        self._thread.start()

    async def append(self, payload: bytes) -> None:
        """Return once the record is on disk.

        raises   SpoolFull when the disk is full or broken; nothing of the record is kept then
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._ready:
            if self._is_closing:
                raise SpoolFull("The spool is closing.")
            self._waiting.append((framed(payload), loop, done))
            self._ready.notify()
        await done

    def close(self) -> None:
        """Write what waits, seal, let go of the folder."""
        with self._ready:
            self._is_closing = True
            self._ready.notify()
        self._thread.join()
        os.close(self._lock_file)

    # ── the writing thread ──

    def _write_all(self) -> None:
        while True:
            with self._ready:
                while not self._waiting and not self._is_closing and not self._is_due():
                    self._ready.wait(self._patience())
                group, self._waiting = self._waiting, []
                is_last = self._is_closing and not group
            if group:
                self._commit(group)
            if is_last or self._is_due():
                self._seal()
            if is_last:
                return

    def _patience(self) -> float | None:
        return None if self._file is None else max(0.0, self._opened_at + self._seal_after_s - time.monotonic())

    def _is_due(self) -> bool:
        if self._file is None:
            return False
        return self._size >= self._segment_bytes or time.monotonic() - self._opened_at >= self._seal_after_s

    def _commit(self, group: list[tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[None]"]]) -> None:
        error: Exception | None = None
        try:
            self._put(b"".join(line for line, _, _ in group))
        except OSError as problem:
            error = SpoolFull(problem.strerror or str(problem))
            _log.error("spool.write_failed", folder=str(self.folder), why=str(error), lost=0, refused=len(group))
        for loop, futures in _by_loop(group).items():
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
            # What was written in part was never acknowledged: cut it off, so that nothing follows a torn line.
            os.ftruncate(file, self._size)
            os.lseek(file, self._size, os.SEEK_SET)
            raise
        self._size += len(lines)

    def _open_segment(self) -> None:
        path = self.folder / f"{self._number:015d}.open"
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        self._number += 1
        self._size, self._opened_at = 0, time.monotonic()
        _sync_folder(self.folder)

    def _seal(self) -> None:
        if self._file is None:
            return
        os.close(self._file)
        self._file = None
        path = self.folder / f"{self._number - 1:015d}.open"
        path.rename(path.with_suffix(".seg")) if self._size else path.unlink()
        _sync_folder(self.folder)


def sealed(folder: Path) -> list[Path]:
    """The segments that are complete, oldest first."""
    return sorted(folder.glob("*.seg"))


def recover(folder: Path) -> int:
    """Seal what a killed writer left open, without a torn last line; returns how many segments were saved."""
    saved = 0
    for path in sorted(folder.glob("*.open")):
        whole = sum(len(payload) + 10 for payload in records_in(path))
        os.truncate(path, whole)
        if whole:
            path.rename(path.with_suffix(".seg"))
            saved += 1
        else:
            path.unlink()
    return saved


def _locked(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise UserError(
            f"Another collector writes to {folder}.", "Give each its own name with TANDEM_COLLECTOR.", status=409
        ) from error
    return handle


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _by_loop(
    group: list[tuple[bytes, asyncio.AbstractEventLoop, "asyncio.Future[None]"]],
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
