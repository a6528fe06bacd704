"""CallRail: webhooks before, after and on changes of calls; the list of calls as back-fill."""

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import Any

from tandem.base import clock
from tandem.base.http import Http
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import FetchedCalls, digest, json_of, moment, must_match, text, whole
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming, Polled

FIELDS = (
    Field(name="account", label="Account ID"),
    Field(name="token", label="API key", is_secret=True),
    Field(name="secret", label="Signing key of webhooks", is_secret=True),
    Field(name="base", label="Address", is_required=False, is_address=True, default="https://api.callrail.com"),
)
NOTE = "Add the webhook address for pre-call, post-call and call modified. Calls are also fetched every five minutes."
PAGES = 10


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Raises UserError (403) unless Signature = base64 of HMAC-SHA1 over the body."""
    signed = hmac.new(connection.setting("secret").encode(), incoming.body, hashlib.sha1).digest()
    must_match(incoming.headers.get("signature", ""), base64.b64encode(signed).decode())
    return Accepted(key=digest(incoming.body))


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    return [_fact(json_of(delivery.body))]


def fetch(connection: Connection, http: Http) -> tuple[FetchedCalls, Polled]:
    """Calls since two days before the last poll: tags and recordings come later than their calls."""
    page, since = (
        int(connection.cursor.get("page", 1)),
        str(connection.cursor.get("since") or (clock.now() - timedelta(days=90)).date()),
    )
    facts = FetchedCalls()
    for _ in range(PAGES):
        body = http.get(
            f"/v3/a/{connection.setting('account')}/calls.json",
            params={
                "per_page": "250",
                "page": str(page),
                "start_date": since,
                "sorting": "start_time",
                "fields": "tags",
            },
        ).json()
        facts.read(body.get("calls", []), _fact, "resource_id", "id")
        if page >= int(body.get("total_pages") or 1):
            until = str((clock.now() - timedelta(days=2)).date())
            return facts, Polled(cursor={"since": until, "page": 1}, rows=len(facts))
        page += 1
    return facts, Polled(cursor={"since": since, "page": page}, rows=len(facts), is_more=True)


def client(connection: Connection, allowed: str) -> Http:
    headers = {"Authorization": f"Token token={connection.setting('token')}"}
    return Http(
        "CallRail",
        connection.setting("base", "https://api.callrail.com"),
        headers=headers,
        per_second=2,
        allowed=allowed,
    )


def _fact(call: dict[str, Any]) -> CallFact:
    is_over = call.get("duration") not in (None, "")
    outcome = (
        CallOutcome.ANSWERED
        if call.get("answered")
        else CallOutcome.VOICEMAIL
        if call.get("voicemail")
        else CallOutcome.MISSED
    )
    tags = call.get("tags") or []
    first = tags[0] if tags else ""
    return CallFact(
        system="callrail",
        ref=text(call, "resource_id", "id"),
        at=moment(text(call, "start_time", "created_at")),
        line=text(call, "tracking_phone_number"),
        caller=text(call, "customer_phone_number", "customer_number"),
        direction="out" if call.get("direction") == "outbound" else "in",
        outcome=outcome if is_over else CallOutcome.RINGING,
        talk_s=whole(call.get("duration")) if call.get("answered") else 0,
        recording=text(call, "recording_player", "recording"),
        tag=str(first.get("name", "") if isinstance(first, dict) else first)[:60],
    )
