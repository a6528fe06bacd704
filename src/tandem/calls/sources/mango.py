"""Mango Office: events of calls and their summary, signed with key and salt."""

import hashlib
from typing import Any

from tandem.calls.model.call import CallFact, Outcome
from tandem.calls.sources.common import REGION, digest, form_of, json_of, must_match, text, unix, whole
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming

FIELDS = (
    Field(name="key", label="Unique code of your phone system", is_secret=True),
    Field(name="salt", label="Key for the signature", is_secret=True),
    REGION,
)
NOTE = "Enter the webhook address in API connector → address of the external system."


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Raises UserError (403) unless sign = sha256(key + json + salt) in hex."""
    form = form_of(incoming)
    told = form.get("json", "")
    expected = hashlib.sha256((connection.setting("key") + told + connection.setting("salt")).encode()).hexdigest()
    must_match(form.get("sign", ""), expected)
    return Accepted(key=digest(told))


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    told = json_of(form_of(delivery).get("json", "{}").encode())
    if "entry_result" in told:
        return [_summary(told)]
    if not told.get("entry_id") or "call_state" not in told:
        return []  # recordings, messages, tones
    sides: dict[str, Any] = told.get("from") or {}
    to: dict[str, Any] = told.get("to") or {}
    is_answer = told.get("call_state") == "Connected" and told.get("location") == "abonent"
    return [
        CallFact(
            system="mango",
            ref=str(told["entry_id"]),
            at=unix(told.get("timestamp")),
            line=text(to, "line_number"),
            caller=text(sides, "number"),
            outcome=Outcome.ANSWERED if is_answer else Outcome.RINGING,
            operator=text(to, "extension"),
        )
    ]


def _summary(told: dict[str, Any]) -> CallFact:
    is_out = whole(told.get("call_direction")) == 2
    mine, other = (
        (told.get("from") or {}, told.get("to") or {}) if is_out else (told.get("to") or {}, told.get("from") or {})
    )
    created, forwarded, talked, ended = (
        whole(told.get(n)) for n in ("create_time", "forward_time", "talk_time", "end_time")
    )
    is_answered = whole(told.get("entry_result")) == 1
    return CallFact(
        system="mango",
        ref=str(told["entry_id"]),
        at=unix(created),
        line=text(told, "line_number"),
        caller=text(other, "number"),
        direction="out" if is_out else "in",
        outcome=Outcome.ANSWERED if is_answered else Outcome.MISSED,
        wait_s=max(0, (talked or ended) - (forwarded or created)),
        talk_s=max(0, ended - talked) if talked else 0,
        operator=text(mine, "extension"),
    )
