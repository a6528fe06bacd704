"""Bitrix24: webhooks that name a record by its id, and lists by the date of change.

source   Bitrix24 REST documentation: events, crm.lead.list, crm.deal.list, crm.contact.list, limits
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tandem.base import clock
from tandem.base.errors import SourceError
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import TOLD_KIND, Raw
from tandem.crm.model.mapping import Mapping as Mapped
from tandem.crm.sources.api import (
    DAYS,
    SWEEP_OVERLAP,
    Account,
    Crm,
    Cursor,
    Heard,
    Page,
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


def page(account: Account, cursor: Cursor) -> Page:
    """The next fifty in the order of their ids: one that changes meanwhile is found by the next sweep."""
    kind, since = str(cursor.get("kind", "lead")), since_of(cursor, account.now, account.settings)
    began = str(cursor.get("began") or account.now.isoformat())
    last = str(cursor.get("id", "0"))
    told = {"order": {"ID": "ASC"}, "filter": {">=DATE_MODIFY": since.isoformat(), ">ID": last}, "select": SELECT,
            "start": -1}  # fmt: skip
    rows = _asked(account, f"crm.{kind}.list", told)
    raws = _whole(account, kind, rows)
    if len(rows) == SIZE:
        cursor = {"kind": kind, "since": since.isoformat(), "began": began, "id": str(rows[-1]["ID"])}
        return Page(raws=raws, cursor=cursor, is_more=True)
    if kind == "lead":
        return Page(raws=raws, cursor={"kind": "deal", "since": since.isoformat(), "began": began}, is_more=True)
    resumed = datetime.fromisoformat(began) - SWEEP_OVERLAP
    return Page(raws=raws, cursor={"since": resumed.isoformat()}, is_more=False)


def fetch(account: Account, wanted: Sequence[Ref]) -> list[Raw]:
    found: list[Raw] = []
    for kind in KINDS:
        ids = [ref.id for ref in wanted if ref.kind == kind]
        for i in range(0, len(ids), SIZE):
            told = {"filter": {"@ID": ids[i : i + SIZE]}, "select": SELECT, "start": -1}
            found += _whole(account, kind, _asked(account, f"crm.{kind}.list", told))
    return found


def _asked(account: Account, method: str, told: dict[str, Any]) -> list[dict[str, Any]]:
    body = answer(NAME, account.http.post(f"/{method}", json=told))
    if isinstance(body, dict) and body.get("error"):
        raise SourceError(NAME, f"answered {str(body['error'])[:60]}")
    return rows_in(NAME, body, "result")


def _whole(account: Account, kind: str, rows: list[dict[str, Any]]) -> list[Raw]:
    """Records with the phones and e-mails of their contacts."""
    ids = sorted({str(row["CONTACT_ID"]) for row in rows if str(row.get("CONTACT_ID") or "0") != "0"})
    contacts: dict[str, dict[str, Any]] = {}
    for i in range(0, len(ids), SIZE):
        told = {"filter": {"@ID": ids[i : i + SIZE]}, "select": ["ID", "PHONE", "EMAIL"], "start": -1}
        contacts |= {str(row["ID"]): row for row in _asked(account, "crm.contact.list", told)}
    return [_raw(kind, row, contacts.get(str(row.get("CONTACT_ID") or ""), {})) for row in rows]


def _raw(kind: str, row: dict[str, Any], contact: dict[str, Any]) -> Raw:
    found = {name: value for name, value in row.items() if name not in ("PHONE", "EMAIL")}
    for name in ("PHONE", "EMAIL"):
        held = [*(row.get(name) or []), *(contact.get(name) or [])]
        found[name] = [str(one.get("VALUE", "")) for one in held if isinstance(one, dict)]
    meaning = str(row.get("STATUS_SEMANTIC_ID") or row.get("STAGE_SEMANTIC_ID") or "P")
    if str(found.get("CONTACT_ID") or "0") == "0":
        found["CONTACT_ID"] = ""
    if str(found.get("LEAD_ID") or "0") == "0":
        found["LEAD_ID"] = ""
    if kind == "deal" and meaning == "P":
        found["DATE_CLOSED"] = found["CLOSEDATE"] = ""  # of an open deal it is only a plan
    return {**found, "KIND": kind, TOLD_KIND: MEANING[kind].get(meaning, "open")}


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """The application's token is all that Bitrix24 proves itself by."""
    fields = dict(incoming.form)
    must_match(
        fields.get("auth[application_token]", ""), connection.setting("token"), "The application token does not match."
    )
    return Accepted(key=key_of(incoming.body))


def hear(delivery: Delivery) -> Heard:
    fields = dict(delivery.form)
    event, number = fields.get("event", "").upper(), fields.get("data[FIELDS][ID]", "")
    kind = next((k for k in KINDS if event.startswith(f"ONCRM{k.upper()}")), "")
    if not kind or not number:
        return Heard()
    ref = Ref(kind, number)
    if not event.endswith("DELETE"):
        return Heard(wanted=(ref,))
    return Heard(gone=((ref, past_moment(fields.get("ts"), clock.now()) or delivery.received_at),))


def list_fields(account: Account) -> list[Theirs]:
    """Fields of deals and leads; own ones are called as their lists call them."""
    found: dict[str, Theirs] = {}
    for kind in KINDS:
        told = answer(NAME, account.http.post(f"/crm.{kind}.fields", json={}))["result"]
        for name, field in told.items():
            label = field.get("listLabel") or field.get("formLabel") or field.get("title") or name
            found[name] = Theirs(name=name, label=str(label))
    return list(found.values())


def list_stages(account: Account) -> list[Stage]:
    """Leads' statuses and the stages of every pipeline of deals."""
    told = {"order": {"SORT": "ASC"}, "filter": {"ENTITY_ID": "STATUS"}}
    rows = [("lead", "", row) for row in _asked(account, "crm.status.list", told)]
    answered = answer(NAME, account.http.post("/crm.category.list", json={"entityTypeId": 2}))
    for pipeline in rows_in(NAME, answered, "result", "categories"):
        number = str(pipeline["id"])
        told["filter"] = {"ENTITY_ID": f"DEAL_STAGE_{number}" if number != "0" else "DEAL_STAGE"}
        rows += [("deal", str(pipeline.get("name") or number), row) for row in _asked(account, "crm.status.list", told)]
    return [
        Stage(kind=kind, stage=str(row["STATUS_ID"]), label=str(row.get("NAME") or row["STATUS_ID"]), pipeline=pipeline,
              means=MEANING[kind].get(str(row.get("SEMANTICS") or "P"), "open")) for kind, pipeline, row in rows
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
    hear=hear,
    list_fields=list_fields,
    list_stages=list_stages,
)  # fmt: skip
