"""Any exchange that can send JSON: signed with HMAC-SHA256 over the time and the body."""

import hashlib
import hmac

from tandem.base.errors import UserError
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import (
    REGION,
    ZONE,
    digest,
    json_of,
    moment,
    must_be_fresh,
    must_match,
    text,
    whole,
    zone_of,
)
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming

FIELDS = (Field(name="secret", label="Secret", is_secret=True, hint="At least 16 characters."), REGION, ZONE)
NOTE = (
    "Send JSON with id, at, line, caller and, once known, outcome (answered, missed, busy, failed, voicemail), "
    "wait_s, talk_s, operator, recording. Sign it in X-Tandem-Signature: hex HMAC-SHA256 of X-Tandem-Time + “.” + "
    "body."
)


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Raises UserError (403) unless the signature fits and is fresh."""
    stamp = incoming.headers.get("x-tandem-time", "")
    signed = stamp.encode() + b"." + incoming.body
    expected = hmac.new(connection.setting("secret").encode(), signed, hashlib.sha256).hexdigest()
    must_match(incoming.headers.get("x-tandem-signature", ""), expected)
    must_be_fresh(float(whole(stamp)))
    return Accepted(key=digest(incoming.body))


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    """Raises UserError when id or time is missing, or the outcome has another name."""
    body = json_of(delivery.body)
    if not body.get("id"):
        raise UserError("The call has no ID.", "Send the phone system's own call ID as “id”.")
    outcome = text(body, "outcome") or str(CallOutcome.RINGING)
    if outcome not in set(CallOutcome):
        raise UserError(
            "“%(value)s” is not a call outcome.",
            "Use one of %(choices)s.",
            value=outcome[:20],
            choices=", ".join(CallOutcome),
        )
    return [
        CallFact(
            system="generic",
            ref=str(body["id"])[:200],
            at=moment(text(body, "at"), zone_of(connection)),
            line=text(body, "line"),
            caller=text(body, "caller"),
            direction="out" if body.get("direction") == "out" else "in",
            outcome=outcome,
            wait_s=whole(body.get("wait_s")),
            talk_s=whole(body.get("talk_s")),
            operator=text(body, "operator"),
            recording=text(body, "recording"),
            tag=text(body, "tag"),
        )
    ]
