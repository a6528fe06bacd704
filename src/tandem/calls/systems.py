"""The exchanges that calls come from, as connections know them."""

import socket
import time
from collections.abc import Callable
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http, may_reach
from tandem.calls import store
from tandem.calls.model.call import CallFact
from tandem.calls.sources import asterisk, callrail, calltouch, generic, mango, twilio, uis, zadarma
from tandem.calls.sources.common import REGION, FetchedCalls
from tandem.connections.model import Connection, Delivery, Field, Polled, System
from tandem.connections.store import note_skipped
from tandem.core.context import Context

LISTEN_S = 1.0
LOGIN_S = 10.0
_log = log.get("calls")

Read = Callable[[Connection, Delivery], list[CallFact]]
Fetch = Callable[[Connection, Http], tuple[FetchedCalls, Polled]]
Client = Callable[[Connection, str], Http]


def handled(read: Read) -> Callable[[Context, Site, Connection, Delivery], None]:
    """Work on a delivery: read it, keep what it says."""

    def handle(ctx: Context, site: Site, connection: Connection, delivery: Delivery) -> None:
        store.record(ctx, site, _of(connection, read(connection, delivery)), connection.setting("region"))

    return handle


def polled(fetch: Fetch, client: Client) -> Callable[[Context, Site, Connection], Polled]:
    """Ask for calls since the cursor and keep them; the cursor moves on only after that."""

    def poll(ctx: Context, site: Site, connection: Connection) -> Polled:
        with client(connection, ctx.config.reach) as http:
            facts, polled = fetch(connection, http)
        store.record(ctx, site, _of(connection, facts), connection.setting("region"))
        note_skipped(ctx, connection, facts.skipped, [fact.ref for fact in facts])
        return polled

    return poll


def _of(connection: Connection, facts: list[CallFact]) -> list[CallFact]:
    """Two accounts of one system may use the same ids."""
    return [msgspec.structs.replace(fact, ref=f"{connection.id}:{fact.ref}") for fact in facts]


# ── Asterisk: a connection that stays open between polls ──


class ManagerConnection(msgspec.Struct):
    """An open connection to a manager interface."""

    socket: Any
    parser: asterisk.Parser
    watch: asterisk.Watch
    waiting: list[asterisk.Message]


class ManagerConnections(dict[int, ManagerConnection]):
    """The open lines of this process, by connection."""


ASTERISK = (
    Field(name="host", label="Host", is_address=True),
    Field(name="port", label="Port", is_required=False, default="5038"),
    Field(name="user", label="Manager user"),
    Field(name="secret", label="Manager secret", is_secret=True),
    Field(
        name="contexts",
        label="Contexts of trunks",
        is_required=False,
        hint="Separated by commas, for example from-trunk. If empty: every incoming channel.",
    ),
    REGION,
)
ASTERISK_NOTE = (
    "Allow the user to read call and cdr events in manager.conf. Asterisk does not resend events that were missed "
    "while the connection was down: import the call detail records for that time."
)


def listen(ctx: Context, site: Site, connection: Connection) -> Polled:
    """Take what the manager says within a second; the line stays open until it breaks.

    raises   SourceError when it breaks or the manager refuses the login; it is opened again later
    """
    lines = ctx.state(ManagerConnections)
    line = lines.get(connection.id) or _opened(ctx, connection)
    lines[connection.id] = line
    facts, until = list[CallFact](), time.monotonic() + LISTEN_S
    try:
        while (left := until - time.monotonic()) > 0:
            for event in _events(line, left):
                facts += _facts_of(line, event)
    except (OSError, SourceError) as error:
        lines.pop(connection.id).socket.close()
        raise SourceError("Asterisk", "lost the connection") from error
    finally:
        if facts:
            store.record(ctx, site, _of(connection, facts), connection.setting("region"))
    return Polled(cursor=connection.cursor, rows=len(facts), is_more=True)


def _facts_of(line: ManagerConnection, event: asterisk.Message) -> list[CallFact]:
    """What an event says of calls; one that cannot be read says nothing, and the events behind it are heard."""
    try:
        return line.watch.facts(event, clock.now())
    except UserError as error:
        _log.warning("calls.event_skipped", why=error.sentences[0])
        return []


def _opened(ctx: Context, connection: Connection) -> ManagerConnection:
    host, port = connection.setting("host"), int(connection.setting("port", "5038"))
    address = may_reach(host, port, ctx.config.reach)
    try:
        opened = socket.create_connection((address, port), LOGIN_S)
    except OSError as error:
        raise SourceError("Asterisk", "does not respond. Check host and port") from error
    line = ManagerConnection(opened, asterisk.Parser(), asterisk.Watch(connection.setting("contexts")), [])
    try:
        _log_in(line, connection)
    except (OSError, SourceError) as error:
        line.socket.close()
        raise SourceError("Asterisk", str(error).removeprefix("Asterisk: ")) from error
    return line


def _log_in(line: ManagerConnection, connection: Connection) -> None:
    line.socket.sendall(asterisk.action("Challenge", AuthType="MD5"))
    challenge = _response(line).get("Challenge", "")
    line.socket.sendall(asterisk.login(connection.setting("user"), connection.setting("secret"), challenge))
    if _response(line).get("Response") != "Success":
        raise SourceError("Asterisk", "rejected the login. Check user and secret")


def _response(line: ManagerConnection) -> asterisk.Message:
    """The next response; events that came in the same packet wait for their turn."""
    until = time.monotonic() + LOGIN_S
    while (left := until - time.monotonic()) > 0:
        messages = _events(line, left)
        for i, message in enumerate(messages):
            if "Response" in message:
                line.waiting = messages[i + 1 :]
                return message
    raise SourceError("Asterisk", "does not respond to the login")


def _events(line: ManagerConnection, most_s: float) -> list[asterisk.Message]:
    """The messages that are whole by now; waits for data no longer than this.

    raises   SourceError when the other side closed the connection
    """
    if line.waiting:
        messages, line.waiting = line.waiting, []
        return messages
    line.socket.settimeout(max(0.01, most_s))
    try:
        data = line.socket.recv(65536)
    except TimeoutError:
        return []
    if not data:
        raise SourceError("Asterisk", "closed the connection")
    return line.parser.feed(data)


SYSTEMS = (
    System(
        area="calls",
        id="asterisk",
        label="Asterisk, FreePBX",
        fields=ASTERISK,
        note=ASTERISK_NOTE,
        poll=listen,
        poll_every_s=2.0,
    ),
    System(
        area="calls",
        id="generic",
        label="Webhook",
        fields=generic.FIELDS,
        note=generic.NOTE,
        accept=generic.accept,
        handle=handled(generic.read),
    ),
    System(
        area="calls",
        id="twilio",
        label="Twilio",
        fields=twilio.FIELDS,
        note=twilio.NOTE,
        accept=twilio.accept,
        handle=handled(twilio.read),
        poll=polled(twilio.fetch, twilio.client),
    ),
    System(
        area="calls",
        id="mango",
        label="Mango Office",
        fields=mango.FIELDS,
        note=mango.NOTE,
        accept=mango.accept,
        handle=handled(mango.read),
    ),
    System(
        area="calls",
        id="zadarma",
        label="Zadarma",
        fields=zadarma.FIELDS,
        note=zadarma.NOTE,
        accept=zadarma.accept,
        handle=handled(zadarma.read),
    ),
    System(
        area="calls",
        id="uis",
        label="UIS, CoMagic",
        fields=uis.FIELDS,
        note=uis.NOTE,
        poll=polled(uis.fetch, uis.client),
    ),
    System(
        area="calls",
        id="calltouch",
        label="Calltouch",
        fields=calltouch.FIELDS,
        note=calltouch.NOTE,
        accept=calltouch.accept,
        handle=handled(calltouch.read),
    ),
    System(
        area="calls",
        id="callrail",
        label="CallRail",
        fields=callrail.FIELDS,
        note=callrail.NOTE,
        accept=callrail.accept,
        handle=handled(callrail.read),
        poll=polled(callrail.fetch, callrail.client),
    ),
)
