"""Each CRM by poll and by webhook, on replies in its documented form: same records, whichever way they come."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.base import clock, http
from tandem.base.errors import SourceError, UserError
from tandem.connections import store as connections
from tandem.connections.jobs import poll_due, work_on_inbox
from tandem.connections.model import Connection, Incoming
from tandem.core.context import Context
from tandem.crm import jobs, queries
from tandem.crm.jobs import CRMS, SYSTEMS
from tandem.crm.routes import ROUTES
from tests.connections.stub import Asked, Reply, Stub, outside
from tests.crm.outsiders import message, pipedrive, salesforce
from tests.inside import opened_by_admin

REPLIES = Path(__file__).parent / "replies"
URL = "https://tandem.example/hooks/in/1/x"
SECRET = "a secret"
AT = datetime(2026, 10, 5, tzinfo=UTC)


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
         "hubspot": Case(hubspot, "31", "32"), "pipedrive": Case(pipedrive, "41", "42"),
         "salesforce": Case(salesforce, "006000000000051AAA", "006000000000052AAA")}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, ctx: Context, site: Site) -> Iterator[tuple[str, Connection, Stub]]:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    with outside(CASES[request.param].answer) as stub:
        yield request.param, connect(ctx, site, request.param, stub.url), stub


def connect(ctx: Context, site: Site, name: str, url: str) -> Connection:
    system = next(s for s in SYSTEMS if s.id == name)
    given = {"address": url, "token": SECRET, "secret": SECRET, "user": "tandem", "client_id": url,
             "client_secret": SECRET, "organization": "00D000000000001AAA"}  # fmt: skip
    return connections.add(ctx, site, system, name, given)


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
    elif name == "pipedrive":
        what, number = events[0]
        meta = {"action": "delete" if what == "deleted" else "change", "entity": "deal", "version": "2.0",
                "id": f"{what}-{number}", "entity_id": number, "webhook_id": "9", "attempt": 1,
                "timestamp": clock.now().isoformat()}  # fmt: skip
        body = json.dumps({"meta": meta, "data": {"id": int(number)}, "previous": None}).encode()
        headers = {"authorization": "Basic " + base64.b64encode(f"tandem:{SECRET}".encode()).decode()}
    elif name == "salesforce":
        body = message("00D000000000001AAA", *(number for _, number in events), note=events[0][1])
    else:
        rows = [{"eventId": i, "subscriptionType": "deal.deletion" if w == "deleted" else "deal.propertyChange",
                 "objectId": int(n), "occurredAt": clock.now_ms()} for i, (w, n) in enumerate(events)]  # fmt: skip
        body, moment = json.dumps(rows).encode(), str(clock.now_ms())
        told_ = b"POST" + URL.encode() + body + moment.encode()
        sign = base64.b64encode(hmac.new(SECRET.encode(), told_, hashlib.sha256).digest()).decode()
        headers = {"x-hubspot-signature-v3": sign, "x-hubspot-request-timestamp": moment}
    body = body or urlencode(form).encode()
    return Incoming(method="POST", url=URL, headers=headers, query=(), form=tuple(parse_qsl(body.decode())), body=body)


def deliver(ctx: Context, held: Connection, incoming: Incoming) -> int:
    accept = CRMS[held.system].accept
    assert accept is not None
    connections.keep_delivery(ctx, held, accept(held, incoming).key, incoming)
    return work_on_inbox(ctx)


def deals(ctx: Context) -> list[tuple[Any, ...]]:
    what = "kind, ref, stage_kind, amount, won_at, phone != 0, email != 0, node, toString(at), is_qualified"
    return ctx.warehouse.ask(f"select {what} from deals order by kind, ref").rows


def test_every_crm_that_can_be_asked_has_its_case() -> None:
    assert set(CASES) == {name for name, crm in CRMS.items() if crm.page}


def test_a_poll_brings_whole_records(ctx: Context, site: Site, case: tuple[str, Connection, Stub]) -> None:
    name, held, _ = case
    assert poll_due(ctx) >= 2
    rows = {(kind, ref): rest for kind, ref, *rest in deals(ctx)}
    won, new = rows["deal", CASES[name].won], rows["deal", CASES[name].new]
    assert won[0] == "won"
    assert won[1] in (Decimal("1250.50"), Decimal(1250))
    assert (won[2].month, won[2].day) == (10, 7)
    assert won[3:5] == [1, 1]
    assert new[0] == "open"
    assert new[3:5] == [0, 0]
    if name == "salesforce":
        assert rows["lead", "00Q000000000051AAA"][0] == "qualified"
    held = connections.connection(ctx, held.id)
    assert held.problem == ""
    assert "since" in held.cursor


def test_polling_again_and_webhooks_in_any_order_change_nothing(
    ctx: Context, site: Site, case: tuple[str, Connection, Stub]
) -> None:
    name, held, _ = case
    poll_due(ctx)
    wanted = deals(ctx)
    for table in ("deal_rows", "deal_snapshots", "deal_origins"):
        ctx.warehouse.do(f"truncate table {table}")
    for number in (CASES[name].new, CASES[name].won):
        assert deliver(ctx, held, webhook(name, ("changed", number))) == 1
    assert [row for row in wanted if row[0] == "deal"] == deals(ctx)
    connections.poll_now(ctx, held)
    poll_due(ctx)
    connections.poll_now(ctx, held)
    poll_due(ctx)
    if name != "bitrix24":  # its stub does not know the moment of a change
        assert [row for row in wanted if row[0] == "deal"] == deals(ctx)


def test_the_same_delivery_counts_once_and_a_deletion_holds(
    ctx: Context, site: Site, case: tuple[str, Connection, Stub]
) -> None:
    name, held, stub = case
    hook = webhook(name, ("changed", CASES[name].won))
    assert deliver(ctx, held, hook) == 1
    asked = len(stub.asked)
    assert deliver(ctx, held, hook) == 0
    assert len(stub.asked) == asked
    if name == "salesforce":
        return  # tells deletions when asked only
    deliver(ctx, held, webhook(name, ("deleted", CASES[name].won)))
    assert deals(ctx) == []


@pytest.mark.parametrize("name", ["bitrix24", "hubspot", "pipedrive"])
def test_a_webhook_with_another_secret_is_refused(ctx: Context, site: Site, name: str) -> None:
    held = connect(ctx, site, name, "https://crm.example")
    hook = webhook(name, ("changed", "1"))
    accept = CRMS[name].accept
    assert accept is not None
    assert accept(held, hook).key
    headers = {**hook.headers, "x-hubspot-signature-v3": "x", "authorization": "Basic x"}
    bad = Incoming(method="POST", url=URL, headers=headers, query=(),
                   form=tuple((k, "x") for k, _ in hook.form), body=hook.body)  # fmt: skip
    with pytest.raises(UserError):
        accept(held, bad)


def test_an_answer_in_an_unknown_form_is_the_systems_fault(ctx: Context, site: Site) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    with outside(lambda asked: Reply(body=b'{"result": "soon", "results": 1, "_embedded": []}')) as stub:
        for name in CASES:
            held = connect(ctx, site, name, stub.url)
            system = next(s for s in SYSTEMS if s.id == name)
            assert system.poll is not None
            with pytest.raises(SourceError):
                system.poll(ctx, site, held)


def test_many_changes_are_paged_without_a_gap(ctx: Context, site: Site) -> None:
    """520 deals, 400 of them of one second: amoCRM's pages end inside that second."""
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    rows = [{"id": i, "price": 1, "status_id": 142, "pipeline_id": 1, "created_at": 1791190800,
             "updated_at": 1791190800 + max(0, i - 400), "_embedded": {}} for i in range(520)]  # fmt: skip

    def answer(asked: Asked) -> Reply:
        query = {k: v[0] for k, v in parse_qs(urlsplit(asked.path).query).items()}
        since, page = int(query["filter[updated_at][from]"]), int(query["page"])
        found = [r for r in rows if r["updated_at"] >= since][(page - 1) * 250 : page * 250]  # type: ignore[operator]
        return Reply(body=json.dumps({"_embedded": {"leads": found}}).encode())

    with outside(answer) as stub:
        connect(ctx, site, "amocrm", stub.url)
        poll_due(ctx)
    assert len(deals(ctx)) == 520


# ── Pipedrive ──


def pipedrive_deals(count: int) -> list[dict[str, Any]]:
    """Deals, each changed a second after the one before."""
    return [{"id": i, "value": i, "currency": "EUR", "status": "open", "stage_id": 1, "pipeline_id": 1,
             "add_time": "2026-10-01T00:00:00Z",
             "update_time": (AT + timedelta(seconds=i)).strftime("%Y-%m-%dT%H:%M:%SZ"),
             "custom_fields": {}} for i in range(1, count + 1)]  # fmt: skip


def paged(rows: list[dict[str, Any]], asked: Asked, size: int = 100) -> Reply:
    query = {k: v[0] for k, v in parse_qs(urlsplit(asked.path).query).items()}
    found = [r for r in rows if r["update_time"] >= query["updated_since"]]
    start = int(query.get("cursor", "0"))
    following = str(start + size) if start + size < len(found) else None
    body = {"success": True, "data": found[start : start + size], "additional_data": {"next_cursor": following}}
    return Reply(body=json.dumps(body).encode())


def test_a_sweep_that_breaks_off_goes_on_at_its_cursor(ctx: Context, site: Site) -> None:
    """1,250 deals, ten pages at a time, and an answer of 500 in the middle of the second turn."""
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    rows, broken = pipedrive_deals(1250), {"1100"}

    def answer(asked: Asked) -> Reply:
        cursor = parse_qs(urlsplit(asked.path).query).get("cursor", ["0"])[0]
        if cursor in broken:
            return Reply(status=400)
        return paged(rows, asked)

    with outside(answer) as stub:
        held = connect(ctx, site, "pipedrive", stub.url)
        poll_due(ctx)
        assert len(deals(ctx)) == 1000
        poll_due(ctx)
        assert "answered 400" in connections.connection(ctx, held.id).problem
        broken.clear()
        connections.poll_now(ctx, held)
        poll_due(ctx)
        cursors = [parse_qs(urlsplit(a.path).query).get("cursor", ["0"])[0] for a in stub.asked]
    assert len(deals(ctx)) == 1250
    assert cursors.count("0") == 1


def test_the_rate_that_pipedrive_names_is_kept(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    rows, moments, now = pipedrive_deals(150), list[float](), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(jobs, "Http", partial(http.Http, sleep=sleep))

    def answer(asked: Asked) -> Reply:
        moments.append(now[0])
        if len(moments) == 1:
            return Reply(status=429, headers=(("x-ratelimit-reset", "1"), ("x-ratelimit-remaining", "0")))
        reply = paged(rows, asked)
        return reply._replace(headers=(*reply.headers, ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")))

    with outside(answer) as stub:
        connect(ctx, site, "pipedrive", stub.url)
        poll_due(ctx)
    assert len(deals(ctx)) == 150
    assert [b - a for a, b in pairwise(moments)] == [pytest.approx(1), pytest.approx(1)]


def test_a_repeated_attempt_is_the_same_delivery_and_another_event_is_not(ctx: Context, site: Site) -> None:
    held = connect(ctx, site, "pipedrive", "https://crm.example")
    hook = webhook("pipedrive", ("changed", "41"))
    accept = CRMS["pipedrive"].accept
    assert accept is not None
    again = msgspec.structs.replace(hook, body=hook.body.replace(b'"attempt": 1', b'"attempt": 2'))
    other = msgspec.structs.replace(hook, body=hook.body.replace(b"changed-41", b"changed-40"))
    assert accept(held, hook).key == accept(held, again).key != accept(held, other).key


def test_webhooks_of_other_objects_ask_nothing(ctx: Context, site: Site) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    with outside(pipedrive) as stub:
        held = connect(ctx, site, "pipedrive", stub.url)
        hook = webhook("pipedrive", ("changed", "41"))
        assert deliver(ctx, held, msgspec.structs.replace(hook, body=hook.body.replace(b'"deal"', b'"person"'))) == 1
        assert stub.asked == []


# ── Salesforce ──


def test_stages_come_with_their_history_and_leads_with_their_deal(ctx: Context, site: Site) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    with outside(salesforce) as stub:
        connect(ctx, site, "salesforce", stub.url)
        poll_due(ctx)
    moves = ctx.warehouse.ask(
        "select toString(at), was, stage, stage_kind from deals_moved where kind = 'deal' and stage != 'Prospecting' "
        "order by at").rows  # fmt: skip
    assert moves == [("2026-10-06 12:00:00.000", "Prospecting", "Needs Analysis", "open"),
                     ("2026-10-07 06:59:00.000", "Needs Analysis", "Closed Won", "won")]  # fmt: skip
    rows = ctx.warehouse.ask("select kind, ref, parent != 0 from deals order by kind, ref").rows
    assert rows == [("deal", "006000000000051AAA", 1), ("deal", "006000000000052AAA", 0),
                    ("lead", "00Q000000000051AAA", 0)]  # fmt: skip


def test_pages_follow_and_a_forgotten_place_begins_at_the_last_row(ctx: Context, site: Site) -> None:
    """Three pages of leads; the third is asked for when Salesforce has forgotten the place."""
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    rows = [
        {
            "Id": f"00Q{i:012}AAA",
            "Status": "Open",
            "IsConverted": False,
            "CreatedDate": "2026-10-01T00:00:00.000+0000",
            "SystemModstamp": f"2026-10-0{1 + i // 10}T00:00:{i:02}.000+0000",
            "IsDeleted": False,
        }
        for i in range(30)
    ]
    asked_for = list[str]()

    def answer(asked: Asked) -> Reply:
        path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
        if path.endswith("/describe") or "oauth2" in path:
            return salesforce(asked)
        if path.endswith("/place-20"):
            return Reply(status=404)
        if path.endswith("/place-10"):
            return Reply(body=json.dumps({"done": False, "nextRecordsUrl": "/services/data/v60.0/query/place-20",
                                          "records": rows[10:20]}).encode())  # fmt: skip
        soql = query["q"][0]
        asked_for.append(soql)
        if " FROM Lead WHERE SystemModstamp" not in soql:
            return Reply(body=b'{"done": true, "records": []}')
        since = soql.split(">= ")[1][:19]
        found = [r for r in rows if str(r["SystemModstamp"]) >= since]
        more = len(found) > 15
        told_ = {"done": not more, "records": found[:10] if more else found}
        return Reply(body=json.dumps(told_ | ({"nextRecordsUrl": "/services/data/v60.0/query/place-10"} if more else {})
                                     ).encode())  # fmt: skip

    with outside(answer) as stub:
        connect(ctx, site, "salesforce", stub.url)
        poll_due(ctx)
    assert ctx.warehouse.value("select count() from deals") == 30
    assert [s.split(">= ")[1].split()[0] for s in asked_for if " FROM Lead WHERE System" in s][
        1
    ] == "2026-10-02T00:00:19Z"


def test_a_refresh_token_is_used_where_there_is_one(ctx: Context, site: Site) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    forms = list[dict[str, list[str]]]()

    def answer(asked: Asked) -> Reply:
        if "oauth2" in asked.path:
            forms.append(parse_qs(asked.body.decode()))
            return Reply(body=b'{"access_token": "of the session"}')
        return salesforce(asked)

    with outside(answer) as stub:
        system = next(s for s in SYSTEMS if s.id == "salesforce")
        given = {"address": stub.url, "client_id": "key", "client_secret": SECRET, "refresh_token": "for long"}
        connections.add(ctx, site, system, "", given)
        poll_due(ctx)
    assert len(deals(ctx)) == 3
    assert [(f["grant_type"], f["refresh_token"]) for f in forms] == [(["refresh_token"], ["for long"])]


def hook_of(body: bytes) -> Incoming:
    return Incoming(method="POST", url=URL, headers={}, query=(), form=(), body=body)


def test_an_outbound_message_is_acknowledged_in_its_own_words(ctx: Context, site: Site) -> None:
    held = connect(ctx, site, "salesforce", "https://crm.example")
    accept = CRMS["salesforce"].accept
    assert accept is not None
    one = accept(held, hook_of(message("00D000000000001AAA", "006000000000051AAA", "006000000000052AAA")))
    assert "<Ack>true</Ack>" in one.answer
    assert one.media_type.startswith("text/xml")
    other = accept(held, hook_of(message("00D000000000001AAA", "006000000000051AAA", note="04l2")))
    assert one.key != other.key


ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("body", [
    message("00D000000000002AAA", "006000000000051AAA"), message("00D000000000001AAA"), b"no xml", b"",
    ENTITY + message("00D000000000001AAA", "006000000000051AAA").partition(b"?>")[2],
    (ENTITY + message("00D000000000001AAA", "006000000000051AAA").partition(b"?>")[2]).decode().encode("utf-16"),
])  # fmt: skip
def test_other_messages_and_document_types_are_refused(ctx: Context, site: Site, body: bytes) -> None:
    held = connect(ctx, site, "salesforce", "https://crm.example")
    accept = CRMS["salesforce"].accept
    assert accept is not None
    with pytest.raises(UserError):
        accept(held, hook_of(body))


def test_ids_that_are_none_never_reach_a_question(ctx: Context, site: Site) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    with outside(salesforce) as stub:
        held = connect(ctx, site, "salesforce", stub.url)
        deliver(ctx, held, hook_of(message("00D000000000001AAA", "x') OR (Id != '")))
        assert not [a for a in stub.asked if "/queryAll" in a.path]


# ── the signed webhook of any system ──


def signed(body: bytes, at: float | None = None, secret: str = SECRET) -> Incoming:
    moment = str(int(at or clock.now().timestamp()))
    sign = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-tandem-timestamp": moment, "x-tandem-signature": sign}
    return Incoming(method="POST", url=URL, headers=headers, query=(), form=(), body=body)


def test_any_system_sends_whole_records(ctx: Context, site: Site) -> None:
    held = connect(ctx, site, "webhook", "")
    body = json.dumps([
        {"id": 7, "created_at": "2026-10-05T11:00:00+02:00", "stage": "paid", "stage_kind": "won", "amount": "99,50",
         "currency": "EUR", "phone": "+48600100200", "client_id": "0000000000000007"},
        {"id": 8, "created_at": "soon"},
    ]).encode()  # fmt: skip
    assert deliver(ctx, held, signed(body)) == 1
    ((_, ref, kind, amount, _, has_phone, _, _, at, _),) = deals(ctx)
    assert (ref, kind, amount, has_phone) == ("7", "won", Decimal("99.5"), 1)
    assert datetime.fromisoformat(at).replace(tzinfo=UTC) == datetime(2026, 10, 5, 9, tzinfo=UTC)


def test_a_stage_or_currency_that_nobody_explained_stays_unknown_and_is_shown(ctx: Context, site: Site) -> None:
    """Such stages were open ones, and an empty currency was the site's."""
    held = connect(ctx, site, "webhook", "")
    stages = [("won", "EUR"), (" WON ", "EUR"), ("paid", "EUR"), (None, "EUR")]
    said = [*stages, ("won", ""), ("won", None), ("won", "buttons")]
    record = {"created_at": "2026-10-05T11:00:00+02:00", "stage": "Paid", "amount": 10}
    rows = [{**record, "id": n, "stage_kind": means, "currency": money} for n, (means, money) in enumerate(said)]
    assert deliver(ctx, held, signed(json.dumps([*rows, {**record, "id": 7, "stage_kind": "won"}]).encode())) == 1
    stored = ctx.warehouse.ask("select stage_kind, amount from deals order by toUInt32(ref)").rows
    assert [row[0] for row in stored] == ["won", "won", "unknown", "unknown", "won", "won", "won", "won"]
    assert [row[1] for row in stored] == [10, 10, 10, 10, None, None, None, 10]
    shown = queries.unexplained(ctx, site)[held.id]
    assert (shown.staged, shown.stages, shown.priced, shown.words) == (2, 1, 3, ["XXX", "buttons"])
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = browser.get("/deals?period=2026-10-01..2026-10-31").text
        mapping_page = browser.get(f"/deals/mapping/{held.id}?site={site.key}").text
    assert "2 records are in stages whose meaning is not known." in page
    assert "3 records have amounts in currencies that are not known: no currency, buttons." in page
    assert 'name="stage:deal:Paid"' in mapping_page


@pytest.mark.parametrize(("body", "late", "secret"), [
    (b'{"id": 1}', 301, SECRET), (b'{"id": 1}', -400, SECRET), (b'{"id": 1}', 0, "another"), (b"no json", 0, SECRET),
    (b"[]", 0, SECRET),
])  # fmt: skip
def test_what_cannot_be_believed_is_refused(ctx: Context, site: Site, body: bytes, late: int, secret: str) -> None:
    held = connect(ctx, site, "webhook", "")
    accept = CRMS["webhook"].accept
    assert accept is not None
    with pytest.raises(UserError):
        accept(held, signed(body, clock.now().timestamp() - late, secret))
