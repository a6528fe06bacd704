"""HubSpot: signed webhooks that name deals, and a search in the order of their changes.

source   HubSpot CRM API v3: search, batch read; webhooks v3, signature v3
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from tandem.base import clock
from tandem.base.errors import NO_JSON, UserError
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import STAGE_KIND_FIELD, Raw
from tandem.crm.model.mapping import Mapping as Mapped
from tandem.crm.sources.api import (
    DAYS,
    Crm,
    CrmAccount,
    Cursor,
    Delivered,
    RecordPage,
    Ref,
    Stage,
    Theirs,
    answer,
    key_of,
    must_match,
    newest,
    past_moment,
    rows_in,
    since_of,
)

NAME, SIZE, BASE = "HubSpot", 100, "https://api.hubapi.com"
LATE = timedelta(seconds=60)
"""How late the search may show a change."""
FRESH_S = 300
PROPERTIES = [
    "dealname", "amount", "deal_currency_code", "dealstage", "pipeline", "createdate", "closedate",
    "hs_lastmodifieddate", "hs_is_closed_won", "hs_is_closed_lost", "hs_v2_date_entered_current_stage",
    "hs_analytics_source", "hs_object_source", "hubspot_owner_id", "utm_source", "utm_medium", "utm_campaign",
    "utm_term", "utm_content", "gclid", "tandem", "closed_lost_reason",
]  # fmt: skip
MADE = ("id", "contact_id", "archived", "phone", "email")
"""Names that are no properties of deals."""


def base(settings: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return settings.get("address") or BASE, {"authorization": f"Bearer {settings['token']}"}


def page(account: CrmAccount, cursor: Cursor) -> RecordPage:
    """What changed from a moment on. That of the last row begins the next page, so that no window holds 10,000."""
    since = since_of(cursor, account.now, account.settings)
    after = str(cursor.get("after", ""))
    query: dict[str, Any] = {
        "filterGroups": [{"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE",
                                       "value": str(clock.to_ms(since))}]}],
        "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        "properties": _properties(account), "limit": SIZE,
    }  # fmt: skip
    if after:
        query["after"] = after
    body = answer(NAME, account.http.post("/crm/v3/objects/deals/search", json=query))
    rows = rows_in(NAME, body, "results")
    raws = _whole(account, rows)
    changed = (row["properties"].get("hs_lastmodifieddate") for row in rows)
    last = newest(changed, since, account.now)
    if len(rows) < SIZE:
        resumed = max(since, min(last, account.now - LATE))
        return RecordPage(raws=raws, cursor={"since": resumed.isoformat()}, is_more=False)
    if last > since:
        return RecordPage(raws=raws, cursor={"since": last.isoformat()}, is_more=True)
    following = str(((body.get("paging") or {}).get("next") or {}).get("after", ""))
    return RecordPage(raws=raws, cursor={"since": since.isoformat(), "after": following}, is_more=bool(following))


def _properties(account: CrmAccount) -> list[str]:
    """What to ask for: the properties that we know, and those of the mapping."""
    return list(dict.fromkeys([*PROPERTIES, *(n for n in account.fields if n not in MADE)]))


def fetch(account: CrmAccount, wanted: Sequence[Ref]) -> list[Raw]:
    raws: list[Raw] = []
    for i in range(0, len(wanted), SIZE):
        query = {"properties": _properties(account), "inputs": [{"id": ref.id} for ref in wanted[i : i + SIZE]]}
        body = answer(NAME, account.http.post("/crm/v3/objects/deals/batch/read", json=query))
        raws += _whole(account, rows_in(NAME, body, "results"))
    return raws


def _whole(account: CrmAccount, rows: list[dict[str, Any]]) -> list[Raw]:
    """Deals with the phones and e-mails of their first contact."""
    if not rows:
        return []
    query = {"inputs": [{"id": str(row["id"])} for row in rows]}
    links = answer(NAME, account.http.post("/crm/v4/associations/deals/contacts/batch/read", json=query))
    firsts = {}
    for link in rows_in(NAME, links, "results"):
        ends = sorted(str(to["toObjectId"]) for to in link.get("to") or [])
        if ends:
            firsts[str(link["from"]["id"])] = ends[0]
    ids = sorted(set(firsts.values()))
    contacts: dict[str, dict[str, Any]] = {}
    for i in range(0, len(ids), SIZE):
        asked = {"properties": ["phone", "mobilephone", "email"], "inputs": [{"id": n} for n in ids[i : i + SIZE]]}
        body = answer(NAME, account.http.post("/crm/v3/objects/contacts/batch/read", json=asked))
        contacts |= {str(c["id"]): c.get("properties") or {} for c in rows_in(NAME, body, "results")}
    return [_raw(row, firsts.get(str(row["id"]), ""), contacts) for row in rows]


def _raw(row: dict[str, Any], contact: str, contacts: dict[str, dict[str, Any]]) -> Raw:
    properties, person = row.get("properties") or {}, contacts.get(contact, {})
    meaning = "won" if properties.get("hs_is_closed_won") == "true" else "open"
    if properties.get("hs_is_closed_lost") == "true":
        meaning = "lost"
    raw = {**properties, "id": str(row["id"]), "contact_id": contact, "archived": str(row.get("archived", "")),
             "phone": [v for v in (person.get("phone"), person.get("mobilephone")) if v],
             "email": person.get("email"), STAGE_KIND_FIELD: meaning}  # fmt: skip
    if meaning == "open":
        raw["closedate"] = ""  # of an open deal it is only a plan
    return raw


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """base64 of HMAC-SHA256 over method, address, body and timestamp; older than five minutes is refused."""
    moment = incoming.headers.get("x-hubspot-request-timestamp", "")
    if not moment.isdecimal() or len(moment) > 15 or abs(clock.now_ms() - int(moment)) > FRESH_S * 1000:
        raise UserError("The timestamp is missing or older than five minutes.", "HubSpot sends it again.", status=403)
    signed = incoming.method.encode() + incoming.url.encode() + incoming.body + moment.encode()
    wanted = base64.b64encode(hmac.new(connection.setting("secret").encode(), signed, hashlib.sha256).digest()).decode()
    signature = incoming.headers.get("x-hubspot-signature-v3", "")
    must_match(signature, wanted if connection.setting("secret") else "", "The signature does not match.")
    return Accepted(key=key_of(incoming.body))


def read_delivery(delivery: Delivery) -> Delivered:
    try:
        events = msgspec.json.decode(delivery.body)
    except NO_JSON:
        return Delivered()
    wanted, gone = dict[Ref, None](), []
    for event in events if isinstance(events, list) else [events]:
        if not isinstance(event, dict):
            continue
        kind = str(event.get("subscriptionType") or event.get("eventTypeId") or "")
        if not kind.startswith(("deal.", "object.")) or not event.get("objectId"):
            continue
        ref = Ref("deal", str(event["objectId"]))
        if kind.endswith(("deletion", "privacyDeletion")):
            gone.append((ref, past_moment(event.get("occurredAt"), clock.now()) or delivery.received_at))
        else:
            wanted[ref] = None
    return Delivered(wanted=tuple(wanted), gone=tuple(gone))


def list_fields(account: CrmAccount) -> list[Theirs]:
    body = answer(NAME, account.http.get("/crm/v3/properties/deals"))
    own = [Theirs(name=str(r["name"]), label=str(r.get("label") or r["name"])) for r in rows_in(NAME, body, "results")]
    return [
        Theirs(name="phone", label="Phone of the contact"),
        Theirs(name="email", label="E-mail of the contact"),
        *own,
    ]


def list_stages(account: CrmAccount) -> list[Stage]:
    stages = []
    body = answer(NAME, account.http.get("/crm/v3/pipelines/deals"))
    for pipeline in rows_in(NAME, body, "results"):
        for row in rows_in(NAME, pipeline, "stages"):
            metadata = row.get("metadata") or {}
            is_won = str(metadata.get("probability")) in ("1.0", "1")
            means = ("won" if is_won else "lost") if str(metadata.get("isClosed")).lower() == "true" else "open"
            stages.append(Stage(kind="deal", stage=str(row["id"]), label=str(row.get("label") or row["id"]),
                               pipeline=str(pipeline.get("label") or pipeline["id"]), means=means))  # fmt: skip
    return stages


CRM = Crm(
    system="hubspot",
    label="HubSpot",
    fields=(
        Field(name="token", label="Access token of a private app", is_secret=True),
        Field(name="secret", label="Client secret of the app", hint="Signs the webhooks.", is_secret=True,
              is_required=False),
        Field(name="address", label="Address of the API", default=BASE, is_required=False, is_address=True),
        DAYS,
    ),
    note=(
        "Create a private app that can read deals and contacts. For webhooks, subscribe to deals that are created, "
        "changed and deleted."
    ),
    per_second=4.0,
    mapping=Mapped(fields={
        "id": ("id",), "created_at": ("createdate",), "updated_at": ("hs_lastmodifieddate",),
        "moved_at": ("hs_v2_date_entered_current_stage",), "stage": ("dealstage",), "pipeline": ("pipeline",),
        "amount": ("amount",), "currency": ("deal_currency_code",), "closed_at": ("closedate",),
        "source_text": ("hs_analytics_source", "hs_object_source"), "utm_source": ("utm_source",),
        "utm_medium": ("utm_medium",), "utm_campaign": ("utm_campaign",), "utm_term": ("utm_term",),
        "utm_content": ("utm_content",), "gclid": ("gclid",), "client": ("tandem",), "phones": ("phone",),
        "emails": ("email",), "contact": ("contact_id",), "responsible": ("hubspot_owner_id",),
        "is_deleted": ("archived",), "lost_reason": ("closed_lost_reason",),
    }),
    base=base,
    page=page,
    fetch=fetch,
    accept=accept,
    read_delivery=read_delivery,
    list_fields=list_fields,
    list_stages=list_stages,
)  # fmt: skip
