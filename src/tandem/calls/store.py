"""Numbers lent to visits, calls heard, and whose calls they were."""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection as Transaction
from sqlalchemy import case, delete, func, insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import differences, note
from tandem.base import clock, progress
from tandem.base.errors import UserError
from tandem.base.warehouse import Step, sql_text, steps_of
from tandem.calls.model.call import CallFact, merged
from tandem.calls.model.delay import Delay, fitted
from tandem.calls.model.posterior import Candidate, Credit, posterior
from tandem.calls.tables import leases, numbers, pools
from tandem.core.context import Context
from tandem.core.slice import NumberAsked
from tandem.people import store as people
from tandem.people.model.identifier import Kind, phone, phone_of

HERE = Path(__file__).parent
SQL = {path.stem: sql_text(path) for path in (HERE / "sql").glob("*.sql")}
VISIT_MS = 30 * 60 * 1000
SILENT_MS = 60 * 60 * 1000
BACK = timedelta(days=14)
"""How long before a call a visit may have been shown the number."""
CERTAIN = 0.9
SENDERS_SHARE = 4
"""One sender may hold a quarter of a pool's numbers at a time, and three of a small one: an office, not a stranger who
invents browsers. Further visits of theirs see the overflow number."""
SENDERS_LEAST = 3
SENDERS_LEASES = 100
"""Visits of one sender that are remembered at a time; whoever sends more is answered without being remembered."""
MOST_CANDIDATES = 200
AT_ONCE = 5_000
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
CHANGEABLE = ("name", "price", "is_on")
REVEALS = ("at_once", "on_scroll", "on_click")


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers lent to visits of some channels in place of the site's own numbers (`swaps`)."""

    id: int
    site_id: int
    name: str
    channels: list[str]
    sources: list[str]
    swaps: list[str]
    reveal: str
    hold_s: int
    overflow: str
    price: float | None
    is_on: bool

    def suits(self, asked: NumberAsked) -> bool:
        """Whether visits from there get a number of this pool."""
        return (not self.channels or asked.channel in self.channels) and (
            not self.sources or asked.source in self.sources
        )


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number of ours: in a pool, or static with the source it stands for (a billboard, a leaflet)."""

    id: int
    pool_id: int | None
    number: str
    label: str
    channel: str
    source: str
    campaign: str
    is_on: bool
    used_ms: int


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it stands in the event store."""

    call: int
    at: datetime
    system: str
    ref: str
    line: str
    caller: int
    outcome: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A lease: which visit was shown a number."""

    lease: int
    number: str
    visitor: int
    began: datetime
    seen: datetime
    tapped: datetime
    channel: str
    source: str
    medium: str
    campaign: str
    term: str
    content: str
    entry: str


def schema() -> list[Step]:
    return steps_of("calls", HERE / "schema")


# ── pools and numbers ──


def pools_of(ctx: Context, site: Site) -> list[Pool]:
    with ctx.database.read() as c:
        query = select(pools).where(pools.c.site_id == site.id).order_by(pools.c.id)
        return [_pool(row) for row in c.execute(query)]


def numbers_of(ctx: Context, site: Site) -> list[Number]:
    with ctx.database.read() as c:
        query = select(numbers).where(numbers.c.site_id == site.id).order_by(numbers.c.pool_id, numbers.c.id)
        return [_number(row) for row in c.execute(query)]


def pool_of(ctx: Context, site: Site, pool_id: int) -> Pool:
    """One pool.

    raises   UserError when the site has none of that id
    """
    found = next((pool for pool in pools_of(ctx, site) if pool.id == pool_id), None)
    if found is None:
        raise UserError("There is no such pool.", "Load the page again.", status=404)
    return found


def live_leases(ctx: Context, site: Site, pool: Pool) -> list[tuple[int, int, str, bool]]:
    """Start, last activity (both in ms), channel and overflow of the leases that were not put away yet."""
    columns = (leases.c.began_ms, leases.c.seen_ms, leases.c.channel, leases.c.is_overflow)
    with ctx.database.read() as c:
        query = select(*columns).where(leases.c.site_id == site.id, leases.c.pool_id == pool.id)
        return [(row[0], row[1], row[2], row[3]) for row in c.execute(query)]


def add_pool(ctx: Context, site: Site, name: str, swaps: Sequence[str], by: int | None = None, **more: Any) -> Pool:
    """A pool without numbers yet.

    raises   UserError when a number of the site's own is not valid, or the pool has no name
    """
    if not name.strip():
        raise UserError("The pool has no name.", "Name it after the traffic that it serves, like “Paid search”.")
    if more.get("reveal", "at_once") not in REVEALS:
        raise UserError("There is no such way to show a number.", "Use one of %(choices)s.", choices=", ".join(REVEALS))
    values = {
        "channels": [], "sources": [], "reveal": "at_once", "hold_s": 150, "overflow": "", "price": None, **more,
        "site_id": site.id, "name": name.strip()[:200], "swaps": [valid(text) for text in swaps], "is_on": True,
        "made_at": clock.now(),
    }  # fmt: skip
    with ctx.database.write() as c:
        made = c.execute(insert(pools).values(**values))
        note(c, site.workspace_id, by, "calls.pool_added", values["name"])
        row = c.execute(select(pools).where(pools.c.id == made.inserted_primary_key[0])).one()  # type: ignore[index]
    return _pool(row)


def add_numbers(
    ctx: Context, site: Site, texts: Iterable[str], pool: Pool | None = None, by: int | None = None, **static: str
) -> list[str]:
    """Put numbers into a pool, or note static ones with what they stand for; those known already stay as they are.

    raises   UserError naming the first text that is no valid number; then none is added
    """
    found = [valid(text) for text in texts if text.strip()]
    known = {number.number for number in numbers_of(ctx, site)}
    fresh = [n for n in dict.fromkeys(found) if n not in known]
    rows = [
        {"site_id": site.id, "pool_id": pool.id if pool else None, "number": n, "label": static.get("label", ""),
         "channel": static.get("channel", ""), "source": static.get("source", ""),
         "campaign": static.get("campaign", ""), "is_on": True, "used_ms": 0}
        for n in fresh
    ]  # fmt: skip
    if rows:
        with ctx.database.write() as c:
            c.execute(insert(numbers), rows)
            note(c, site.workspace_id, by, "calls.numbers_added", pool.name if pool else "static", count=len(rows))
    return fresh


def change_pool(ctx: Context, site: Site, pool: Pool, by: int | None = None, **told: Any) -> Pool:
    """Rename a pool, price its numbers, or switch it off and on: `name`, `price`, `is_on`; what is left out stays.

    A pool that is off lends nothing, and visits that have one of its numbers see the site's own again. Calls to its
    numbers are heard either way.
    raises   UserError when the name is empty
    """
    if "name" in told:
        told["name"] = told["name"].strip()[:200]
        if not told["name"]:
            raise UserError("The pool has no name.", "Name it after the traffic that it serves, like “Paid search”.")
    changed = {name: value for name, value in told.items() if name in CHANGEABLE and value != getattr(pool, name)}
    if changed:
        old, new = (
            {name: value if isinstance(value, bool) else str(value) for name, value in values.items()}
            for values in ({name: getattr(pool, name) for name in changed}, changed)
        )
        with ctx.database.write() as c:
            c.execute(update(pools).where(pools.c.id == pool.id, pools.c.site_id == site.id).values(**changed))
            note(c, site.workspace_id, by, "calls.pool_changed", pool.name, **differences(old, new))
    return pool_of(ctx, site, pool.id)


def switch_number(ctx: Context, site: Site, number_id: int, is_on: bool, by: int | None = None) -> None:
    """Lend a number or rest it; calls to it are heard either way."""
    with ctx.database.write() as c:
        where = (numbers.c.id == number_id, numbers.c.site_id == site.id)
        if not c.execute(update(numbers).where(*where).values(is_on=is_on)).rowcount:
            raise UserError("There is no such number.", "Load the page again.", status=404)
        note(c, site.workspace_id, by, "calls.number_switched", str(number_id), is_on=is_on)


def valid(text: str) -> str:
    """A number in its normal form.

    raises   UserError when it is none
    """
    number = phone_of(text.strip())
    if number is None:
        raise UserError(
            "“%(value)s” is not a phone number.",
            "Write it with its country code: +48 22 555 00 00.",
            value=text.strip()[:30],
        )
    return number


def _pool(row: Any) -> Pool:
    values = {name: row._mapping[name] for name in Pool.__struct_fields__}
    return Pool(**{**values, "price": None if row.price is None else float(row.price)})


def _number(row: Any) -> Number:
    return Number(**{name: row._mapping[name] for name in Number.__struct_fields__})


# ── lending ──


def lend(ctx: Context, asked: NumberAsked) -> dict[str, Any]:
    """Which number this visit is shown in place of the site's own: {"swap": {own: lent}, "reveal": …}, or {} for none.

    A visit keeps its number as long as it shows activity. A new visit takes the least recently used one of its pool;
    when even that one was in use within the pool's hold, the overflow number, or none.
    """
    now = clock.to_ms(asked.at)
    with ctx.database.write() as c:
        live_lease = _live_lease(c, asked, now)
        if live_lease is not None:
            _extend(c, live_lease, asked, now)
            pool = c.execute(select(pools).where(pools.c.id == live_lease.pool_id)).first()
            return _answer(_pool(pool), live_lease.number) if pool is not None and pool.is_on else {}
        if asked.act != "ask":
            return {}
        cursor_result = c.execute(
            select(pools).where(pools.c.site_id == asked.site.id, pools.c.is_on).order_by(pools.c.id)
        )
        pool_found = next((pool for pool in map(_pool, cursor_result) if pool.suits(asked)), None)
        return _lent(c, pool_found, asked, now) if pool_found else {}


def _live_lease(c: Transaction, asked: NumberAsked, now: int) -> Any:
    query = (
        select(leases)
        .where(
            leases.c.site_id == asked.site.id,
            leases.c.visitor == people.hexed(asked.visitor),
            leases.c.seen_ms > now - VISIT_MS,
        )
        .order_by(leases.c.seen_ms.desc())
        .limit(1)
    )
    return c.execute(query).first()


def _extend(c: Transaction, held: Any, asked: NumberAsked, now: int) -> None:
    values: dict[str, Any] = {"seen_ms": max(now, held.seen_ms)}
    if asked.act == "tap":
        values["tapped_ms"] = now
    c.execute(update(leases).where(leases.c.id == held.id).values(**values))
    if not held.is_overflow:
        c.execute(
            update(numbers)
            .where(numbers.c.site_id == asked.site.id, numbers.c.number == held.number, numbers.c.used_ms < now)
            .values(used_ms=now)
        )


def _lent(c: Transaction, pool: Pool, asked: NumberAsked, now: int) -> dict[str, Any]:
    visits, holding = _held_by_sender(c, pool, asked, now)
    if visits >= SENDERS_LEASES:
        return _answer(pool, pool.overflow)
    row = None if holding >= _most_for_sender(c, pool) else _idle_longest(c, pool)
    is_overflow = row is None or row.used_ms > now - pool.hold_s * 1000
    number = pool.overflow if is_overflow else row.number  # type: ignore[union-attr]
    if not is_overflow:
        c.execute(update(numbers).where(numbers.c.id == row.id).values(used_ms=now))  # type: ignore[union-attr]
    c.execute(insert(leases).values(
        site_id=asked.site.id, pool_id=pool.id, number=number, visitor=people.hexed(asked.visitor), began_ms=now,
        seen_ms=now, tapped_ms=0, channel=asked.channel[:60], source=asked.source[:300], medium=asked.medium[:300],
        campaign=asked.campaign[:300], term=asked.term[:300], content=asked.content[:300], entry=asked.entry[:2000],
        is_overflow=is_overflow, sender=people.hexed(asked.sender) if asked.sender else "",
    ))  # fmt: skip
    return _answer(pool, number)


def _held_by_sender(c: Transaction, pool: Pool, asked: NumberAsked, now: int) -> tuple[int, int]:
    """How many visits of this sender go on, and how many numbers of the pool they hold."""
    if not asked.sender:
        return 0, 0
    holds = (leases.c.pool_id == pool.id) & ~leases.c.is_overflow & (leases.c.seen_ms > now - pool.hold_s * 1000)
    query = select(func.count(), func.count(func.distinct(case((holds, leases.c.number))))).where(
        leases.c.site_id == asked.site.id,
        leases.c.sender == people.hexed(asked.sender),
        leases.c.seen_ms > now - VISIT_MS,
    )
    visits, holding = c.execute(query).one()
    return visits, holding


def _most_for_sender(c: Transaction, pool: Pool) -> int:
    query = select(func.count()).select_from(numbers).where(numbers.c.pool_id == pool.id, numbers.c.is_on)
    return max(SENDERS_LEAST, int(c.execute(query).scalar_one()) // SENDERS_SHARE)


def _idle_longest(c: Transaction, pool: Pool) -> Any:
    query = (
        select(numbers)
        .where(numbers.c.pool_id == pool.id, numbers.c.is_on)
        .order_by(numbers.c.used_ms, numbers.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite, which has one writer at a time, leaves this out
    )
    return c.execute(query).first()


def _answer(pool: Pool, number: str) -> dict[str, Any]:
    return {"swap": dict.fromkeys(pool.swaps, number), "reveal": pool.reveal} if number else {}


def put_away(ctx: Context, most: int = 5000) -> int:
    """Move leases that have been silent for an hour into the event store; done twice it changes nothing."""
    with ctx.database.read() as c:
        query = select(leases).where(leases.c.seen_ms < clock.now_ms() - SILENT_MS).order_by(leases.c.id).limit(most)
        rows = c.execute(query).all()
    if rows:
        keep_leases(ctx, [dict(row._mapping) for row in rows])
        with ctx.database.write() as c:
            c.execute(delete(leases).where(leases.c.id.in_([row.id for row in rows])))
    return len(rows)


TEXTS = ("channel", "source", "medium", "campaign", "term", "content", "entry")


def keep_leases(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put leases into the event store, each as a row of the table of leases."""
    ctx.warehouse.insert("lease_rows", {
        "site": [r["site_id"] for r in rows], "lease": [_lease_key(r) for r in rows],
        "pool": [r["pool_id"] for r in rows], "number": [r["number"] for r in rows],
        "visitor": [int(r["visitor"], 16) for r in rows], "began": [clock.from_ms(r["began_ms"]) for r in rows],
        "seen": [clock.from_ms(r["seen_ms"]) for r in rows], "tapped": [clock.from_ms(r["tapped_ms"]) for r in rows],
        **{name: [r[name] for r in rows] for name in TEXTS}, "is_overflow": [int(r["is_overflow"]) for r in rows],
    })  # fmt: skip


def _lease_key(row: Mapping[str, Any]) -> int:
    """Stays the same wherever the lease lies; numbers of rows may be given out again by SQLite."""
    return _hash(f"{row['site_id']}:{row['visitor']}:{row['began_ms']}")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def forget(ctx: Context, site: Site, nodes: Sequence[int]) -> None:
    """Take a person's leases out of the record store."""
    keys = [people.hexed(node) for node in nodes]
    with ctx.database.write() as c:
        for i in range(0, len(keys), 500):
            c.execute(delete(leases).where(leases.c.site_id == site.id, leases.c.visitor.in_(keys[i : i + 500])))


# ── calls ──


def record(ctx: Context, site: Site, facts: Sequence[CallFact], region: str = "") -> int:
    """Keep what was told of calls; what was told before of the same ones is joined with it. Returns how many calls.

    Order and repetition do not matter: a call is the union of everything told of it.
    """
    with progress.part(0, 0.3):
        calls = put(ctx, site, facts, region)
    with progress.part(0.3, 1):
        credit_all(ctx, site, calls)
    return len(calls)


def put(ctx: Context, site: Site, facts: Iterable[CallFact], region: str = "") -> list[tuple[datetime, int]]:
    """Keep what was told of calls; returns their moments and keys, whose visits are yet to be found."""
    by_call = _by_call(site, facts)
    if not by_call:
        return []
    known = {key: found for part in _parts(list(by_call)) for key, found in _known(ctx, site, part).items()}
    callers = _callers(ctx, site, (fact for call_facts in by_call.values() for fact in call_facts), region)
    version, rows = clock.now_ms(), []
    for key, call_facts in by_call.items():
        before = known.get(key)
        line = next((phone_of(f.line, region) or f.line[:20] for f in call_facts if f.line), "")
        caller = next((callers[f.caller] for f in call_facts if f.caller in callers), 0)
        joined = merged([*call_facts, *([before[0]] if before else [])])
        rows.append((key, joined, line or (before[0].line if before else ""), caller or (before[1] if before else 0)))
    # One block, all or nothing; whose calls they were can be found out again at any time.
    ctx.warehouse.insert("call_rows", {
        "site": [site.id] * len(rows), "call": [r[0] for r in rows], "at": [r[1].at for r in rows],
        "version": [version] * len(rows), "system": [r[1].system for r in rows], "ref": [r[1].ref for r in rows],
        "line": [r[2] for r in rows], "caller": [r[3] for r in rows], "direction": [r[1].direction for r in rows],
        "outcome": [str(r[1].outcome) for r in rows], "wait_s": [r[1].wait_s for r in rows],
        "talk_s": [r[1].talk_s for r in rows], "operator": [r[1].operator for r in rows],
        "recording": [_safe_link(r[1].recording) for r in rows], "tag": [r[1].tag for r in rows],
    })  # fmt: skip
    return [(r[1].at, r[0]) for r in rows]


def credit_all(ctx: Context, site: Site, calls: Iterable[tuple[datetime, int]]) -> None:
    """Find out which visits these calls came from, the earliest first: what one proves of a caller serves the next."""
    for part in progress.parts([key for _, key in sorted(calls)], AT_ONCE):
        credit(ctx, site, part)


def _by_call(site: Site, facts: Iterable[CallFact]) -> dict[int, list[CallFact]]:
    found: dict[int, list[CallFact]] = {}
    for fact in facts:
        found.setdefault(call_key(site, fact), []).append(fact)
    return found


def _parts(calls: Sequence[int]) -> Iterator[Sequence[int]]:
    return (calls[i : i + AT_ONCE] for i in range(0, len(calls), AT_ONCE))


def joined(site: Site, facts: Iterable[CallFact]) -> list[CallFact]:
    """One fact a call, out of everything told of it here."""
    return [merged(call_facts) for call_facts in _by_call(site, facts).values()]


def has_calls(ctx: Context, site: Site) -> bool:
    """Whether any call is known of this site, however it came."""
    return bool(ctx.warehouse.value(SQL["has_calls"], site=site.id))


def known_of(ctx: Context, site: Site, calls: Sequence[int]) -> int:
    """How many of these calls are known already."""
    return sum(len(_known(ctx, site, part)) for part in _parts(calls))


def call_key(site: Site, fact: CallFact) -> int:
    return _hash(f"{site.id}:{fact.system}:{fact.ref}")


def _known(ctx: Context, site: Site, keys: Sequence[int]) -> dict[int, tuple[CallFact, int]]:
    answer = ctx.warehouse.ask(SQL["known_calls"], {"site": site.id, "calls": list(keys)})
    found = {}
    for row in answer.rows:
        told = dict(zip(answer.names, row, strict=True))
        fact = CallFact(
            at=told["at"].replace(tzinfo=UTC),
            **{n: told[n] for n in CallFact.__struct_fields__ if n in told and n not in ("at", "caller")},
        )
        found[int(told["call"])] = (fact, int(told["caller"]))
    return found


def _callers(ctx: Context, site: Site, facts: Iterable[CallFact], region: str) -> dict[str, int]:
    """The keys of callers by how the exchange writes them; those that are no numbers are left out."""
    first: dict[str, datetime] = {}
    for fact in facts:
        if fact.caller:
            first[fact.caller] = min(fact.at, first.get(fact.caller, fact.at))
    known = {text: identifier for text in first if (identifier := phone(text, region))}
    keys = people.remember_all(ctx, site, {end: first[text] for text, end in known.items()})
    return {text: keys[end] for text, end in known.items()}


def _safe_link(url: str) -> str:
    return url[:1000] if url.startswith("https://") else ""


# ── whose call ──


def credit(ctx: Context, site: Site, calls: Sequence[int]) -> int:
    """Find out which visits these calls came from; returns how many calls have a candidate."""
    heard = ctx.warehouse.rows(SQL["heard"], Heard, site=site.id, calls=list(calls))
    if not heard:
        return 0
    shown = _by_number(_shown(ctx, site, heard))
    static = {n.number: n for n in numbers_of(ctx, site) if n.pool_id is None}
    browsers = people.browsers_of(ctx, site, (call.caller for call in heard))
    delay = delay_of(ctx, site)
    rows: list[tuple[Any, ...]] = []
    links: list[people.KeyLink] = []
    for call in heard:
        if call.line in static:
            rows.append(_static_row(call, static[call.line]))
            continue
        known = browsers.get(call.caller, {})
        candidates = _candidates(call, shown.get(call.line, []), known)
        credits = _weighed(call, candidates, known, delay)
        leased = {s.lease: s for s in candidates}
        rows += [_credit_row(call, nth, one, leased[one.visit]) for nth, one in enumerate(credits[:20])]
        links += _evidence(call, credits, known)
    _write_credits(ctx, site, rows, [call.call for call in heard])
    if links:
        people.record_keys(ctx, site, links)
    return len({row[0] for row in rows})


def _shown(ctx: Context, site: Site, heard: Sequence[Heard]) -> list[Shown]:
    """Leases of the called numbers, those put away and those still live."""
    lines, last = sorted({h.line for h in heard if h.line}), max(h.at for h in heard)
    first = min(h.at for h in heard) - BACK
    span = {"since": first, "until": last + timedelta(minutes=1)}
    away = ctx.warehouse.rows(SQL["leases_of"], Shown, site=site.id, numbers=lines, **span)
    with ctx.database.read() as c:
        live = c.execute(select(leases).where(leases.c.site_id == site.id, leases.c.number.in_(lines))).all()
    return away + [_live(row) for row in live]


def _live(row: Any) -> Shown:
    return Shown(
        lease=_lease_key(dict(row._mapping)), number=row.number, visitor=int(row.visitor, 16),
        began=clock.from_ms(row.began_ms), seen=clock.from_ms(row.seen_ms), tapped=clock.from_ms(row.tapped_ms),
        **{name: row._mapping[name] for name in TEXTS},
    )  # fmt: skip


def _by_number(shown: Iterable[Shown]) -> dict[str, list[Shown]]:
    """Leases by number, in the order in which they began."""
    found: dict[str, list[Shown]] = {}
    for lease in sorted(shown, key=lambda s: s.began):
        found.setdefault(lease.number, []).append(lease)
    return found


def _candidates(call: Heard, shown: Sequence[Shown], known: Mapping[int, set[str]]) -> list[Shown]:
    """The last leases of the called number before the call; of browsers that are the caller's, all of two weeks."""
    end = bisect_right(shown, call.at, key=lambda s: s.began)
    begin = bisect_left(shown, call.at - BACK, key=lambda s: s.began)
    late = max(begin, end - MOST_CANDIDATES)
    return [s for s in shown[begin:late] if s.visitor in known] + list(shown[late:end])


def _static_row(call: Heard, number: Number) -> tuple[Any, ...]:
    """A call on a number that stands for a billboard or a leaflet, whoever called."""
    return (call.call, 0, 0, 0, 1.0, number.channel, number.source, "", number.campaign, "", "", "", "static")


def _weighed(call: Heard, shown: Sequence[Shown], known: Mapping[int, set[str]], delay: Delay) -> list[Credit]:
    candidates = [
        Candidate(
            visit=s.lease, visitor=s.visitor, shown_s=s.began.timestamp(), ended_s=s.seen.timestamp(),
            clicked_s=s.tapped.timestamp() if s.tapped > NEVER else None,
            is_known_caller=s.visitor in known, has_form="site" in known.get(s.visitor, ()),
        )
        for s in shown
    ]  # fmt: skip
    return posterior(call.at.timestamp(), candidates, delay)


def _credit_row(call: Heard, nth: int, one: Credit, s: Shown) -> tuple[Any, ...]:
    texts = (s.channel, s.source, s.medium, s.campaign, s.term, s.content, s.entry)
    return (call.call, nth, one.visitor, one.visit, one.certainty, *texts, "shown")


CREDIT_COLUMNS = (
    "call", "nth", "visitor", "lease", "certainty", "channel", "source", "medium", "campaign", "term", "content",
    "entry", "how",
)  # fmt: skip


def _write_credits(ctx: Context, site: Site, rows: list[tuple[Any, ...]], calls: Sequence[int]) -> None:
    """The newest version of a call's credits counts; a call without candidates gets one row of nobody."""
    named = {row[0] for row in rows}
    rows = rows + [(call, 0, 0, 0, 0.0, "", "", "", "", "", "", "", "") for call in calls if call not in named]
    columns = dict(zip(CREDIT_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    size = len(rows)
    ctx.warehouse.insert("call_credit_rows", {"site": [site.id] * size, "version": [clock.now_ms()] * size, **columns})


def _evidence(call: Heard, credits: Sequence[Credit], known: Mapping[int, set[str]]) -> list[people.KeyLink]:
    """A caller who is certain enough to be a visit's browser becomes one person with it."""
    if not credits or not call.caller or credits[0].certainty < CERTAIN or credits[0].visitor in known:
        return []
    return [
        people.KeyLink(
            visitor=credits[0].visitor, key=call.caller, kind=str(Kind.PHONE), at=call.at, source="calls",
            ref=f"{call.system}:{call.ref}",
        )
    ]  # fmt: skip


def delay_of(ctx: Context, site: Site) -> Delay:
    """The delay fitted from this site's calls whose visit is certain by a tap or a form, else the assumption."""
    rows = ctx.warehouse.ask(SQL["certain_delays"], {"site": site.id}).rows
    return fitted([float(row[0]) for row in rows])


def credit_again(ctx: Context, site: Site, since: datetime) -> int:
    """Weigh again the calls since then: leases, taps and persons may have become known later."""
    rows = ctx.warehouse.ask(SQL["calls_since"], {"site": site.id, "since": since}).rows
    return credit(ctx, site, [int(row[0]) for row in rows])
