"""What is remembered is bounded in bytes: a stranger's long texts are not kept."""

import pytest

from tandem.base.remembered import remembered
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
