"""What CRM systems have in common: how one is described, heard and paged through."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec

from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming
from tandem.crm.model.mapping import Mapping as Mapped
from tandem.crm.model.mapping import Raw, moment_of
from tandem.imports.cells import Unreadable

SWEEP_OVERLAP = timedelta(minutes=5)
"""How far back the next sweep begins: systems show what has changed a little late, and clocks differ."""
Cursor = Mapping[str, Any]


class Ref(msgspec.Struct, frozen=True):
    """A record that a webhook names: lead or deal, and its id."""

    kind: str
    id: str


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook says: whole records, records to be fetched, and records that are gone.

    unreadable   records that are no JSON objects, as they came
    """

    raws: tuple[Raw, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    wanted: tuple[Ref, ...] = ()
    gone: tuple[tuple[Ref, datetime], ...] = ()


class RecordPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of records, and where to go on."""

    raws: list[Raw]
    cursor: Cursor
    is_more: bool


class CrmAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A connection that can be asked.

    fields   names of the CRM's fields that its mapping reads, for systems that give only what is asked for
    """

    settings: Mapping[str, str]
    http: Http
    now: datetime
    fields: tuple[str, ...] = ()

    def setting(self, name: str, default: str = "") -> str:
        return self.settings.get(name) or default


class Theirs(msgspec.Struct, frozen=True, kw_only=True):
    """A field of the CRM: its name in the API, and what people call it."""

    name: str
    label: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the CRM: of leads or deals, its id, what people call it, and what the CRM says it means."""

    kind: str
    stage: str
    label: str
    pipeline: str = ""
    means: str = "open"


class Crm(msgspec.Struct, frozen=True, kw_only=True):
    """One CRM system.

    base     address and headers of its API
    page     the next page of what has changed since the cursor; a sweep that is cut off goes on where it was
    fetch    records that a webhook named; those that are gone are left out
    read_delivery   what a webhook says, once `accept` has believed it
    sign_in  headers that prove who asks, where a token must be fetched first
    list_fields, list_stages   what the CRM itself can be mapped from
    """

    system: str
    label: str
    fields: tuple[Field, ...]
    note: str = ""
    per_second: float = 2.0
    mapping: Mapped
    base: Callable[[Mapping[str, str]], tuple[str, dict[str, str]]] | None = None
    page: Callable[[CrmAccount, Cursor], RecordPage] | None = None
    fetch: Callable[[CrmAccount, Sequence[Ref]], list[Raw]] | None = None
    accept: Callable[[Connection, Incoming], Accepted] | None = None
    read_delivery: Callable[[Delivery], Delivered] | None = None
    sign_in: Callable[[CrmAccount], dict[str, str]] | None = None
    list_fields: Callable[[CrmAccount], list[Theirs]] | None = None
    list_stages: Callable[[CrmAccount], list[Stage]] | None = None


def answer(system: str, response: httpx.Response) -> Any:
    """The JSON of an answer; None for an empty one.

    raises   SourceError when it is none
    """
    if response.status_code == 204 or not response.content.strip():
        return None
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError as error:
        raise SourceError(system, "sent a response that is not JSON") from error


def rows_in(system: str, body: Any, *path: str) -> list[dict[str, Any]]:
    """The list at a path of an answer; empty where there is nothing.

    raises   SourceError when something else stands there
    """
    for name in path:
        if body is None:
            return []
        if not isinstance(body, dict):
            raise SourceError(system, "responded in an unknown format")
        body = body.get(name)
    if body is None:
        return []
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise SourceError(system, "responded in an unknown format")
    return body


def must_match(given: str, wanted: str, what: str) -> None:
    """raises   UserError (403) when a secret that was sent is not ours; compared in constant time"""
    if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        raise UserError(what, "Copy the secret from the CRM into the connection.", status=403)


def key_of(body: bytes) -> str:
    """A key for deliveries that carry none."""
    return hashlib.sha256(body).hexdigest()


def since_of(cursor: Cursor, now: datetime, settings: Mapping[str, str]) -> datetime:
    """From when on to ask: the cursor, else as many days back as the connection says."""
    since = cursor.get("since")
    if since:
        return datetime.fromisoformat(str(since))
    days = settings.get("days", "")
    return now - timedelta(days=int(days) if days.isdecimal() and len(days) < 5 else 365)


def past_moment(value: Any, now: datetime) -> datetime | None:
    """A moment that a system tells of something that has happened; None for one that cannot be read, or is yet to come.

    now   believed to be a few minutes late or early, as clocks differ
    """
    try:
        moment = moment_of(value, UTC)
    except Unreadable:
        return None
    return moment if moment is not None and moment <= now + SWEEP_OVERLAP else None


def newest(values: Iterable[Any], since: datetime, now: datetime) -> datetime:
    """The latest of the moments at which records changed, which is where the next page begins.

    Moments that cannot be believed are passed over: a cursor in the far future would find no change any more.
    """
    return max((found for value in values if (found := past_moment(value, now))), default=since)


DAYS = Field(
    name="days", label="Days of history", hint="How far back the first fetch goes.", default="365", is_required=False
)


def address(hint: str) -> Field:
    """The field for the address of an account."""
    return Field(name="address", label="Address of the account", hint=hint, is_address=True)
