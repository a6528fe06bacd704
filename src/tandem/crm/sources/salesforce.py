"""Salesforce: leads and opportunities by SOQL in the order of their changes, and outbound messages.

source   Salesforce REST API: OAuth 2.0 token endpoint, query, queryAll, sObject describe; SOAP API: outbound messaging
"""

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.parsers import expat

from tandem.base.errors import SourceError, UserError
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import HISTORY_FIELD, STAGE_KIND_FIELD, Raw, moment_of
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
    newest,
    rows_in,
    since_of,
)
from tandem.imports.cells import Unreadable

NAME, DATA = "Salesforce", "/services/data/v60.0"
IDS = 200
OBJECTS = {"lead": "Lead", "deal": "Opportunity"}
OWN = {
    "lead": ("Id", "Status", "IsConverted", "ConvertedDate", "ConvertedOpportunityId", "LeadSource", "Phone",
             "MobilePhone", "Email", "OwnerId", "CreatedDate", "SystemModstamp", "IsDeleted", "CurrencyIsoCode"),
    "deal": ("Id", "StageName", "IsWon", "IsClosed", "Amount", "CloseDate", "LeadSource", "OwnerId", "CreatedDate",
             "SystemModstamp", "IsDeleted", "CurrencyIsoCode", "LastStageChangeDate"),
}  # fmt: skip
"""Fields that are asked for where the account has them; the ones of the mapping come on top."""
ROLES = ("(SELECT ContactId, IsPrimary, Contact.Phone, Contact.MobilePhone, Contact.Email "
         "FROM OpportunityContactRoles)")  # fmt: skip
TOKEN_S = 600.0
"""How long a token is used again: less than the shortest session that can be set."""
MESSAGE = "http://soap.sforce.com/2005/09/outbound"
TYPE = "http://www.w3.org/2001/XMLSchema-instance type"
ACK = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">'
    f'<soapenv:Body><notificationsResponse xmlns="{MESSAGE}"><Ack>true</Ack></notificationsResponse></soapenv:Body>'
    "</soapenv:Envelope>"
)
_tokens: dict[tuple[str, ...], tuple[float, str]] = {}
_lock = threading.Lock()


def base(settings: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    return settings["address"].rstrip("/"), {}


def sign_in(account: CrmAccount) -> dict[str, str]:
    """An access token: by the refresh token if there is one, else by the client's credentials."""
    names = ("address", "client_id", "client_secret", "refresh_token")
    asked = tuple(account.setting(name) for name in names)
    with _lock:
        until, token = _tokens.get(asked, (0.0, ""))
    if time.monotonic() >= until:
        form = {"grant_type": "client_credentials", "client_id": asked[1], "client_secret": asked[2]}
        if asked[3]:
            form |= {"grant_type": "refresh_token", "refresh_token": asked[3]}
        grant = answer(NAME, account.http.post("/services/oauth2/token", data=form))
        token = str(grant["access_token"])
        with _lock:
            _tokens[asked] = (time.monotonic() + TOKEN_S, token)
    return {"authorization": f"Bearer {token}"}


def page(account: CrmAccount, cursor: Cursor) -> RecordPage:
    """The next stretch of what has changed: leads first, then opportunities; deleted ones too.

    Rows come in the order of SystemModstamp. When Salesforce has forgotten where a sweep was, it goes on at the moment
    of the last row seen.
    """
    kind, since = str(cursor.get("kind", "lead")), since_of(cursor, account.now, account.settings)
    began = str(cursor.get("began") or account.now.isoformat())
    last = str(cursor.get("last") or since.isoformat())
    body = _following(account, kind, str(cursor.get("next") or ""), datetime.fromisoformat(last))
    rows = rows_in(NAME, body, "records")
    raws = _whole(account, kind, rows)
    state = {"since": since.isoformat(), "began": began}
    if not body.get("done", True) and body.get("nextRecordsUrl"):
        seen = newest((row.get("SystemModstamp") for row in rows[-1:]), datetime.fromisoformat(last), account.now)
        return RecordPage(
            raws=raws,
            cursor={**state, "kind": kind, "next": body["nextRecordsUrl"], "last": seen.isoformat()},
            is_more=True,
        )
    if kind == "lead":
        return RecordPage(raws=raws, cursor={**state, "kind": "deal"}, is_more=True)
    resumed = max(since, datetime.fromisoformat(began) - SWEEP_OVERLAP)
    return RecordPage(raws=raws, cursor={"since": resumed.isoformat()}, is_more=False)


def _following(account: CrmAccount, kind: str, following: str, last: datetime) -> dict[str, Any]:
    if following.startswith(f"{DATA}/"):
        try:
            return _object(account.http.get(following))
        except SourceError as error:
            if "answered 40" not in str(error):
                raise
    return _query(
        account, f"{_select(account, kind)} WHERE SystemModstamp >= {_literal(last)} ORDER BY SystemModstamp, Id"
    )


def _object(response: Any) -> dict[str, Any]:
    body = answer(NAME, response)
    if not isinstance(body, dict):
        raise SourceError(NAME, "responded in an unknown format")
    return body


def _query(account: CrmAccount, soql: str) -> dict[str, Any]:
    return _object(account.http.get(f"{DATA}/queryAll", params={"q": soql}))


def _select(account: CrmAccount, kind: str) -> str:
    """What to ask for: only fields that the account has, because one that it lacks fails the whole question."""
    has = {field.name for field in _described(account, kind)}
    names = [n for n in dict.fromkeys((*OWN[kind], *account.fields)) if n in has and re.fullmatch(r"\w+", n)]
    parts = [*names, ROLES] if kind == "deal" else names
    return f"SELECT {', '.join(parts)} FROM {OBJECTS[kind]}"


def _described(account: CrmAccount, kind: str) -> list[Theirs]:
    body = answer(NAME, account.http.get(f"{DATA}/sobjects/{OBJECTS[kind]}/describe"))
    return [Theirs(name=str(f["name"]), label=str(f.get("label") or f["name"])) for f in rows_in(NAME, body, "fields")]


def _literal(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fetch(account: CrmAccount, wanted: Sequence[Ref]) -> list[Raw]:
    raws: list[Raw] = []
    for kind in OBJECTS:
        ids = [ref.id for ref in wanted if ref.kind == kind]
        for part in _parts(ids):
            rows = rows_in(NAME, _query(account, f"{_select(account, kind)} WHERE Id IN ({part})"), "records")
            raws += _whole(account, kind, rows)
    return raws


def _parts(ids: Sequence[str]) -> Iterable[str]:
    """Ids as SOQL lists them; what is no id of Salesforce is left out."""
    sound = [number for number in ids if re.fullmatch(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?", number)]
    return (", ".join(f"'{number}'" for number in sound[i : i + IDS]) for i in range(0, len(sound), IDS))


def _rows(account: CrmAccount, soql: str) -> list[dict[str, Any]]:
    """All rows of a question, page by page."""
    body = _query(account, soql)
    rows = rows_in(NAME, body, "records")
    while not body.get("done", True) and str(body.get("nextRecordsUrl", "")).startswith(f"{DATA}/"):
        body = _object(account.http.get(body["nextRecordsUrl"]))
        rows += rows_in(NAME, body, "records")
    return rows


def _whole(account: CrmAccount, kind: str, rows: list[dict[str, Any]]) -> list[Raw]:
    """Leads as they are; opportunities with the lead they were made from and the stages they have been in."""
    if kind == "lead" or not rows:
        return [_lead(row) for row in rows]
    ids = [str(row["Id"]) for row in rows]
    parents, steps = dict[str, str](), dict[str, list[tuple[str, str]]]()
    for part in _parts(ids):
        for lead in _rows(account, "SELECT Id, ConvertedOpportunityId FROM Lead WHERE ConvertedOpportunityId "
                                   f"IN ({part})"):  # fmt: skip
            parents[str(lead["ConvertedOpportunityId"])] = str(lead["Id"])
        for step in _rows(account, "SELECT OpportunityId, StageName, CreatedDate FROM OpportunityHistory WHERE "
                                   f"OpportunityId IN ({part}) ORDER BY CreatedDate"):  # fmt: skip
            steps.setdefault(str(step["OpportunityId"]), []).append((str(step["CreatedDate"]), str(step["StageName"])))
    means = {stage.stage: stage.means for stage in _deal_stages(account)} if steps else {}
    return [_deal(row, parents, _moves(steps.get(str(row["Id"]), [])), means) for row in rows]


def _moves(steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Only the steps that changed the stage: the history notes amounts and dates too."""
    return [step for i, step in enumerate(steps) if not i or steps[i - 1][1] != step[1]]


def _lead(row: dict[str, Any]) -> Raw:
    is_converted = bool(row.get("IsConverted"))
    return {**_plain(row), "KIND": "lead", "STAGE": row.get("Status"),
            STAGE_KIND_FIELD: "qualified" if is_converted else "open",
            "MOVED": row.get("ConvertedDate") if is_converted else None}  # fmt: skip


def _deal(
    row: dict[str, Any], parents: Mapping[str, str], moves: list[tuple[str, str]], means: Mapping[str, str]
) -> Raw:
    roles = rows_in(NAME, row.get("OpportunityContactRoles"), "records")
    role = next((r for r in roles if r.get("IsPrimary")), roles[0] if roles else {})
    person = role.get("Contact") or {}
    is_closed, stage = bool(row.get("IsClosed")), str(row.get("StageName") or "")
    stage_kind = ("won" if row.get("IsWon") else "lost") if is_closed else "open"
    now = moves[-1][0] if moves and moves[-1][1] == stage else row.get("LastStageChangeDate")
    return {
        **_plain(row), "KIND": "deal", "STAGE": stage, "LEAD": parents.get(str(row["Id"]), ""), "MOVED": now,
        "CONTACT": role.get("ContactId"), "Phone": person.get("Phone"), "MobilePhone": person.get("MobilePhone"),
        "Email": person.get("Email"), "CLOSED": _closed(row.get("CloseDate"), now) if is_closed else None,
        STAGE_KIND_FIELD: stage_kind,
        HISTORY_FIELD: [(at, was, means.get(was)) for at, was in moves[:-1]],
    }  # fmt: skip


def _closed(day: Any, moved: Any) -> Any:
    """When it closed: CloseDate is a day only; the move into the last stage says the moment, if it was then."""
    with suppress(Unreadable):  # then it is told as it is, and the record says what is wrong
        noon, at = moment_of(f"{day}T12:00:00+00:00", UTC), moment_of(moved, UTC)
        if day and noon and at and abs(noon - at) <= timedelta(days=1):
            return moved
    return day


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not isinstance(value, dict | list)}


# ── outbound messages ──


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """An outbound message carries the id of the organisation, and comes to the secret address.

    Salesforce repeats a message until it is acknowledged in just these words; it is known by its notifications.
    """
    message = _message(incoming.body)
    if message is None:
        raise UserError("This is not an outbound message.", "Send it as Salesforce does.")
    organization, notes, _ = message
    if wanted := connection.setting("organization"):
        must_match(organization[:15], wanted[:15], "The message is from another organisation.")
    return Accepted(key=key_of(" ".join(sorted(notes)).encode()), answer=ACK, media_type="text/xml; charset=utf-8")


def read_delivery(delivery: Delivery) -> Delivered:
    message = _message(delivery.body)
    return Delivered(wanted=tuple(dict.fromkeys(message[2]))) if message else Delivered()


class _Refused(Exception):
    """Something that a message never holds."""


def _message(body: bytes) -> tuple[str, list[str], list[Ref]] | None:
    """The organisation, the notifications' ids, and the records of an outbound message; None when it is none.

    A document type, and with it every entity, is refused before it is read.
    """
    path, text = list[str](), list[str]()
    organization, notes, refs, kinds = [""], list[str](), list[Ref](), list[str]()

    def starts(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        text.clear()
        if name == f"{MESSAGE} sObject":
            kinds.append(attributes.get(TYPE, "").rpartition(":")[2])

    def ends(name: str) -> None:
        path.pop()
        value, local = "".join(text).strip(), name.rpartition(" ")[2]
        parent = path[-1].rpartition(" ")[2] if path else ""
        text.clear()
        if (parent, local) == ("notifications", "OrganizationId"):
            organization[0] = value
        elif (parent, local) == ("Notification", "Id"):
            notes.append(value)
        elif (parent, local) == ("sObject", "Id") and kinds:
            refs.extend(Ref(kind, value) for kind, name_ in OBJECTS.items() if name_ == kinds[-1])

    def refuses(*_: object) -> None:
        raise _Refused

    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = starts, ends, text.append
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuses
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Refused):
        return None
    return (organization[0], notes, refs) if notes else None


# ── what it can be mapped from ──


def list_fields(account: CrmAccount) -> list[Theirs]:
    """Fields of opportunities and leads; contacts' phones and e-mails are called as those of leads."""
    fields = {field.name: field for kind in reversed(OBJECTS) for field in _described(account, kind)}
    return list(fields.values())


def list_stages(account: CrmAccount) -> list[Stage]:
    leads = _rows(account, "SELECT ApiName, MasterLabel, IsConverted FROM LeadStatus ORDER BY SortOrder")
    stages = [Stage(kind="lead", stage=str(row["ApiName"]), label=str(row.get("MasterLabel") or row["ApiName"]),
                  means="qualified" if row.get("IsConverted") else "open") for row in leads]  # fmt: skip
    return [*stages, *_deal_stages(account)]


def _deal_stages(account: CrmAccount) -> list[Stage]:
    rows = _rows(account, "SELECT ApiName, MasterLabel, IsClosed, IsWon FROM OpportunityStage ORDER BY SortOrder")
    return [
        Stage(kind="deal", stage=str(row["ApiName"]), label=str(row.get("MasterLabel") or row["ApiName"]),
              means=("won" if row.get("IsWon") else "lost") if row.get("IsClosed") else "open") for row in rows
    ]  # fmt: skip


CRM = Crm(
    system="salesforce",
    label="Salesforce",
    fields=(
        address("https://example.my.salesforce.com"),
        Field(name="client_id", label="Consumer key of the connected app"),
        Field(name="client_secret", label="Consumer secret", is_secret=True),
        Field(name="refresh_token", label="Refresh token", hint="Empty: the client credentials flow is used.",
              is_secret=True, is_required=False),
        Field(name="organization", label="Organization ID", hint=(
            "Outbound messages of other organizations are rejected."
        ),
              is_required=False),
        DAYS,
    ),
    note=(
        "Create a connected app with the scope “api”. For webhooks, add an outbound message with the field Id for "
        "leads and opportunities, to the address shown here."
    ),
    per_second=5.0,
    mapping=Mapped(fields={
        "id": ("Id",), "kind": ("KIND",), "parent": ("LEAD",), "created_at": ("CreatedDate",),
        "updated_at": ("SystemModstamp",), "moved_at": ("MOVED",), "stage": ("STAGE",), "amount": ("Amount",),
        "currency": ("CurrencyIsoCode",), "closed_at": ("CLOSED",), "source_text": ("LeadSource",),
        "utm_source": ("utm_source__c", "UTM_Source__c"), "utm_medium": ("utm_medium__c", "UTM_Medium__c"),
        "utm_campaign": ("utm_campaign__c", "UTM_Campaign__c"), "utm_term": ("utm_term__c", "UTM_Term__c"),
        "utm_content": ("utm_content__c", "UTM_Content__c"), "gclid": ("GCLID__c", "gclid__c"),
        "client": ("Tandem__c", "tandem__c"), "phones": ("Phone", "MobilePhone"), "emails": ("Email",),
        "contact": ("CONTACT",), "responsible": ("OwnerId",), "lost_reason": ("Loss_Reason__c",),
        "is_deleted": ("IsDeleted",),
    }),
    base=base,
    page=page,
    fetch=fetch,
    accept=accept,
    read_delivery=read_delivery,
    sign_in=sign_in,
    list_fields=list_fields,
    list_stages=list_stages,
)  # fmt: skip
