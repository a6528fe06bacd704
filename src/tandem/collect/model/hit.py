"""The wire format of a hit, what is refused and why, and the record that waits in the spool."""

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from math import isnan
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import xxhash
from msgspec import Meta

from tandem.base.hosts import in_ascii
from tandem.base.paths import normal_path, page_of
from tandem.base.remembered import remembered
from tandem.base.words import hand_in
from tandem.people.model.proof import TELLING

MAX_BODY = 64 * 1024
MAX_PROPS = 30
MAX_PROP_KEY = 64
MAX_PROP_VALUE = 500
MAX_NAME = 200
MAX_URL = 2000
DAY_MS = 24 * 3600 * 1000
LATE_MS = 7 * DAY_MS
TRAVEL_MS = 2000
LATEST_BIRTH = 4_102_444_800  # 2100, in seconds
LARGEST_AMOUNT, LARGEST_AMOUNT_OF_SERVERS = 1e9, 1e12
"""Of one order. Browsers may invent amounts: a billion bounds what one lie does to the revenue, and is no order of a
shop. With more than a thousand billion, sums leave the decimals that the store keeps money in."""
LARGEST_VALUE = 1e15
EARLIEST_MS = 946_684_800_000  # 2000; nothing was counted before
LAST_DAY = 2**16 - 1  # since 1970: the last that the store's days can name, in 2149
LAST_KEPT_DAY = 2**32 // (DAY_MS // 1000) - 1  # the engine counts the seconds of an expiry in 32 bits: in 2106
LATEST_MS = LAST_DAY * DAY_MS
LARGEST_MS = 1 << 43  # the year 2248; whatever a sender says beyond it is no time
SERVERS = 1 << 63
"""The bit that parts ids of the server's interface from those of browsers: a stranger's are never the shop's."""
KINDS = frozenset({"pageview", "engage", "event", "outbound", "download", "form", "search", "vital", "identify"})
LINKS = frozenset({"outbound", "download"})
VITALS = frozenset({"LCP", "INP", "CLS", "TTFB", "FCP"})

Prop = str | int | float | bool | None
_EPOCH = date(1970, 1, 1)


@lru_cache(maxsize=4096)
def date_of_day(day: int) -> date:
    """The date of a day counted from 1970."""
    return _EPOCH + timedelta(days=day)


def date_of_ms(ms: int) -> date:
    """The date of a moment."""
    return date_of_day(ms // DAY_MS)


class WireEvent(msgspec.Struct):
    """One thing that happened, as the counter sends it; field letters are explained in docs/counter.md."""

    i: str
    k: str
    t: int
    u: str = ""
    r: str = ""
    n: str = ""
    p: dict[str, Prop] | None = None
    x: float = 0
    d: float = 0
    v: float = 0
    a: float | None = None
    y: str = ""
    f: int = 0


class WireHit(msgspec.Struct):
    """One request of the counter: who, and what happened since the last."""

    s: str
    e: Annotated[list[WireEvent], Meta(min_length=1, max_length=50)]
    c: int = 0
    m: str = "cookieless"
    i: str = ""
    l: str = ""  # noqa: E741 - one letter keeps the hit small
    w: int = 0
    n: int = 0


class WireRawHit(WireHit):
    """The same with its events unread, so that a bad one is refused alone."""

    e: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=50)]  # type: ignore[assignment]


class WireNumber(msgspec.Struct, gc=False):
    """A visit's question for its phone number. Field names are those of a hit; `k` is ask, seen or tap."""

    s: str
    c: int = 0
    m: str = ""
    i: str = ""
    k: str = "ask"
    u: str = ""
    r: str = ""


class SpoolEvent(msgspec.Struct, array_like=True, gc=False):
    """One accepted event as it waits in the spool; times already corrected to the server's clock.

    former   the id that versions before 0.2 gave the same event, where it is another one; 0 where it is not
    nth      its place in the request: what happened in one millisecond keeps its order
    """

    id: int
    kind: str
    at: int
    host: str
    path: str
    query: str
    referrer: str
    name: str
    props: dict[str, str]
    engaged_ms: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    scroll: Annotated[int, Meta(ge=0, le=100)]
    value: Annotated[float, Meta(ge=-1e15, le=1e15)]
    amount: str
    currency: str
    status: Annotated[int, Meta(ge=0, le=2**16 - 1)]
    marks: list[str]
    former: int = 0
    nth: Annotated[int, Meta(ge=0, le=2**16 - 1)] = 0


class Record(msgspec.Struct, array_like=True, gc=False):
    """One spooled request. No address of the visitor is kept: it ended in `visitor`, `country` and `network`."""

    site: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    received: Annotated[int, Meta(ge=0, le=2**43)]
    visitor: int
    before: int
    born: Annotated[int, Meta(ge=0, le=LATEST_BIRTH)]
    agent: str
    language: str
    width: Annotated[int, Meta(ge=0, le=2**16 - 1)]
    country: str
    city: str
    network: str
    events: list[SpoolEvent]
    refused: dict[str, int]


class Glimpse(msgspec.Struct, array_like=True, gc=False):
    """A record of which only the site and the number of events are wanted: what is skipped costs next to nothing."""

    site: int
    received: msgspec.Raw
    visitor: msgspec.Raw
    before: msgspec.Raw
    born: msgspec.Raw
    agent: msgspec.Raw
    language: msgspec.Raw
    width: msgspec.Raw
    country: msgspec.Raw
    city: msgspec.Raw
    network: msgspec.Raw
    events: list[msgspec.Raw]


_is_hex = re.compile(r"[0-9a-fA-F]{16}").fullmatch
"""Whether this is 64 bits as hex digits; int() alone would take signs, spaces and underscores too."""


def event_id(text: str) -> int:
    """A 64-bit id of whatever the sender calls the event: 16 hex digits are taken as they are, all else is hashed."""
    if _is_hex(text):
        return int(text, 16)
    return xxhash.xxh3_64_intdigest(text.encode())


def ids_of(text: str, is_servers: bool) -> tuple[int, int]:
    """The id of an event in its sender's name space, and the one that earlier versions gave it (0: the same)."""
    former = event_id(text)
    ids = former | SERVERS if is_servers else former & ~SERVERS
    return ids, 0 if ids == former else former


_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)


def without_halves(body: bytes) -> bytes:
    """JSON in which half characters (a surrogate without its other half, bytes that are no UTF-8) became U+FFFD."""
    text = body.decode("utf-8", "replace").encode()
    return _ESCAPES.sub(lambda match: b"\\ufffd" if len(match[0]) == 6 else match[0], text)


def refusal(event: WireEvent, largest_amount: float = LARGEST_AMOUNT) -> str:
    """Why an event cannot be taken, as a word for the ledger; empty when it can."""
    if event.k not in KINDS:
        return "unknown_kind"
    if not event.i:
        return "no_id"
    if event.p and _explodes(event.p):
        return "property_explosion"
    if len(event.u) > MAX_URL or len(event.r) > 2 * MAX_URL:
        return "url_too_long"
    if event.k == "pageview" and not event.u:
        return "no_url"
    if event.k == "vital" and (event.n not in VITALS or not 0 <= event.v < 1e7):
        return "bad_value"
    if not abs(event.v) < LARGEST_VALUE or isnan(event.x) or isnan(event.d):
        return "bad_value"
    if event.k == "identify" and not claims_of(event):
        return "bad_value"
    if event.a is not None and not abs(event.a) < largest_amount:
        return "bad_value"
    return ""


def _explodes(props: dict[str, Prop]) -> bool:
    return len(props) > MAX_PROPS or any(len(k) > MAX_PROP_KEY or _is_long(v) for k, v in props.items())


def _is_long(value: Prop) -> bool:
    return len(value if isinstance(value, str) else str(value)) > MAX_PROP_VALUE


def accepted(
    event: WireEvent, received: int, skew: int, seal: Callable[[str], str], marks: Sequence[str] = (), proved: str = "",
    nth: int = 0,
) -> SpoolEvent:  # fmt: skip
    """The event in the server's time; a time that cannot be (future, over a week old) gives way to the server's.

    proved   what became of a claim of who somebody is; sealed with it, so that nobody can set it later
    """
    at, notes = event.t + skew, list(marks)
    own_id, former = ids_of(event.i, is_servers="api" in notes)
    if at > received + TRAVEL_MS or at < received - LATE_MS:
        at = received
        notes.append("clock")
    host, path, query = split_url(plain(event.u))
    return SpoolEvent(
        id=own_id,
        kind=event.k,
        at=at,
        host=host,
        path=path,
        query=query,
        referrer=plain(event.r[:MAX_URL]),
        name=plain(event.n[: MAX_URL if event.k in LINKS else MAX_NAME]),
        props=_sealed(event, seal, proved) if event.k == "identify" else _props(event.p or {}),
        engaged_ms=int(min(max(event.x, 0), DAY_MS)),
        scroll=int(min(max(event.d, 0), 100)),
        value=event.v,
        amount="" if event.a is None else f"{event.a:.4f}",
        currency=plain(event.y[:3]).upper()[:3],
        status=event.f if 0 <= event.f < 1000 else 0,
        marks=notes,
        former=former,
        nth=nth,
    )


_UNPRINTED = dict.fromkeys((*range(32), 127), " ")


def plain(text: str) -> str:
    """A text without control characters: not every store keeps them, and nobody reads them."""
    return text if text.isprintable() else text.translate(_UNPRINTED)


def _props(raw: dict[str, Prop]) -> dict[str, str]:
    return {plain(name): plain(_plain(value)) for name, value in raw.items() if value is not None}


def claims_of(event: WireEvent) -> dict[str, str]:
    """What an event tells of who a browser is, letter by letter as it was sent.

    Nothing is told by an empty text, null and false; 0 is the name of somebody. What is checked is what is sealed: a
    value that only one of them knew would be believed beside the signature of others.
    """
    return {
        name: text
        for name, value in (event.p or {}).items()
        if name in TELLING and value is not None and value is not False and (text := _plain(value))
    }


def _sealed(event: WireEvent, seal: Callable[[str], str], proved: str) -> dict[str, str]:
    telling = {name: plain(text) for name, text in claims_of(event).items()}
    about = {"proved": proved, "ref": plain(_plain((event.p or {}).get("proof") or "")).lower()[:16]}
    return {"sealed": seal(msgspec.json.encode(telling | about).decode())}


def _plain(value: Prop) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@remembered(4096)
def split_url(url: str) -> tuple[str, str, str]:
    """Host, path in its normal form, and query of a URL; what is none gives what can be read of it, never an error.

    Sites that route by the part behind `#` have their campaign tags there too (`/#/sale?utm_source=…`); the counter
    sends that part only where the site says so.
    """
    try:
        parts = urlsplit(url[:MAX_URL])
        host = in_ascii((parts.hostname or "").rstrip(".")).removeprefix("www.")
    except ValueError:
        return "", normal_path(url[:MAX_URL].partition("?")[0]), ""
    query = "&".join(filter(None, (parts.query, _query_behind(parts.fragment))))
    return host, page_of(parts.path or "/", parts.fragment), query


def _query_behind(fragment: str) -> str:
    route, _, query = fragment.partition("?")
    return query if route.startswith(("/", "!/")) else fragment if fragment.startswith("utm_") else ""


def skew_of(sent: int, received: int) -> int:
    """What to add to the sender's times, in ms. Up to two seconds is travel time, more is a wrong clock."""
    skew = received - sent if 0 < sent < LARGEST_MS else 0
    return 0 if abs(skew) <= TRAVEL_MS else skew


def visitor_of_cookie(text: str) -> tuple[int, int] | None:
    """Visitor id and moment of birth (seconds) from `<16 hex>.<base 36>`; None when it is not of that form."""
    head, _, tail = text.partition(".")
    if not _is_hex(head) or not 1 <= len(tail) <= 8:
        return None
    try:
        born = int(tail, 36)
    except ValueError:
        return None
    return int(head, 16) or 1, born if 0 < born < LATEST_BIRTH else 0


hand_in(
    {
        "REFUSED": {
            "unknown_site": "unknown site",
            "bad_json": "unreadable",
            "oversized": "larger than 64 KB",
            "unknown_kind": "unknown kind of event",
            "no_id": "no ID",
            "no_url": "no address",
            "property_explosion": "too many properties",
            "url_too_long": "address is too long",
            "bad_value": "a value out of range",
            "bad_event": "unreadable event",
            "no_visitor": "no visitor",
            "too_old": "more than a week old",
            "in_the_future": "dated in the future",
            "no_time_zone": "no time zone",
            "too_much": "more than one visitor can send in a day",
            "flood": "more than one address can send in an hour",
            "quarantined": "could not be loaded, set aside",
            "damaged": "damaged on disk, set aside",
            "wrong_clock": "dated by a wrong clock, set aside",
        },
    }
)
