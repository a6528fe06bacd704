"""Which visits calls came from, and how certain that is."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.calls.model.delay import Delay, fitted
from tandem.calls.model.posterior import Candidate, VisitCredit, posterior
from tandem.calls.store.common import NEVER, SQL
from tandem.calls.store.leases import TEXTS, lease_key
from tandem.calls.store.pools import Number, numbers_of
from tandem.calls.tables import leases
from tandem.core.context import Context
from tandem.people import store as people
from tandem.people.model.identifier import Kind

BACK = timedelta(days=14)
"""How long before a call a visit may have been shown the number."""
CERTAIN = 0.9
MOST_CANDIDATES = 200


class CallToCredit(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it stands in the event store."""

    call: int
    at: datetime
    system: str
    ref: str
    line: str
    caller: int
    outcome: str


class ShownLease(msgspec.Struct, frozen=True, kw_only=True):
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


def credit(ctx: Context, site: Site, calls: Sequence[int]) -> int:
    """Find out which visits these calls came from; returns how many calls have a candidate."""
    # Whoever writes last has also looked last: no older weights replace newer ones, and no two answers mix in one call.
    with ctx.database.turn("credits", site.id):
        rows, links = _weigh(ctx, site, calls)
    if links:
        people.record_keys(ctx, site, links)
    return len({row[0] for row in rows})


def _weigh(ctx: Context, site: Site, calls: Sequence[int]) -> tuple[list[tuple[Any, ...]], list[people.KeyLink]]:
    """Write which visits these calls came from; returns the rows of candidates, and whose phones these prove."""
    rows: list[tuple[Any, ...]] = []
    links: list[people.KeyLink] = []
    received = ctx.warehouse.rows(SQL["calls_to_credit"], CallToCredit, site=site.id, calls=list(calls))
    if not received:
        return rows, links
    shown = _by_number(_shown(ctx, site, received))
    static = {n.number: n for n in numbers_of(ctx, site) if n.pool_id is None}
    browsers = people.browsers_of(ctx, site, (call.caller for call in received))
    delay = delay_of(ctx, site)
    for call in received:
        if call.line in static:
            rows.append(_static_row(call, static[call.line]))
            continue
        own_browsers = browsers.get(call.caller, {})
        candidates = _candidates(call, shown.get(call.line, []), own_browsers)
        credits = _weighed(call, candidates, own_browsers, delay)
        leased = {s.lease: s for s in candidates}
        rows += [_credit_row(call, nth, one, leased[one.visit]) for nth, one in enumerate(credits[:20])]
        links += _evidence(call, credits, own_browsers)
    _write_credits(ctx, site, rows, [call.call for call in received])
    return rows, links


def _shown(ctx: Context, site: Site, received: Sequence[CallToCredit]) -> list[ShownLease]:
    """Leases of the called numbers, those archived and those still live."""
    lines, last = sorted({h.line for h in received if h.line}), max(h.at for h in received)
    first = min(h.at for h in received) - BACK
    span = {"since": first, "until": last + timedelta(minutes=1)}
    away = ctx.warehouse.rows(SQL["leases_of"], ShownLease, site=site.id, numbers=lines, **span)
    with ctx.database.read() as c:
        live = c.execute(select(leases).where(leases.c.site_id == site.id, leases.c.number.in_(lines))).all()
    return away + [_live(row) for row in live]


def _live(row: Any) -> ShownLease:
    return ShownLease(
        lease=lease_key(dict(row._mapping)), number=row.number, visitor=int(row.visitor, 16),
        began=clock.from_ms(row.began_ms), seen=clock.from_ms(row.seen_ms), tapped=clock.from_ms(row.tapped_ms),
        **{name: row._mapping[name] for name in TEXTS},
    )  # fmt: skip


def _by_number(shown: Iterable[ShownLease]) -> dict[str, list[ShownLease]]:
    """Leases by number, in the order in which they began."""
    by_number: dict[str, list[ShownLease]] = {}
    for lease in sorted(shown, key=lambda s: s.began):
        by_number.setdefault(lease.number, []).append(lease)
    return by_number


def _candidates(
    call: CallToCredit, shown: Sequence[ShownLease], own_browsers: Mapping[int, set[str]]
) -> list[ShownLease]:
    """The last leases of the called number before the call; of browsers that are the caller's, all of two weeks."""
    end = bisect_right(shown, call.at, key=lambda s: s.began)
    begin = bisect_left(shown, call.at - BACK, key=lambda s: s.began)
    late = max(begin, end - MOST_CANDIDATES)
    return [s for s in shown[begin:late] if s.visitor in own_browsers] + list(shown[late:end])


def _static_row(call: CallToCredit, number: Number) -> tuple[Any, ...]:
    """A call on a number that stands for a billboard or a leaflet, whoever called."""
    return (call.call, 0, 0, 0, 1.0, number.channel, number.source, "", number.campaign, "", "", "", "static")


def _weighed(
    call: CallToCredit, shown: Sequence[ShownLease], own_browsers: Mapping[int, set[str]], delay: Delay
) -> list[VisitCredit]:
    candidates = [
        Candidate(
            visit=s.lease, visitor=s.visitor, shown_s=s.began.timestamp(), ended_s=s.seen.timestamp(),
            clicked_s=s.tapped.timestamp() if s.tapped > NEVER else None,
            is_known_caller=s.visitor in own_browsers, has_form="site" in own_browsers.get(s.visitor, ()),
        )
        for s in shown
    ]  # fmt: skip
    return posterior(call.at.timestamp(), candidates, delay)


def _credit_row(call: CallToCredit, nth: int, one: VisitCredit, s: ShownLease) -> tuple[Any, ...]:
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
    size, newest = len(rows), ctx.warehouse.value(SQL["newest_credit"], site=site.id, calls=list(calls))
    version = clock.version_after(int(newest), clock.now_ms())
    ctx.warehouse.insert("call_credit_rows", {"site": [site.id] * size, "version": [version] * size, **columns})


def _evidence(
    call: CallToCredit, credits: Sequence[VisitCredit], own_browsers: Mapping[int, set[str]]
) -> list[people.KeyLink]:
    """A caller who is certain enough to be a visit's browser becomes one person with it."""
    if not credits or not call.caller or credits[0].certainty < CERTAIN or credits[0].visitor in own_browsers:
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
