"""Starts the reading process, listens to it, and says in a sentence how it ended."""

import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from tandem.base import log
from tandem.base.errors import Busy, UserError
from tandem.imports import child
from tandem.imports.problem import sentence as _text

CHILD = Path(child.__file__)
AT_ONCE, WAITING = 2, 1
"""Reading processes at a time: each may hold as much memory as its limit allows; and who may wait for one to end.

Whoever waits holds one of the few threads that answer requests: others are told at once to come back."""
PATIENCE_S, TURN_S = 150.0, 20.0
"""Seconds that a process may say nothing, and that a reader waits for its turn."""


_SHEET = _text("Copy only the table into a new sheet, without stray cells, and save that.")
_UNPACK = _text("Unpack it and import the file inside.")
REASONS = {
    "many_cells": (_text("The spreadsheet has more cells than Tandem can read."), _SHEET),
    "memory": (_text("The spreadsheet needs more memory than allowed."), _SHEET),
    "slow": (_text("Reading the file took too long."), _text("Export fewer rows or columns.")),
    "many_sheets": (_text("The spreadsheet has more than 100 sheets."), _SHEET),
    "long_row": (_text("A cell or a row is longer than Tandem can read."), _text("Export it without the long texts.")),
    "many_members": (_text("The archive contains more than 1,000 files."), _UNPACK),
    "several": (_text("The archive contains several files."), _text("Unpack it and import the files one by one.")),
    "nested": (_text("The archive contains another archive."), _UNPACK),
    "unpacked": (_text("The unpacked archive is larger than Tandem can read."), _text("Export fewer rows.")),
    "locked": (_text("The archive has a password."), _UNPACK),
    "empty": (_text("The archive is empty."), _text("Export it again.")),
}
_turns, _places = threading.BoundedSemaphore(AT_ONCE), threading.BoundedSemaphore(AT_ONCE + WAITING)
_running_now: set["subprocess.Popen[bytes]"] = set()
_is_stopping = threading.Event()
_log = log.get("imports")


class UnreadableFile(Exception):
    """The file is of no kind that the process knows, or damaged."""


def ask(what: str, path: Path, number: int) -> Iterator[Any]:
    """The frames that the reading process sends, one after another. It ends when they are no longer asked for.

    raises   UnreadableFile; UserError when a limit is passed
    """
    with _running(what, path, number) as process:
        assert process.stdout is not None
        for frame in _frames(process.stdout, time.monotonic):
            if not isinstance(frame, str):
                yield frame
                continue
            if frame == "done":
                return
            raise _refused(what, frame)
        raise _refused(what, _died(process))


@contextmanager
def _running(what: str, path: Path, number: int) -> Iterator[subprocess.Popen[bytes]]:
    """A fresh process without our threads, files, secrets and environment."""
    command = [sys.executable, "-I", "-X", "utf8", str(CHILD), what, str(path), str(number)]
    with (
        _turn(),
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/",
            bufsize=0,
        ) as process,
    ):  # fmt: skip
        _running_now.add(process)
        try:
            yield process
        finally:
            _running_now.discard(process)
            process.kill()  # does nothing to one that has ended


@contextmanager
def _turn() -> Iterator[None]:
    busy = Busy("Other files are being read.", "Import yours again in a few minutes.", retry_after_s=120)
    if _is_stopping.is_set() or not _places.acquire(blocking=False):
        raise busy
    try:
        if not _turns.acquire(timeout=TURN_S):
            raise busy
        try:
            yield
        finally:
            _turns.release()
    finally:
        _places.release()


def stop() -> None:
    """End what is being read, and begin nothing more: the server is about to stop."""
    _is_stopping.set()
    for process in list(_running_now):
        process.kill()


def _frames(pipe: IO[bytes], now: Any) -> Iterator[Any]:
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while len(head := _exactly(pipe, ready, 4, now)) == 4:
            size = int.from_bytes(head, "big")
            if size > child.MOST_FRAME:
                return
            body = _exactly(pipe, ready, size, now)
            if len(body) < size:
                return
            yield msgspec.msgpack.decode(body)


def _exactly(pipe: IO[bytes], ready: selectors.BaseSelector, count: int, now: Any) -> bytearray:
    """So many bytes, or fewer when the process has ended."""
    read, until = bytearray(), now() + PATIENCE_S
    while len(read) < count:
        if not ready.select(max(0.0, until - now())):
            raise UserError(*REASONS["slow"])
        block = pipe.read(count - len(read))
        if not block:
            break
        read += block
    return read


def _died(process: subprocess.Popen[bytes]) -> str:
    """Why it has ended without a word. An allocator that gets no memory aborts; the kernel kills who holds too much."""
    reasons = {signal.SIGXCPU: "slow", signal.SIGABRT: "memory", signal.SIGKILL: "memory"}
    return next((why for sign, why in reasons.items() if process.wait(PATIENCE_S) == -sign), "unreadable")


def _refused(what: str, why: str) -> Exception:
    _log.info("imports.refused", what=what, why=why)
    if why not in REASONS:
        return UnreadableFile(why)
    if what == "unpack" and why == "memory":
        return UnreadableFile(why)
    return UserError(*REASONS[why])
