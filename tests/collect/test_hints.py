"""Client hints: what a browser says beside its agent, and what it never decides."""
# ruff: noqa: E501 (one row a browser)

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.collect.ingest import Sender
from tandem.collect.model import hints
from tandem.collect.model.agents import AGENT_LENGTH, agent_of
from tandem.collect.model.hints import parted, with_hints
from tests.collect.test_agents import MAC, PIXEL, WIN
from tests.collect.test_ingest import ADDRESS, Memory, door_of, hit

CHROME = WIN + "Chrome/142.0.0.0 Safari/537.36"
ANDROID = PIXEL + "Chrome/142.0.0.0 Safari/537.36"
NOISE = '"Not_A Brand";v="99"'


def brands(*named: str) -> str:
    return ", ".join([f'"{name.rpartition(" ")[0]}";v="{name.rpartition(" ")[2]}"' for name in named] + [NOISE])


@pytest.mark.parametrize(
    ("agent", "fields", "browser", "system", "device"),
    [
        (CHROME, (brands("Chromium 142", "Google Chrome 142"), "?0", '"Windows"', "", ""), "Chrome", "Windows", "desktop"),
        (CHROME, (brands("Chromium 142", "Brave 142"), "?0", '"Windows"', '"15.0.0"', ""), "Brave", "Windows 11", "desktop"),
        (CHROME, (brands("Google Chrome 142"), "?0", '"Windows"', '"10.0.0"', ""), "Chrome", "Windows", "desktop"),
        (CHROME, (brands("YaBrowser 25", "Yowser 2"), "?0", '"Windows"', "", ""), "Yandex Browser", "Windows", "desktop"),
        (CHROME, (brands("Opera GX 125"), "?0", '"Windows"', "", ""), "Opera", "Windows", "desktop"),
        (CHROME, (brands("Microsoft Edge 142"), "?0", '"Windows"', "", ""), "Edge", "Windows", "desktop"),
        (CHROME, (brands("Some Browser 7"), "?0", "", "", ""), "Chrome", "Windows", "desktop"),
        (ANDROID, (brands("Google Chrome 142"), "?0", '"Android"', '"15.0.0"', '"Tablet"'), "Chrome", "Android", "tablet"),
        (ANDROID, (brands("Google Chrome 142"), "?1", '"Android"', "", ""), "Chrome", "Android", "mobile"),
        (MAC + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", ("",) * 5, "Safari", "macOS", "desktop"),
        (CHROME, ("", "?1", '"Windows"', '"15.0.0"', ""), "Chrome", "Windows", "desktop"),
    ],
)  # fmt: skip
def test_hints_name_what_the_agent_hides(
    agent: str, fields: tuple[str, ...], browser: str, system: str, device: str
) -> None:
    read = agent_of(with_hints(agent, fields))
    assert (read.browser, read.os, read.device, read.bot) == (browser, system, device, "")


def test_a_program_is_one_whatever_agent_it_claims_and_no_hint_makes_a_bot_a_person() -> None:
    fields = (brands("HeadlessChrome 142", "Chromium 142"), "?0", '"Linux"', "", "")
    assert (agent_of(with_hints(CHROME, fields)).bot, agent_of(CHROME).bot) == ("tool", "")
    googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    bot = agent_of(with_hints(googlebot, (brands("Brave 142"), "?1", '"Windows"', '"15.0.0"', '"Mobile"')))
    assert (bot.bot, bot.bot_name, bot.device) == ("search", agent_of(googlebot).bot_name, "bot")


def test_what_the_agent_says_already_is_not_written_again() -> None:
    usual = (brands("Chromium 142", "Google Chrome 142"), "?1", '"Android"', "", "")
    phone = PIXEL + "Chrome/142.0.0.0 Mobile Safari/537.36"
    assert with_hints(phone, usual) == phone and parted(phone) == (phone, None)


def test_hints_are_spooled_with_the_agent_and_say_nothing_of_who_somebody_is() -> None:
    spool = Memory()
    ingest = door_of(spool)
    full = with_hints(CHROME, (brands("Brave 142"), "?0", '"Windows"', '"15.0.0"', ""))
    for who in (Sender(ADDRESS, CHROME), Sender(ADDRESS, CHROME, full_agent=full)):
        asyncio.run(ingest.receive(hit(), who))
    plain, hinted = spool.records
    assert (plain.agent, hinted.agent) == (CHROME, f"{CHROME} CH(Brave 142; Windows 15)")
    assert plain.visitor == hinted.visitor


@given(st.text(max_size=900), st.lists(st.text(max_size=300), min_size=5, max_size=5))
def test_whatever_is_sent_as_hints_is_read_within_bounds(agent: str, fields: list[str]) -> None:
    text = with_hints(agent, fields)
    assert len(text) <= len(agent) + 200
    agent_of(text)
    assert hints.LONGEST * 4 < AGENT_LENGTH


@pytest.mark.parametrize(
    "text", ["x CH()", "x CH(; )", "x CH(9)", "x CH(Windows 99999999)", "CH(a 1)", "x CH(Windows ١)"]
)
def test_what_looks_like_hints_breaks_nothing(text: str) -> None:
    assert agent_of(CHROME + " " + text).os.startswith("Windows")
