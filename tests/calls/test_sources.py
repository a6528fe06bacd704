"""Each exchange: only what is signed is believed, what it says becomes one call, and polls go on where they ended."""

import base64
import hashlib
import hmac
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.config import Config
from tandem.base.errors import UserError
from tandem.calls.model.call import CallFact, CallOutcome, merged
from tandem.calls.sources import asterisk, callrail, calltouch, common, generic, mango, twilio, zadarma
from tandem.calls.systems import SYSTEMS, ManagerConnection, _facts_of
from tandem.connections import store as connections
from tandem.connections.jobs import poll_due
from tandem.connections.model import Connection, Delivery, Incoming
from tandem.core.context import Context
from tandem.imports.problem import Problem
from tandem.imports.text import parsed
from tests.connections.stub import Asked, Reply, outside

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
URL = "https://tandem.example/hooks/in/1/abc"


def held(**settings: str) -> Connection:
    return Connection(
        id=1, site_id=1, area="calls", system="x", name="x", settings=settings, cursor={}, is_on=True, made_at=NOON,
        polled_at=None, ok_at=None, next_at=NOON, failures=0, problem="",
    )  # fmt: skip


def incoming(
    body: bytes = b"",
    form: dict[str, str] | None = None,
    query: str = "",
    method: str = "POST",
    sender: str = "",
    **headers: str,
) -> Incoming:
    return Incoming(
        method=method, url=URL, headers={k.replace("_", "-"): v for k, v in headers.items()},
        query=tuple(parse_qsl(query)), form=tuple((form or {}).items()),
        body=body or urlencode(form or {}).encode(), sender=sender,
    )  # fmt: skip


def delivered(message: Incoming) -> Delivery:
    return Delivery(
        id=1,
        connection_id=1,
        key="k",
        received_at=NOON,
        next_at=NOON,
        query=message.query,
        form=message.form,
        body=message.body,
        tries=0,
    )


def hexed(secret: str, text: str, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), text.encode(), algorithm).hexdigest()


def raw(secret: str, text: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text, "sha1").digest()).decode()


# ── webhooks ──


def of_generic(told: dict[str, Any], secret: str = "s3cret", at: float | None = None) -> Incoming:
    body = json.dumps(told)
    stamp = str(int(at if at is not None else clock.now().timestamp()))
    return incoming(body.encode(), x_tandem_time=stamp, x_tandem_signature=hexed(secret, f"{stamp}.{body}"))


def of_twilio(secret: str = "s3cret", **fields: str) -> Incoming:
    told = URL + "".join(k + v for k, v in sorted(fields.items()))
    return incoming(form=fields, x_twilio_signature=raw(secret, told.encode()))


def of_mango(told: dict[str, Any], salt: str = "salt") -> Incoming:
    text = json.dumps(told)
    sign = hashlib.sha256(f"key{text}{salt}".encode()).hexdigest()
    return incoming(form={"vpbx_api_key": "key", "sign": sign, "json": text})


def of_zadarma(secret: str = "s3cret", **fields: str) -> Incoming:
    told = "".join(fields.get(name, "") for name in zadarma.SIGNED[fields["event"]])
    return incoming(form=fields, signature=base64.b64encode(hexed(secret, told, "sha1").encode()).decode())


def of_callrail(told: dict[str, Any], secret: str = "s3cret") -> Incoming:
    body = json.dumps(told).encode()
    return incoming(body, signature=raw(secret, body))


Source = Any
TWILIO = {"CallSid": "CA1", "From": "+48600100200", "To": "+48225550101", "Direction": "inbound"}
ZADARMA = {
    "call_start": "2026-11-10 13:00:00",
    "pbx_call_id": "in_1",
    "caller_id": "+48600100200",
    "called_did": "48225550101",
}
MANGO = {"entry_id": "E1", "from": {"number": "48600100200"}, "to": {"line_number": "48225550101", "extension": "12"}}
RAIL = {
    "resource_id": "CAL1", "start_time": "2026-11-10T12:00:00Z", "customer_phone_number": "+48600100200",
    "tracking_phone_number": "+48225550101", "direction": "inbound",
}  # fmt: skip
SIGNED = clock.now()
STORIES: dict[str, tuple[Source, Connection, list[Incoming]]] = {
    "generic": (generic, held(secret="s3cret"), [
        of_generic({"id": "1", "at": "2026-11-10T12:00:00Z", "line": "+48225550101", "caller": "+48600100200"}),
        of_generic({"id": "1", "at": "2026-11-10T12:00:00Z", "outcome": "answered", "wait_s": 9, "talk_s": 61}),
    ]),
    "twilio": (twilio, held(token="s3cret"), [
        of_twilio(**TWILIO, CallStatus="ringing", SequenceNumber="0", Timestamp="Tue, 10 Nov 2026 12:00:00 +0000"),
        of_twilio(**TWILIO, CallStatus="in-progress", SequenceNumber="1", Timestamp="Tue, 10 Nov 2026 12:00:09 +0000"),
        of_twilio(**TWILIO, CallStatus="completed", SequenceNumber="2", CallDuration="61",
                  Timestamp="Tue, 10 Nov 2026 12:01:10 +0000"),
    ]),
    "mango": (mango, held(key="key", salt="salt"), [
        of_mango({**MANGO, "call_state": "Appeared", "timestamp": NOON.timestamp(), "location": "ivr", "seq": 1}),
        of_mango({**MANGO, "call_state": "Connected", "timestamp": NOON.timestamp() + 9, "location": "abonent"}),
        of_mango({"entry_id": "E1", "call_direction": 1, "from": MANGO["from"], "to": MANGO["to"],
                  "line_number": "48225550101", "create_time": int(NOON.timestamp()),
                  "forward_time": int(NOON.timestamp()),
                  "talk_time": int(NOON.timestamp()) + 9, "end_time": int(NOON.timestamp()) + 70, "entry_result": 1}),
    ]),
    "zadarma": (zadarma, held(secret="s3cret", zone="Europe/Warsaw"), [
        of_zadarma(event="NOTIFY_START", **ZADARMA),
        of_zadarma(event="NOTIFY_ANSWER", destination="100", internal="100", caller_id="+48600100200",
                   call_start="2026-11-10 13:00:00", pbx_call_id="in_1"),
        of_zadarma(event="NOTIFY_END", **ZADARMA, duration="61", disposition="answered", internal="100"),
    ]),
    "callrail": (callrail, held(secret="s3cret"), [
        of_callrail(RAIL),
        of_callrail({**RAIL, "answered": True, "duration": 61, "tags": [{"name": "target"}]}),
    ]),
    "calltouch": (calltouch, held(senders="92.118.66.0/23", zone="UTC"), [
        incoming(form={"id": "7", "timestamp": str(int(NOON.timestamp())), "callerphone": "+48600100200",
                       "phonenumber": "+48225550101", "callphase": "callconnected"}, sender="92.118.67.1"),
        incoming(form={"id": "7", "timestamp": str(int(NOON.timestamp())), "callerphone": "+48600100200",
                       "phonenumber": "+48225550101", "callphase": "callcompleted", "status": "successful",
                       "duration": "61"}, sender="92.118.67.1"),
    ]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_the_moment_of_the_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stories were signed when this file was read, which may be more than five minutes ago."""
    monkeypatch.setattr(clock, "now", lambda: SIGNED)


@pytest.mark.parametrize("name", STORIES)
def test_what_an_exchange_tells_becomes_one_answered_call_in_any_order(name: str) -> None:
    source, connection, story = STORIES[name]
    facts = [fact for message in story for fact in source.read(connection, delivered(message))]
    rng = random.Random(1)
    for _ in range(10):
        told = facts * 2
        rng.shuffle(told)
        call = merged(told)
        assert {f.ref for f in told} == {call.ref}
        assert (call.outcome, call.at, call.talk_s, call.direction) == (CallOutcome.ANSWERED, NOON, 61, "in")
        assert call.line.endswith("48225550101") and call.caller.endswith("48600100200")


@pytest.mark.parametrize("name", STORIES)
def test_a_delivery_is_believed_once_and_its_pieces_have_keys_of_their_own(name: str) -> None:
    source, connection, story = STORIES[name]
    keys = [source.accept(connection, message).key for message in story]
    assert len(set(keys)) == len(keys) and all(keys)
    assert source.accept(connection, story[0]).key == keys[0]


@pytest.mark.parametrize("name", [n for n in STORIES if n != "calltouch"])
@pytest.mark.parametrize("secret", ["", "guessed"])
def test_a_delivery_signed_with_another_secret_is_refused(name: str, secret: str) -> None:
    source, connection, story = STORIES[name]
    wrong = msgspec.structs.replace(
        connection, settings={**connection.settings, "secret": secret, "token": secret, "salt": secret}
    )
    with pytest.raises(UserError, match="signature"):
        source.accept(wrong, story[0])


@pytest.mark.parametrize("name", ["generic", "callrail"])
def test_a_body_changed_on_its_way_is_refused(name: str) -> None:
    source, connection, story = STORIES[name]
    changed = msgspec.structs.replace(story[0], body=story[0].body.replace(b"200", b"201"))
    with pytest.raises(UserError, match="signature"):
        source.accept(connection, changed)


def test_a_delivery_recorded_an_hour_ago_is_refused() -> None:
    old = of_generic({"id": "1", "at": "2026-11-10T12:00:00Z"}, at=clock.now().timestamp() - 3600)
    with pytest.raises(UserError, match="too long ago"):
        generic.accept(held(secret="s3cret"), old)


def test_zadarma_checks_the_address_by_an_echo() -> None:
    told = zadarma.accept(held(secret="s"), incoming(query="zd_echo=12345", method="GET"))
    assert (told.key, told.answer) == ("", "12345")


@pytest.mark.parametrize("sender", ["203.0.113.9", "", "92.118.68.1", "nonsense"])
def test_calltouch_is_believed_from_its_own_network_only(sender: str) -> None:
    message = msgspec.structs.replace(STORIES["calltouch"][2][0], sender=sender)
    with pytest.raises(UserError, match="not allowed to send"):
        calltouch.accept(STORIES["calltouch"][1], message)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"at": "2026-11-10T12:00:00Z"}, "no ID"),
        ({"id": 1, "at": "noon"}, "not a date and time"),
        ({"id": 1, "at": "2026-11-10", "outcome": "won"}, "not a call outcome"),
    ],
)
def test_what_is_missing_is_said(told: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        generic.read(held(secret="s"), delivered(of_generic(told)))


def test_messages_and_recordings_of_mango_are_no_calls() -> None:
    assert mango.read(held(), delivered(of_mango({"recording_id": "r", "entry_id": "E1"}))) == []


# ── polls ──


def replies(pages: dict[str, Any]) -> Callable[[Asked], Reply]:
    """The page whose key is found in the request."""

    def answer(asked: Asked) -> Reply:
        whole = asked.path + " " + asked.body.decode()
        found = next(page for key, page in pages.items() if key in whole)
        return Reply(body=json.dumps(found).encode())

    return answer


@pytest.fixture
def outer(ctx: Context, site: Site) -> Context:
    """A context that may reach this machine."""
    ctx.config = Config(data=ctx.config.data, reach="127.0.0.1")
    ctx.systems = {("calls", s.id): s for s in SYSTEMS}
    return ctx


def connect(ctx: Context, site: Site, system: str, **settings: str) -> Connection:
    found = next(s for s in SYSTEMS if s.id == system)
    return connections.add(ctx, site, found, "", settings)


def heard(ctx: Context) -> list[tuple[Any, ...]]:
    return ctx.warehouse.ask("select ref, line, outcome, talk_s from call_rows final order by ref").rows


def test_twilio_is_asked_page_by_page(outer: Context, site: Site) -> None:
    call = {"sid": "CA1", "from": "+48600100200", "to": "+48225550101", "status": "completed", "direction": "inbound",
            "duration": "61", "start_time": "Tue, 10 Nov 2026 12:00:00 +0000"}  # fmt: skip
    pages = {
        "Page=1": {"calls": [{**call, "sid": "CA2", "status": "no-answer", "duration": "0"}], "next_page_uri": None},
        "StartTime": {"calls": [call], "next_page_uri": "/2010-04-01/Accounts/AC/Calls.json?Page=1"},
    }
    with outside(replies(pages)) as stub:
        made = connect(outer, site, "twilio", account="AC", token="t", base=stub.url)
        assert poll_due(outer) == 2
    assert stub.asked[0].headers["authorization"].startswith("Basic ")
    assert heard(outer) == [
        (f"{made.id}:CA1", "+48225550101", "answered", 61),
        (f"{made.id}:CA2", "+48225550101", "missed", 0),
    ]
    assert "since" in connections.connection(outer, made.id).cursor


def test_callrail_is_asked_page_by_page(outer: Context, site: Site) -> None:
    pages = {
        "&page=2": {"calls": [{**RAIL, "resource_id": "CAL2", "answered": False, "duration": 0}], "total_pages": 2},
        "&page=1": {"calls": [{**RAIL, "answered": True, "duration": 61}], "total_pages": 2},
    }
    with outside(replies(pages)) as stub:
        connect(outer, site, "callrail", account="1", token="t", secret="s", base=stub.url)
        assert poll_due(outer) == 2
    assert [row[2:] for row in heard(outer)] == [("answered", 61), ("missed", 0)]
    assert stub.asked[0].headers["authorization"] == "Token token=t"


UIS_CALL = {
    "id": 5, "start_time": "2026-11-10 15:00:00", "direction": "in", "is_lost": False, "talk_duration": 61,
    "contact_phone_number": "79161234567", "virtual_phone_number": "74951234567", "tags": None,
}  # fmt: skip


def test_uis_is_asked_for_its_report(outer: Context, site: Site) -> None:
    with outside(replies({"get.calls_report": {"result": {"data": [UIS_CALL]}}})) as stub:
        connect(outer, site, "uis", token="t", base=stub.url, zone="Europe/Moscow")
        assert poll_due(outer) == 1
    assert heard(outer)[0][1:] == ("+74951234567", "answered", 61)
    assert outer.warehouse.value("select at from call_rows").replace(tzinfo=UTC) == NOON


def test_an_error_of_uis_with_status_200_is_an_error(outer: Context, site: Site) -> None:
    with outside(replies({"get.calls_report": {"error": {"code": -32001}}})) as stub:
        made = connect(outer, site, "uis", token="t", base=stub.url)
        assert poll_due(outer) == 0
    assert "-32001" in connections.connection(outer, made.id).problem


YEAR_1 = "0001-01-01T00:00:00+03:00"


def test_a_call_of_no_time_stops_no_poll(outer: Context, site: Site) -> None:
    """One such call raised OverflowError, and the poll never moved on."""
    calls = [{**RAIL, "start_time": YEAR_1}, {**RAIL, "resource_id": "CAL2", "answered": True, "duration": 10**11}, 5]
    with outside(replies({"calls.json": {"calls": calls, "total_pages": 1}})) as stub:
        made = connect(outer, site, "callrail", account="1", token="t", secret="s", base=stub.url)
        assert poll_due(outer) == 1
        polled = connections.connection(outer, made.id)
        assert (polled.problem, "since" in polled.cursor) == ("", True)
        skipped = connections.skipped_of(outer, [made.id])[made.id]
        assert (skipped.count, {one.record for one in skipped.newest}) == (2, {"CAL1", ""})
        calls[0] = RAIL
        connections.poll_now(outer, made)
        assert poll_due(outer) == 2
    assert connections.skipped_of(outer, [made.id])[made.id].count == 1


@pytest.mark.parametrize("text", [
    YEAR_1, "9999-12-31T23:59:59-03:00", "0001-01-01", "1900-01-01 00:00:00", "2300-01-01", "soon", "",
])  # fmt: skip
def test_no_moments_of_calls(text: str) -> None:
    with pytest.raises(UserError, match="is not a date and time"):
        common.moment(text, "Europe/Moscow")


@pytest.mark.parametrize("value", [-(10**11), 10**11, 10**30, float("inf"), float("nan"), "x", None, 0])
def test_no_seconds_of_calls(value: Any) -> None:
    with pytest.raises(UserError, match="is not a date and time"):
        common.unix(value)


@pytest.mark.parametrize("text", ["Fri, 31 Dec 9999 23:59:59 -0300", "Tue, 10 Nov 99999999999999999999 12:00:00 +0000"])
def test_a_moment_of_twilio_that_cannot_be_is_that_of_the_delivery(text: str) -> None:
    (fact,) = twilio.read(held(), delivered(of_twilio(**TWILIO, Timestamp=text, CallDuration="999999999999")))
    assert fact.at == NOON
    (fact,) = twilio.read(held(), delivered(of_twilio(**TWILIO, Timestamp="Tue, 10 Nov 2026 12:00:00 -0000")))
    assert fact.at == NOON


def test_an_event_of_asterisk_of_no_time_is_passed_over(outer: Context) -> None:
    line = ManagerConnection(None, asterisk.Parser(), asterisk.Watch(""), [])
    assert _facts_of(line, {"Event": "Cdr", "UniqueID": "x", "StartTime": YEAR_1}) == []


# ── Asterisk ──

EVENTS = (
    b"Event: Newchannel\r\nChannel: PJSIP/trunk-1\r\nCallerIDNum: 600100200\r\nExten: 48225550101\r\n"
    b"Context: from-trunk\r\nUniqueid: pbx-1794312000.1\r\nLinkedid: pbx-1794312000.1\r\n\r\n"
    b"Event: Newchannel\r\nChannel: PJSIP/100-2\r\nExten: s\r\nContext: internal\r\n"
    b"Uniqueid: pbx-1794312000.2\r\nLinkedid: pbx-1794312000.1\r\n\r\n"
    b"Event: DialEnd\r\nDialStatus: ANSWER\r\nDestCallerIDNum: 100\r\nUniqueid: pbx-1794312000.1\r\n"
    b"Linkedid: pbx-1794312000.1\r\n\r\n"
    b"Event: Hangup\r\nUniqueid: pbx-1794312000.1\r\nLinkedid: pbx-1794312000.1\r\nCause: 16\r\n\r\n"
)
"""An incoming call as the manager tells of it; 1794312000 is 12:00 UTC on 10 November 2026."""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_events_cut_anywhere_are_the_same_events(size: int) -> None:
    parser, found = asterisk.Parser(), []
    for i in range(0, len(EVENTS), size):
        found += parser.feed(EVENTS[i : i + size])
    assert [m["Event"] for m in found] == ["Newchannel", "Newchannel", "DialEnd", "Hangup"]
    assert found[0]["Exten"] == "48225550101"


def test_a_stream_that_is_no_manager_is_refused() -> None:
    parser = asterisk.Parser()
    with pytest.raises(UserError, match="not send manager events"):
        parser.feed(b"x" * (asterisk.MOST_BYTES + 1))


def test_an_action_cannot_be_smuggled_into_a_value() -> None:
    assert asterisk.action("Login", Username="a\r\n\r\nAction: Command").count(b"\r\n\r\n") == 1


class Manager:
    """A fake manager interface: a challenge, a login, then events in packets of odd sizes."""

    def __init__(self, secret: str = "s3cret") -> None:
        self.secret, self.logins, self._stop = secret, 0, threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with line:
                self._talk(line)

    def _talk(self, line: socket.socket) -> None:
        line.sendall(b"Asterisk Call Manager/9.0\r\n")
        line.recv(4096)
        line.sendall(b"Response: Success\r\nChallenge: 845\r\n\r\n")
        told = line.recv(4096).decode()
        key = hashlib.md5(b"845" + self.secret.encode()).hexdigest()
        assert self.secret not in told
        if f"Key: {key}" not in told:
            line.sendall(b"Response: Error\r\nMessage: Authentication failed\r\n\r\n")
            return
        self.logins += 1
        line.sendall(b"Response: Success\r\nMessage: Authentication accepted\r\n\r\n")
        half = len(EVENTS) // 2
        part = EVENTS[:half] if self.logins == 1 else EVENTS[half:]
        part = part[: part.rindex(b"\r\n\r\n") + 4] if self.logins == 1 else EVENTS
        for i in range(0, len(part), 37):
            line.sendall(part[i : i + 37])

    def close(self) -> None:
        self._stop.set()
        self._server.close()


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager()
    yield made
    made.close()


def until_heard(ctx: Context, made: Connection, wanted: str) -> None:
    for _ in range(12):
        connections.poll_now(ctx, made)
        poll_due(ctx)
        if any(row[2] == wanted for row in heard(ctx)):
            return
    raise AssertionError((heard(ctx), connections.connection(ctx, made.id).problem))


def test_a_manager_is_listened_to_and_called_again_when_the_line_breaks(
    outer: Context, site: Site, manager: Manager
) -> None:
    made = connect(
        outer, site, "asterisk", host="127.0.0.1", port=str(manager.port), user="u", secret="s3cret", region="PL"
    )
    until_heard(outer, made, "answered")
    assert manager.logins >= 2  # the first line ended in the middle of the call
    assert heard(outer)[0][:3] == (f"{made.id}:pbx-1794312000.1", "+48225550101", "answered")
    assert outer.warehouse.value("select at from call_rows final").replace(tzinfo=UTC) == NOON


def test_a_manager_that_refuses_the_login_is_a_problem_that_says_so(
    outer: Context, site: Site, manager: Manager
) -> None:
    made = connect(outer, site, "asterisk", host="127.0.0.1", port=str(manager.port), user="u", secret="wrong")
    poll_due(outer)
    assert "rejected the login" in connections.connection(outer, made.id).problem


def test_a_manager_on_a_private_address_is_not_called_unless_allowed(
    outer: Context, site: Site, manager: Manager
) -> None:
    outer.config = Config(data=outer.config.data)
    made = connect(outer, site, "asterisk", host="127.0.0.1", port=str(manager.port), user="u", secret="s3cret")
    poll_due(outer)
    assert "private address" in connections.connection(outer, made.id).problem
    assert manager.logins == 0


HEADER = (
    "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,"
    "accountcode,uniqueid,userfield,did,linkedid"
)
CDR = [
    HEADER,
    '2026-11-10 13:00:00,"""Anna"" <600100200>",600100200,600,queues,PJSIP/t-1,PJSIP/100-2,Queue,600,70,0,NO ANSWER,3,,'
    "1794312000.1,,48225550101,1794312000.1",
    "2026-11-10 13:00:05,x,600100200,100,local,PJSIP/t-1,PJSIP/100-2,Dial,100,65,61,ANSWERED,3,,"
    "1794312000.2,,48225550101,1794312000.1",
    "2026-11-10 13:10:00,x,600100200",
    "2026-13-10 13:10:00,x,600100200,100,c,ch,d,Dial,100,65,61,ANSWERED,3,,notime,,48225550101,",
]


def test_rows_of_one_call_are_one_call_and_bad_rows_are_named() -> None:
    found = list(asterisk.records(parsed(CDR, ","), "Europe/Warsaw"))
    facts = [f for f in found if isinstance(f, CallFact)]
    call = merged(facts)
    assert len(facts) == 2 and {f.ref for f in facts} == {"1794312000.1"}
    assert (call.at, call.line, call.outcome, call.talk_s) == (NOON, "48225550101", CallOutcome.ANSWERED, 61)
    problems = [f for f in found if isinstance(f, Problem)]
    assert [p.line for p in problems] == [4, 5] and all(p.cure for p in problems)


def test_master_csv_without_a_header_is_read() -> None:
    row = (
        ',600100200,48225550101,from-trunk,"x",PJSIP/t-1,PJSIP/100-2,Dial,x,2026-11-10 12:00:00,2026-11-10 12:00:09,'
        "2026-11-10 12:01:10,70,61,ANSWERED,3,1794312000.1,"
    )
    (fact,) = asterisk.records(parsed([row], ","))
    assert isinstance(fact, CallFact)
    assert (fact.line, fact.caller, fact.wait_s, fact.talk_s, fact.at) == ("48225550101", "600100200", 9, 61, NOON)


def test_every_system_says_what_it_needs() -> None:
    assert len({s.id for s in SYSTEMS}) == len(SYSTEMS)
    assert all(s.poll or (s.accept and s.handle) for s in SYSTEMS)
