"""Records that cannot be read or stored: skipped alone, counted and shown, and no cursor waits for them."""

import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.connections import store as connections
from tandem.connections.jobs import poll_due, work_on_inbox
from tandem.connections.model import Connection, Delivery, Incoming
from tandem.connections.routes import ROUTES as CONNECTION_ROUTES
from tandem.core.context import Context
from tandem.crm import jobs
from tandem.crm.model.deal import DealFact, version_of
from tandem.crm.routes import ROUTES as DEAL_ROUTES
from tandem.crm.sources import hubspot
from tandem.crm.sources.api import newest
from tandem.crm.store import deals
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tests.connections.stub import Asked, Reply, outside
from tests.inside import opened_by_admin

AT = datetime(2026, 10, 5, 9, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
YEAR_1 = "0001-01-01T00:00:00+03:00"


def connect(ctx: Context, site: Site, name: str, url: str = "https://crm.example") -> Connection:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    system = next(s for s in jobs.SYSTEMS if s.id == name)
    return connections.add(ctx, site, system, "Shop", {"address": url, "token": "x", "secret": "x"})


def raw(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "created_at": AT.isoformat(), "updated_at": AT.isoformat(), "stage": "call", **more}


def refs(ctx: Context) -> list[str]:
    return [row[0] for row in ctx.warehouse.ask("select ref from deals order by ref").rows]


def signed(body: bytes) -> Incoming:
    stamp = str(clock.now_ms() // 1000)
    sign = hmac.new(b"x", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-tandem-timestamp": stamp, "x-tandem-signature": sign}
    return Incoming(method="POST", url="https://t.example", headers=headers, query=(), form=(), body=body)


def deliver(ctx: Context, held: Connection, body: bytes) -> str:
    """Work on a webhook; returns what it was answered."""
    accept = jobs.CRMS["webhook"].accept
    assert accept is not None
    accepted = accept(held, signed(body))
    connections.keep_delivery(ctx, held, accepted.key, signed(body))
    assert work_on_inbox(ctx) == 1
    return accepted.answer


# ── polls ──


def pipedrive_deal(number: int, add_time: str = "2026-10-01T00:00:00Z") -> dict[str, Any]:
    return {"id": number, "value": 5, "currency": "EUR", "status": "open", "stage_id": 1, "pipeline_id": 1,
            "add_time": add_time, "update_time": "2026-10-05T00:00:00Z", "custom_fields": {}}  # fmt: skip


def test_a_poll_goes_on_past_a_deal_with_an_odd_date(ctx: Context, site: Site) -> None:
    deals = [pipedrive_deal(1), pipedrive_deal(2, YEAR_1), pipedrive_deal(3)]

    def answer(asked: Asked) -> Reply:
        return Reply(body=json.dumps({"success": True, "data": deals}).encode())

    with outside(answer) as stub:
        held = connect(ctx, site, "pipedrive", stub.url)
        assert poll_due(ctx) == 2
        polled = connections.connection(ctx, held.id)
        assert (polled.problem, "since" in polled.cursor) == ("", True)
        assert refs(ctx) == ["1", "3"]
        skipped = connections.skipped_of(ctx, [held.id])[held.id]
        assert (skipped.count, [one.record for one in skipped.newest]) == (1, ["2"])
        assert skipped.newest[0].values["value"] == YEAR_1
        deals[1] = pipedrive_deal(2)
        connections.poll_now(ctx, held)
        assert poll_due(ctx) == 3
    assert connections.skipped_of(ctx, [held.id]) == {}


def test_a_deal_that_is_too_much_is_skipped_alone_in_the_currency_of_the_site(ctx: Context, site: Site) -> None:
    rates.keep(ctx.database, [Rate(on=date(2026, 9, 30), currency="GBP", per_eur=Decimal("0.9"), source="ecb")])
    held = connect(ctx, site, "webhook")
    told = [raw(1), raw(2, amount=99999999999999, currency="GBP"), raw(3)]
    assert jobs.keep(ctx, site, held, told) == 2
    assert refs(ctx) == ["1", "3"]
    skipped = connections.skipped_of(ctx, [held.id])[held.id]
    assert (skipped.count, skipped.newest[0].record) == (1, "2")
    assert skipped.newest[0].values["value"] == "99999999999999 GBP"


def test_a_change_of_the_far_future_stops_no_later_change_from_being_found(ctx: Context, site: Site) -> None:
    leads = [{"id": 1, "created_at": 1791190800, "updated_at": 1791190800, "status_id": 142, "pipeline_id": 1},
             {"id": 2, "created_at": 1791190800, "updated_at": 5706000000, "status_id": 142, "pipeline_id": 1},
             {"id": 3, "created_at": 1791190800, "updated_at": "soon", "status_id": 142, "pipeline_id": 1}]  # fmt: skip

    def answer(asked: Asked) -> Reply:
        return Reply(body=json.dumps({"_embedded": {"leads": leads}}).encode())

    with outside(answer) as stub:
        held = connect(ctx, site, "amocrm", stub.url)
        assert poll_due(ctx) == 1
    cursor = connections.connection(ctx, held.id).cursor
    assert datetime.fromisoformat(str(cursor["since"])) == datetime.fromtimestamp(1791190800, UTC)
    assert connections.skipped_of(ctx, [held.id])[held.id].count == 2


@pytest.mark.parametrize("value", ["soon", None, YEAR_1, "2150-01-01T00:00:00Z", {}])
def test_a_cursor_passes_over_moments_that_cannot_be(value: Any) -> None:
    assert newest([value, "2026-10-06T00:00:00Z"], AT, NOW) == datetime(2026, 10, 6, tzinfo=UTC)
    assert newest([value], AT, NOW) == AT


def test_a_deletion_of_no_time_is_one_of_the_moment_it_was_told() -> None:
    for moment in (10**30, -1, "soon", 4_900_000_000_000):
        body = json.dumps([{"subscriptionType": "deal.deletion", "objectId": 1, "occurredAt": moment}, 5]).encode()
        told = Delivery(
            id=1, connection_id=1, key="", received_at=AT, next_at=AT, query=(), form=(), body=body, tries=0
        )
        assert [at for _, at in hubspot.read_delivery(told).gone] == [AT]


# ── webhooks ──


@pytest.mark.parametrize("odd", [
    {"created_at": YEAR_1}, {"updated_at": "2150-11-02T00:00:00Z"}, {"created_at": "2150-11-02"}, {"amount": "dear"},
    {"created_at": None}, {"updated_at": ["x"]}, {"amount": "1e9999999"},
])  # fmt: skip
def test_a_record_that_cannot_be_read_takes_no_neighbour_with_it(ctx: Context, site: Site, odd: dict[str, Any]) -> None:
    held = connect(ctx, site, "webhook")
    deliver(ctx, held, json.dumps([raw(1), raw(2) | odd, raw(3)]).encode())
    assert refs(ctx) == ["1", "3"]
    skipped = connections.skipped_of(ctx, [held.id])[held.id]
    assert (skipped.count, skipped.newest[0].record) == (1, "2")
    later = (AT + timedelta(hours=1)).isoformat()
    deliver(ctx, held, json.dumps([raw(2, updated_at=later)]).encode())
    assert refs(ctx) == ["1", "2", "3"]
    assert connections.skipped_of(ctx, [held.id]) == {}


@pytest.mark.parametrize("bad", [
    b'{"id": 2, "amount": 1' + b"0" * 5000 + b"}", b'{"id": "\\ud800"}', b'{"id": "\xff"}', b"5", b"null",
    b'{"id": ' + b"[" * 5000 + b"]" * 5000 + b"}",
])  # fmt: skip
def test_a_record_that_is_no_json_is_skipped_alone(ctx: Context, site: Site, bad: bytes) -> None:
    held = connect(ctx, site, "webhook")
    one, two = (json.dumps(raw(n)).encode() for n in (1, 3))
    for body in (b"[%b, %b, %b]", b'{"deals": [%b, %b, %b]}'):
        assert deliver(ctx, held, body % (one, bad, two)) == '{"ok":true,"unreadable":1}'
    assert refs(ctx) == ["1", "3"]
    assert connections.skipped_of(ctx, [held.id])[held.id].count == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"5", b'{"deals": 5}', b"[1]", b"[" * 5000, b'{"id": "\\ud800"}'])
def test_a_body_without_any_record_is_refused(ctx: Context, site: Site, body: bytes) -> None:
    accept = jobs.CRMS["webhook"].accept
    assert accept is not None
    with pytest.raises(UserError, match="no record"):
        accept(connect(ctx, site, "webhook"), signed(body))


def broken_by(monkeypatch: pytest.MonkeyPatch, *numbers: str, error: type[Exception] = OverflowError) -> None:
    putting = deals.put

    def put(ctx: Context, site: Site, connection: int, facts: Any, revision: int = 0) -> list[int]:
        if {fact.id for fact in facts} & set(numbers):
            raise error("it broke")
        return putting(ctx, site, connection, facts, revision)

    monkeypatch.setattr(deals, "put", put)


def test_a_record_that_breaks_the_storing_is_skipped_alone(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = connect(ctx, site, "webhook")
    broken_by(monkeypatch, "4", "6")
    assert jobs.keep(ctx, site, held, [raw(n) for n in range(1, 8)]) == 5
    assert refs(ctx) == ["1", "2", "3", "5", "7"]
    skipped = connections.skipped_of(ctx, [held.id])[held.id]
    assert {one.record for one in skipped.newest} == {"4", "6"}
    assert skipped.newest[0].values == {"error": "OverflowError"}


def test_what_fails_whole_is_tried_again_as_a_webhook_and_stops_no_poll(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook is told once, so it waits; a poll would ask for the same record for ever."""
    held = connect(ctx, site, "webhook")
    broken_by(monkeypatch, "4")
    with pytest.raises(OverflowError):
        jobs.keep(ctx, site, held, [raw(4)])
    assert jobs.keep(ctx, site, held, [raw(4)], jobs.FEW) == 0
    assert connections.skipped_of(ctx, [held.id])[held.id].count == 1


def test_no_record_is_skipped_while_the_store_does_not_work(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = connect(ctx, site, "webhook")
    broken_by(monkeypatch, "2", error=ConnectionError)
    with pytest.raises(ConnectionError):
        jobs.keep(ctx, site, held, [raw(1), raw(2)], jobs.FEW)
    assert connections.skipped_of(ctx, [held.id]) == {}


def test_skipped_records_are_bounded_and_go_with_time(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = connect(ctx, site, "webhook")
    monkeypatch.setattr(connections, "MOST_SKIPPED", 3)
    for n in range(5):
        jobs.keep(ctx, site, held, [raw(n, amount="dear"), raw(n + 1, amount="dear")])
    assert connections.skipped_of(ctx, [held.id])[held.id].count == 3
    connections.forget_old(ctx)
    assert connections.skipped_of(ctx, [held.id])[held.id].count == 3
    monkeypatch.setattr(connections, "KEYS_KEPT", timedelta(0))
    connections.forget_old(ctx)
    assert connections.skipped_of(ctx, [held.id]) == {}
    jobs.keep(ctx, site, held, [raw(1, amount="dear")])
    connections.remove(ctx, site, held)
    assert connections.skipped_of(ctx, [held.id]) == {}


def test_every_moment_fits_into_a_version() -> None:
    late = DealFact(system="x", id="1", created_at=AT, updated_at=datetime(2199, 12, 31, tzinfo=UTC))
    assert version_of(msgspec.structs.replace(late, updated_at=AT), 0, True) < version_of(late, 1023, True) < 1 << 64


def test_the_page_shows_a_connection_of_another_key(ctx: Context, site: Site) -> None:
    held = connect(ctx, site, "webhook")
    ctx.vault = Vault("another key than before")
    with opened_by_admin(ctx, site, DEAL_ROUTES) as browser:
        assert "The credentials of this connection cannot be decrypted." in browser.get("/deals?site=fern").text
    with opened_by_admin(ctx, site, CONNECTION_ROUTES) as browser:
        text = browser.get("/connections?site=fern").text
        assert "1 of 1 connections has a problem" in text and "The credentials were encrypted with another key." in text
        assert browser.post(f"/connections/{held.id}/remove?site=fern").status_code == 200
    assert connections.connections_of(ctx) == []


def test_skipped_records_stand_where_the_connections_problems_are_shown(ctx: Context, site: Site) -> None:
    held = connect(ctx, site, "webhook")
    jobs.keep(ctx, site, held, [raw(77, amount="<dear>")])
    for path, routes in (("/connections", CONNECTION_ROUTES), ("/deals", DEAL_ROUTES)):
        with opened_by_admin(ctx, site, routes) as browser:
            text = browser.get(f"{path}?site=fern").text
        assert "1 record was skipped. The others were imported." in text
        assert "&lt;dear&gt;" in text
