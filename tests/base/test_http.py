"""Speaking to outside systems: private addresses, pace, retries, and errors that hold no personal data."""

import gzip
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tandem.base import http
from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http, may_reach
from tests.connections.stub import Asked, Reply, outside

HERE = "127.0.0.1"


def in_turn(*replies: Reply) -> Callable[[Asked], Reply]:
    """The replies one after the other, the last again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def client(base: str, waits: list[float], **more: object) -> Http:
    return Http("stub", base, per_second=1000, allowed=HERE, sleep=waits.append, **more)  # type: ignore[arg-type]


def test_a_good_answer_is_given_at_once() -> None:
    waits: list[float] = []
    with outside(in_turn(Reply(body=b'{"n": 1}'))) as stub, client(stub.url, waits, headers={"x-key": "k"}) as http:
        assert http.get("/a/b", params={"q": "ż"}).json() == {"n": 1}
    assert stub.asked[0].path == "/a/b?q=%C5%BC"
    assert stub.asked[0].headers["x-key"] == "k"
    assert [w for w in waits if w > 0.5] == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_faltering_system_is_asked_again(status: int) -> None:
    waits: list[float] = []
    replies = in_turn(Reply(status), Reply(status), Reply(body=b'{"ok": true}'))
    with outside(replies) as stub, client(stub.url, waits) as http:
        assert http.post("/x", json={"a": 1}).json() == {"ok": True}
    assert [a.body for a in stub.asked] == [b'{"a":1}'] * 3
    growing = [w for w in waits if w > 0.5]
    assert len(growing) == 2 and growing[1] > growing[0]


def test_the_wait_that_a_system_asks_for_is_kept() -> None:
    waits: list[float] = []
    with (
        outside(in_turn(Reply(429, headers=(("Retry-After", "7"),)), Reply())) as stub,
        client(stub.url, waits) as http,
    ):
        http.get("/")
    assert 7.0 in waits


def test_a_system_that_stays_down_is_an_error_that_names_it() -> None:
    with (
        outside(in_turn(Reply(503))) as stub,
        client(stub.url, []) as http,
        pytest.raises(SourceError, match="stub: answered 503, 5 times"),
    ):
        http.get("/")
    assert len(stub.asked) == 5


@pytest.mark.parametrize(
    ("status", "words"), [(401, "credentials"), (404, "answered 404"), (302, "another address"), (304, "answered 304")]
)
def test_a_refusal_is_final_and_does_not_repeat_what_the_system_said(status: int, words: str) -> None:
    body = b'{"error": "no such client +48 600 100 200"}'
    with outside(in_turn(Reply(status, body))) as stub, client(stub.url, []) as http:
        with pytest.raises(SourceError, match=words) as told:
            http.get("/")
        assert len(stub.asked) == 1
    assert "600" not in str(told.value)


def test_requests_keep_their_pace() -> None:
    waits: list[float] = []
    with outside(in_turn(Reply())) as stub, Http("s", stub.url, per_second=2, allowed=HERE, sleep=waits.append) as http:
        for _ in range(3):
            http.get("/")
    # The waits are only noted, not waited, so each request finds itself half a second further behind.
    assert len(waits) == 2 and 0 < waits[0] <= 0.5 < waits[1] <= 1.0


def test_a_large_answer_goes_into_a_file(tmp_path: Path) -> None:
    text = b"a;b\n" * 50_000
    with outside(in_turn(Reply(body=text))) as stub, client(stub.url, []) as http:
        http.get("/report", into=tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_bytes() == text


def test_headers_that_drip_are_cut_off_where_time_is_short() -> None:
    server = socket.create_server((HERE, 0))

    def drip() -> None:
        with server.accept()[0] as taken, suppress(OSError):
            taken.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                taken.sendall(b"x-a: b\r\n")
                time.sleep(0.05)

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with (
        client(f"http://{HERE}:{server.getsockname()[1]}", []).within(0.5) as http,
        pytest.raises(SourceError, match="takes too long"),
    ):
        http.get("/")
    assert time.monotonic() - began < 2
    thread.join(5)
    assert not thread.is_alive()
    server.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.7",
        "192.168.1.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "0.0.0.0",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::]",
        "[2002:a00:1::1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[2001:0:7f00:1::]",
        "[2a00::5efe:10.0.0.1]",
        "[2a00::200:5efe:10.0.0.1]",
        "[2606:4700:1:2:0:5efe:a9fe:a9fe]",
        "[fec0::1]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "192.0.0.8",
        "192.88.99.1",
        "[3fff::1]",
        "[5f00::1]",
        "[100::1]",
        "[100:0:0:1::1]",
        "[2001:db8::1]",
        "[2002:c058:6301::]",
        "100.64.0.1",
        "[::]",
    ],
)
def test_private_addresses_are_never_called(address: str) -> None:
    with outside(in_turn(Reply())) as stub:
        port = stub.url.rpartition(":")[2]
        with (
            Http("s", f"http://{address}:{port}", sleep=lambda _: None) as http,
            pytest.raises(UserError, match="private"),
        ):
            http.get("/")
        assert stub.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "192.0.0.9",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2606:4700::1111",
        "2a00::5efe:8.8.8.8",
        "2a00::5eff:10.0.0.1",
    ],
)
def test_public_addresses_may_be_called_also_through_a_gateway(address: str) -> None:
    assert may_reach(address, 443) == str(ipaddress.ip_address(address))


def test_allowing_a_network_allows_it_behind_a_gateway_too() -> None:
    assert may_reach("64:ff9b::10.1.0.1", 443, "10.1.0.0/16")
    with pytest.raises(UserError, match="private"):
        may_reach("64:ff9b::10.2.0.1", 443, "10.1.0.0/16")


@pytest.mark.parametrize("allowed", ["127.0.0.0/8", "crm.lan, 127.0.0.1", "LOCALHOST, ::1, 127.0.0.1"])
def test_the_operator_may_allow_a_private_host(allowed: str) -> None:
    with outside(in_turn(Reply())) as stub:
        url = stub.url.replace("127.0.0.1", "localhost") if "LOCAL" in allowed else stub.url
        with Http("s", url, allowed=allowed) as http:
            assert http.get("/").status_code == 200


def test_a_name_that_points_elsewhere_the_second_time_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(2, 1, 6, "", (address, port))]

    seen = []
    monkeypatch.setattr(http.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(
        http.httpx.HTTPTransport,
        "handle_request",
        lambda self, request: seen.append(request) or http.httpx.Response(200, stream=http.httpx.ByteStream(b"")),
    )
    with Http("s", "https://rebinding.example") as outgoing:
        outgoing.get("/")
    assert seen[0].url.host == "93.184.216.34"
    assert seen[0].headers["host"] == "rebinding.example"
    assert seen[0].extensions["sni_hostname"] == "rebinding.example"
    assert asked == ["rebinding.example"]


def packed(body: bytes, coding: str = "gzip") -> Reply:
    return Reply(body=body, headers=(("Content-Type", "application/json"), ("Content-Encoding", coding)))


def test_a_compressed_answer_is_unpacked(tmp_path: Path) -> None:
    body = json.dumps({"n": "ż" * 200_000}).encode()
    with outside(in_turn(packed(gzip.compress(body)))) as stub, client(stub.url, []) as http:
        assert http.get("/").json() == {"n": "ż" * 200_000}
        http.request("GET", "/", into=tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == body
    assert stub.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("into", [False, True])
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (packed(gzip.compress(b"0" * (32 << 20))), "sent more data than Tandem reads"),
        (packed(gzip.compress(gzip.compress(b"0" * 100)), "gzip, gzip"), "unsupported compression"),
        (packed(b"no gzip at all"), "damaged compressed response"),
        (Reply(body=b"0" * (9 << 20)), "sent more data than Tandem reads"),
    ],
)
def test_an_answer_without_end_is_not_taken(
    reply: Reply, said: str, into: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MOST_INTO_FILE", 8 << 20)
    target = tmp_path / "file" if into else None
    with (
        outside(in_turn(reply)) as stub,
        client(stub.url, [], most_bytes=8 << 20) as asker,
        pytest.raises(SourceError, match=said),
    ):
        asker.request("GET", "/", into=target)
    assert target is None or not target.exists() or target.stat().st_size <= 8 << 20
