"""Twilio: status callbacks signed over address and fields; the list of calls as back-fill."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from tandem.base import clock
from tandem.base.http import Http
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import FetchedCalls, digest, form_of, in_range, must_match, text, whole
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming, Polled

FIELDS = (
    Field(name="account", label="Account SID"),
    Field(name="token", label="Auth token", is_secret=True),
    Field(name="base", label="Address", is_required=False, is_address=True, default="https://api.twilio.com"),
)
NOTE = "Enter the webhook address in the number's “Call status changes”. Calls are also fetched every five minutes."
OUTCOMES = {
    "queued": CallOutcome.RINGING,
    "initiated": CallOutcome.RINGING,
    "ringing": CallOutcome.RINGING,
    "in-progress": CallOutcome.ANSWERED,
    "completed": CallOutcome.ANSWERED,
    "busy": CallOutcome.BUSY,
    "failed": CallOutcome.FAILED,
    "no-answer": CallOutcome.MISSED,
    "canceled": CallOutcome.MISSED,
}
PAGES = 20
LONGEST_CALL = timedelta(days=1)


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Raises UserError (403) unless X-Twilio-Signature fits.

    source   Twilio's request validator: base64 of HMAC-SHA1 over the address and each field with its value, in order
    """
    signed_text = incoming.url + "".join(name + value for name, value in sorted(set(incoming.form)))
    signed = hmac.new(connection.setting("token").encode(), signed_text.encode(), hashlib.sha1).digest()
    must_match(incoming.headers.get("x-twilio-signature", ""), base64.b64encode(signed).decode())
    form = form_of(incoming)
    return Accepted(
        key=digest(
            text(form, "CallSid"), text(form, "CallStatus"), text(form, "SequenceNumber"), text(form, "RecordingSid")
        ),
        answer="<Response/>",
        media_type="text/xml",
    )


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    form = form_of(delivery)
    at = _moment(text(form, "Timestamp")) or delivery.received_at
    talk = whole(form.get("CallDuration"))
    return [
        CallFact(
            # the callback's time is when the state changed: the call began its length earlier
            system="twilio",
            ref=text(form, "CallSid"),
            at=at - min(timedelta(seconds=talk), LONGEST_CALL),
            line=text(form, "To"),
            caller=text(form, "From"),
            direction=_direction(text(form, "Direction")),
            outcome=OUTCOMES.get(text(form, "CallStatus"), CallOutcome.RINGING),
            talk_s=talk,
            recording=text(form, "RecordingUrl"),
        )
    ]


def fetch(connection: Connection, http: Http) -> tuple[FetchedCalls, Polled]:
    """Calls since the day before the last poll, page by page."""
    path = str(connection.cursor.get("next") or f"/2010-04-01/Accounts/{connection.setting('account')}/Calls.json")
    since = str(connection.cursor.get("since") or (clock.now() - timedelta(days=30)).date())
    params = {} if connection.cursor.get("next") else {"StartTime>": since, "PageSize": "1000"}
    facts = FetchedCalls()
    for _ in range(PAGES):
        page = http.get(path, params=params or None).json()
        facts.read(page.get("calls", []), _fact, "sid")
        path, params = str(page.get("next_page_uri") or ""), {}
        if not path:
            until = str((clock.now() - timedelta(days=1)).date())
            return facts, Polled(cursor={"since": until}, rows=len(facts))
    return facts, Polled(cursor={"since": since, "next": path}, rows=len(facts), is_more=True)


def client(connection: Connection, allowed: str) -> Http:
    login = (connection.setting("account"), connection.setting("token"))
    return Http(
        "Twilio", connection.setting("base", "https://api.twilio.com"), auth=login, per_second=5, allowed=allowed
    )


def _fact(call: dict[str, Any]) -> CallFact:
    return CallFact(
        system="twilio",
        ref=str(call["sid"]),
        at=_moment(str(call.get("start_time") or "")) or clock.now(),
        line=str(call.get("to") or ""),
        caller=str(call.get("from") or ""),
        direction=_direction(str(call.get("direction") or "")),
        outcome=OUTCOMES.get(str(call.get("status")), CallOutcome.RINGING),
        talk_s=whole(call.get("duration")),
    )


def _direction(direction: str) -> str:
    return "out" if direction.startswith("outbound") else "in"


def _moment(written: str) -> datetime | None:
    """RFC 2822, as Twilio writes times."""
    try:
        parsedate = parsedate_to_datetime(written)
        return in_range((parsedate if parsedate.tzinfo else parsedate.replace(tzinfo=UTC)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None
