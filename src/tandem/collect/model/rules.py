"""The rules about channels, sources and click ids, read once from the versioned files in collect/rules."""

import re
from functools import cache
from typing import Any, Final

import msgspec

from tandem.collect.model.urls import suffixes
from tandem.collect.rules import shipped

UNSET: Final = "(not set)"
NOTHING: Final = frozenset(("", "(none)", "none", UNSET))

_MEDIUM_OF_CATEGORY: Final = {"search": "organic", "email": "email", "ads_search": "cpc", "ads_display": "display"}


class Click(msgspec.Struct, frozen=True):
    """What a kind of click id says: whose it is, and whether somebody paid for the click."""

    source: str
    medium: str
    paid: bool

    @property
    def is_hint(self) -> bool:
        """The id is put on ordinary links too: a referrer knows better."""
        return self.medium in ("organic", "referral")


class SourceRule(msgspec.Struct, frozen=True):
    """What is known of a host or of a name in utm_source."""

    category: str
    name: str
    medium: str

    @property
    def is_passage(self) -> bool:
        """People only pass through payment and sign-in pages: such a page brings nobody."""
        return self.category in ("payment", "signin")


NO_SOURCE: Final = SourceRule("", "", "")


class Channel(msgspec.Struct, frozen=True):
    """One rule of the list in channels.toml, where its fields are explained."""

    name: str
    ga4: str
    paid: bool = False
    rest: bool = False
    media_of_nothing: bool = False
    sources: frozenset[str] = frozenset()
    source_names: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    medium_like: re.Pattern[str] | None = None
    campaign_like: re.Pattern[str] | None = None

    def fits(self, category: str, source: str, medium: str, campaign: str, is_paid: bool) -> bool:
        if self.paid and not is_paid:
            return False
        if self.media_of_nothing:
            return source in ("(direct)", "direct") and medium in NOTHING
        return (
            self.rest
            or category in self.sources
            or source in self.source_names
            or medium in self.media
            or bool(self.medium_like and self.medium_like.fullmatch(medium))
            or bool(self.campaign_like and self.campaign_like.fullmatch(campaign))
            or (self.paid and not self.sources)
        )


class Rules(msgspec.Struct, frozen=True, eq=False):
    """All rules of one version. Two versions may live side by side, to show what a better rule would change."""

    version: int
    paid: re.Pattern[str]
    channels: tuple[Channel, ...]
    clicks: dict[str, Click]
    click_rank: dict[str, int]  # 0 says most
    tags: dict[str, tuple[str, int]]  # parameter -> (field, rank: 0 is the best)
    exact: dict[str, SourceRule]  # host or host/path
    anywhere: dict[str, SourceRule]  # the same, without the country domain
    names: dict[str, str]  # word in utm_source -> category
    ads: frozenset[str]  # those of them that name what a source sells
    ads_like: re.Pattern[str]
    countries: frozenset[str]
    second_level: frozenset[str]
    same_site: frozenset[str]
    labels: dict[str, re.Pattern[str]]
    families: dict[str, re.Pattern[str]]

    def is_paid(self, medium: str, click: Click | None) -> bool:
        """Say whether somebody paid. The only place where this is decided.

        A paid click id also decides when the medium is a word that no rule knows ("search", "g", "ads"): otherwise
        paid visits show up as organic. A medium that a rule knows stands as the marketer wrote it.
        """
        if self.paid.fullmatch(medium):
            return True
        return click is not None and click.paid and not self._knows_medium(medium)

    def _knows_medium(self, medium: str) -> bool:
        return any(
            medium in channel.media or (channel.medium_like and channel.medium_like.fullmatch(medium))
            for channel in self.channels
        )

    def source_named(self, name: str) -> SourceRule:
        """Return what is known of a source that a tag names: a word, or a host."""
        if category := self._sells_ads(name):
            return SourceRule(category, name, "cpc")
        category = self.names.get(name, "")
        if not category and "." in name:
            source = self.source_at(name.removeprefix("www."), "")
            category = "search" if source.category == "ads_search" else source.category
        return SourceRule(category, name, "")

    def _sells_ads(self, name: str) -> str:
        """The category of a source that is named after its ads, else nothing."""
        if name in self.ads:
            return self.names[name]
        match = self.ads_like.fullmatch(name)
        return self.names.get(match["source"], "") if match else ""

    def has_ads(self, source: str) -> bool:
        """Whether a kind of click id is of this source's own ads."""
        return any(click.paid and click.source == source for click in self.clicks.values())

    def source_at(self, host: str, path: str) -> SourceRule:
        """Return what is known of a referrer: the longest host with a rule, by whole labels, pages first."""
        path = f"/{path.lower()}" if path else ""
        country = self._country_domain(host)
        for suffix in suffixes(host):
            stem = suffix.removesuffix(country) if country else ""
            for end in (path, "") if path else ("",):
                source = self.exact.get(suffix + end) or (self.anywhere.get(stem + end) if stem else None)
                if source:
                    if source.category == "search" and not self._is_same_site(host[: len(host) - len(suffix)]):
                        return self._guess(host)
                    return source
        return self._guess(host)

    def _country_domain(self, host: str) -> str:
        """Return ".pl", ".co.uk", ".com" …, or nothing when the host ends in no such domain."""
        rest, _, last = host.rpartition(".")
        if last not in self.countries or not rest:
            return ""
        second = rest.rpartition(".")[2]
        return f".{second}.{last}" if second in self.second_level and "." in rest else f".{last}"

    def _is_same_site(self, prefix: str) -> bool:
        return all(label in self.same_site or len(label) == 2 for label in prefix.split(".") if label)

    def _guess(self, host: str) -> SourceRule:
        for category, family in self.families.items():
            if family.fullmatch(host):
                return _source(category, host)
        if host.count(".") >= 2:
            first = host.partition(".")[0]
            for category, label in self.labels.items():
                if label.fullmatch(first):
                    return _source(category, host)
        return _source("", host)


@cache
def load_rules() -> Rules:
    """Return the rules that ship with this release."""
    return _rules(shipped.toml("channels.toml"), shipped.compiled("hosts.json"))


def _rules(own: dict[str, Any], hosts: dict[str, Any]) -> Rules:
    return Rules(
        version=own["version"],
        paid=re.compile(own["paid"], re.IGNORECASE),
        channels=tuple(_channel(row) for row in own["channel"]),
        clicks={kind: Click(**click) for kind, click in own["clicks"].items()},
        click_rank={kind: rank for rank, kind in enumerate(own["clicks"])},
        tags={name: (field, rank) for field, names in own["tags"].items() for rank, name in enumerate(names)},
        exact={place: _source(*entry) for place, entry in hosts["exact"].items()},
        anywhere={place: _source(*entry) for place, entry in hosts["anywhere"].items()},
        names=hosts["names"],
        ads=frozenset(own["ads"]["names"]),
        ads_like=re.compile(own["ads"]["like"]),
        countries=frozenset(hosts["countries"]),
        second_level=frozenset(hosts["second_level"]),
        same_site=frozenset(hosts["same_site"]),
        labels={category: re.compile(label) for category, label in hosts["labels"].items()},
        families={category: re.compile(family) for category, family in hosts["families"].items()},
    )


def _channel(row: dict[str, Any]) -> Channel:
    fields: dict[str, Any] = {"ga4": row["name"], **row}
    for key in ("medium_like", "campaign_like"):
        if key in row:
            fields[key] = re.compile(row[key], re.IGNORECASE)
    for key in ("sources", "source_names", "media"):
        fields[key] = frozenset(row.get(key, ()))
    return Channel(**fields)


def _source(category: str, name: str) -> SourceRule:
    return SourceRule(category, name, _MEDIUM_OF_CATEGORY.get(category, "referral"))
