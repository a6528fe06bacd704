"""How the command line reaches a running server: it leaves an address and a token in the data folder.

The engine of the event store belongs to one process, so a command that needs it lets the server do the work.
"""

import asyncio
import hmac
import http.client
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import msgspec

from tandem.base import log, progress
from tandem.base.errors import NO_JSON, UserError
from tandem.base.progress import TrackedWork
from tandem.core.context import Context
from tandem.core.operations import Operation, ProgressReporter
from tandem.maintenance import full_disk

FILE = "control.json"
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
MAX_BODY = 64 << 10
ANSWERS_WITHIN_S = 5.0
PUBLISHED_AGAIN_S = 15.0
BUSY = 409
READS = frozenset({"ping", "doctor"})
"""Commands that change nothing: they are answered beside whichever is being carried out."""
_log = log.get("maintenance")


class ControlAddress(msgspec.Struct, frozen=True):
    """Where a running server takes commands, and the token that proves who asks."""

    host: str
    port: int
    token: str
    pid: int


class AnswerLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a server's answer: how far it is, what came out, or what went wrong."""

    share: float = 0.0
    text: str = ""
    result: dict[str, Any] | None = None
    error: str = ""
    hint: str = ""
    status: int = 400


# ── the server's side ──


@contextmanager
def published(ctx: Context, operations: Mapping[str, Operation]) -> Iterator[Callable[[Any], Any]]:
    """Take commands while this lasts; gives a function that puts the control path in front of an ASGI application."""
    chosen = ctx.config
    host = chosen.host if chosen.host not in ("0.0.0.0", "::", "") else "127.0.0.1"
    address = ControlAddress(host, chosen.port, secrets.token_urlsafe(32), os.getpid())
    path = chosen.folder / FILE
    runner, is_over, content = ControlEndpoint(ctx, operations, address.token), Event(), msgspec.json.encode(address)
    if not _is_published(path, content):
        Thread(target=_publish_later, args=(path, content, is_over), daemon=True).start()
    try:
        yield runner.in_front_of
    finally:
        is_over.set()
        if _read(path) == address:  # never take away the file of a server that came after us
            path.unlink(missing_ok=True)


def _is_published(path: Path, content: bytes) -> bool:
    """Whether the file could be written: on a full disk pages and the collector begin all the same, and say so."""
    try:
        _write_secretly(path, content)
    except OSError as error:
        _log.error("control.not_published", path=str(path), why=error.strerror)
        return False
    return True


def _publish_later(path: Path, content: bytes, is_over: Event) -> None:
    while not is_over.wait(PUBLISHED_AGAIN_S):
        if _is_published(path, content):
            return


def _write_secretly(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)
    draft.rename(path)


class ControlEndpoint:
    """Answers `POST /control/<operation>` and passes on everything else."""

    def __init__(self, ctx: Context, operations: Mapping[str, Operation], token: str) -> None:
        self._ctx, self._operations, self._token = ctx, operations, token
        self._turn, self._has_turn = Lock(), ""

    def in_front_of(self, app: Any) -> Any:
        async def front(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"].startswith("/control/"):
                await self._answer(scope, receive, send)
            else:
                await app(scope, receive, send)

        return front

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            self._check(scope)
            name, operation = self._operation(scope)
            args = await _arguments(receive)
        except UserError as error:
            await _start(send, error.status)
            await _end(send, _encoded(AnswerLine(error=error.what, hint=error.hint, status=error.status)))
            return
        await _start(send, 200)
        work = TrackedWork()
        listening = asyncio.ensure_future(_stop_when_gone(receive, work))
        try:
            async for line in self._carried_out(name, operation, args, work):
                await send({"type": "http.response.body", "body": _encoded(line), "more_body": True})
            await _end(send)
        finally:
            work.is_stopped = True  # an answer that could not be sent has no reader either
            listening.cancel()

    def _check(self, scope: Any) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        peer, here = (scope.get("client") or ("",))[0], (scope.get("server") or ("",))[0]
        is_passed_on = "x-forwarded-for" in headers or "forwarded" in headers or "x-real-ip" in headers
        if is_passed_on or (peer not in LOOPBACK and peer != here):
            raise UserError("Commands are accepted only from this machine.", "Run `tandem` on the server.", status=403)
        expected = f"Bearer {self._token}"
        if not hmac.compare_digest(headers.get("authorization", "").encode(), expected.encode()):
            raise UserError(
                "The control token does not match.", "Run `tandem` as the user that runs the server.", status=401
            )
        if scope["method"] != "POST":
            raise UserError("Send commands with POST.", status=405)

    def _operation(self, scope: Any) -> tuple[str, Operation]:
        name = scope["path"].removeprefix("/control/")
        if name not in self._operations:
            raise UserError(
                f"This server knows no command “{name[:40]}”.", "Is its version older than `tandem`?", status=404
            )
        return name, self._operations[name]

    async def _carried_out(
        self, name: str, operation: Operation, args: dict[str, Any], asked: TrackedWork
    ) -> AsyncIterator[AnswerLine]:
        if name not in READS:
            if not self._turn.acquire(blocking=False):
                what = f"The server is carrying out “{self._has_turn}”."
                yield AnswerLine(error=what, hint="Run this command again when that one is done.", status=BUSY)
                return
            self._has_turn = name.replace("_", " ")
        lines: asyncio.Queue[AnswerLine | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def put(line: AnswerLine | None) -> None:
            loop.call_soon_threadsafe(lines.put_nowait, line)

        work = loop.run_in_executor(None, self._run, name, operation, args, asked, put)
        while (line := await lines.get()) is not None:
            yield line
        await work

    def _run(
        self,
        name: str,
        operation: Operation,
        args: dict[str, Any],
        asked: TrackedWork,
        put: Callable[[AnswerLine | None], None],
    ) -> None:
        began = time.perf_counter()

        def tell(share: float, text: str) -> None:
            progress.look()
            put(AnswerLine(share=share, text=text))

        try:
            with progress.followed(asked), full_disk.named(self._ctx.config):
                result = operation(self._ctx, args, tell)
            put(AnswerLine(share=1.0, result=result))
            _log.info("keep.command_done", command=name, took_ms=round((time.perf_counter() - began) * 1000))
        except UserError as error:
            put(AnswerLine(error=error.what, hint=error.hint, status=error.status))
            if asked.is_stopped:
                _log.info("keep.command_stopped", command=name, took_ms=round((time.perf_counter() - began) * 1000))
        except Exception as error:  # noqa: BLE001 - the edge: whoever asked must hear that it failed
            _log.error("keep.command_broke", command=name, exc_info=True)
            put(
                AnswerLine(
                    error=f"The server ran into an error: {type(error).__name__}.", hint="See its log.", status=500
                )
            )
        finally:
            if name not in READS:
                self._turn.release()
            put(None)


def _encoded(line: AnswerLine) -> bytes:
    return msgspec.json.encode(line) + b"\n"


async def _arguments(receive: Any) -> dict[str, Any]:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise UserError("The command is too long.", status=413)
        if not message.get("more_body"):
            break
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except NO_JSON as error:
        raise UserError("The command's arguments are not a JSON object.") from error


async def _stop_when_gone(receive: Any, work: TrackedWork) -> None:
    """Work that may be stopped ends when whoever gave the command hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    work.is_stopped = True


async def _start(send: Any, status: int) -> None:
    headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _end(send: Any, body: bytes = b"") -> None:
    await send({"type": "http.response.body", "body": body})


# ── the side of the command line ──


def find(folder: Path) -> ControlAddress | None:
    """The server that runs on this data folder, if one answers.

    A file that a killed server left behind is no server. One that has just been started is waited for.
    """
    address = _read(folder / FILE)
    if address is None:
        return None
    until = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        try:
            ask(address, "ping", {})
            return address
        except (OSError, http.client.HTTPException, UserError) as error:
            if isinstance(error, UserError) and error.status == BUSY:  # versions up to 0.3.2, while they work
                return address
            if not _is_alive(address.pid) or time.monotonic() > until:
                return None
            time.sleep(0.2)


def ask(
    address: ControlAddress, command: str, args: Mapping[str, Any], tell: ProgressReporter = lambda share, text: None
) -> dict[str, Any]:
    """What came out of a command that the server carried out.

    raises   UserError as the server raised it; OSError when it cannot be reached
    """
    patience_s = ANSWERS_WITHIN_S if command == "ping" else None
    connection = http.client.HTTPConnection(address.host, address.port, timeout=patience_s)
    try:
        headers = {"authorization": f"Bearer {address.token}", "content-type": "application/json"}
        connection.request("POST", f"/control/{command}", json.dumps(dict(args)), headers)
        for text in connection.getresponse():
            line = msgspec.json.decode(text, type=AnswerLine)
            if line.error:
                raise UserError(line.error, line.hint, line.status)
            if line.result is not None:
                return line.result
            tell(line.share, line.text)
    except NO_JSON as error:
        raise UserError("Something other than Tandem is listening on its port.", "See `tandem doctor`.") from error
    finally:
        connection.close()
    raise UserError("The server stopped before the command finished.", "See its log, then run the command again.")


def _read(path: Path) -> ControlAddress | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ControlAddress)
    except (OSError, *NO_JSON):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
