"""One sender's connections end after their answer once they are very many; nobody else's do."""

import asyncio
from typing import Any

import pytest

from tandem.app import make_app
from tandem.base import crowd
from tandem.base.crowd import WINDOW_S, Allowance, Crowd
from tandem.base.deadline import CLOSES
from tandem.collect.ingest import Ingest
from tandem.core.context import Context


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(crowd.time, "monotonic", lambda: now[0])
    return now


def test_who_was_there_first_stays_and_the_rest_is_closed(clock: list[float]) -> None:
    places = Crowd(most=3)
    for _ in range(5):
        assert [places.is_one_too_many("203.0.113.9", str(port)) for port in range(5)] == [False] * 3 + [True] * 2
        assert not places.is_one_too_many("203.0.113.8", "0"), "somebody else"
        clock[0] += WINDOW_S / 2


def test_places_of_the_silent_are_given_to_others(clock: list[float]) -> None:
    places = Crowd(most=2)
    assert [places.is_one_too_many("203.0.113.9", str(port)) for port in range(3)] == [False, False, True]
    clock[0] += 2 * WINDOW_S
    assert [places.is_one_too_many("203.0.113.9", str(port)) for port in range(2, 5)] == [False, False, True]


def test_a_connection_that_asks_again_counts_once(clock: list[float]) -> None:
    places = Crowd(most=4)
    for _ in range(3):
        assert [places.is_one_too_many("203.0.113.9", str(port)) for port in (2, 0, 1)] == [False] * 3
        clock[0] += WINDOW_S
    assert [places.is_one_too_many("203.0.113.9", str(port)) for port in range(6)] == [False] * 4 + [True] * 2


def test_a_customers_whole_network_is_one_sender(clock: list[float]) -> None:
    places = Crowd(most=1)
    assert not places.is_one_too_many("2001:db8:0:1::1", "1")
    assert places.is_one_too_many("2001:db8:0:2::9", "2")


def test_a_botnet_fills_no_memory(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST_SENDERS", 50)
    places = Crowd()
    for i in range(1000):
        places.is_one_too_many(f"10.0.{i // 250}.{i % 250}", "1")
    assert len(places._now) + len(places._before) <= 102
    allowance = Allowance(1 << 20)
    for i in range(1000):
        allowance.takes(f"198.51.{i // 250}.{i % 250}", 600)
    assert len(allowance._used) <= 51


def test_many_others_do_not_give_a_sender_its_places_anew(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST_SENDERS", 50)
    places, ports, closed = Crowd(most=5), iter(range(1000)), 0
    for crowded in range(4):
        closed += sum(places.is_one_too_many("203.0.113.9", str(next(ports))) for _ in range(5))
        for i in range(60):
            assert not places.is_one_too_many(f"198.51.{crowded}.{i}", "1")
    assert closed == 15


def test_silent_connections_keep_their_places_in_a_crowd(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST_SENDERS", 50)
    places = Crowd(most=4)
    assert not any(places.is_one_too_many("203.0.113.9", str(port)) for port in range(4))
    clock[0] += WINDOW_S
    assert not places.is_one_too_many("203.0.113.9", "0"), "one of them asks again, three are silent"
    for i in range(200):
        places.is_one_too_many(f"198.51.100.{i}", "1")
    assert places.is_one_too_many("203.0.113.9", "4")


# ── bytes of an hour ──


def test_many_others_do_not_give_a_sender_its_bytes_anew(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy site all counts were forgotten with each 20,000 senders: one had 319 MB taken instead of 64."""
    monkeypatch.setattr(crowd, "MOST_SENDERS", 50)
    allowance, taken = Allowance(64_000), 0
    for crowded in range(5):
        taken += sum(1000 for _ in range(100) if allowance.takes("203.0.113.9", 1000))
        assert all(allowance.takes(f"198.51.{crowded}.{i}", 600) for i in range(60))
    assert taken == 64_000


def test_what_a_sender_had_taken_is_forgotten_after_an_hour(clock: list[float]) -> None:
    allowance = Allowance(1000)
    assert allowance.takes("203.0.113.9", 1000)
    clock[0] += 3599
    assert not allowance.takes("203.0.113.9", 1)
    clock[0] += 1
    assert allowance.takes("203.0.113.9", 1000) and not allowance.takes("203.0.113.9", 1)


def test_the_product_closes_what_is_too_much_and_never_its_own_proxies(ctx: Context) -> None:
    ctx.state(Ingest, lambda: None)  # not needed for a script
    front = make_app(ctx, runs_jobs=False)

    def is_closed(host: str, port: int) -> bool:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/t/tandem.js", "query_string": b"", "headers": [],
            "client": (host, port),
        }  # fmt: skip
        asyncio.run(front(scope, receive, send))
        assert sent[0]["status"] == 200
        return CLOSES in sent[0]["headers"]

    ports = range(crowd.MOST + 5)
    assert sum(is_closed("203.0.113.9", port) for port in ports) == 5
    assert not any(is_closed("127.0.0.1", port) for port in ports), "many visitors stand behind a proxy"
