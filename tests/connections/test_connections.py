"""Connections and their inbox: sealed, kept once, worked on in any order, tried again; on both record stores."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy import select, text, update

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock, error_pages
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.errors import SourceError, UserError
from tandem.base.vault import Vault
from tandem.base.warehouse import Warehouse
from tandem.connections import store, tables
from tandem.connections.jobs import poll_due, work_on_inbox
from tandem.connections.model import (
    Accepted,
    Connection,
    Delivery,
    Field,
    Incoming,
    Polled,
    Skipped,
    SkippedRecord,
    System,
)
from tandem.connections.routes import hook
from tandem.core.context import Context
from tests.clocks import set_ahead, set_clock

PHONE = "+48600100200"


class World:
    """An invented telephone system and what Tandem made of it."""

    def __init__(self, ctx: Context, site: Site) -> None:
        self.ctx, self.site = ctx, site
        self.handled: list[str] = []
        self.senders: list[str] = []
        self.trouble: Exception | None = None
        self.pages = [Polled(cursor={"page": 1}, rows=2, is_more=True), Polled(cursor={"page": 2}, rows=1)]
        self.system = System(
            area="calls",
            id="exchange",
            label="Exchange",
            fields=(
                Field(name="account", label="Account"),
                Field(name="token", label="Token", is_secret=True),
                Field(name="zone", label="Zone", is_required=False, default="UTC"),
                Field(name="base", label="Address", is_required=False, default="https://api.example", is_address=True),
            ),
            accept=self._accept,
            handle=self._handle,
            poll=self._poll,
            poll_every_s=300,
        )
        ctx.systems = {("calls", "exchange"): self.system}

    def _accept(self, held: Connection, incoming: Incoming) -> Accepted:
        if incoming.headers.get("x-token") != held.setting("token"):
            raise UserError("The signature does not match.", "Copy the token.", status=403)
        self.senders.append(incoming.sender)
        fields = dict(incoming.form)
        return Accepted(answer="echo") if "echo" in dict(incoming.query) else Accepted(key=fields["id"])

    def _handle(self, ctx: Context, site: Site, held: Connection, delivery: Delivery) -> None:
        if self.trouble:
            raise self.trouble
        self.handled.append(dict(delivery.form)["id"])

    def _poll(self, ctx: Context, site: Site, held: Connection) -> Polled:
        if self.trouble:
            raise self.trouble
        return self.pages[int(held.cursor.get("page", 0))]

    def connected(self) -> Connection:
        return store.add(self.ctx, self.site, self.system, "Main", {"account": "a1", "token": "s3cret-token"})


@pytest.fixture
def world(any_database: Database, warehouse: Warehouse, tmp_path: Any) -> World:
    ctx = Context(Config(data=str(tmp_path / "data")), warehouse, any_database)
    workspace = accounts.make_workspace(any_database, "Fern")
    return World(ctx, accounts.add_site(any_database, workspace, "fern", "Fern", ["shop.example"], "UTC", "EUR"))


@pytest.fixture
def ingest(world: World) -> Iterator[TestClient[Litestar]]:
    app = Litestar(
        [hook],
        dependencies={"ctx": Provide(lambda: world.ctx, sync_to_thread=False)},
        exception_handlers={UserError: error_pages.user_error},
    )
    with TestClient(app) as client:
        yield client


def sent(ingest: TestClient[Litestar], world: World, held: Connection, key: str, token: str = "s3cret-token") -> Any:
    path = store.hook_address(world.ctx, held).removeprefix(world.ctx.config.base_url)
    return ingest.post(path, data={"id": key, "caller": PHONE}, headers={"x-token": token})


def every_cell(world: World) -> str:
    """Everything that the record store holds, as text."""
    with world.ctx.database.read() as c:
        return "\n".join(
            str(row) for table in (tables.connections, tables.inbox) for row in c.execute(select(table)).all()
        )


def test_a_connection_keeps_its_secrets_sealed(world: World) -> None:
    held = world.connected()
    assert held.settings == {
        "account": "a1", "token": "s3cret-token", "zone": "UTC", "base": "https://api.example",
    }  # fmt: skip
    assert "s3cret-token" not in every_cell(world)
    assert "a1" in every_cell(world)


# ── what another key sealed: TANDEM_KEY was set on an installation that used the file ──

EARLIER = Vault("the key of before")


def seal_otherwise(world: World, connection: Connection) -> None:
    """The credentials of a connection, as another key sealed them."""
    text = EARLIER.seal('{"token": "s3cret-token"}')
    with world.ctx.database.write() as c:
        c.execute(update(tables.connections).where(tables.connections.c.id == connection.id).values(sealed=text))


def deliver(world: World, connection: Connection, key: str, vault: Vault | None = None) -> None:
    incoming = Incoming(method="POST", url="", headers={}, query=(), form=(("id", key),), body=b"")
    ours, world.ctx.vault = world.ctx.vault, vault or world.ctx.vault
    assert store.keep_delivery(world.ctx, connection, key, incoming)
    world.ctx.vault = ours


def test_credentials_of_another_key_stop_nobody_else(world: World) -> None:
    bad, good = world.connected(), world.connected()
    seal_otherwise(world, bad)
    deliver(world, bad, "d1")
    deliver(world, good, "d2")
    assert [one.is_unreadable for one in store.connections_of(world.ctx, world.site)] == [True, False]
    assert [one.id for one in store.due(world.ctx)] == [good.id], "without a token there is nothing to ask with"
    assert work_on_inbox(world.ctx) == 1 and world.handled == ["d2"]
    assert "another key" in store.waiting(world.ctx, [bad.id])[bad.id].problem
    assert store.unreadable(world.ctx.database, world.ctx.vault) == [
        store.UnreadableConnection(name="Main", has_credentials=True, deliveries=0)
    ]


def test_credentials_of_another_key_are_entered_anew_and_their_connection_works_again(world: World) -> None:
    held = world.connected()
    seal_otherwise(world, held)
    deliver(world, held, "d1")
    held = store.connection(world.ctx, held.id)
    with pytest.raises(UserError, match="needs “Token”"):
        store.change(world.ctx, world.site, held, "Main", {"account": "a1"}, is_on=True)
    changed = store.change(world.ctx, world.site, held, "Main", {"account": "a1", "token": "fresh"}, is_on=True)
    assert (changed.is_unreadable, changed.setting("token")) == (False, "fresh")
    assert work_on_inbox(world.ctx) == 1 and store.unreadable(world.ctx.database, world.ctx.vault) == []


def test_a_connection_of_another_key_can_be_removed(world: World) -> None:
    held = world.connected()
    seal_otherwise(world, held)
    deliver(world, held, "d1", EARLIER)
    store.remove(world.ctx, world.site, store.connection(world.ctx, held.id, world.site))
    assert store.connections_of(world.ctx) == [] and list(store.all_waiting(world.ctx, world.site)) == []


def test_a_delivery_of_another_key_waits_and_the_others_are_worked_on(world: World) -> None:
    held = world.connected()
    deliver(world, held, "d1", EARLIER)
    deliver(world, held, "d2")
    assert work_on_inbox(world.ctx) == 1 and world.handled == ["d2"]
    assert [one.is_unreadable for one in store.all_waiting(world.ctx, world.site)] == [True]
    assert store.deliveries_waiting(world.ctx) == [], "it stands in nobody's way"
    (listed,) = store.unreadable(world.ctx.database, world.ctx.vault)
    assert (listed.has_credentials, listed.deliveries) == (False, 1)
    world.ctx.vault = EARLIER
    (delivery,) = store.all_waiting(world.ctx, world.site)
    assert delivery.form == (("id", "d1"),), "with the key of before it can be read again"


def test_a_webhook_whose_secret_cannot_be_opened_is_not_believed(ingest: TestClient[Litestar], world: World) -> None:
    held = world.connected()
    seal_otherwise(world, held)
    for token in ("s3cret-token", ""):
        assert sent(ingest, world, held, "d1", token).status_code == 503, "the sender comes again"
    assert list(store.all_waiting(world.ctx, world.site)) == []


def test_a_skipped_record_of_another_key_is_counted(world: World) -> None:
    held = world.connected()
    ours, world.ctx.vault = world.ctx.vault, EARLIER
    store.note_skipped(world.ctx, held, {"1": SkippedRecord(what="It has no date.", cure="Enter one.")})
    world.ctx.vault = ours
    assert store.skipped_of(world.ctx, [held.id])[held.id] == Skipped(count=1, newest=[])


def test_a_secret_left_empty_stays(world: World) -> None:
    held = world.connected()
    changed = store.change(world.ctx, world.site, held, "Other", {"account": "a2", "token": ""}, is_on=False)
    assert (changed.name, changed.setting("account"), changed.setting("token")) == ("Other", "a2", "s3cret-token")
    assert not changed.is_on and store.due(world.ctx) == []


def test_another_address_needs_the_secrets_anew_and_https(world: World) -> None:
    held = world.connected()

    def moved(**given: str) -> Connection:
        return store.change(world.ctx, world.site, held, "Main", {"account": "a1", **given}, is_on=True)

    with pytest.raises(UserError, match="enter the secrets again"):
        moved(base="https://evil.example")
    assert store.connection(world.ctx, held.id).setting("base") == "https://api.example"
    with pytest.raises(UserError, match="not use https"):
        moved(base="http://evil.example", token="another-token")
    with pytest.raises(UserError, match="not use https"):
        store.add(world.ctx, world.site, world.system, "M", {"account": "a", "token": "t", "base": "http://x.example"})
    assert moved(base="https://api.example/").setting("token") == "s3cret-token", "the same address"
    found = moved(base="https://other.example", token="another-token")
    assert (found.setting("base"), found.setting("token")) == ("https://other.example", "another-token")
    world.ctx.config = msgspec.structs.replace(world.ctx.config, reach="crm.lan, 10.1.0.0/16")
    for address in ("http://crm.lan:8000", "http://10.1.2.3"):
        held = moved(base=address, token="another-token")
    with pytest.raises(UserError, match="not use https"):
        moved(base="http://10.2.2.3", token="another-token")


def test_the_audit_log_says_what_changed_in_a_connection_and_no_secret(world: World) -> None:
    held = world.connected()
    given = {"account": "a2", "token": "another-token"}
    store.change(world.ctx, world.site, held, "Second", given, is_on=False)
    (entry, *_) = accounts.audit_log(world.ctx.database, world.site.workspace_id)
    assert (entry.act, entry.detail) == (
        "connections.changed",
        {
            "account": {"from": "a1", "to": "a2"}, "name": {"from": "Main", "to": "Second"},
            "is_on": {"from": True, "to": False}, "secrets": ["token"],
        },
    )  # fmt: skip


def test_a_setting_that_is_missing_is_named(world: World) -> None:
    with pytest.raises(UserError, match="Exchange needs “Token”"):
        store.add(world.ctx, world.site, world.system, "", {"account": "a1"})


def test_another_site_does_not_see_a_connection(world: World) -> None:
    held = world.connected()
    other = accounts.add_site(world.ctx.database, world.site.workspace_id, "oak", "Oak", ["oak.example"])
    with pytest.raises(UserError, match="no such connection"):
        store.connection(world.ctx, held.id, other)


def test_a_delivery_is_on_disk_before_it_is_answered_and_counts_once(
    world: World, ingest: TestClient[Litestar]
) -> None:
    held = world.connected()
    for key in ("c1", "c2", "c1"):
        assert sent(ingest, world, held, key).text == "ok"
    assert store.waiting(world.ctx, [held.id])[held.id].count == 2
    assert work_on_inbox(world.ctx) == 2
    assert world.handled == ["c1", "c2"]
    assert sent(ingest, world, held, "c1").status_code == 200  # delivered again after it was worked on
    assert work_on_inbox(world.ctx) == 0


def test_a_delivery_is_sealed_while_it_waits_and_forgotten_when_done(
    world: World, ingest: TestClient[Litestar]
) -> None:
    held = world.connected()
    sent(ingest, world, held, "c1")
    assert PHONE not in every_cell(world) and PHONE.strip("+") not in every_cell(world)
    work_on_inbox(world.ctx)
    with world.ctx.database.read() as c:
        assert c.execute(select(tables.inbox.c.sealed)).scalar_one() == b""


def test_a_stranger_is_refused(world: World, ingest: TestClient[Litestar]) -> None:
    held = world.connected()
    assert sent(ingest, world, held, "c1", token="guessed").status_code == 403
    assert ingest.post(f"/hooks/in/{held.id}/{'0' * 32}", data={"id": "c1"}).status_code == 404
    assert ingest.post("/hooks/in/99999/abc", data={"id": "c1"}).status_code == 404
    assert store.waiting(world.ctx, [held.id]) == {}


def test_a_system_may_check_the_address(world: World, ingest: TestClient[Litestar]) -> None:
    held = world.connected()
    path = store.hook_address(world.ctx, held).removeprefix(world.ctx.config.base_url)
    assert ingest.get(f"{path}?echo=1", headers={"x-token": "s3cret-token"}).text == "echo"
    assert store.waiting(world.ctx, [held.id]) == {}


def test_a_stranger_does_not_choose_the_address_that_a_system_checks(world: World) -> None:
    """Two proxies, each with a header of its own: the visitor's invention stands in the first."""
    held = world.connected()
    app = Litestar([hook], dependencies={"ctx": Provide(lambda: world.ctx, sync_to_thread=False)})
    path = store.hook_address(world.ctx, held).removeprefix(world.ctx.config.base_url)
    told = [("x-token", "s3cret-token"), ("x-forwarded-for", "5.188.0.1"), ("x-forwarded-for", "203.0.113.9:4711")]

    async def through_a_proxy(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 5)}, receive, send)

    with TestClient(through_a_proxy) as client:
        client.post(path, data={"id": "c1"}, headers=httpx.Headers(told))
    assert world.senders == ["203.0.113.9"]


def test_a_connection_that_is_off_takes_nothing(world: World, ingest: TestClient[Litestar]) -> None:
    held = world.connected()
    store.change(world.ctx, world.site, held, "Main", {"account": "a1"}, is_on=False)
    assert sent(ingest, world, held, "c1").status_code == 409


@pytest.mark.parametrize("trouble", [SourceError("Exchange", "is down"), UserError("No."), KeyError("x")])
def test_a_delivery_that_fails_waits_and_is_tried_again(
    world: World, ingest: TestClient[Litestar], trouble: Exception
) -> None:
    held = world.connected()
    sent(ingest, world, held, "c1")
    world.trouble = trouble
    assert work_on_inbox(world.ctx) == 0
    found = store.waiting(world.ctx, [held.id])[held.id]
    assert found.count == 1 and found.problem
    assert PHONE not in found.problem
    assert store.deliveries_waiting(world.ctx) == []  # not at once
    world.trouble = None
    store.try_again(world.ctx, held)
    assert work_on_inbox(world.ctx) == 1 and world.handled == ["c1"]


def test_a_delivery_that_fails_waits_twice_as_long_each_time(
    world: World, ingest: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, clock.now())
    sent(ingest, world, world.connected(), "c1")
    world.trouble, waits = SourceError("Exchange", "is down"), []
    for _ in range(13):
        work_on_inbox(world.ctx)
        with world.ctx.database.read() as c:
            next_at = c.execute(select(tables.inbox.c.next_at)).scalar_one()
        waits.append((next_at - clock.now()).total_seconds())
        set_clock(monkeypatch, next_at)
    assert waits == [*(2**tries for tries in range(1, 12)), 3600, 3600]


def test_trying_again_that_is_asked_for_while_a_delivery_fails_is_done_at_once(
    world: World, ingest: TestClient[Litestar]
) -> None:
    held = world.connected()
    sent(ingest, world, held, "c1")

    def handle(ctx: Context, site: Site, connection: Connection, delivery: Delivery) -> None:
        store.try_again(ctx, connection)
        raise SourceError("Exchange", "rejected the credentials")

    world.ctx.systems = {("calls", "exchange"): msgspec.structs.replace(world.system, handle=handle)}
    assert work_on_inbox(world.ctx) == 0
    world.ctx.systems = {("calls", "exchange"): world.system}
    assert work_on_inbox(world.ctx) == 1 and world.handled == ["c1"]


def test_a_delivery_is_given_up_after_a_week(world: World, ingest: TestClient[Litestar]) -> None:
    held = world.connected()
    sent(ingest, world, held, "c1")
    world.trouble = UserError("No.")
    with world.ctx.database.write() as c:
        c.execute(update(tables.inbox).values(received_at=clock.now() - timedelta(days=8)))
    work_on_inbox(world.ctx)
    with world.ctx.database.read() as c:
        assert c.execute(select(tables.inbox.c.next_at)).scalar_one() > clock.now() + timedelta(days=365)


def test_a_poll_goes_on_where_it_ended(world: World) -> None:
    held = world.connected()
    assert poll_due(world.ctx) == 2
    assert store.connection(world.ctx, held.id).cursor == {"page": 1}
    assert poll_due(world.ctx) == 1  # more was waiting, so its turn came at once
    after = store.connection(world.ctx, held.id)
    assert (after.cursor, after.problem, after.failures) == ({"page": 2}, "", 0)
    assert after.ok_at is not None and after.next_at > clock.now() + timedelta(seconds=290)
    assert poll_due(world.ctx) == 0


def test_a_poll_that_fails_keeps_its_place_and_waits_twice_as_long_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, clock.now())
    held = world.connected()
    world.trouble = SourceError("Exchange", "rejected the credentials")
    waits = []
    for _ in range(6):
        poll_due(world.ctx)
        after = store.connection(world.ctx, held.id)
        waits.append((after.next_at - clock.now()).total_seconds())
        store.poll_now(world.ctx, after)
    assert after.cursor == {} and after.failures == 6 and "credentials" in after.problem
    assert waits == [300, 600, 1200, 2400, 3600, 3600]
    world.trouble = None
    assert poll_due(world.ctx) == 2
    assert store.connection(world.ctx, held.id).problem == ""


def test_fetching_everything_again_that_is_asked_for_during_a_poll_is_done(world: World) -> None:
    held = world.connected()
    poll_due(world.ctx)

    def poll(ctx: Context, site: Site, connection: Connection) -> Polled:
        store.poll_afresh(ctx, connection)
        return world.pages[1]

    world.ctx.systems = {("calls", "exchange"): msgspec.structs.replace(world.system, poll=poll)}
    poll_due(world.ctx)
    after = store.connection(world.ctx, held.id)
    assert after.cursor == {} and after.next_at <= clock.now()


def test_what_a_poll_says_of_a_former_secret_is_not_said_of_the_new_one(world: World) -> None:
    held = world.connected()

    def poll(ctx: Context, site: Site, connection: Connection) -> Polled:
        store.change(ctx, site, connection, "Main", {"account": "a1", "token": "new-token"}, True)
        raise SourceError("Exchange", "rejected the credentials")

    world.ctx.systems = {("calls", "exchange"): msgspec.structs.replace(world.system, poll=poll)}
    poll_due(world.ctx)
    after = store.connection(world.ctx, held.id)
    assert (after.problem, after.failures) == ("", 0) and after.next_at <= clock.now()


@pytest.mark.parametrize("is_failing", [False, True])
def test_a_clock_that_ran_ahead_postpones_no_poll(
    world: World, is_failing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = world.connected()
    world.pages = [Polled(cursor={"page": 1}, rows=2), Polled(cursor={"page": 2}, rows=1)]
    world.trouble = SourceError("Exchange", "is closed") if is_failing else None
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        poll_due(world.ctx)
        assert store.due(world.ctx) == []
    world.trouble = None
    assert poll_due(world.ctx) > 0
    assert store.connection(world.ctx, held.id).next_at < clock.now() + timedelta(seconds=301)
    assert poll_due(world.ctx) == 0


def test_a_connection_that_is_asked_seldom_or_never_waits_its_own_time(world: World) -> None:
    held = world.connected()
    for change, waits in (({"poll_every_s": 6 * 3600.0}, 5.9), ({"poll": None}, 23.9)):
        world.ctx.systems = {("calls", "exchange"): msgspec.structs.replace(world.system, **change)}
        held = store.connection(world.ctx, held.id)
        store.mark_polled(world.ctx, held, clock.now() + timedelta(hours=waits))
        assert store.due(world.ctx) == []
        held = store.connection(world.ctx, held.id)
        store.mark_polled(world.ctx, held, clock.now() + timedelta(hours=waits + 1))
        assert [one.id for one in store.due(world.ctx)] == [held.id]


def test_a_clock_that_ran_ahead_postpones_no_delivery(
    world: World, ingest: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ahead by more than a week it would be given up, though it has just come."""
    held = world.connected()
    sent(ingest, world, held, "c1")
    world.trouble = SourceError("Exchange", "is closed")
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        work_on_inbox(world.ctx)
    world.trouble = None
    assert work_on_inbox(world.ctx) == 1
    assert world.handled == ["c1"]


def test_a_fault_of_ours_stops_no_other_connection(world: World) -> None:
    first, second = world.connected(), world.connected()
    world.pages = []  # the first answer breaks our own code
    assert poll_due(world.ctx) == 0
    assert all("bug in Tandem" in store.connection(world.ctx, c.id).problem for c in (first, second))


def test_removing_a_connection_forgets_its_inbox(world: World, ingest: TestClient[Litestar]) -> None:
    held = world.connected()
    sent(ingest, world, held, "c1")
    store.remove(world.ctx, world.site, held)
    assert every_cell(world) == ""
    with world.ctx.database.read() as c:
        acts = c.execute(text("select act from audit order by id")).scalars().all()
    assert "connections.removed" in acts


def test_what_was_given_up_goes_when_the_keys_of_others_go_and_the_audit_log_counts_it(
    world: World, ingest: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lay there for a hundred years, with a phone in it that nobody would ever read."""
    held = world.connected()
    sent(ingest, world, held, "c1")
    world.trouble = UserError("The call has no date.", "Send it.")
    for days, count in ((0, 1), (8, 1), (82, 1), (30, 0)):
        set_ahead(monkeypatch, days)
        work_on_inbox(world.ctx)
        store.forget_old(world.ctx)
        waits = store.waiting(world.ctx, [held.id])
        assert (waits[held.id].count if waits else 0) == count, days
    assert not list(store.all_waiting(world.ctx, world.site))
    told = [
        e
        for e in accounts.audit_log(world.ctx.database, world.site.workspace_id)
        if e.act == "connections.deliveries_forgotten"
    ]
    assert [(e.object, e.detail) for e in told] == [("Main", {"count": 1})]
