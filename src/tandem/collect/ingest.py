"""A hit comes in, is checked, loses its address, and is on disk before the answer goes out."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from typing import NamedTuple, Protocol

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.crowd import Allowance
from tandem.base.errors import NO_JSON, UserError
from tandem.base.sender import household
from tandem.base.spool import SpoolFull
from tandem.collect.model.agents import agent_of
from tandem.collect.model.hit import (
    LARGEST_AMOUNT_OF_SERVERS,
    LATEST_BIRTH,
    MAX_BODY,
    MAX_URL,
    Prop,
    Record,
    WireEvent,
    WireHit,
    WireNumber,
    WireRawHit,
    accepted,
    claims_of,
    plain,
    refusal,
    skew_of,
    split_url,
    visitor_of_cookie,
    without_halves,
)
from tandem.collect.model.origins import conclude, origin_of
from tandem.collect.model.rules import load_rules
from tandem.collect.sources.places import Place
from tandem.core.slice import NumberAsked, NumberLent
from tandem.people.model.proof import Outcome, check

RETRY_LATER = 30
FRESH_MS = 24 * 3600 * 1000  # no visit lasts longer
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
SALT_OVERLAP_H = 6
MAX_AGENT = 600
RECORD_SIZE = 150
"""About what a hit without a body takes in the spool, beside what its sender wrote."""
LENDERS = 2
MOST_ASKING = 200
"""Questions for numbers that wait at a time; beyond it a page keeps the number it has, at once."""
NUMBER_ACTS = ("ask", "seen", "tap")
_read_number = msgspec.json.Decoder(WireNumber).decode
_read_hit = msgspec.json.Decoder(WireHit).decode
_read_raw_hit = msgspec.json.Decoder(WireRawHit).decode
_read_event = msgspec.json.Decoder(WireEvent).decode
_write_record = msgspec.json.Encoder().encode


class Sender(NamedTuple):
    """What the connection says of the sender; `full_agent` is the agent with its client hints, where it has some."""

    address: str
    agent: str
    has_opted_out: bool = False
    full_agent: str = ""


class Reply(NamedTuple):
    """Status and plain text; 202 means: on disk."""

    status: int
    text: str


class Appender(Protocol):
    async def append(self, payload: bytes) -> None: ...


class Salts(NamedTuple):
    """The salt of today, and yesterday's while visits from before midnight may still go on."""

    on: date
    today: bytes
    yesterday: bytes


def read_one_by_one(body: bytes) -> tuple[WireHit, int]:
    """A hit in which something does not fit: its readable events, and how many are not.

    raises   msgspec.DecodeError, RecursionError or ValueError when the hit around them is none
    """
    raw = _read_raw_hit(without_halves(body))
    events = []
    for one in raw.e:
        with suppress(*NO_JSON):
            events.append(_read_event(one))
    return WireHit(s=raw.s, e=events, c=raw.c, m=raw.m, i=raw.i, l=raw.l, w=raw.w, n=raw.n), len(raw.e) - len(events)


class Ingest:
    """Takes hits of all sites. Sites, salts and places are looked up anew on each hit, so that they may change."""

    def __init__(
        self,
        spool: Appender,
        sites: Callable[[], dict[str, Site]],
        salts: Callable[[], Salts],
        place_of: Callable[[str], Place],
        seal: Callable[[str], str],
        numbers: Callable[[NumberAsked], NumberLent | None] | None = None,
        secrets: Callable[[int], Sequence[str]] = lambda site: (),
        sender_mb: int = 0,
    ) -> None:
        self._allowance = Allowance(sender_mb << 20)
        self._numbers, self._secrets = numbers, secrets
        self._lenders = ThreadPoolExecutor(LENDERS, thread_name_prefix="numbers")
        self._asking = 0
        self._spool, self._sites, self._salts, self._place_of, self._seal = spool, sites, salts, place_of, seal

    async def receive(self, body: bytes, sender: Sender) -> Reply:
        """Take one request of the browser's counter."""
        if len(body) > MAX_BODY:
            return await self._refuse(
                0, "oversized", Reply(413, "The request is larger than 64 KB. Send fewer events at a time.")
            )
        try:
            hit, bad = _read_hit(body), 0
        except NO_JSON:
            try:
                hit, bad = read_one_by_one(body)
            except NO_JSON as error:
                return await self._refuse(0, "bad_json", Reply(400, f"This is not a valid event: {error}."))
        site = self._sites().get(hit.s)
        if site is None:
            text = f"No site has the key “{hit.s[:40]}”. Check data-site on the script tag."
            return await self._refuse(0, "unknown_site", Reply(404, text), len(hit.e) + bad)
        if not self._allowance.takes(sender.address, len(body) + _size_of(sender)):
            text = "This address has reached its hourly limit. Send the rest later."
            return await self._refuse(site.id, "flood", Reply(429, text), len(hit.e) + bad)
        return await self.take(site, hit, sender, bad=bad)

    async def take(self, site: Site, hit: WireHit, sender: Sender, marks: tuple[str, ...] = (), bad: int = 0) -> Reply:
        """Spool what can be taken of a hit, and count what cannot; `bad` events could not even be read."""
        received = clock.now_ms()
        visitor, before, born = self._identity(site, hit, sender, received)
        skew = skew_of(hit.c, received)
        notes = (*marks, "clock") if abs(skew) > 24 * 3600 * 1000 else marks
        notes = (*notes, "retried") if hit.n else notes
        events, refused = [], {"bad_event": bad} if bad else dict[str, int]()
        for nth, event in enumerate(hit.e):
            if why := refusal(event):
                refused[why] = refused.get(why, 0) + 1
            else:
                proved = self._proved(site, hit, event, received) if event.k == "identify" else ""
                events.append(accepted(event, received, skew, self._seal, notes, proved, nth))
        record = self._record(site, received, visitor, before, born, sender, hit.l, hit.w)
        record.events, record.refused = events, refused
        if (reply := await self._spooled(record)) is not None:
            return reply
        if not events:
            return Reply(422, "Refused: " + ", ".join(sorted(refused)) + ".")
        return Reply(202, "ok" if not refused else f"ok, {sum(refused.values())} refused: {', '.join(sorted(refused))}")

    async def take_from_server(
        self, site: Site, sent: Sequence[tuple[int, Sender, str, WireEvent]], refused_before: Sequence[str]
    ) -> list[tuple[str, str]]:
        """Spool events that a server sends for several visitors.

        sent              visitor, sender, language and event
        refused_before    why other events of the request were refused, one reason an event
        returns           event id, and why it was refused; an id may stand there more than once
        raises     UserError (503) when the disk takes no more; nothing then counts as received
        """
        received, refused = clock.now_ms(), list[tuple[str, str]]()
        records: dict[tuple[int, Sender, str], Record] = {}
        for nth, (visitor, sender, language, event) in enumerate(sent):
            if why := refusal(event, LARGEST_AMOUNT_OF_SERVERS):
                refused.append((event.i, why))
                continue
            key = (visitor, sender, language)
            if key not in records:
                records[key] = self._record(site, received, visitor, 0, 0, sender, language, 0)
            records[key].events.append(accepted(event, received, 0, self._seal, ("api",), Outcome.SERVER, nth))
        counts = Counter([*refused_before, *(why for _, why in refused)])
        if counts:
            records[(0, Sender("", ""), "")] = _refusal_record(site.id, received, dict(counts))
        try:
            await asyncio.gather(*(self._spool.append(_write_record(r)) for r in records.values()))
        except SpoolFull as error:
            raise UserError(
                "The collector cannot write (%(why)s).", "Send the events again later.", 503, why=error
            ) from error
        return refused

    def _proved(self, site: Site, hit: WireHit, event: WireEvent, received: int) -> str:
        """What a claim of who the browser is proves. Here the values are still open, later sealed."""
        claims = event.p or {}
        browser = hit.i.partition(".")[0].lower() if hit.m == "cookie" else ""
        return check(
            str(claims.get("proof") or ""), _whole(claims.get("at")), received // 1000, site.key, browser,
            claims_of(event), self._secrets(site.id),
        )  # fmt: skip

    def _record(
        self, site: Site, received: int, visitor: int, before: int, born: int, sender: Sender, language: str, width: int
    ) -> Record:
        place = self._place_of(sender.address)
        return Record(
            site=site.id,
            received=received,
            visitor=visitor,
            before=before,
            born=born,
            agent=plain(_full_agent(sender)),
            language=plain(language[:20]).lower()[:20],
            width=min(max(width, 0), 65535),
            country=place.country,
            city=place.city,
            network=place.network,
            events=[],
            refused={},
        )

    async def number(self, body: bytes, sender: Sender) -> Reply:
        """The phone numbers that this visit is shown in place of the site's own, as JSON; robots are shown none."""
        try:
            asked = _read_number(without_halves(body[:MAX_BODY]))
        except NO_JSON as error:
            return Reply(400, f"This is not a request for a phone number: {error}.")
        site = self._sites().get(asked.s)
        if site is None or self._numbers is None or asked.k not in NUMBER_ACTS or agent_of(_full_agent(sender)).bot:
            return Reply(200, "{}")
        if self._asking >= MOST_ASKING:
            return Reply(200, "{}")
        self._asking += 1
        try:
            work = asyncio.get_running_loop().run_in_executor(
                self._lenders, self._numbers, self._wanted(site, asked, sender)
            )
            lent = await work
            return Reply(200, msgspec.json.encode(lent).decode() if lent else "{}")
        finally:
            self._asking -= 1

    def _wanted(self, site: Site, asked: WireNumber, sender: Sender) -> NumberAsked:
        received = clock.now_ms()
        hit = WireHit(s=asked.s, c=asked.c, m=asked.m, i=asked.i, e=[])
        visitor, _, _ = self._identity(site, hit, sender, received)
        _, path, query = split_url(asked.u[:MAX_URL])
        conclusion = conclude(origin_of(query, asked.r[:MAX_URL]), site.names, load_rules())
        return NumberAsked(
            site=site, visitor=visitor, at=clock.from_ms(received), act=asked.k, channel=conclusion.channel,
            source=conclusion.source, medium=conclusion.medium, campaign=conclusion.campaign, term=conclusion.term,
            content=conclusion.content, entry=path,
            sender=_salted(self._salts().today, f"sender|{household(sender.address)}".encode()),
        )  # fmt: skip

    async def pixel(self, key: str, url: str, referrer: str, sender: Sender, nonce: str) -> None:
        """Count a page view of a browser without scripts."""
        site = self._sites().get(key)
        if site is None:
            await self._refuse(0, "unknown_site", Reply(404, ""))
            return
        if not self._allowance.takes(sender.address, RECORD_SIZE + len(url) + len(referrer) + _size_of(sender)):
            await self._refuse(site.id, "flood", Reply(429, ""))
            return
        event = WireEvent(i=nonce, k="pageview", t=clock.now_ms(), u=url[:MAX_URL], r=referrer[:MAX_URL])
        await self.take(site, WireHit(s=key, e=[event]), sender, ("pixel",))

    async def _refuse(self, site: int, why: str, reply: Reply, count: int = 1) -> Reply:
        return await self._spooled(_refusal_record(site, clock.now_ms(), {why: count})) or reply

    async def _spooled(self, record: Record) -> Reply | None:
        try:
            await self._spool.append(_write_record(record))
        except SpoolFull as error:
            return Reply(503, f"The collector cannot write ({error}). Send this again later.")
        return None

    def _identity(self, site: Site, hit: WireHit, sender: Sender, received: int) -> tuple[int, int, int]:
        """Visitor, the id the same visit may have begun under (or 0), and when the cookie was made (or 0)."""
        facts = f"{site.id}|{sender.address}|{sender.agent}".encode()
        salts = self._salts()
        may_remember = site.mode != "cookieless" and hit.m == "cookie" and not sender.has_opted_out
        if may_remember and (visitor := visitor_of_cookie(hit.i)):
            born = _born(visitor[1], skew_of(hit.c, received))
            # Consent may have come in the middle of a visit that began without a cookie.
            is_fresh = site.mode == "consent" and born * 1000 > received - FRESH_MS
            return visitor[0], _salted(salts.today, facts) if is_fresh else 0, born
        before = _salted(salts.yesterday, facts) if salts.yesterday else 0
        return _salted(salts.today, facts), before, 0


def _born(stated: int, skew: int) -> int:
    """When the cookie was made, by the server's clock (seconds); 0 when unknown, or when it cannot be."""
    born = stated + skew // 1000
    return born if stated and 0 < born < LATEST_BIRTH else 0


def _whole(value: Prop) -> int:
    """A moment as whole seconds, however it was written; 0 for anything else."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 11 else 0


def _size_of(sender: Sender) -> int:
    """How much of what is spooled is the sender's agent."""
    return len(_full_agent(sender))


def _full_agent(sender: Sender) -> str:
    return (sender.full_agent or sender.agent)[:MAX_AGENT]


def _refusal_record(site: int, received: int, counts: dict[str, int]) -> Record:
    return Record(site, received, 0, 0, 0, "", "", 0, "", "", "", [], counts)


def _salted(salt: bytes, facts: bytes) -> int:
    """A visitor id that cannot be traced back once the salt is gone (keyed BLAKE2b, 64 bits; never 0)."""
    return int.from_bytes(hashlib.blake2b(facts, key=salt, digest_size=8).digest(), "big") or 1


def overlaps(now_hour: int) -> bool:
    """Whether visits from before midnight may still go on under yesterday's salt."""
    return now_hour < SALT_OVERLAP_H


def yesterday_of(day: date) -> date:
    return day - timedelta(days=1)
