"""Each CRM by poll and by webhook, on replies in its documented form: same records, whichever way they come."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec
import pytest

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.errors import SourceError, UserError
from tandem.connections import store as connections
from tandem.connections.jobs import poll_due, work_on_inbox
from tandem.connections.model import Connection, Incoming
from tandem.crm.jobs import CRMS, SYSTEMS
from tests.connections.stub import Asked, Reply, Stub, outside

REPLIES = Path(__file__).parent / "replies"
URL = "https://tandem.example/hooks/in/1/x"
SECRET = "a secret"


def told(name: str) -> Any:
    return json.loads((REPLIES / f"{name}.json").read_text())


def bitrix24(asked: Asked) -> Reply:
    method, body = asked.path.rpartition("/")[2], json.loads(asked.body)
    answer = told("bitrix24")[method]
    ids, last = body["filter"].get("@ID"), int(body["filter"].get(">ID", "0"))
    rows = [r for r in answer["result"] if int(r["ID"]) > last and (ids is None or r["ID"] in ids)]
    return Reply(body=json.dumps({"result": rows}).encode())


def amocrm(asked: Asked) -> Reply:
    query = parse_qs(urlsplit(asked.path).query)
    if "/contacts" in asked.path:
        return Reply(body=json.dumps(told("amocrm")["contacts"]).encode())
    since, ids = int(query.get("filter[updated_at][from]", ["0"])[0]), {
        v[0] for k, v in query.items() if k.startswith("filter[id]")
    }  # fmt: skip
    rows = [r for r in told("amocrm")["leads"]["_embedded"]["leads"]
            if r["updated_at"] >= since and (not ids or str(r["id"]) in ids)]  # fmt: skip
    rows.sort(key=lambda r: r["updated_at"])
    return Reply(body=json.dumps({"_embedded": {"leads": rows}}).encode()) if rows else Reply(status=204, body=b"")


def hubspot(asked: Asked) -> Reply:
    if asked.path == "/crm/v3/objects/deals/batch/read":
        ids = {one["id"] for one in json.loads(asked.body)["inputs"]}
        rows = [r for r in told("hubspot")["/crm/v3/objects/deals/search"]["results"] if r["id"] in ids]
        return Reply(body=json.dumps({"results": rows}).encode())
    return Reply(body=json.dumps(told("hubspot")[asked.path]).encode())


class Case(NamedTuple):
    """A system, its stub, and the ids of its two deals."""

    answer: Callable[[Asked], Reply]
    won: str
    new: str


CASES = {"bitrix24": Case(bitrix24, "11", "12"), "amocrm": Case(amocrm, "21", "22"),
         "hubspot": Case(hubspot, "31", "32")}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, house: House, site: Site) -> Iterator[tuple[str, Connection, Stub]]:
    house.settings = msgspec.structs.replace(house.settings, reach="127.0.0.1")
    with outside(CASES[request.param].answer) as stub:
        yield request.param, connect(house, site, request.param, stub.url), stub


def connect(house: House, site: Site, name: str, url: str) -> Connection:
    system = next(s for s in SYSTEMS if s.id == name)
    given = {"address": url, "token": SECRET, "secret": SECRET}
    return connections.add(house, site, system, name, given)


def webhook(name: str, *events: tuple[str, str]) -> Incoming:
    """A webhook of the system with (what, id) pairs; what is `changed` or `deleted`."""
    body, headers, form = b"", {}, []
    if name == "bitrix24":
        what, number = events[0]
        form = [("event", "ONCRMDEALDELETE" if what == "deleted" else "ONCRMDEALUPDATE"),
                ("data[FIELDS][ID]", number), ("ts", str(clock.now_ms() // 1000)),
                ("auth[application_token]", SECRET)]  # fmt: skip
    elif name == "amocrm":
        form = [(f"leads[{'delete' if w == 'deleted' else 'status'}][{i}][id]", n) for i, (w, n) in enumerate(events)]
    else:
        rows = [{"eventId": i, "subscriptionType": "deal.deletion" if w == "deleted" else "deal.propertyChange",
                 "objectId": int(n), "occurredAt": clock.now_ms()} for i, (w, n) in enumerate(events)]  # fmt: skip
        body, moment = json.dumps(rows).encode(), str(clock.now_ms())
        told_ = b"POST" + URL.encode() + body + moment.encode()
        sign = base64.b64encode(hmac.new(SECRET.encode(), told_, hashlib.sha256).digest()).decode()
        headers = {"x-hubspot-signature-v3": sign, "x-hubspot-request-timestamp": moment}
    body = body or urlencode(form).encode()
    return Incoming(method="POST", url=URL, headers=headers, query=(), form=tuple(parse_qsl(body.decode())), body=body)


def deliver(house: House, held: Connection, incoming: Incoming) -> int:
    accept = CRMS[held.system].accept
    assert accept is not None
    connections.keep_delivery(house, held, accept(held, incoming).key, incoming)
    return work_on_inbox(house)


def deals(house: House) -> list[tuple[Any, ...]]:
    what = "kind, ref, stage_kind, amount, won_at, phone != 0, email != 0, node, toString(at), is_qualified"
    return house.warehouse.ask(f"select {what} from deals order by kind, ref").rows


def test_a_poll_brings_whole_records(house: House, site: Site, case: tuple[str, Connection, Stub]) -> None:
    name, held, _ = case
    assert poll_due(house) >= 2
    rows = {(kind, ref): rest for kind, ref, *rest in deals(house)}
    won, new = rows["deal", CASES[name].won], rows["deal", CASES[name].new]
    assert won[0] == "won"
    assert won[1] in (Decimal("1250.50"), Decimal(1250))
    assert (won[2].month, won[2].day) == (10, 7)
    assert won[3:5] == [1, 1]
    assert new[0] == "open"
    assert new[3:5] == [0, 0]
    held = connections.connection(house, held.id)
    assert held.problem == ""
    assert "since" in held.cursor


def test_polling_again_and_webhooks_in_any_order_change_nothing(
    house: House, site: Site, case: tuple[str, Connection, Stub]
) -> None:
    name, held, _ = case
    poll_due(house)
    wanted = deals(house)
    for table in ("deal_rows", "deal_snapshots", "deal_origins"):
        house.warehouse.do(f"truncate table {table}")
    for number in (CASES[name].new, CASES[name].won):
        assert deliver(house, held, webhook(name, ("changed", number))) == 1
    assert [row for row in wanted if row[0] == "deal"] == deals(house)
    connections.poll_now(house, held)
    poll_due(house)
    connections.poll_now(house, held)
    poll_due(house)
    if name != "bitrix24":  # its stub does not know the moment of a change
        assert wanted == deals(house)


def test_the_same_delivery_counts_once_and_a_deletion_holds(
    house: House, site: Site, case: tuple[str, Connection, Stub]
) -> None:
    name, held, stub = case
    hook = webhook(name, ("changed", CASES[name].won))
    assert deliver(house, held, hook) == 1
    asked = len(stub.asked)
    assert deliver(house, held, hook) == 0
    assert len(stub.asked) == asked
    deliver(house, held, webhook(name, ("deleted", CASES[name].won)))
    assert deals(house) == []


@pytest.mark.parametrize("name", ["bitrix24", "hubspot"])
def test_a_webhook_with_another_secret_is_refused(house: House, site: Site, name: str) -> None:
    held = connect(house, site, name, "https://crm.example")
    hook = webhook(name, ("changed", "1"))
    accept = CRMS[name].accept
    assert accept is not None
    assert accept(held, hook).key
    bad = Incoming(method="POST", url=URL, headers=hook.headers | {"x-hubspot-signature-v3": "x"}, query=(),
                   form=tuple((k, "x") for k, _ in hook.form), body=hook.body)  # fmt: skip
    with pytest.raises(UserError):
        accept(held, bad)


def test_an_answer_in_an_unknown_form_is_the_systems_fault(house: House, site: Site) -> None:
    house.settings = msgspec.structs.replace(house.settings, reach="127.0.0.1")
    with outside(lambda asked: Reply(body=b'{"result": "soon", "results": 1, "_embedded": []}')) as stub:
        for name in CASES:
            held = connect(house, site, name, stub.url)
            system = next(s for s in SYSTEMS if s.id == name)
            assert system.poll is not None
            with pytest.raises(SourceError):
                system.poll(house, site, held)


def test_many_changes_are_paged_without_a_gap(house: House, site: Site) -> None:
    """520 deals, 400 of them of one second: amoCRM's pages end inside that second."""
    house.settings = msgspec.structs.replace(house.settings, reach="127.0.0.1")
    rows = [{"id": i, "price": 1, "status_id": 142, "pipeline_id": 1, "created_at": 1791190800,
             "updated_at": 1791190800 + max(0, i - 400), "_embedded": {}} for i in range(520)]  # fmt: skip

    def answer(asked: Asked) -> Reply:
        query = {k: v[0] for k, v in parse_qs(urlsplit(asked.path).query).items()}
        since, page = int(query["filter[updated_at][from]"]), int(query["page"])
        found = [r for r in rows if r["updated_at"] >= since][(page - 1) * 250 : page * 250]  # type: ignore[operator]
        return Reply(body=json.dumps({"_embedded": {"leads": found}}).encode())

    with outside(answer) as stub:
        connect(house, site, "amocrm", stub.url)
        poll_due(house)
    assert len(deals(house)) == 520


# ── the signed webhook of any system ──


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> Incoming:
    moment = str(int(at or clock.now().timestamp()))
    sign = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-tandem-timestamp": moment, "x-tandem-signature": sign}
    return Incoming(method="POST", url=URL, headers=headers, query=(), form=(), body=body)


def test_any_system_sends_whole_records(house: House, site: Site) -> None:
    held = connect(house, site, "webhook", "")
    body = json.dumps([
        {"id": 7, "created_at": "2026-10-05T11:00:00+02:00", "stage": "paid", "stage_kind": "won", "amount": "99,50",
         "currency": "EUR", "phone": "+48600100200", "client_id": "0000000000000007"},
        {"id": 8, "created_at": "soon"},
    ]).encode()  # fmt: skip
    assert deliver(house, held, signed(body)) == 1
    ((_, ref, kind, amount, _, has_phone, _, _, at, _),) = deals(house)
    assert (ref, kind, amount, has_phone) == ("7", "won", Decimal("99.5"), 1)
    assert datetime.fromisoformat(at).replace(tzinfo=UTC) == datetime(2026, 10, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(("body", "late", "secret"), [
    (b'{"id": 1}', 301, SECRET), (b'{"id": 1}', -400, SECRET), (b'{"id": 1}', 0, "another"), (b"no json", 0, SECRET),
    (b"[]", 0, SECRET),
])  # fmt: skip
def test_what_cannot_be_believed_is_refused(house: House, site: Site, body: bytes, late: int, secret: str) -> None:
    held = connect(house, site, "webhook", "")
    accept = CRMS["webhook"].accept
    assert accept is not None
    with pytest.raises(UserError):
        accept(held, signed(body, clock.now().timestamp() - late, secret))
