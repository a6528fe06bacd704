"""Where a visit came from: the key facts of one address and referrer, and the conclusion that the rules draw."""

import base64
import binascii
from functools import lru_cache
from typing import Final

import msgspec
import xxhash

from tandem.base.remembered import remembered
from tandem.collect.model.rules import (
    NO_SOURCE,
    NOTHING,
    UNSET,
    Click,
    Rules,
    SourceRule,
    load_rules,
)
from tandem.collect.model.urls import clean, decoded, is_within, parameters, referrer_parts

__all__ = [
    "Conclusion",
    "Origin",
    "Rules",
    "conclude",
    "load_rules",
    "origin_id",
    "origin_of",
    "tag_key",
]

TAG_LENGTH: Final = 200

_LOWERED: Final = ("source", "medium")


class Origin(msgspec.Struct, frozen=True):
    """The key facts about where a hit came from. Facts only: rules may change, these do not."""

    referrer_host: str = ""  # lower case, without "www."
    referrer_path: str = ""  # first segment only
    source: str = ""  # utm_source and its kin, lower case
    medium: str = ""  # lower case
    campaign: str = ""
    term: str = ""
    content: str = ""
    click: str = ""  # kind of click id (gclid …), never the id


class Conclusion(msgspec.Struct, frozen=True):
    """What the rules make of an origin."""

    channel: str
    source: str
    medium: str
    campaign: str
    term: str
    content: str
    click: str
    is_touch: bool  # somebody or something brought the person here
    campaign_key: int  # 64 bits; differs when another campaign starts another visit; 0 without tags and click id


NOWHERE: Final = Origin()


def origin_of(query: str, referrer: str) -> Origin:
    """Return the key facts of a landing address and its referrer.

    query     with or without "?"; of a repeated parameter the first that has a value counts
    referrer  a whole address; anything but a web or app address counts as none
    """
    if not query:
        return _bare_origin(referrer) if referrer else NOWHERE
    tags = _tags(query)
    if tags is NOWHERE:
        return _bare_origin(referrer) if referrer else NOWHERE
    host, path = referrer_parts(referrer)
    return msgspec.structs.replace(tags, referrer_host=host, referrer_path=path) if host else tags


def origin_id(origin: Origin) -> int:
    """Return the stable 64-bit key of an origin; 0 when there is neither referrer nor tag nor click id."""
    if origin is NOWHERE or origin == NOWHERE:
        return 0
    return _hash(*msgspec.structs.astuple(origin))


def tag_key(origin: Origin) -> int:
    """Return the 64-bit key of the campaign, which starts another visit; 0 without tags and click id."""
    if not (origin.source or origin.medium or origin.campaign or origin.click):
        return 0
    return _hash(origin.click, origin.source, origin.medium, origin.campaign)


def conclude(origin: Origin, own_hosts: frozenset[str], rules: Rules) -> Conclusion:
    """Return channel, source and campaign by the rules.

    own_hosts  of the site, with or without "www."; they and their subdomains are never a source, nor are payment and
               sign-in pages: such a hit is Direct and no touch, unless tags or a click id say more
    """
    return _conclude(origin, own_hosts, rules)


@remembered(8192)
def _bare_origin(referrer: str) -> Origin:
    host, path = referrer_parts(referrer)
    return Origin(referrer_host=host, referrer_path=path) if host else NOWHERE


@remembered(4096)
def _tags(query: str) -> Origin:
    tags: dict[str, tuple[int, str]] = {}
    click, openstat, known = "", "", load_rules()
    for name, raw in parameters(query):
        if (tag := known.tags.get(name)) and raw:
            field, rank = tag
            value = clean(decoded(raw), TAG_LENGTH)
            if value and rank < tags.get(field, (99, ""))[0]:
                tags[field] = rank, value.lower() if field in _LOWERED else value
        elif name in known.clicks and raw:
            openstat = openstat or (raw if name == "_openstat" else "")
            if not click or known.click_rank[name] < known.click_rank[click]:
                click = name
    values = {field: value for field, (_, value) in tags.items()}
    if openstat and not values:
        values = _openstat(openstat)
    return Origin(**values, click=click) if values or click else NOWHERE


def _openstat(raw: str) -> dict[str, str]:
    """Return the tags inside _openstat: "service;campaign;ad;place", plain or in base64."""
    text = decoded(raw)
    if ";" not in text:
        try:
            padded = text.encode("ascii", "replace") + b"=" * (-len(text) % 4)
            text = base64.b64decode(padded, altchars=b"-_").decode("utf-8", "replace")
        except binascii.Error:
            return {}
    service, campaign, ad, place = (clean(part, TAG_LENGTH) for part in (text.split(";") + [""] * 4)[:4])
    tags = {"source": service.lower(), "campaign": campaign, "content": ad, "term": place}
    return {field: value for field, value in tags.items() if value}


@lru_cache(maxsize=16384)
def _conclude(origin: Origin, own_hosts: frozenset[str], rules: Rules) -> Conclusion:
    referrer = _referrer(origin, own_hosts, rules)
    click = _click(origin, referrer, rules)
    source = _source(origin, click, referrer, rules)
    has_tags = bool(origin.source or origin.medium or origin.campaign)
    if not (source.name or has_tags or click):
        return _direct(origin)
    medium = _medium(origin, click, source)
    named = msgspec.structs.replace(source, name=source.name or UNSET)
    channel = _channel(named, medium, origin.campaign, rules.is_paid(medium, click), rules)
    if channel == "Direct":
        return _direct(origin)
    return Conclusion(
        channel=channel,
        source=named.name,
        medium=medium,
        campaign=origin.campaign,
        term=origin.term,
        content=origin.content,
        click=origin.click if click else "",
        is_touch=True,
        campaign_key=tag_key(origin),
    )


def _direct(origin: Origin) -> Conclusion:
    return Conclusion("Direct", "(direct)", "(none)", "", origin.term, origin.content, "", False, 0)


def _referrer(origin: Origin, own_hosts: frozenset[str], rules: Rules) -> SourceRule:
    """Return what is known of the referrer, or NO_SOURCE when it can be no source."""
    if not origin.referrer_host or is_within(origin.referrer_host, own_hosts):
        return NO_SOURCE
    source = rules.source_at(origin.referrer_host, origin.referrer_path)
    return NO_SOURCE if source.is_passage else source


def _click(origin: Origin, referrer: SourceRule, rules: Rules) -> Click | None:
    """Return what the click id says.

    Nothing when a search engine with ads of its own shows an address that still holds another one's id: an engine finds
    addresses as people pass them on, and what it shows among its results nobody paid for.
    """
    click = rules.clicks.get(origin.click)
    if click is None or origin.source or not click.paid or referrer.category != "search":
        return click
    return None if click.source and click.source != referrer.name and rules.has_ads(referrer.name) else click


def _source(origin: Origin, click: Click | None, referrer: SourceRule, rules: Rules) -> SourceRule:
    """Return the source: as tagged, else by a telling click id, the referrer, the hint of a click id."""
    if origin.source:
        return rules.source_named(origin.source)
    if click is None or not click.source or (referrer.name and click.is_hint):
        return referrer
    return msgspec.structs.replace(rules.source_named(click.source), medium=click.medium)


def _medium(origin: Origin, click: Click | None, source: SourceRule) -> str:
    """Return the medium: as tagged, else as the source or a click id implies."""
    if origin.medium and origin.medium not in NOTHING:
        return origin.medium
    if click is not None and not click.is_hint:
        return click.medium
    if source.medium:
        return source.medium
    return "organic" if click is not None and click.medium == "organic" else UNSET


def _channel(source: SourceRule, medium: str, campaign: str, is_paid: bool, rules: Rules) -> str:
    category = "search" if source.category == "ads_search" else source.category
    fitting = (
        channel.name for channel in rules.channels if channel.fits(category, source.name, medium, campaign, is_paid)
    )
    return next(fitting)


def _hash(*texts: str) -> int:
    """Return a 64-bit hash that is never 0, because 0 means nothing."""
    return xxhash.xxh3_64_intdigest("\x1f".join(texts).encode("utf-8", "replace")) or 1
