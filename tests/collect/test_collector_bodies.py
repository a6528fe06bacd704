"""What the lone collector makes of bodies, without a network: it holds nothing of those that are answered."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from tandem.base.bodies import OF_ONE, Bodies
from tandem.base.sender import Proxies
from tandem.collect.counter import Collector
from tandem.collect.ingest import Reply


class Headers(dict[str, str]):
    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class Protocol:
    """A client's body in parts, and what it was answered."""

    def __init__(self, *parts: bytes) -> None:
        self.parts, self.status = parts, 0

    async def __call__(self) -> bytes:
        return b"".join(self.parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part

    def response_bytes(self, status: int, fields: list[tuple[str, str]], body: bytes) -> None:
        self.status = status


class Taken:
    """An intake that takes everything."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.agents: list[tuple[str, str]] = []

    async def receive(self, body: bytes, sender: Any) -> Reply:
        self.bodies.append(body)
        self.agents.append((sender.agent, sender.full_agent))
        return Reply(202, "ok")


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
def collector(taken: Taken) -> Collector:
    return Collector(taken, Proxies(""))  # type: ignore[arg-type]


async def answer(collector: Collector, length: int, *parts: bytes, **fields: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in fields.items()} | {"content-length": str(length)}
    scope = SimpleNamespace(method="POST", path="/t/hit", client="203.0.113.9:4711", headers=Headers(sent))
    protocol = Protocol(*parts)
    await collector.__rsgi__(scope, protocol)
    await asyncio.sleep(0)  # whoever has a request answered can wait for something else
    return protocol.status


def test_client_hints_are_read_beside_the_agent(collector: Collector, taken: Taken) -> None:
    asyncio.run(answer(collector, 1, b"x", user_agent="A", sec_ch_ua='"Brave";v="142"'))
    asyncio.run(answer(collector, 1, b"x", user_agent="A"))
    assert taken.agents == [("A", "A CH(Brave 142)"), ("A", "")]


def test_nothing_is_held_of_hits_that_are_answered(collector: Collector, taken: Taken) -> None:
    async def all_of_them() -> set[int]:
        return {await answer(collector, 60_000, b"x" * 30_000, b"x" * 30_000) for _ in range(4 * OF_ONE // 60_000)}

    assert asyncio.run(all_of_them()) == {202}
    assert (collector._bodies.size, collector._bodies.open) == (0, 0)


@pytest.mark.parametrize("length", [10, 20_000])
def test_half_a_hit_is_none(collector: Collector, taken: Taken, length: int) -> None:
    assert asyncio.run(answer(collector, length, b"x" * (length - 1))) == 408
    assert asyncio.run(answer(collector, length, b"x" * length)) == 202
    assert [len(body) for body in taken.bodies] == [length]


def test_a_hit_that_has_to_give_way_is_told_to_come_again(collector: Collector, taken: Taken) -> None:
    collector._bodies = Bodies(in_all=20_000, of_one=20_000)
    assert asyncio.run(answer(collector, 60_000, *[b"x" * 15_000] * 4)) == 503
    assert taken.bodies == [] and collector._bodies.size == 0
