"""How lists of bots become rules: whole words, tried against agents of people."""

import re
from typing import Any

import pytest

from tandem.collect.model.agents import Engine
from tandem.collect.rules.bot_rules import Published, Refused, bots, narrowed

PHONE = "Mozilla/5.0 (Linux; Android 15; CPH2609 Build/AP3A.240617.008; wv) AppleWebKit/537.36 Mobile Safari/537.36"
SCHOOL = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Blackboard/3.6.0"


def own(*dropped: str) -> dict[str, Any]:
    """The smallest words of our own."""
    words = {"build": ";[^;()]*Build/[^;)]*", "people": r"\bcubot\w*", "bot": [], "tool": []}
    words |= {"browser": "Mozilla", "hand_held": "Android"}
    named = [{"name": "Yandex Browser", "like": r"YaBrowser/(\d+)"}]
    return {
        "generic": words, "drop": {"patterns": list(dropped)}, "add": {}, "kinds": {"feed": "(?i)feed"},
        "browsers": {}, "systems": {}, "brands": {}, "bot_brands": {}, "named_browser": named,
        "named_system": [{"name": "Tizen", "like": "Tizen"}],
        "device": [{"kind": "mobile", "like": "Mobile"}],
    }  # fmt: skip


def published(pattern: str, *seen: str, people: tuple[str, ...] = (PHONE, SCHOOL)) -> Published:
    return Published([(pattern, "", "")], list(seen), list(people))


def test_a_pattern_that_takes_people_out_is_refused() -> None:
    part = published("Blackboard", "Blackboard Safeassign")
    with pytest.raises(Refused, match=r"Blackboard   takes   .*iPhone"):
        bots(own(), [part])
    assert bots(own("Blackboard"), [part])["patterns"] == []
    assert bots(own(), [part], strict=False)["patterns"] == []


@pytest.mark.parametrize("pattern", [r"AP3A\.240617\.008", r"BP2A.250605.031.A2", "UP1A.231005.007"])
def test_a_build_of_android_is_never_a_bot(pattern: str) -> None:
    with pytest.raises(Refused, match="every phone with this build"):
        bots(own(), [published(pattern, people=())])


def test_a_pattern_becomes_a_whole_word_where_it_takes_people_as_written() -> None:
    person = "Mozilla/5.0 (X11) Demonstration/2.0"
    rules = bots(own(), [published("Demon", "Demon/1.0", people=(person,))])
    engine = Engine(rules)
    assert (engine.agent(person).bot, engine.agent("Demon/1.0").bot, engine.agent("DemonBot").bot) == (
        "",
        "other",
        "other",
    )


def test_a_word_ends_at_a_capital_and_keeps_what_it_found() -> None:
    assert re.search(narrowed("Ahrefs", ["AhrefsBot/7.0"]), "Mozilla AhrefsSiteAudit")
    assert not re.search(narrowed("Ahrefs", ["AhrefsBot/7.0"]), "xAhrefs")
    assert re.search(narrowed("bot", ["Googlebot"]), "Googlebot")  # a list that means a piece of a word still finds it


def test_what_the_engine_cannot_read_is_left_out() -> None:
    parts = [published(pattern) for pattern in ("(?<! cu)bot", "java(?!;)", "[a-")]
    assert bots(own(), parts)["patterns"] == []


def test_a_bot_has_the_name_of_its_examples_and_the_class_of_its_words() -> None:
    rules = bots(own(), [published("(?i:feedable)", "Feedable/0.1 (compatible; MSIE 6.0)")])
    assert rules["patterns"][0][1:] == ["Feedable", "feed"]


def test_the_first_number_in_brackets_is_the_version() -> None:
    agent = Engine(bots(own(), [])).agent("Mozilla/5.0 (Tizen) YaBrowser/24.1.8 Mobile")
    assert (agent.browser, agent.browser_version, agent.os, agent.os_version) == ("Yandex Browser", "24", "Tizen", "")
