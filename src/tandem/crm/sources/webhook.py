"""Any system that can send JSON: whole records, signed with HMAC-SHA256 over the time and the body."""

import hashlib
import hmac
from typing import Any

import msgspec

from tandem.base import clock
from tandem.base.errors import UserError
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import FIELDS, TOLD_KIND, Mapping
from tandem.crm.sources.api import Crm, Heard, key_of, must_match

FRESH_S = 300


def accept(held: Connection, incoming: Incoming) -> Accepted:
    """Headers X-Tandem-Timestamp (seconds since 1970) and X-Tandem-Signature (hex HMAC-SHA256 of `timestamp.body`)."""
    moment, given = (incoming.headers.get(name, "") for name in ("x-tandem-timestamp", "x-tandem-signature"))
    if not moment.isdecimal() or len(moment) > 12 or abs(clock.now().timestamp() - int(moment)) > FRESH_S:
        raise UserError("The timestamp is missing or older than five minutes.", "Sign again when sending.", status=403)
    told = moment.encode() + b"." + incoming.body
    wanted = hmac.new(held.setting("secret").encode(), told, hashlib.sha256).hexdigest()
    must_match(given.lower().removeprefix("sha256="), wanted, "The signature does not match.")
    if not _records(incoming.body):
        raise UserError("There is no record in the body.", "Send a JSON object, or a list of them.")
    return Accepted(key=key_of(incoming.body), answer='{"ok":true}', media_type="application/json")


def _records(body: bytes) -> list[dict[str, Any]]:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return []
    rows = told.get("deals", [told]) if isinstance(told, dict) else told
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def hear(delivery: Delivery) -> Heard:
    return Heard(raws=tuple({TOLD_KIND: raw.get("stage_kind"), **raw} for raw in _records(delivery.body)))


CRM = Crm(
    system="webhook",
    label="Webhook",
    fields=(Field(name="secret", label="Secret for signing", hint="Any long text, known to both sides.",
                  is_secret=True),),
    note="Send each lead or deal as JSON, whole, whenever it changes: id, created_at, updated_at, stage, stage_kind "
    "(open, qualified, won, lost), amount, currency, phone, email, client_id, utm_source and the rest. Sign as the "
    "page of deals in the documentation says.",
    mapping=Mapping(fields={name: (name,) for name in FIELDS} | {
        "phones": ("phones", "phone"), "emails": ("emails", "email"), "client": ("client_id", "client"),
        "source_text": ("source",), "contact": ("contact_id", "contact"), "stage": ("stage",),
        "parent": ("lead_id", "parent"),
    }),
    accept=accept,
    hear=hear,
)  # fmt: skip
