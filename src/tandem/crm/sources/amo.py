"""amoCRM and Kommo: webhooks with nested form keys, and lists in the order of their changes.

source   Kommo API v4: leads, contacts, webhooks, limits
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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
    address,
    answer,
    key_of,
    newest,
    rows_in,
    since_of,
)

NAME, SIZE = "amoCRM", 250
WON, LOST = "142", "143"
"""Ids of the two last stages, the same in every account and pipeline."""


def base(settings: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return settings["address"].rstrip("/"), {"authorization": f"Bearer {settings['token']}"}


def page(account: CrmAccount, cursor: Cursor) -> RecordPage:
    """What changed from a second on. The second of the last row is where the next page begins: none is passed over."""
    since = since_of(cursor, account.now, account.settings)
    number = int(cursor.get("page", 1))
    rows = _leads(account, {
        "filter[updated_at][from]": str(int(since.timestamp())), "order[updated_at]": "asc", "page": str(number),
    })  # fmt: skip
    raws = _whole(account, rows)
    last = newest((row.get("updated_at") for row in rows), since, account.now)
    goes_on = last > since
    at = (last if goes_on else since).isoformat()
    if len(rows) < SIZE:
        return RecordPage(raws=raws, cursor={"since": at}, is_more=False)
    return RecordPage(raws=raws, cursor={"since": at, "page": 1 if goes_on else number + 1}, is_more=True)


def _leads(account: CrmAccount, params: dict[str, str]) -> list[dict[str, Any]]:
    response = account.http.get("/api/v4/leads", params={"with": "contacts,loss_reason", "limit": str(SIZE), **params})
    return rows_in(NAME, answer(NAME, response), "_embedded", "leads")


def fetch(account: CrmAccount, wanted: Sequence[Ref]) -> list[Raw]:
    raws: list[Raw] = []
    for i in range(0, len(wanted), 50):
        ids = {f"filter[id][{n}]": ref.id for n, ref in enumerate(wanted[i : i + 50])}
        raws += _whole(account, _leads(account, ids))
    return raws


def _whole(account: CrmAccount, rows: list[dict[str, Any]]) -> list[Raw]:
    """Deals with the phones and e-mails of their main contact."""
    mains = {str(row["id"]): _main(row) for row in rows}
    ids = sorted({number for number in mains.values() if number})
    contacts: dict[str, dict[str, Any]] = {}
    for i in range(0, len(ids), 50):
        params = {f"filter[id][{n}]": number for n, number in enumerate(ids[i : i + 50])}
        response = account.http.get("/api/v4/contacts", params={"limit": "250", **params})
        contacts |= {str(c["id"]): c for c in rows_in(NAME, answer(NAME, response), "_embedded", "contacts")}
    return [_raw(row, mains[str(row["id"])], contacts) for row in rows]


def _main(row: dict[str, Any]) -> str:
    contacts = rows_in(NAME, row, "_embedded", "contacts")
    chosen = next((c for c in contacts if c.get("is_main")), contacts[0] if contacts else {})
    return str(chosen.get("id", ""))


def _raw(row: dict[str, Any], main: str, contacts: dict[str, dict[str, Any]]) -> Raw:
    status = str(row.get("status_id", ""))
    pipeline = str(row.get("pipeline_id", ""))
    contact = _custom(contacts.get(main, {}))
    raw = {name: value for name, value in row.items() if not isinstance(value, dict | list)}
    reasons = rows_in(NAME, row, "_embedded", "loss_reason")
    return {
        **raw, **_custom(row), "loss_reason": reasons[0].get("name") if reasons else None,
        "contact_id": main, "PHONE": contact.get("PHONE", []),
        "EMAIL": contact.get("EMAIL", []), "stage": f"{pipeline}:{status}" if status not in (WON, LOST) else status,
        STAGE_KIND_FIELD: {WON: "won", LOST: "lost"}.get(status, "open"),
    }  # fmt: skip


def _custom(row: dict[str, Any]) -> dict[str, list[str]]:
    """Values of custom fields by their code, or by `cf<id>` where they have none."""
    fields = {}
    for one in row.get("custom_fields_values") or []:
        values = [str(v.get("value", "")) for v in one.get("values") or [] if isinstance(v, dict)]
        fields[str(one.get("field_code") or f"cf{one.get('field_id')}")] = values
    return fields


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """amoCRM signs nothing: the secret part of the address is what it proves itself by."""
    return Accepted(key=key_of(incoming.body))


_KEY = re.compile(r"leads\[(add|update|status|responsible|restore|delete)\]\[\d+\]\[id\]")


def read_delivery(delivery: Delivery) -> Delivered:
    fields, wanted, gone = dict(delivery.form), dict[Ref, None](), list[tuple[Ref, datetime]]()
    for name, value in fields.items():
        if match := _KEY.fullmatch(name):
            if match[1] == "delete":
                gone.append((Ref("deal", value), delivery.received_at))
            else:
                wanted[Ref("deal", value)] = None
    return Delivered(wanted=tuple(wanted), gone=tuple(gone))


STANDARD = {"price": "Budget", "PHONE": "Phone of the contact", "EMAIL": "E-mail of the contact",
            "loss_reason": "Loss reason", "responsible_user_id": "Responsible user"}  # fmt: skip


def list_fields(account: CrmAccount) -> list[Theirs]:
    fields, number = dict(STANDARD), 1
    while True:
        response = account.http.get("/api/v4/leads/custom_fields", params={"limit": str(SIZE), "page": str(number)})
        rows = rows_in(NAME, answer(NAME, response), "_embedded", "custom_fields")
        fields |= {str(r.get("code") or f"cf{r['id']}"): str(r.get("name") or r["id"]) for r in rows}
        if len(rows) < SIZE:
            return [Theirs(name=name, label=label) for name, label in fields.items()]
        number += 1


def list_stages(account: CrmAccount) -> list[Stage]:
    """Statuses of every pipeline; won and lost are the same two in all of them."""
    body = answer(NAME, account.http.get("/api/v4/leads/pipelines"))
    stages: dict[str, Stage] = {}
    for pipeline in rows_in(NAME, body, "_embedded", "pipelines"):
        for row in rows_in(NAME, pipeline, "_embedded", "statuses"):
            number, label = str(row["id"]), str(row.get("name") or row["id"])
            is_end = number in (WON, LOST)
            stage = number if is_end else f"{pipeline['id']}:{number}"
            stages[stage] = Stage(kind="deal", stage=stage, label=label,
                                 pipeline="" if is_end else str(pipeline.get("name") or pipeline["id"]),
                                 means={WON: "won", LOST: "lost"}.get(number, "open"))  # fmt: skip
    return list(stages.values())


CRM = Crm(
    system="amocrm",
    label="amoCRM / Kommo",
    fields=(
        address("https://example.kommo.com"),
        Field(name="token", label="Long-lived token", is_secret=True),
        DAYS,
    ),
    note=(
        "Create a private integration and copy its long-lived token. Add the address as a webhook for deals that "
        "are added, changed, moved, restored and deleted."
    ),
    per_second=5.0,
    mapping=Mapped(fields={
        "id": ("id",), "created_at": ("created_at",), "updated_at": ("updated_at",), "stage": ("stage",),
        "pipeline": ("pipeline_id",), "amount": ("price",), "closed_at": ("closed_at",),
        "utm_source": ("UTM_SOURCE",), "utm_medium": ("UTM_MEDIUM",), "utm_campaign": ("UTM_CAMPAIGN",),
        "utm_term": ("UTM_TERM",), "utm_content": ("UTM_CONTENT",), "gclid": ("GCLID",), "yclid": ("YCLID",),
        "fbclid": ("FBCLID",), "client": ("TANDEM",), "phones": ("PHONE",), "emails": ("EMAIL",),
        "contact": ("contact_id",), "responsible": ("responsible_user_id",), "is_deleted": ("is_deleted",),
        "source_text": ("FROM",), "lost_reason": ("loss_reason",),
    }),
    base=base,
    page=page,
    fetch=fetch,
    accept=accept,
    read_delivery=read_delivery,
    list_fields=list_fields,
    list_stages=list_stages,
)  # fmt: skip
