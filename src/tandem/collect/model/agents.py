"""What a user agent is: browser, system and device of a person, or the class and name of a bot."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec
import xxhash
from ua_parser import OS, Domain, UserAgent
from ua_parser.core import Matcher
from ua_parser.lazy import UserAgentMatcher
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from tandem.base.remembered import remembered
from tandem.collect.model.hints import Hints, parted
from tandem.collect.model.urls import clean
from tandem.collect.rules import shipped
from tandem.collect.rules.bot_names import named_bot

AGENT_LENGTH: Final = 1000
NAME_LENGTH: Final = 60
WINDOWS_11: Final = 13
"""From this version of the platform on; lower ones are Windows 10."""
FORMS: Final = {"Watch": "wearable", "Tablet": "tablet", "Mobile": "mobile", "Desktop": "desktop"}
"""Devices by the form factors that hints name."""


class Agent(msgspec.Struct, frozen=True):
    """A browser or a bot. Unknown is an empty text."""

    browser: str
    browser_version: str  # major only
    os: str  # Windows 11 has a name of its own: agents call it Windows 10, and only some browsers tell
    os_version: str  # major, or major.minor where the minor is a release of its own
    device: str  # desktop, mobile, tablet, tv, console, bot
    bot: str  # '' for people; else search, ai, seo, monitoring, social preview, feed, archive, security, tool, other
    bot_name: str


class _Words:
    """Many expressions asked at once: the number of the first that matches.

    ua-parser's engine looks for literals first, so that 3,000 expressions cost as little as one.
    """

    def __init__(self, expressions: Iterable[str]) -> None:
        matchers: list[Matcher[UserAgent]] = [UserAgentMatcher(text, str(row)) for row, text in enumerate(expressions)]
        # Asked directly: what the resolver does around it takes as long again.
        self._extract = Resolver((matchers, [], [])).ua.extract

    def first(self, text: str) -> int | None:
        found = self._extract(text)
        return None if found is None else int(found.family)


class _Bots:
    """The published lists of bots, and behind them our own words for what they do not know."""

    def __init__(self, rules: dict[str, Any]) -> None:
        generic = rules["generic"]
        words = [
            (text, "", kind) for kind, texts in (("tool", generic["tool"]), ("other", generic["bot"])) for text in texts
        ]
        self.rows: list[tuple[str, str, str]] = [*map(tuple, rules["patterns"]), *words]
        self.words = _Words(pattern for pattern, _, _ in self.rows)
        self.build, self.people = re.compile(generic["build"]), re.compile(generic["people"])
        self.browser, self.hand_held = re.compile(generic["browser"]), re.compile(generic["hand_held"])

    def match(self, user_agent: str) -> tuple[str, str]:
        """Return (name, class) of the bot, or two empty texts for a person's browser."""
        # TRAP: a model or a build is no word of a bot, whatever it is; see test_a_persons_browser_is_no_bot.
        bare = self.without_build(user_agent)
        row = self.words.first(bare)
        if row is not None and (spared := self.people.sub("", bare)) != bare:
            bare = spared
            row = self.words.first(bare)
        if row is None:
            return "", ""
        pattern, name, kind = self.rows[row]
        return name or clean(named_bot(bare, self._like(pattern).search(bare)), NAME_LENGTH), kind

    @staticmethod
    @cache
    def _like(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern)

    def without_build(self, user_agent: str) -> str:
        """Return the text without what a phone says of its model and its build."""
        return self.build.sub("", user_agent) if "Andr" in user_agent or "uild/" in user_agent else user_agent

    def is_persons(self, user_agent: str) -> bool:
        """Say whether the text starts as browsers do, or comes from an app on a device that people carry."""
        return bool(self.browser.match(user_agent) or self.hand_held.search(user_agent))


class _Named:
    """Names and versions of what the parser does not tell by name."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self._words = _Words(row["like"] for row in rows)
        self._rows = [(row["name"], re.compile(row["like"])) for row in rows]

    def find(self, user_agent: str) -> tuple[str, str] | None:
        """Return (name, version) of the first that matches, or nothing."""
        row = self._words.first(user_agent)
        if row is None:
            return None
        name, like = self._rows[row]
        found = like.search(user_agent)
        return name, next((part for part in found.groups() if part), "") if found else ""


class Engine:
    """The rules, compiled once. It remembers nothing."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.bots = _Bots(rules)
        self.parse = _parser()
        self.browsers: dict[str, str] = rules["browsers"]
        self.systems: dict[str, str] = rules["systems"]
        self.brands: dict[str, str] = rules["brands"]
        self.bot_brands: dict[str, str] = rules["bot_brands"]
        self.named_browsers, self.named_systems = _Named(rules["named_browser"]), _Named(rules["named_system"])
        self.kinds: list[str] = [row["kind"] for row in rules["device"]]
        self.devices = _Words(row["like"] for row in rules["device"])

    def agent(self, text: str) -> Agent:
        """Return what the user agent is, with what client hints behind it say more."""
        user_agent, hints = parted(text)
        agent = self._without_hints(user_agent)
        return agent if hints is None else self._with_hints(agent, hints)

    def _with_hints(self, agent: Agent, hints: Hints) -> Agent:
        """What an agent is by its hints. None makes a bot a person, and having none makes nobody a bot."""
        if agent.bot:
            return agent
        for brand, major in hints.brands.items():
            if bot := self.bot_brands.get(brand):
                return msgspec.structs.replace(agent, device="bot", bot=bot, bot_name=brand)
            if agent.browser == "Chrome" and brand in self.brands:
                agent = msgspec.structs.replace(agent, browser=self.brands[brand], browser_version=major)
        system, release = hints.system
        if system == "Windows" and int(release) >= WINDOWS_11:
            agent = msgspec.structs.replace(agent, os="Windows 11", os_version="11")
        elif system == agent.os:  # their agents say Android 10 and macOS 10.15, whatever it is
            agent = msgspec.structs.replace(agent, os_version=release if system != "Windows" else agent.os_version)
        device = next((kind for word, kind in FORMS.items() if word in hints.words), agent.device)
        return msgspec.structs.replace(agent, device=device)

    def _without_hints(self, user_agent: str) -> Agent:
        name, bot = self.bots.match(user_agent)
        result = self.parse(user_agent, Domain.USER_AGENT | Domain.OS)
        if not bot and result.user_agent and result.user_agent.family.lower().endswith("bot"):
            # The parser knows bots of its own, and telephones are called "XBot Junior".
            result = self.parse(self.bots.without_build(user_agent), Domain.USER_AGENT | Domain.OS)
        browser, version = ("", "") if result.user_agent is None else _pair(result.user_agent)
        system, release = ("", "") if result.os is None else (result.os.family, _release(result.os))
        if not (bot or self.bots.is_persons(user_agent)):
            name, bot = clean(user_agent.partition("/")[0], NAME_LENGTH), "tool"
        browser, version = self.named_browsers.find(user_agent) or (self.browsers.get(browser, browser), version)
        system, release = self.named_systems.find(user_agent) or (self.systems.get(system, system), release)
        return Agent(
            browser=browser,
            browser_version=version,
            os=system,
            os_version=release,
            device="bot" if bot else self._device(user_agent),
            bot=bot,
            bot_name=name,
        )

    def _device(self, user_agent: str) -> str:
        row = self.devices.first(user_agent)
        return "desktop" if row is None else self.kinds[row]


@cache
def _parser() -> Resolver:
    return Resolver(load_lazy_builtins())


def agent_of(user_agent: str) -> Agent:
    """Return what the user agent is. An empty one is a bot of class "tool": every browser sends its name."""
    return _agent(user_agent[:AGENT_LENGTH])


def agent_id(user_agent: str) -> int:
    """Return the stable 64-bit key of a user agent."""
    return xxhash.xxh3_64_intdigest(user_agent.encode("utf-8", "replace"))


@remembered(16384)
def _agent(user_agent: str) -> Agent:
    return _engine().agent(clean(user_agent, AGENT_LENGTH))


def load_agent_rules() -> dict[str, Any]:
    """Return the rules as build_rules.py has compiled them."""
    return shipped.compiled("bots.json")


@cache
def _engine() -> Engine:
    return Engine(load_agent_rules())


def _pair(browser: UserAgent) -> tuple[str, str]:
    return browser.family, browser.major or ""


def _release(system: OS) -> str:
    parts = [part for part in (system.major, system.minor) if part]
    return ".".join(parts[: 2 if system.family in ("Mac OS X", "iOS", "Windows", "Tizen", "webOS") else 1])
