"""What is remembered is bounded in bytes: a stranger's long texts are not kept."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tandem.base.remembered import Memory, remembered, size_of
from tandem.base.sender import address_of
from tandem.collect.model import agents, origins, urls
from tandem.people.model import identifier


def test_a_short_text_is_worked_on_once_and_a_long_one_each_time() -> None:
    asked = list[str]()

    @remembered(2, longest=5)
    def upper(text: str) -> str:
        asked.append(text)
        return text.upper()

    assert [upper("short"), upper("short"), upper("longer"), upper("longer")] == ["SHORT"] * 2 + ["LONGER"] * 2
    assert asked == ["short", "longer", "longer"]


@pytest.mark.parametrize("function", [origins._tags, origins._bare_origin, urls.referrer_parts, address_of])
def test_nothing_long_that_a_stranger_sends_is_kept(function: object) -> None:
    before = function.remembers().currsize  # type: ignore[attr-defined]
    for n in range(20):
        function(f"https://a.example/?utm_source={n}" + "x" * 2000)  # type: ignore[operator]
    assert function.remembers().currsize == before  # type: ignore[attr-defined]


def test_a_user_agent_is_cut_and_a_text_that_is_no_phone_not_looked_at() -> None:
    before = identifier._phone_of.cache_info().currsize
    assert identifier.phone_of("\N{GRINNING FACE}" * 400) is None
    assert identifier._phone_of.cache_info().currsize == before
    assert agents._agent.remembers().maxsize * agents.AGENT_LENGTH * 4 < 100 << 20  # type: ignore[attr-defined]


class Part(msgspec.Struct):
    """A row as Money makes them of several answers."""

    key: str
    credit: float
    by_model: dict[str, float]


def parts(count: int) -> list[Part]:
    return [
        Part(f"/a/page/with/a/name/{n}", n / 7, dict.fromkeys(("first", "last", "even"), n / 3)) for n in range(count)
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: parts(5_000),
        lambda: [(f"{n}", n / 7, None) for n in range(5_000)],
        lambda: {f"{n}": list(parts(3)) for n in range(2_000)},
        lambda: [["x" * (n % 100), *(n / k for k in range(1, 100))] for n in range(500)],
        lambda: [bytes(n) for n in range(3_000)],  # the largest last
    ],
)
def test_the_size_of_a_thing_is_told_by_a_sample(make: Callable[[], Any]) -> None:
    tracemalloc.start()
    try:
        made = make()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held / 3 < size_of(made) < held * 3


def test_what_was_made_of_older_data_is_not_recalled_and_the_oldest_goes_first() -> None:
    memory = Memory(20_000)
    memory.keep("one", 1, "x" * 5_000, 1)
    assert (memory.recall("one", 1), memory.recall("one", 2), memory.recall("two", 1)) == ("x" * 5_000, None, None)
    memory.keep("two", 1, "y" * 5_000, 1)
    assert memory.recall("one", 1), "asked for lately"
    memory.keep("three", 1, "z" * 9_000, 1)
    assert (memory.recall("two", 1), len(memory)) == (None, 2)


def test_what_takes_too_large_a_part_is_not_kept() -> None:
    memory = Memory(20_000)
    memory.keep("wide", 1, "x" * 9_000, 1 / 4)
    assert memory.recall("wide", 1) is None
