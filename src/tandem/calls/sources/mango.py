"""Mango Office: events of calls and their summary, signed with key and salt."""

import hashlib
from typing import Any

from tandem.calls.model.call import CallFact, CallOutcome
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
    body = form.get("json", "")
    expected = hashlib.sha256((connection.setting("key") + body + connection.setting("salt")).encode()).hexdigest()
    must_match(form.get("sign", ""), expected)
    return Accepted(key=digest(body))


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    event = json_of(form_of(delivery).get("json", "{}").encode())
    if "entry_result" in event:
        return [_summary(event)]
    if not event.get("entry_id") or "call_state" not in event:
        return []  # recordings, messages, tones
    sides: dict[str, Any] = event.get("from") or {}
    to: dict[str, Any] = event.get("to") or {}
    is_answer = event.get("call_state") == "Connected" and event.get("location") == "abonent"
    return [
        CallFact(
            system="mango",
            ref=str(event["entry_id"]),
            at=unix(event.get("timestamp")),
            line=text(to, "line_number"),
            caller=text(sides, "number"),
            outcome=CallOutcome.ANSWERED if is_answer else CallOutcome.RINGING,
            operator=text(to, "extension"),
        )
    ]


def _summary(event: dict[str, Any]) -> CallFact:
    is_out = whole(event.get("call_direction")) == 2
    mine, other = (
        (event.get("from") or {}, event.get("to") or {}) if is_out else (event.get("to") or {}, event.get("from") or {})
    )
    created, forwarded, talked, ended = (
        whole(event.get(n)) for n in ("create_time", "forward_time", "talk_time", "end_time")
    )
    is_answered = whole(event.get("entry_result")) == 1
    return CallFact(
        system="mango",
        ref=str(event["entry_id"]),
        at=unix(created),
        line=text(event, "line_number"),
        caller=text(other, "number"),
        direction="out" if is_out else "in",
        outcome=CallOutcome.ANSWERED if is_answered else CallOutcome.MISSED,
        wait_s=max(0, (talked or ended) - (forwarded or created)),
        talk_s=max(0, ended - talked) if talked else 0,
        operator=text(mine, "extension"),
    )
