"""An outside system as a slice describes it, a connection to one, and what such a system delivers."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.core.context import Context


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of a connection. Secret ones are sealed and never shown again; addresses are where they are sent."""

    name: str
    label: str
    hint: str = ""
    is_secret: bool = False
    is_address: bool = False
    is_required: bool = True
    default: str = ""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one outside system, connected to one site. `settings` hold the opened secrets too.

    is_unreadable   its secrets were sealed with another key: they are left out, and nothing can be asked or believed
                    until that key is set again or the secrets are entered anew
    """

    id: int
    site_id: int
    area: str
    system: str
    name: str
    settings: Mapping[str, str]
    cursor: Mapping[str, Any]
    is_on: bool
    made_at: datetime
    polled_at: datetime | None
    ok_at: datetime | None
    next_at: datetime
    failures: int
    problem: str
    is_unreadable: bool = False

    @property
    def has_problem(self) -> bool:
        return self.is_unreadable or bool(self.problem)

    def setting(self, name: str, default: str = "") -> str:
        return self.settings.get(name) or default


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it came in. Header names are in lower case; `form` holds the fields of a form-encoded body."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]
    body: bytes
    sender: str = ""  # the address that the connection came from, behind the proxies that are believed


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that may be believed. `key` names the delivery: one that comes twice is kept once.

    Without a key nothing is kept, and only `answer` is given back (a system that checks the address).
    """

    key: str = ""
    answer: str = "ok"
    media_type: str = "text/plain"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was accepted and is to be worked on.

    is_unreadable   it was sealed with another key: nobody can say what it holds, and it is empty here
    """

    id: int
    connection_id: int
    key: str
    received_at: datetime
    next_at: datetime
    query: tuple[tuple[str, str], ...]
    form: tuple[tuple[str, str], ...]
    body: bytes
    tries: int
    is_unreadable: bool = False


class SkippedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be read or stored, while the others were.

    record       what its system calls it; empty when that cannot be read
    what, cure   texts that may be translated; `values` fills their placeholders
    """

    record: str = ""
    what: str
    cure: str
    values: dict[str, str] = {}


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of a connection were skipped, and the newest of them."""

    count: int
    newest: list[SkippedRecord]


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of polling: where to go on, how many rows came, and whether more wait right now."""

    cursor: Mapping[str, Any]
    rows: int
    is_more: bool = False


class System(msgspec.Struct, frozen=True, kw_only=True):
    """What a slice can be connected to.

    accept   checks a webhook's signature and names it; raises UserError (403) when it cannot be believed. It must not
             touch a store, because its caller is a stranger
    handle   works on a delivery, later, in a job; SourceError or UserError make it wait and try again. It must bear
             being run twice, and deliveries in any order
    poll     fetches what is new since the cursor, a bounded number of pages, and stores it before it returns
    """

    area: str
    id: str
    label: str
    fields: tuple[Field, ...] = ()
    note: str = ""
    accept: Callable[[Connection, Incoming], Accepted] | None = None
    handle: Callable[[Context, Site, Connection, Delivery], None] | None = None
    poll: Callable[[Context, Site, Connection], Polled] | None = None
    poll_every_s: float = 300.0


Systems = Mapping[tuple[str, str], System]
