"""Who called the golden shop, told by an exchange in pieces, and a second opinion of what it means.

Edges on purpose: moments at both ends of the span and just outside, a month's and a week's edge, withheld callers, one
caller at two moments, a call that still rings, outgoing calls, lines that nobody was shown, a static number.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tandem.accounts.model import Site
from tandem.calls import store
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.core.context import Context
from tandem.core.slice import NumberAsked
from tests.golden import rows as span
from tests.golden.naive import Row

OWN, BILLBOARD, STRANGE = "+48225550000", "+48225550700", "+48225550900"
POOL = [f"+4822555{n:04d}" for n in range(1000, 1040)]
TEXTS = ("channel", "source", "medium", "campaign", "term", "content", "entry")
ORIGINS = (
    ("Paid Search", "google", "cpc", "spring", "fern", "a", "/"),
    ("Paid Search", "google", "cpc", "spring", "[oak tree]", "b", "/cart"),
    ("Direct", "", "", "", "", "", "/journal/moss"),
)
OUTCOMES = (
    CallOutcome.ANSWERED,
    CallOutcome.MISSED,
    CallOutcome.BUSY,
    CallOutcome.FAILED,
    CallOutcome.VOICEMAIL,
    CallOutcome.RINGING,
)
SECOND = timedelta(seconds=1)
Fact = dict[str, Any]


def called() -> list[Fact]:
    """The calls, in no order: each with what is planted about it."""
    middle = span.SINCE + (span.UNTIL - span.SINCE) / 2
    moments = [
        span.SINCE - SECOND, span.SINCE, span.UNTIL - SECOND, span.UNTIL,
        datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC),
        *(middle + timedelta(hours=7 * n, minutes=13 * n) for n in range(-15, 15)),
    ]  # fmt: skip
    facts = []
    for n, at in enumerate(sorted(moments)):
        place = n % 5
        origin = ORIGINS[place] if place < 3 else ("Offline", "billboard", "", "A4", "", "", "") if place == 3 else None
        outcome = OUTCOMES[n % len(OUTCOMES)]
        facts.append({
            **dict(zip(TEXTS, origin or [""] * 7, strict=True)), "n": n, "at": at, "bot": "", "outcome": outcome,
            "caller": "" if n % 7 == 6 else f"+4860010{n % 9:04d}", "wait": n % 4 * 5,
            "talk": 60 + n if outcome is CallOutcome.ANSWERED else 0, "is_out": n % 11 == 10,
            "certainty": float(place < 4),
            "line": POOL[n] if place < 3 else BILLBOARD if place == 3 else STRANGE, "is_shown": place < 3,
        })  # fmt: skip
    return facts


def bring_in(ctx: Context, site: Site) -> None:
    """Lend the numbers, then tell of each call in two pieces, the later one first."""
    store.add_numbers(ctx, site, [BILLBOARD], channel="Offline", source="billboard", campaign="A4")
    facts = called()
    for f in facts:
        if not f["is_shown"]:
            continue
        pool = store.add_pool(ctx, site, f"Pool {f['n']}", [OWN], sources=[f"only {f['n']}"])
        store.add_numbers(ctx, site, [f["line"]], pool)
        asked = {"site": site, "visitor": 10**9 + f["n"], "act": "ask", **{t: f[t] for t in TEXTS}}
        at = f["at"] - timedelta(seconds=90)
        store.lend(ctx, NumberAsked(at=at, **{**asked, "source": f"only {f['n']}"}))
        f["source"] = f"only {f['n']}"
        store.lend(ctx, NumberAsked(at=f["at"] + SECOND, **{**asked, "act": "seen"}))
        store.lend(ctx, NumberAsked(at=f["at"] - SECOND, **{**asked, "act": "tap"}))
    pieces = []
    for f in reversed(facts):
        known = {"system": "golden", "ref": str(f["n"]), "line": f["line"], "direction": "out" if f["is_out"] else "in"}
        pieces.append(CallFact(at=f["at"] + SECOND, outcome=f["outcome"], talk_s=f["talk"], **known))
        pieces.append(CallFact(at=f["at"], caller=f["caller"], wait_s=f["wait"], **known))
    store.record(ctx, site, pieces[: len(pieces) // 2])
    store.record(ctx, site, pieces[len(pieces) // 2 - 3 :])


def rows() -> dict[str, list[Row]]:
    """The rows of the view, as moment, nothing, and facts by dimension."""
    facts = [f for f in called() if not f["is_out"]]
    begun: dict[str, datetime] = {}
    for f in facts:
        begun[f["caller"]] = min(f["at"], begun.get(f["caller"], f["at"]))
    for f in facts:
        f["is_first"] = bool(f["caller"]) and f["at"] == begun[f["caller"]]
        if f["is_shown"]:
            f["source"] = f"only {f['n']}"
    return {"calls_received": [(f["at"], None, f) for f in facts]}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


MISSED = (CallOutcome.MISSED, CallOutcome.BUSY, CallOutcome.FAILED, CallOutcome.VOICEMAIL)
METRICS: dict[str, Any] = {
    "calls.calls": len,
    "calls.answered": lambda rows: sum(1 for _, _, f in rows if f["outcome"] == CallOutcome.ANSWERED),
    "calls.missed": lambda rows: sum(1 for _, _, f in rows if f["outcome"] in MISSED),
    "calls.first": lambda rows: sum(1 for _, _, f in rows if f["is_first"]),
    "calls.talk": lambda rows: sum(f["talk"] for _, _, f in rows),
    "calls.wait": lambda rows: _mean([f["wait"] for _, _, f in rows if f["outcome"] == CallOutcome.ANSWERED]),
    "calls.certainty": lambda rows: _mean([f["certainty"] for _, _, f in rows]),
}
