"""The threads that requests are answered in, in lanes: those of one kind never wait for those of another."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from enum import Enum
from typing import Any


class Lane(Enum):
    """Which requests share their threads, and how many there are; asyncio grants six on two cores."""

    PAGES = 40
    """Of people and programs that are signed in: they wait for stores, files and each other."""
    STRANGERS = 24
    """Of whoever is not: four check passwords, and sixteen more may wait for that."""
    ENTRY = 8
    """Who asks, and webhooks: short questions to the record store, which all others begin with."""
    HEALTH = 2
    """Monitoring wants an answer while everything else waits."""


LANE: ContextVar[Lane] = ContextVar("lane", default=Lane.PAGES)
"""The lane of what the running request does next."""


class Threads(ThreadPoolExecutor):
    """An executor for asyncio that works in the lane of whoever hands something in."""

    def __init__(self) -> None:
        super().__init__(1)  # never used: asyncio takes no executor of another kind
        self._lanes = {lane: ThreadPoolExecutor(lane.value, f"request-{lane.name.lower()}") for lane in Lane}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._lanes[LANE.get()].submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for pool in self._lanes.values():
            pool.shutdown(wait, cancel_futures=cancel_futures)
