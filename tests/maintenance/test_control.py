"""The command line finds a running server, and nobody else can give it commands."""

import errno
import http.client
import json
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.maintenance import control
from tests.maintenance.conftest import in_house, serving, tandem, wait_for


def sent(
    url: str, path: str, token: str | None, method: str = "POST", body: str = "{}", **headers: str
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    proof = {"authorization": f"Bearer {token}"} if token is not None else {}
    connection.request(method, path, body, proof | {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.process
def test_commands_are_for_who_can_read_the_data_folder(empty: Path) -> None:
    with serving(empty) as url:
        file = empty / control.FILE
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
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello\n")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = control.ControlAddress("127.0.0.1", server.server_port, "token", 999_999_999)
    with pytest.raises(UserError, match="Something other than Tandem"):
        control.ask(address, "backup", {})
    (tmp_path / control.FILE).write_text(
        json.dumps({"host": "127.0.0.1", "port": server.server_port, "token": "t", "pid": 999999999})
    )
    assert control.find(tmp_path) is None
    server.shutdown()


@pytest.mark.process
def test_a_second_process_on_the_same_data_folder_gets_a_clear_sentence(company: Path) -> None:
    with serving(company):
        (company / control.FILE).unlink()  # so that the command does not find the server
        done = tandem(company, "heal")
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
    assert "already exists" in done.stderr


@pytest.mark.process
def test_changes_made_by_command_reach_a_running_server(company: Path) -> None:
    with serving(company) as url:
        assert tandem(company, "site", "add", "second", "--host", "second.example").returncode == 0
        import time

        time.sleep(2.5)
        hit = {
            "s": "second",
            "c": 0,
            "e": [{"i": "0" * 15 + "1", "k": "pageview", "t": 0, "u": "https://second.example/"}],
        }
        assert sent(url, "/t/hit", None, body=json.dumps(hit))[0] == 202
    assert in_house(company, "answer = ctx.warehouse.value('select count() from visits where site = 2')") == 1


def test_a_full_disk_keeps_no_server_from_starting_and_commands_find_it_later(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, tries = control._write_secretly, list[int]()

    def full(path: Path, content: bytes) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)

    monkeypatch.setattr(control, "_write_secretly", full)
    monkeypatch.setattr(control, "PUBLISHED_AGAIN_S", 0.02)
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    file = ctx.config.folder / control.FILE
    with control.published(ctx, {}):
        assert not file.exists()
        wait_for(file.exists, most_s=5)
    assert not file.exists() and len(tries) == 3
