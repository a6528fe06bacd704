"""Bitrix24: webhooks that name a record by its id, and lists by the date of change.

source   Bitrix24 REST documentation: events, crm.lead.list, crm.deal.list, crm.contact.list, limits
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tandem.base import clock
from tandem.base.errors import SourceError
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.deal import UNKNOWN
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
    answer,
    key_of,
    must_match,
    past_moment,
    rows_in,
    since_of,
)

NAME, SIZE = "Bitrix24", 50
KINDS = ("lead", "deal")
SELECT = ["*", "UF_*", "PHONE", "EMAIL", "UTM_SOURCE", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_TERM", "UTM_CONTENT"]
MEANING = {"lead": {"P": "open", "S": "qualified", "F": "lost"}, "deal": {"P": "open", "S": "won", "F": "lost"}}


def base(settings: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return settings["address"], {}


def page(account: CrmAccount, cursor: Cursor) -> RecordPage:
    """The next fifty in the order of their ids: one that changes meanwhile is found by the next sweep."""
    kind, since = str(cursor.get("kind", "lead")), since_of(cursor, account.now, account.settings)
    began = str(cursor.get("began") or account.now.isoformat())
    last = str(cursor.get("id", "0"))
    query = {"order": {"ID": "ASC"}, "filter": {">=DATE_MODIFY": since.isoformat(), ">ID": last}, "select": SELECT,
            "start": -1}  # fmt: skip
    rows = _asked(account, f"crm.{kind}.list", query)
    raws = _whole(account, kind, rows)
    if len(rows) == SIZE:
        cursor = {"kind": kind, "since": since.isoformat(), "began": began, "id": str(rows[-1]["ID"])}
        return RecordPage(raws=raws, cursor=cursor, is_more=True)
    if kind == "lead":
        return RecordPage(raws=raws, cursor={"kind": "deal", "since": since.isoformat(), "began": began}, is_more=True)
    resumed = datetime.fromisoformat(began) - SWEEP_OVERLAP
    return RecordPage(raws=raws, cursor={"since": resumed.isoformat()}, is_more=False)


def fetch(account: CrmAccount, wanted: Sequence[Ref]) -> list[Raw]:
    raws: list[Raw] = []
    for kind in KINDS:
        ids = [ref.id for ref in wanted if ref.kind == kind]
        for i in range(0, len(ids), SIZE):
            query = {"filter": {"@ID": ids[i : i + SIZE]}, "select": SELECT, "start": -1}
            raws += _whole(account, kind, _asked(account, f"crm.{kind}.list", query))
    return raws


def _asked(account: CrmAccount, method: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    body = answer(NAME, account.http.post(f"/{method}", json=query))
    if isinstance(body, dict) and body.get("error"):
        raise SourceError(NAME, f"answered {str(body['error'])[:60]}")
    return rows_in(NAME, body, "result")


def _whole(account: CrmAccount, kind: str, rows: list[dict[str, Any]]) -> list[Raw]:
    """Records with the phones and e-mails of their contacts."""
    ids = sorted({str(row["CONTACT_ID"]) for row in rows if str(row.get("CONTACT_ID") or "0") != "0"})
    contacts: dict[str, dict[str, Any]] = {}
    for i in range(0, len(ids), SIZE):
        query = {"filter": {"@ID": ids[i : i + SIZE]}, "select": ["ID", "PHONE", "EMAIL"], "start": -1}
        contacts |= {str(row["ID"]): row for row in _asked(account, "crm.contact.list", query)}
    return [_raw(kind, row, contacts.get(str(row.get("CONTACT_ID") or ""), {})) for row in rows]


def _raw(kind: str, row: dict[str, Any], contact: dict[str, Any]) -> Raw:
    raw = {name: value for name, value in row.items() if name not in ("PHONE", "EMAIL")}
    for name in ("PHONE", "EMAIL"):
        values = [*(row.get(name) or []), *(contact.get(name) or [])]
        raw[name] = [str(one.get("VALUE", "")) for one in values if isinstance(one, dict)]
    meaning = str(row.get("STATUS_SEMANTIC_ID") or row.get("STAGE_SEMANTIC_ID") or "P")
    if str(raw.get("CONTACT_ID") or "0") == "0":
        raw["CONTACT_ID"] = ""
    if str(raw.get("LEAD_ID") or "0") == "0":
        raw["LEAD_ID"] = ""
    if kind == "deal" and meaning == "P":
        raw["DATE_CLOSED"] = raw["CLOSEDATE"] = ""  # of an open deal it is only a plan
    return {**raw, "KIND": kind, STAGE_KIND_FIELD: MEANING[kind].get(meaning)}


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """The application's token is all that Bitrix24 proves itself by."""
    fields = dict(incoming.form)
    must_match(
        fields.get("auth[application_token]", ""), connection.setting("token"), "The application token does not match."
    )
    return Accepted(key=key_of(incoming.body))


def read_delivery(delivery: Delivery) -> Delivered:
    fields = dict(delivery.form)
    event, number = fields.get("event", "").upper(), fields.get("data[FIELDS][ID]", "")
    kind = next((k for k in KINDS if event.startswith(f"ONCRM{k.upper()}")), "")
    if not kind or not number:
        return Delivered()
    ref = Ref(kind, number)
    if not event.endswith("DELETE"):
        return Delivered(wanted=(ref,))
    return Delivered(gone=((ref, past_moment(fields.get("ts"), clock.now()) or delivery.received_at),))


def list_fields(account: CrmAccount) -> list[Theirs]:
    """Fields of deals and leads; own ones are called as their lists call them."""
    all_fields: dict[str, Theirs] = {}
    for kind in KINDS:
        fields = answer(NAME, account.http.post(f"/crm.{kind}.fields", json={}))["result"]
        for name, field in fields.items():
            label = field.get("listLabel") or field.get("formLabel") or field.get("title") or name
            all_fields[name] = Theirs(name=name, label=str(label))
    return list(all_fields.values())


def list_stages(account: CrmAccount) -> list[Stage]:
    """Leads' statuses and the stages of every pipeline of deals."""
    query = {"order": {"SORT": "ASC"}, "filter": {"ENTITY_ID": "STATUS"}}
    rows = [("lead", "", row) for row in _asked(account, "crm.status.list", query)]
    answered = answer(NAME, account.http.post("/crm.category.list", json={"entityTypeId": 2}))
    for pipeline in rows_in(NAME, answered, "result", "categories"):
        number = str(pipeline["id"])
        query["filter"] = {"ENTITY_ID": f"DEAL_STAGE_{number}" if number != "0" else "DEAL_STAGE"}
        rows += [
            ("deal", str(pipeline.get("name") or number), row) for row in _asked(account, "crm.status.list", query)
        ]
    return [
        Stage(kind=kind, stage=str(row["STATUS_ID"]), label=str(row.get("NAME") or row["STATUS_ID"]), pipeline=pipeline,
              means=MEANING[kind].get(str(row.get("SEMANTICS") or "P"), UNKNOWN)) for kind, pipeline, row in rows
    ]  # fmt: skip


CRM = Crm(
    system="bitrix24",
    label="Bitrix24",
    fields=(
        Field(name="address", label="Address of the inbound webhook",
              hint="https://example.bitrix24.com/rest/1/secret", is_secret=True, is_address=True),
        Field(name="token", label="Application token of the outbound webhook", is_secret=True, is_required=False),
        DAYS,
    ),
    note=(
        "Create an inbound webhook with the scope “crm”, and an outbound webhook for leads and deals that are "
        "added, changed and deleted. Bitrix24 does not repeat a lost webhook. Its data arrives with the fetch "
        "every five minutes."
    ),
    per_second=2.0,
    mapping=Mapped(fields={
        "id": ("ID",), "kind": ("KIND",), "parent": ("LEAD_ID",), "created_at": ("DATE_CREATE",),
        "updated_at": ("DATE_MODIFY",), "moved_at": ("MOVED_TIME",), "stage": ("STAGE_ID", "STATUS_ID"),
        "pipeline": ("CATEGORY_ID",), "amount": ("OPPORTUNITY",), "currency": ("CURRENCY_ID",),
        "closed_at": ("DATE_CLOSED", "CLOSEDATE"), "source_text": ("SOURCE_ID",), "utm_source": ("UTM_SOURCE",),
        "utm_medium": ("UTM_MEDIUM",), "utm_campaign": ("UTM_CAMPAIGN",), "utm_term": ("UTM_TERM",),
        "utm_content": ("UTM_CONTENT",), "client": ("UF_CRM_TANDEM",), "gclid": ("UF_CRM_GCLID",),
        "yclid": ("UF_CRM_YCLID",), "phones": ("PHONE",), "emails": ("EMAIL",), "contact": ("CONTACT_ID",),
        "responsible": ("ASSIGNED_BY_ID",),
    }),
    base=base,
    page=page,
    fetch=fetch,
    accept=accept,
    read_delivery=read_delivery,
    list_fields=list_fields,
    list_stages=list_stages,
)  # fmt: skip
