"""Pipedrive: webhooks v2 that prove themselves by a user and a password, and lists in the order of their changes.

source   Pipedrive API v2: deals, persons, stages, pipelines; API v1: deal fields; guide for webhooks v2
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from tandem.base import clock
from tandem.base.errors import NO_JSON, SourceError
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import STAGE_KIND_FIELD, Raw
from tandem.crm.model.mapping import Mapping as Mapped
from tandem.crm.sources.api import (
    DAYS,
    SWEEP_OVERLAP,
    Crm,
    CrmAccount,
    Cursor,
    Delivered,
    RecordPage,
    Ref,
    Stage,
    Theirs,
    address,
    answer,
    key_of,
    must_match,
    past_moment,
    rows_in,
    since_of,
)

NAME, SIZE, PERSONS = "Pipedrive", 500, 100
ENDS = ("won", "lost")
"""How a deal can end; Pipedrive tells it apart from the stage, in which the deal stays."""
STANDARD = {
    "value": "Value", "currency": "Currency", "lost_reason": "Lost reason", "origin": "Source origin",
    "channel_id": "Source channel", "phone": "Phone of the person", "email": "E-mail of the person",
    "owner_id": "Owner", "expected_close_date": "Expected close date",
}  # fmt: skip


def base(settings: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return settings["address"].rstrip("/"), {"x-api-token": settings["token"]}


def page(account: CrmAccount, cursor: Cursor) -> RecordPage:
    """The next five hundred of what has changed. A sweep that is cut off goes on at its cursor.

    Deals that change meanwhile are found by the next sweep, which begins a little before this one did.
    """
    since = since_of(cursor, account.now, account.settings)
    began = str(cursor.get("began") or account.now.isoformat())
    params = {"updated_since": _moment(since), "sort_by": "update_time", "sort_direction": "asc",
              "status": "open,won,lost,deleted"}  # fmt: skip
    if cursor.get("next"):
        params["cursor"] = str(cursor["next"])
    rows, following = _deals(account, params)
    raws = _whole(account, rows)
    if following:
        return RecordPage(
            raws=raws, cursor={"since": since.isoformat(), "began": began, "next": following}, is_more=True
        )
    resumed = max(since, datetime.fromisoformat(began) - SWEEP_OVERLAP)
    return RecordPage(raws=raws, cursor={"since": resumed.isoformat()}, is_more=False)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _deals(account: CrmAccount, params: dict[str, str]) -> tuple[list[dict[str, Any]], str]:
    body = _sound(account.http.get("/api/v2/deals", params={"limit": str(SIZE), **params}))
    return rows_in(NAME, body, "data"), _next(body)


def _sound(response: httpx.Response) -> Any:
    """An answer that says itself that all is well.

    raises   SourceError for any other
    """
    body = answer(NAME, response)
    if not isinstance(body, dict) or body.get("success") is not True:
        raise SourceError(NAME, "responded in an unknown format")
    return body


def _next(body: Any) -> str:
    more = body.get("additional_data") if isinstance(body, dict) else None
    return str((more or {}).get("next_cursor") or "")


def fetch(account: CrmAccount, wanted: Sequence[Ref]) -> list[Raw]:
    rows: list[dict[str, Any]] = []
    for i in range(0, len(wanted), PERSONS):
        ids = ",".join(ref.id for ref in wanted[i : i + PERSONS])
        rows += _deals(account, {"ids": ids, "status": "open,won,lost,deleted"})[0]
    return _whole(account, rows)


def _whole(account: CrmAccount, rows: list[dict[str, Any]]) -> list[Raw]:
    """Deals with the phones and e-mails of their persons."""
    ids = sorted({str(row["person_id"]) for row in rows if row.get("person_id")})
    persons: dict[str, dict[str, Any]] = {}
    for i in range(0, len(ids), PERSONS):
        response = account.http.get(
            "/api/v2/persons", params={"ids": ",".join(ids[i : i + PERSONS]), "limit": str(SIZE)}
        )
        persons |= {str(one["id"]): one for one in rows_in(NAME, _sound(response), "data")}
    return [_raw(row, persons.get(str(row.get("person_id") or ""), {})) for row in rows]


def _raw(row: dict[str, Any], person: dict[str, Any]) -> Raw:
    status = str(row.get("status") or "open")
    raw = {name: value for name, value in row.items() if name != "custom_fields"}
    custom = {name: _plain(value) for name, value in (row.get("custom_fields") or {}).items()}
    ended = row.get(f"{status}_time") if status in ENDS else None
    return {
        **custom, **raw, "stage": status if status in ENDS else str(row.get("stage_id") or ""),
        "moved_at": ended or row.get("stage_change_time") or row.get("add_time"),
        "closed_at": ended, "phone": _values(person, "phones"), "email": _values(person, "emails"),
        "is_deleted": status == "deleted" or bool(row.get("is_deleted")), "person_id": str(row.get("person_id") or ""),
        STAGE_KIND_FIELD: status if status in ENDS else "open",
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """A custom field's value; of money, a range or a place only what it says first."""
    return value.get("value") if isinstance(value, dict) else value


def _values(person: dict[str, Any], name: str) -> list[str]:
    return [str(one["value"]) for one in person.get(name) or [] if isinstance(one, dict) and one.get("value")]


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """The user and the password of the webhook, when the connection has them; the secret address in any case.

    A repeated delivery carries another number of its attempt, so it is known by the id and moment of its event.
    """
    if connection.setting("secret"):
        wanted = f"{connection.setting('user')}:{connection.setting('secret')}"
        must_match(
            _basic(incoming.headers.get("authorization", "")), wanted, "The user or the password does not match."
        )
    meta = _meta(incoming.body)
    if not meta:
        return Accepted(key=key_of(incoming.body))
    names = ("id", "webhook_id", "entity", "entity_id", "action", "timestamp")
    return Accepted(key=key_of(msgspec.json.encode([meta.get(name) for name in names])))


def _basic(header: str) -> str:
    scheme, _, encoded = header.partition(" ")
    try:
        return base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _meta(body: bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(body)
    except NO_JSON:
        return {}
    meta = message.get("meta") if isinstance(message, dict) else None
    return meta if isinstance(meta, dict) else {}


def read_delivery(delivery: Delivery) -> Delivered:
    meta = _meta(delivery.body)
    number = str(meta.get("entity_id") or "")
    if meta.get("entity") != "deal" or not number:
        return Delivered()
    ref = Ref("deal", number)
    if meta.get("action") != "delete":
        return Delivered(wanted=(ref,))
    return Delivered(gone=((ref, past_moment(meta.get("timestamp"), clock.now()) or delivery.received_at),))


def list_fields(account: CrmAccount) -> list[Theirs]:
    fields, start = dict(STANDARD), 0
    while True:
        body = _sound(account.http.get("/api/v1/dealFields", params={"start": str(start), "limit": str(SIZE)}))
        rows = rows_in(NAME, body, "data")
        # Their standard fields have other names in v2; own ones have forty hex digits in both.
        fields |= {str(r["key"]): str(r.get("name") or r["key"]) for r in rows if len(str(r.get("key", ""))) == 40}
        paged = (body.get("additional_data") or {}).get("pagination") or {}
        if not rows or not paged.get("more_items_in_collection"):
            return [Theirs(name=name, label=label) for name, label in fields.items()]
        start = int(paged["next_start"])


def list_stages(account: CrmAccount) -> list[Stage]:
    body = _sound(account.http.get("/api/v2/pipelines", params={"limit": str(SIZE)}))
    pipelines = {str(row["id"]): str(row.get("name") or row["id"]) for row in rows_in(NAME, body, "data")}
    stages, following = list[Stage](), ""
    while True:
        params = {"limit": str(SIZE)} | ({"cursor": following} if following else {})
        body = _sound(account.http.get("/api/v2/stages", params=params))
        for row in rows_in(NAME, body, "data"):
            pipeline = str(row.get("pipeline_id") or "")
            stages.append(Stage(kind="deal", stage=str(row["id"]), label=str(row.get("name") or row["id"]),
                               pipeline=pipelines.get(pipeline, pipeline)))  # fmt: skip
        following = _next(body)
        if not following:
            break
    return [*stages, *(Stage(kind="deal", stage=end, label=end.capitalize(), means=end) for end in ENDS)]


CRM = Crm(
    system="pipedrive",
    label="Pipedrive",
    fields=(
        address("https://example.pipedrive.com"),
        Field(name="token", label="API token", hint="Personal preferences, API.", is_secret=True),
        Field(name="user", label="User of the webhook", is_required=False),
        Field(name="secret", label="Password of the webhook", hint="HTTP auth of the webhook, if you set one.",
              is_secret=True, is_required=False),
        DAYS,
    ),
    note=(
        "Add a webhook of version 2 for deals with the event “all” and the address shown here. Pipedrive keeps won "
        "and lost apart from stages. Here both are stages."
    ),
    per_second=5.0,
    mapping=Mapped(fields={
        "id": ("id",), "created_at": ("add_time",), "updated_at": ("update_time", "add_time"),
        "moved_at": ("moved_at",), "stage": ("stage",), "pipeline": ("pipeline_id",), "amount": ("value",),
        "currency": ("currency",), "closed_at": ("closed_at",), "source_text": ("channel_id", "origin"),
        "utm_source": ("utm_source",), "utm_medium": ("utm_medium",), "utm_campaign": ("utm_campaign",),
        "utm_term": ("utm_term",),
        "utm_content": ("utm_content",), "gclid": ("gclid",), "client": ("tandem",), "phones": ("phone",),
        "emails": ("email",), "contact": ("person_id",), "responsible": ("owner_id",),
        "lost_reason": ("lost_reason",), "is_deleted": ("is_deleted",),
    }),
    base=base,
    page=page,
    fetch=fetch,
    accept=accept,
    read_delivery=read_delivery,
    list_fields=list_fields,
    list_stages=list_stages,
)  # fmt: skip
