"""What a user agent is: browser, system and device of a person, or the class and name of a bot."""

import json
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec
import xxhash
from ua_parser import OS, Domain, UserAgent
from ua_parser.core import Matcher
from ua_parser.loaders import load_lazy_builtins
from ua_parser.matchers import UserAgentMatcher
from ua_parser.regex import Resolver

from tandem.base.remembered import remembered
from tandem.collect.model.urls import clean

AGENT_LENGTH: Final = 1000


class Agent(msgspec.Struct, frozen=True):
    """A browser or a bot. Unknown is an empty text."""

    browser: str
    browser_version: str  # major only
    os: str
    os_version: str  # major, or major.minor where the minor is a release of its own
    device: str  # desktop, mobile, tablet, tv, console, bot
    bot: str  # '' for people; else search, ai, seo, monitoring, social preview, feed, archive, security, tool, other
    bot_name: str


class _Words:
    """Many expressions asked at once: the number of the first that matches.

    ua-parser's engine looks for literals first, so that 1,500 expressions cost as little as one.
    """

    def __init__(self, expressions: Iterable[str]) -> None:
        matchers: list[Matcher[UserAgent]] = [UserAgentMatcher(text, str(row)) for row, text in enumerate(expressions)]
        self._resolver = Resolver((matchers, [], []))

    def first(self, text: str) -> int | None:
        user_agent = self._resolver(text, Domain.USER_AGENT).user_agent
        return None if user_agent is None else int(user_agent.family)


class _Bots:
    """The published crawler list, and behind it our own words for what it does not know."""

    def __init__(self, rules: dict[str, Any]) -> None:
        generic = rules["generic"]
        self.names: list[tuple[str, str]] = [(name, kind) for _, name, kind in rules["patterns"]]
        self.words = _Words([*(pattern for pattern, _, _ in rules["patterns"]), generic["tool"], generic["bot"]])
        self.generic = {key: re.compile(text) for key, text in generic.items()}

    def match(self, user_agent: str) -> tuple[str, str]:
        """Return (name, class) of the bot, or two empty texts for a person's browser."""
        bare = self.generic["people"].sub("", user_agent)
        row = self.words.first(bare)
        if row is None:
            return "", ""
        if row < len(self.names):
            return self.names[row]
        kind = "tool" if row == len(self.names) else "bot"
        match = self.generic[kind].search(bare)
        name = _name_of(bare, match[0] if match else bare)
        return name, "tool" if kind == "tool" else "other"

    def is_browser(self, user_agent: str) -> bool:
        """Say whether the text starts as browsers do."""
        return self.generic["browser"].match(user_agent) is not None


class _Engine:
    """Everything that is compiled once."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.bots = _Bots(rules)
        self.parse = Resolver(load_lazy_builtins())
        self.browsers: dict[str, str] = rules["browsers"]
        self.systems: dict[str, str] = rules["systems"]
        self.kinds: list[str] = [row["kind"] for row in rules["device"]]
        self.devices = _Words(row["like"] for row in rules["device"])

    def agent(self, user_agent: str) -> Agent:
        name, bot = self.bots.match(user_agent)
        result = self.parse(user_agent, Domain.USER_AGENT | Domain.OS)
        browser, version = ("", "") if result.user_agent is None else _pair(result.user_agent)
        system, release = ("", "") if result.os is None else (result.os.family, _release(result.os))
        if not (bot or browser or system or self.bots.is_browser(user_agent)):
            name, bot = clean(user_agent.partition("/")[0], 60), "tool"
        return Agent(
            browser=self.browsers.get(browser, browser),
            browser_version=version,
            os=self.systems.get(system, system),
            os_version=release,
            device="bot" if bot else self._device(user_agent),
            bot=bot,
            bot_name=name,
        )

    def _device(self, user_agent: str) -> str:
        row = self.devices.first(user_agent)
        return "desktop" if row is None else self.kinds[row]


def agent_of(user_agent: str) -> Agent:
    """Return what the user agent is. An empty one is a bot of class "tool": every browser sends its name."""
    return _agent(user_agent[:AGENT_LENGTH])


def agent_id(user_agent: str) -> int:
    """Return the stable 64-bit key of a user agent."""
    return xxhash.xxh3_64_intdigest(user_agent.encode("utf-8", "replace"))


@remembered(16384)
def _agent(user_agent: str) -> Agent:
    return _engine().agent(clean(user_agent, AGENT_LENGTH))


@cache
def _engine() -> _Engine:
    text = (resources.files("tandem.collect.rules") / "bots.json").read_text("utf-8")
    return _Engine(json.loads(text))


def _pair(browser: UserAgent) -> tuple[str, str]:
    return browser.family, browser.major or ""


def _release(system: OS) -> str:
    parts = [part for part in (system.major, system.minor) if part]
    return ".".join(parts[: 2 if system.family in ("Mac OS X", "iOS", "Windows", "Tizen", "webOS") else 1])


def _name_of(user_agent: str, word: str) -> str:
    """Return the token around the word that gave the bot away."""
    token = next((part for part in re.split(r"[\s;()/,]+", user_agent) if word.strip(" ;()/,") in part), word)
    return clean(token.strip("+"), 60)
