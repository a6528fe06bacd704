"""Zadarma: notices at start, answer, end and record, each signed over fields of its own."""

import base64
import hashlib
import hmac

from tandem.base.errors import UserError
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import REGION, ZONE, digest, form_of, moment, must_match, text, whole, zone_of
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming

FIELDS = (Field(name="secret", label="API secret", is_secret=True), REGION, ZONE)
NOTE = "Enter the webhook address in Integrations → PBX notifications. Choose start, answer, end and record."
SIGNED = {
    "NOTIFY_START": ("caller_id", "called_did", "call_start"),
    "NOTIFY_INTERNAL": ("caller_id", "called_did", "call_start"),
    "NOTIFY_END": ("caller_id", "called_did", "call_start"),
    "NOTIFY_ANSWER": ("caller_id", "destination", "call_start"),
    "NOTIFY_OUT_START": ("internal", "destination", "call_start"),
    "NOTIFY_OUT_END": ("internal", "destination", "call_start"),
    "NOTIFY_RECORD": ("pbx_call_id", "call_id_with_rec"),
}
OUTCOMES = {
    "answered": CallOutcome.ANSWERED,
    "busy": CallOutcome.BUSY,
    "cancel": CallOutcome.MISSED,
    "no answer": CallOutcome.MISSED,
}


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Raises UserError (403) unless the signature fits. The check of the address (zd_echo) is answered.

    source   Zadarma's user-api: base64 of the hex digits, not of the bytes, of HMAC-SHA1
    """
    form = form_of(incoming)
    if incoming.method == "GET" and "zd_echo" in form:
        return Accepted(answer=form["zd_echo"][:200])
    event = text(form, "event")
    if event not in SIGNED:
        raise UserError("Unknown notification.", "Choose start, answer, end and record only.", status=403)
    signed_text = "".join(form.get(name, "") for name in SIGNED[event])
    signed = hmac.new(connection.setting("secret").encode(), signed_text.encode(), hashlib.sha1).hexdigest()
    must_match(incoming.headers.get("signature", ""), base64.b64encode(signed.encode()).decode())
    return Accepted(key=digest(event, signed_text, text(form, "pbx_call_id"), text(form, "internal")))


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    form = form_of(delivery)
    event, ref = text(form, "event"), text(form, "pbx_call_id")
    began = text(form, "call_start")
    at = moment(began, zone_of(connection)) if began else delivery.received_at
    is_out = event.startswith("NOTIFY_OUT")
    talk = whole(form.get("duration"))
    return [
        CallFact(
            system="zadarma",
            ref=ref,
            at=at,
            line="" if is_out else text(form, "called_did"),
            caller=text(form, "destination") if is_out else text(form, "caller_id"),
            direction="out" if is_out else "in",
            outcome=_outcome(event, text(form, "disposition")),
            talk_s=talk,
            operator=text(form, "internal"),
        )
    ]


def _outcome(event: str, disposition: str) -> CallOutcome:
    if event == "NOTIFY_ANSWER":
        return CallOutcome.ANSWERED
    if not event.endswith("END"):
        return CallOutcome.RINGING
    return OUTCOMES.get(disposition.lower(), CallOutcome.FAILED)
