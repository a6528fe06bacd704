"""Any system that can send JSON: whole records, signed with HMAC-SHA256 over the time and the body."""

import hashlib
import hmac
from typing import Any

import msgspec

from tandem.base import clock
from tandem.base.currencies import NO_CURRENCY
from tandem.base.errors import NO_JSON, UserError
from tandem.base.json_rows import elements, members
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import FIELDS, STAGE_KIND_FIELD, Mapping
from tandem.crm.sources.api import Crm, Delivered, key_of, must_match

FRESH_S = 300
_read_record = msgspec.json.Decoder(dict[str, Any]).decode


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Headers X-Tandem-Timestamp (seconds since 1970) and X-Tandem-Signature (hex HMAC-SHA256 of `timestamp.body`)."""
    moment, signature = (incoming.headers.get(name, "") for name in ("x-tandem-timestamp", "x-tandem-signature"))
    if not moment.isdecimal() or len(moment) > 12 or abs(clock.now().timestamp() - int(moment)) > FRESH_S:
        raise UserError("The timestamp is missing or older than five minutes.", "Sign again when sending.", status=403)
    signed = moment.encode() + b"." + incoming.body
    wanted = hmac.new(connection.setting("secret").encode(), signed, hashlib.sha256).hexdigest()
    must_match(signature.lower().removeprefix("sha256="), wanted, "The signature does not match.")
    records, unreadable = _records(incoming.body)
    if not records:
        raise UserError("There is no record in the body.", "Send a JSON object, or a list of them.")
    answer = {"ok": True} | ({"unreadable": len(unreadable)} if unreadable else {})
    return Accepted(
        key=key_of(incoming.body), answer=msgspec.json.encode(answer).decode(), media_type="application/json"
    )


def _records(body: bytes) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The records of a body, each read by itself, and those that are no JSON objects, as they came."""
    records, unreadable = list[dict[str, Any]](), list[bytes]()
    for row in _rows(body):
        try:
            records.append(_read_record(row))
        except NO_JSON:
            unreadable.append(row)
    return records, unreadable


def _rows(body: bytes) -> list[bytes]:
    """A list of records, a list under `deals`, or one record: in each case its rows, still unread."""
    if (fields := members(body)) is None:
        return elements(body) or []
    return (elements(fields[b"deals"]) or []) if b"deals" in fields else [body]


def read_delivery(delivery: Delivery) -> Delivered:
    records, unreadable = _records(delivery.body)
    return Delivered(raws=tuple(map(_said, records)), unreadable=tuple(unreadable))


def _said(raw: dict[str, Any]) -> dict[str, Any]:
    """A record with what it says of its stage. A currency that it names and leaves empty is not the site's."""
    is_empty = "currency" in raw and raw["currency"] in (None, "")
    return {STAGE_KIND_FIELD: raw.get("stage_kind"), **raw} | ({"currency": NO_CURRENCY} if is_empty else {})


CRM = Crm(
    system="webhook",
    label="Webhook",
    fields=(Field(name="secret", label="Signing secret", hint="Any long text that both sides know.",
                  is_secret=True),),
    note=(
        "Send each lead or deal as complete JSON whenever it changes: id, created_at, updated_at, stage, "
        "stage_kind (open, qualified, won, lost), amount, currency, phone, email, client_id, utm_source and the "
        "rest. For the signature, see the documentation on deals."
    ),
    mapping=Mapping(fields={name: (name,) for name in FIELDS} | {
        "phones": ("phones", "phone"), "emails": ("emails", "email"), "client": ("client_id", "client"),
        "source_text": ("source",), "contact": ("contact_id", "contact"), "stage": ("stage",),
        "parent": ("lead_id", "parent"),
    }),
    accept=accept,
    read_delivery=read_delivery,
)  # fmt: skip
