"""Calls as they were told."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock, progress
from tandem.calls.model.call import CallFact, merged
from tandem.calls.store import replaced
from tandem.calls.store.common import AT_ONCE, SQL, hash_of
from tandem.calls.store.credits import CERTAIN, credit
from tandem.core.context import Context
from tandem.people import store as people
from tandem.people.model.identifier import phone, phone_of

MOST_OF_A_PERSON = 500


def record(ctx: Context, site: Site, facts: Sequence[CallFact], region: str = "") -> int:
    """Keep what was told of calls; what was told before of the same ones is joined with it. Returns how many calls.

    Order and repetition do not matter: a call is the union of everything told of it.
    """
    with progress.part(0, 0.3):
        calls = put(ctx, site, facts, region)
    with progress.part(0.3, 1):
        credit_all(ctx, site, calls)
    return len(calls)


def put(
    ctx: Context, site: Site, facts: Iterable[CallFact], region: str = "", import_: int = 0
) -> list[tuple[datetime, int]]:
    """Keep what was told of calls; returns their moments and keys, whose visits are yet to be found.

    import_   the import that tells of them: how they stood before is kept, so that it can be undone
    """
    by_call = _by_call(site, facts)
    if not by_call:
        return []
    with ctx.database.turn("calls", site.id):
        callers = _callers(ctx, site, (fact for call_facts in by_call.values() for fact in call_facts), region)
        return _join(ctx, site, by_call, callers, region, import_)


def _join(
    ctx: Context, site: Site, by_call: dict[int, list[CallFact]], callers: dict[str, int], region: str, import_: int
) -> list[tuple[datetime, int]]:
    """Write the union of what is known of these calls and what is told now; the caller has the turn for the site."""
    existing = {key: found for part in _parts(list(by_call)) for key, found in _known(ctx, site, part).items()}
    newest = max((version for _, _, version in existing.values()), default=0)
    version, rows = clock.version_after(newest, clock.now_ms()), []
    for key, call_facts in by_call.items():
        before = existing.get(key)
        line = next((phone_of(f.line, region) or f.line[:20] for f in call_facts if f.line), "")
        caller = next((callers[f.caller] for f in call_facts if f.caller in callers), 0)
        joined = merged([*call_facts, *([before[0]] if before else [])])
        if before and _month(before[0].at) != _month(joined.at):
            # TRAP: rows lie apart by month, and versions replace each other within one: a call would stand twice.
            joined = msgspec.structs.replace(joined, at=before[0].at)
        rows.append((key, joined, line or (before[0].line if before else ""), caller or (before[1] if before else 0)))
    if import_:
        whose = {row[0]: row[3] for row in rows}
        replaced.keep(ctx, site, import_, {row[0]: row[1] for row in rows}, whose, existing, version)
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


def _month(at: datetime) -> tuple[int, int]:
    in_store = at.astimezone(UTC)
    return in_store.year, in_store.month


def _by_call(site: Site, facts: Iterable[CallFact]) -> dict[int, list[CallFact]]:
    by_call: dict[int, list[CallFact]] = {}
    for fact in facts:
        by_call.setdefault(call_key(site, fact), []).append(fact)
    return by_call


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


def calls_of(ctx: Context, site: Site, nodes: Sequence[int]) -> list[dict[str, Any]]:
    """The calls from and to these phones, and those that are certain to come from a visit of these browsers."""
    params = {"site": site.id, "nodes": list(nodes), "certain": CERTAIN, "most": MOST_OF_A_PERSON}
    answer = ctx.warehouse.ask(SQL["calls_of"], params)
    return [dict(zip(answer.names, row, strict=True)) for row in answer.rows]


def call_key(site: Site, fact: CallFact) -> int:
    return hash_of(f"{site.id}:{fact.system}:{fact.ref}")


def _known(ctx: Context, site: Site, keys: Sequence[int]) -> dict[int, tuple[CallFact, int, int]]:
    """What was told of these calls, the caller's key and the version, by call."""
    answer = ctx.warehouse.ask(SQL["known_calls"], {"site": site.id, "calls": list(keys)})
    existing = {}
    for row in answer.rows:
        columns = dict(zip(answer.names, row, strict=True))
        fact = CallFact(
            **{n: columns[n] for n in CallFact.__struct_fields__ if n in columns and n != "caller"},
        )
        existing[int(columns["call"])] = (fact, int(columns["caller"]), int(columns["version"]))
    return existing


def _callers(ctx: Context, site: Site, facts: Iterable[CallFact], region: str) -> dict[str, int]:
    """The keys of callers by how the exchange writes them; those that are no numbers are left out."""
    first: dict[str, datetime] = {}
    for fact in facts:
        if fact.caller:
            first[fact.caller] = min(fact.at, first.get(fact.caller, fact.at))
    identifiers = {text: identifier for text in first if (identifier := phone(text, region))}
    keys = people.remember_all(ctx, site, {end: first[text] for text, end in identifiers.items()})
    return {text: keys[end] for text, end in identifiers.items()}


def _safe_link(url: str) -> str:
    return url[:1000] if url.startswith("https://") else ""
