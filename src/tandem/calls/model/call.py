"""A call as an exchange tells of it, piece by piece and in any order."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec


class CallOutcome(StrEnum):
    RINGING = "ringing"  # not over yet, as far as we know
    ANSWERED = "answered"
    MISSED = "missed"
    BUSY = "busy"
    FAILED = "failed"
    VOICEMAIL = "voicemail"


FINAL = {
    CallOutcome.RINGING: 0,
    CallOutcome.FAILED: 1,
    CallOutcome.BUSY: 2,
    CallOutcome.MISSED: 3,
    CallOutcome.VOICEMAIL: 4,
    CallOutcome.ANSWERED: 5,
}
"""Of two things told of one call the higher one holds: a leg may fail or ring out before another answers."""


class CallFact(msgspec.Struct, frozen=True, kw_only=True):
    """What one delivery says of a call. Empty values say nothing. `ref` names the call in its system.

    line     our number that was called (or called from), as the system writes it
    caller   the other side's number; empty when withheld
    """

    system: str
    ref: str
    at: datetime
    line: str = ""
    caller: str = ""
    direction: str = "in"
    outcome: str = CallOutcome.RINGING
    wait_s: int = 0
    talk_s: int = 0
    operator: str = ""
    recording: str = ""
    tag: str = ""


def merged(facts: Iterable[CallFact]) -> CallFact:
    """One call out of everything told of it: neither order nor repetition matters."""
    call_facts = sorted(
        facts, key=lambda f: (f.at, FINAL.get(CallOutcome(f.outcome), 0), f.talk_s, f.wait_s, msgspec.json.encode(f))
    )
    first = call_facts[0]
    return CallFact(
        system=first.system,
        ref=first.ref,
        at=first.at,
        line=_first(f.line for f in call_facts),
        caller=_first(f.caller for f in call_facts),
        direction="out" if any(f.direction == "out" for f in call_facts) else "in",
        outcome=max((f.outcome for f in call_facts), key=lambda o: FINAL[CallOutcome(o)]),
        wait_s=max(f.wait_s for f in call_facts),
        talk_s=max(f.talk_s for f in call_facts),
        operator=_first(f.operator for f in reversed(call_facts)),
        recording=_first(f.recording for f in call_facts),
        tag=_first(f.tag for f in reversed(call_facts)),
    )


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
