"""A request that never ends does not hold its place for ever; one that is merely slow passes."""

import asyncio
import selectors
from typing import Any

import pytest

from tandem.base.bodies import Bodies
from tandem.base.deadline import SLOWEST_START_S, InTime, answered_in_time
from tandem.base.time_limit import STOPS_WITHIN_S, TimeLimit, _watch, end_all


class Leaps(selectors.SelectSelector):
    """What an event loop sleeps in: time leaps to the next thing due, so no machine is too slow for these tests."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return super().select(0)


class LeapingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.leaps = Leaps()
        super().__init__(self.leaps)

    def time(self) -> float:
        return self.leaps.now


def run(answer: Any) -> None:
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(answer)


def client(*parts: tuple[float, bytes, bool]) -> Any:
    """A client that waits before each part of its body, then says nothing more."""
    waiting = iter(parts)

    async def receive() -> dict[str, Any]:
        part = next(waiting, None)
        await asyncio.sleep(3600 if part is None else part[0])
        assert part is not None
        return {"type": "http.request", "body": part[1], "more_body": part[2]}

    return receive


async def reads_all(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads its body, and answers whatever becomes of it."""
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    status = 200 if message["type"] == "http.request" else 500
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def answered(receive: Any, app: Any = reads_all) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"headers": [(b"transfer-encoding", b"chunked")]}
    run(asyncio.wait_for(answered_in_time(app, scope, receive, send), 3000))
    return [message.get("status") for message in sent if message["type"] == "http.response.start"]


def test_who_is_answered_before_the_body_was_read_is_told_that_the_connection_ends() -> None:
    """The server closes it, and the client's next request would meet the closing."""

    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})

    def fields_of(app: Any, *headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        run(answered_in_time(app, {"headers": headers}, client((0, b"x", False)), send))
        return list(sent[0]["headers"])

    assert fields_of(refuses, (b"content-length", b"1")) == [(b"connection", b"close")]
    assert fields_of(refuses, (b"transfer-encoding", b"chunked")) == [(b"connection", b"close")]
    assert fields_of(refuses, (b"content-length", b"0")) == fields_of(refuses) == []
    assert fields_of(reads_all, (b"content-length", b"1")) == []


def test_a_body_that_stays_away_is_answered_with_408() -> None:
    assert answered(client((0, b"half of it", True))) == [408]


@pytest.mark.parametrize("apart_s", [1.0, 14.0])
def test_a_drip_does_not_buy_time(apart_s: float) -> None:
    drip = client(*[(apart_s, b"x", True)] * 1_000, (0, b"end", False))
    began, sent = 0.0, list[Any]()

    async def send(message: Any) -> None:
        sent.append((message.get("status"), asyncio.get_running_loop().time()))

    run(answered_in_time(reads_all, {"headers": [(b"transfer-encoding", b"chunked")]}, drip, send))
    status, at = sent[0]
    assert status == 408 and at - began < SLOWEST_START_S + 2, "the time counts from the first wait, not from each"


def test_a_slow_line_that_goes_on_passes() -> None:
    assert answered(client(*[(10.0, b"x" * 80_000, True)] * 10, (10.0, b"end", False))) == [200]


def test_nothing_is_limited_once_the_body_is_there() -> None:

    async def streams(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with_end = asyncio.wait_for(receive(), 60)  # a stream waits for the client to leave
        try:
            await with_end
        except TimeoutError:
            await send({"type": "http.response.body", "body": b""})

    assert answered(client((0, b"", False)), streams) == [200]


def test_who_has_to_give_way_to_others_is_told_when_to_come_back() -> None:
    bodies = Bodies(in_all=100_000, of_one=100_000)
    silent = client((0, b"x" * 90_000, True))
    growing = client((1, b"x" * 60_000, True), (1, b"end", False))
    sent: dict[str, list[Any]] = {"silent": [], "growing": []}

    async def ask(name: str, receive: Any) -> None:
        async def send(message: Any) -> None:
            sent[name].append(message)

        scope = {"headers": [(b"transfer-encoding", b"chunked")]}
        await answered_in_time(reads_all, scope, InTime(receive, bodies, "203.0.113.9"), send)

    async def both() -> float:
        await asyncio.gather(ask("silent", silent), ask("growing", growing))
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(both()) < 5, "the silent one was cut, not waited for"
    assert [sent[name][0]["status"] for name in sent] == [503, 200]
    assert (b"retry-after", b"30") in sent["silent"][0]["headers"]
    assert bodies.size == 0


def test_a_server_that_stops_waits_for_no_body() -> None:
    async def stopped_after(*parts: tuple[float, bytes, bool]) -> float:
        async def send(message: Any) -> None:
            pass

        answer = answered_in_time(reads_all, {"headers": []}, client(*parts), send)
        task = asyncio.create_task(answer)
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        end_all()
        await asyncio.wait_for(task, 600)
        return asyncio.get_running_loop().time() - began

    for parts in ([(0.0, b"x" * 4_000_000, True)], [(0.5, b"x" * 9_000, True)] * 1_000):
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            assert runner.run(stopped_after(*parts)) <= STOPS_WITHIN_S + 1


async def held_for(seconds: float, limit_s: float) -> str:
    try:
        with TimeLimit(limit_s):
            await asyncio.sleep(seconds)
    except TimeoutError:
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling(), "who is late goes on, and can be cancelled again"
        return "late"
    await asyncio.sleep(1)  # nothing of the limit is left to end what comes after
    return "done"


def test_many_waits_end_each_at_its_own_limit() -> None:
    async def all_of_them() -> list[str]:
        return list(
            await asyncio.gather(held_for(9, 5), held_for(4, 5), held_for(60, 50), held_for(0, 5), held_for(30, 31))
        )

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(all_of_them()) == ["late", "done", "late", "done", "done"]


def test_nothing_is_kept_of_waits_that_are_over() -> None:
    async def kept() -> int:
        await asyncio.gather(*(held_for(0, 5) for _ in range(100)))
        return len(_watch(asyncio.get_running_loop()).waiting)

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(kept()) == 0


def test_who_lets_its_own_wait_run_out_can_still_wait_for_something_else() -> None:
    async def own() -> str:
        limit = TimeLimit(5)
        try:
            with limit:
                limit.run_out()
                await asyncio.sleep(0)
        except TimeoutError:
            return "cancelled itself"
        await asyncio.sleep(1)
        return "goes on"

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(own()) == "goes on"


def test_who_is_cancelled_by_others_is_not_late() -> None:
    async def cancelled() -> str:
        task = asyncio.create_task(held_for(9, 5))
        await asyncio.sleep(2)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(cancelled()) == "cancelled"
