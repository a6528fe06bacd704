"""The command line finds a running server, and nobody else can give it commands."""

import asyncio
import errno
import http.client
import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tandem.base import progress
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.core.operations import Operation, ProgressReporter
from tandem.maintenance import control
from tandem.maintenance.operations import OPERATIONS
from tests.maintenance.conftest import in_house, serving, tandem, wait_for
from tests.served import eventually


def sent(
    url: str, path: str, token: str | None, method: str = "POST", body: str = "{}", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    proof = {"authorization": f"Bearer {token}"} if token is not None else {}
    connection.request(method, path, body, proof | {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.process
def test_commands_are_for_who_can_read_the_data_folder(migrated: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(migrated, tmp_path / "data", symlinks=True))
    with serving(folder) as url:
        file = folder / control.FILE
        assert file.stat().st_mode & 0o777 == 0o600
        token = json.loads(file.read_text())["token"]
        assert len(token) > 40
        assert sent(url, "/control/ping", token)[0] == 200
        assert sent(url, "/control/ping", None)[0] == 401
        assert sent(url, "/control/ping", "")[0] == 401
        assert sent(url, "/control/ping", token[:-1])[0] == 401
        assert sent(url, "/control/ping", "é")[0] == 401
        assert sent(url, "/control/ping", token, "GET")[0] == 405
        assert sent(url, "/control/nothing", token)[0] == 404
        assert sent(url, "/control/ping", token, body="[1]")[0] == 400
        assert sent(url, "/control/ping", token, body="{" + " " * 70_000)[0] == 413
        for header in ("x_forwarded_for", "x_real_ip", "forwarded"):
            assert sent(url, "/control/ping", token, **{header: "127.0.0.1"})[0] == 403, "a proxy passes nothing on"
    assert not file.exists(), "it goes when the server does"


@pytest.mark.process
def test_a_killed_server_leaves_nothing_that_hinders(company: Path, tmp_path: Path) -> None:
    with serving(company, stop=signal.SIGKILL):
        pass
    assert (company / control.FILE).exists()
    assert tandem(company, "backup", str(tmp_path / "after.tar")).returncode == 0
    with serving(company):
        assert tandem(company, "doctor").returncode == 0


def test_a_mangled_control_file_is_no_server(tmp_path: Path) -> None:
    for text in ("", "{}", "[]", '{"host": 1}'):
        (tmp_path / control.FILE).write_text(text)
        assert control.find(tmp_path) is None


def test_a_stranger_on_the_port_is_not_taken_for_tandem(tmp_path: Path) -> None:
    class Stranger(Silent):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello\n")

    with listening(Stranger, tmp_path) as address:
        with pytest.raises(UserError, match="Something other than Tandem"):
            control.ask(address, "backup", {})
        assert control.find(tmp_path) is None


# ── one command beside another ──


def test_who_only_asks_is_answered_beside_a_command(ctx: Context, tmp_path: Path) -> None:
    """The doctor said that no server runs, and that its port is taken, while a rebuild took more than five seconds."""
    with at_work(ctx, "rebuild", tmp_path) as address:
        assert control.find(tmp_path) == address
        report = control.ask(address, "doctor", {})
    assert "the server answers" in next(f["text"] for f in report["findings"] if f["name"] == "Tandem")


def test_a_second_command_is_told_which_one_is_carried_out_and_what_to_do(ctx: Context, tmp_path: Path) -> None:
    with at_work(ctx, "import_calls", tmp_path) as address, pytest.raises(UserError) as told:
        control.ask(address, "backup", {"file": str(tmp_path / "second.tar")})
    assert (told.value.what, told.value.status) == ("The server is carrying out “import calls”.", 409)
    assert told.value.hint == "Run this command again when that one is done."
    assert not (tmp_path / "second.tar").exists()


def test_commands_follow_one_another_also_after_one_that_failed(ctx: Context, tmp_path: Path) -> None:
    def fails(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
        raise UserError("It cannot be done.")

    with answering(ctx, {"rebuild": fails, "erase": lambda *_: {"events": 0}}, tmp_path) as address:
        with pytest.raises(UserError, match="It cannot be done"):
            control.ask(address, "rebuild", {})
        assert control.ask(address, "erase", {}) == {"events": 0}


def test_an_older_server_that_is_busy_is_a_server(tmp_path: Path) -> None:
    class Busy(Silent):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"error": "The server is busy with another command.", "status": 409}\n')

    with listening(Busy, tmp_path) as address:
        assert control.find(tmp_path) == address


class Silent(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], folder: Path) -> Iterator[control.ControlAddress]:
    """A server whose address stands in the data folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        address = control.ControlAddress("127.0.0.1", server.server_port, "token", 999_999_999)
        (folder / control.FILE).write_bytes(msgspec.json.encode(address))
        yield address
        server.shutdown()


@contextmanager
def answering(ctx: Context, operations: Mapping[str, Operation], folder: Path) -> Iterator[control.ControlAddress]:
    """A server of these commands, without pages."""
    front = control.ControlEndpoint(ctx, operations, "token").in_front_of(None)

    class Commands(Silent):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            scope = {
                "type": "http", "method": "POST", "path": self.path, "client": self.client_address, "server": None,
                "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            }  # fmt: skip

            async def receive() -> Any:
                return {"body": body}

            async def send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    self.send_response(message["status"])
                    self.end_headers()
                else:
                    self.wfile.write(message["body"])

            asyncio.run(front(scope, receive, send))

    with listening(Commands, folder) as address:
        yield address


@contextmanager
def at_work(ctx: Context, name: str, folder: Path) -> Iterator[control.ControlAddress]:
    """A server that carries out a command of this name as long as this lasts."""
    has_begun, may_end, results = Event(), Event(), list[dict[str, Any]]()

    def works(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
        has_begun.set()
        return {"is_whole": may_end.wait(60)}

    with answering(ctx, {**OPERATIONS, name: works}, folder) as address:
        asker = Thread(target=lambda: results.append(control.ask(address, name, {})))
        asker.start()
        try:
            assert has_begun.wait(30)
            yield address
        finally:
            may_end.set()
            asker.join(30)
    assert results == [{"is_whole": True}], "nobody has disturbed it"


@pytest.mark.process
def test_a_second_process_on_the_same_data_folder_gets_a_clear_sentence(company: Path) -> None:
    with serving(company):
        (company / control.FILE).unlink()  # so that the command does not find the server
        done = tandem(company, "rebuild")
        assert done.returncode == 2
        second = tandem(company, "serve", TANDEM_PORT="1")
        assert second.returncode == 2
        assert (
            second.stderr.splitlines()
            == done.stderr.splitlines()
            == [
                "Tandem is already running on this data folder.",
                "Stop the other one, or choose another folder with TANDEM_DATA.",
            ]
        ), "and nothing of the engine above it"


@pytest.mark.process
def test_errors_of_the_server_reach_the_command_line(company: Path, tmp_path: Path) -> None:
    (tmp_path / "there.tar").touch()
    with serving(company):
        done = tandem(company, "backup", str(tmp_path / "there.tar"))
    assert done.returncode == 2
    assert "exists already" in done.stderr


@pytest.mark.process
def test_changes_made_by_command_reach_a_running_server(company: Path) -> None:
    with serving(company) as url:
        assert tandem(company, "site", "add", "second", "--host", "second.example").returncode == 0
        hit = {
            "s": "second",
            "c": 0,
            "e": [{"i": "0" * 15 + "1", "k": "pageview", "t": 0, "u": "https://second.example/"}],
        }
        eventually(lambda: sent(url, "/t/hit", None, body=json.dumps(hit))[0] == 202, most_s=5)
    assert in_house(company, "answer = ctx.warehouse.value('select count() from visits where site = 2')") == 1


def test_a_full_disk_keeps_no_server_from_starting_and_commands_find_it_later(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, tries, written, has_room = control._write_secretly, list[Path](), list[Path](), threading.Event()

    def full(path: Path, content: bytes) -> None:
        tries.append(path)
        if not has_room.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)
        written.append(path)

    monkeypatch.setattr(control, "_write_secretly", full)
    monkeypatch.setattr(control, "PUBLISHED_AGAIN_S", 0.02)
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    file = ctx.config.folder / control.FILE
    with control.published(ctx, {}):
        wait_for(lambda: len(tries) > 1, most_s=5)
        assert not file.exists()
        has_room.set()
        wait_for(lambda: file.exists() and bool(written), most_s=5)
    assert not file.exists() and len(written) == 1


def hung_up(ctx: Context, operation: Operation) -> None:
    """Have an operation carried out for somebody who is gone as soon as it has begun."""
    endpoint, said = control.ControlEndpoint(ctx, {"work": operation}, "token"), asyncio.Queue[Any]()
    headers = [(b"authorization", b"Bearer token")]
    scope = {"type": "http", "path": "/control/work", "method": "POST", "client": ("127.0.0.1", 1), "headers": headers}

    async def send(message: Any) -> None:
        pass

    async def asked() -> None:
        said.put_nowait({"type": "http.request", "body": b"{}"})
        answer = asyncio.ensure_future(endpoint.in_front_of(None)(scope, said.get, send))
        await asyncio.sleep(0.05)
        said.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(answer, 20)

    asyncio.run(asked())


def test_work_ends_when_whoever_asked_hangs_up(ctx: Context) -> None:
    told = []

    def work(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
        for day in range(1000):
            tell(0.0, "working")
            told.append(day)
            time.sleep(0.01)
        return {}

    hung_up(ctx, work)
    assert 0 < len(told) < 1000


def test_what_is_done_for_good_is_finished_though_nobody_waits(ctx: Context) -> None:
    told = []

    def work(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
        progress.for_good()
        for day in range(30):
            tell(0.0, "erasing")
            told.append(day)
            time.sleep(0.01)
        return {}

    hung_up(ctx, work)
    assert len(told) == 30


OLD = """
from datetime import UTC, datetime
at = datetime(1990, 1, 1, tzinfo=UTC)
row = {"site": 1, "id": 1, "visitor": 9, "at": at, "received": at, "kind": "event", "name": "old"}
ctx.warehouse.insert("events", {name: [value] for name, value in row.items()})
"""


@pytest.mark.process
def test_a_cancelled_export_makes_nobody_wait(company: Path, tmp_path: Path) -> None:
    in_house(company, OLD)  # 13,000 days to export
    with serving(company) as url:
        token = json.loads((company / control.FILE).read_text())["token"]
        file = tmp_path / "all.csv"
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        body = json.dumps({"file": str(file), "site": "fern"})
        connection.request("POST", "/control/export", body, {"authorization": f"Bearer {token}"})
        connection.getresponse().read(20)
        assert list(tmp_path.glob(".all.csv.*.part"))
        connection.close()
        wait_for(lambda: not list(tmp_path.glob(".all.csv.*.part")), most_s=10)
        assert not file.exists()
        assert tandem(company, "backup", str(tmp_path / "after.tar")).returncode == 0
