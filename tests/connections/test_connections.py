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
from tandem.base import clock, web
from tandem.base.database import Database
from tandem.base.errors import SourceError, UserError
from tandem.base.settings import Settings
from tandem.base.warehouse import Warehouse
from tandem.connections import store, tables
from tandem.connections.jobs import poll_due, work_on_inbox
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming, Polled, System
from tandem.connections.routes import hook
from tandem.core.context import House

PHONE = "+48600100200"


class World:
    """An invented telephone system and what Tandem made of it."""

    def __init__(self, house: House, site: Site) -> None:
        self.house, self.site = house, site
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
        house.systems = {("calls", "exchange"): self.system}

    def _accept(self, held: Connection, incoming: Incoming) -> Accepted:
        if incoming.headers.get("x-token") != held.setting("token"):
            raise UserError("The signature does not match.", "Copy the token.", status=403)
        self.senders.append(incoming.sender)
        fields = dict(incoming.form)
        return Accepted(answer="echo") if "echo" in dict(incoming.query) else Accepted(key=fields["id"])

    def _handle(self, house: House, site: Site, held: Connection, delivery: Delivery) -> None:
        if self.trouble:
            raise self.trouble
        self.handled.append(dict(delivery.form)["id"])

    def _poll(self, house: House, site: Site, held: Connection) -> Polled:
        if self.trouble:
            raise self.trouble
        return self.pages[int(held.cursor.get("page", 0))]

    def connected(self) -> Connection:
        return store.add(self.house, self.site, self.system, "Main", {"account": "a1", "token": "s3cret-token"})


@pytest.fixture
def world(any_database: Database, warehouse: Warehouse, tmp_path: Any) -> World:
    house = House(Settings(data=str(tmp_path / "data")), warehouse, any_database)
    workspace = accounts.make_workspace(any_database, "Fern")
    return World(house, accounts.add_site(any_database, workspace, "fern", "Fern", ["shop.example"], "UTC", "EUR"))


@pytest.fixture
def door(world: World) -> Iterator[TestClient[Litestar]]:
    app = Litestar(
        [hook],
        dependencies={"house": Provide(lambda: world.house, sync_to_thread=False)},
        exception_handlers={UserError: web.user_error},
    )
    with TestClient(app) as client:
        yield client


def sent(door: TestClient[Litestar], world: World, held: Connection, key: str, token: str = "s3cret-token") -> Any:
    path = store.hook_address(world.house, held).removeprefix(world.house.settings.base_url)
    return door.post(path, data={"id": key, "caller": PHONE}, headers={"x-token": token})


def every_cell(world: World) -> str:
    """Everything that the record store holds, as text."""
    with world.house.database.read() as c:
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


def test_a_secret_left_empty_stays(world: World) -> None:
    held = world.connected()
    changed = store.change(world.house, world.site, held, "Other", {"account": "a2", "token": ""}, is_on=False)
    assert (changed.name, changed.setting("account"), changed.setting("token")) == ("Other", "a2", "s3cret-token")
    assert not changed.is_on and store.due(world.house) == []


def test_another_address_needs_the_secrets_anew_and_https(world: World) -> None:
    held = world.connected()

    def moved(**given: str) -> Connection:
        return store.change(world.house, world.site, held, "Main", {"account": "a1", **given}, is_on=True)

    with pytest.raises(UserError, match="needed anew"):
        moved(base="https://evil.example")
    assert store.connection(world.house, held.id).setting("base") == "https://api.example"
    with pytest.raises(UserError, match="no https"):
        moved(base="http://evil.example", token="another-token")
    with pytest.raises(UserError, match="no https"):
        store.add(
            world.house, world.site, world.system, "M", {"account": "a", "token": "t", "base": "http://x.example"}
        )
    assert moved(base="https://api.example/").setting("token") == "s3cret-token", "the same address"
    found = moved(base="https://other.example", token="another-token")
    assert (found.setting("base"), found.setting("token")) == ("https://other.example", "another-token")
    world.house.settings = msgspec.structs.replace(world.house.settings, reach="crm.lan, 10.1.0.0/16")
    for address in ("http://crm.lan:8000", "http://10.1.2.3"):
        held = moved(base=address, token="another-token")
    with pytest.raises(UserError, match="no https"):
        moved(base="http://10.2.2.3", token="another-token")


def test_the_audit_log_says_what_changed_in_a_connection_and_no_secret(world: World) -> None:
    held = world.connected()
    given = {"account": "a2", "token": "another-token"}
    store.change(world.house, world.site, held, "Second", given, is_on=False)
    (entry, *_) = accounts.audit_log(world.house.database, world.site.workspace_id)
    assert (entry.act, entry.detail) == (
        "connections.changed",
        {
            "account": {"from": "a1", "to": "a2"}, "name": {"from": "Main", "to": "Second"},
            "is_on": {"from": True, "to": False}, "secrets": ["token"],
        },
    )  # fmt: skip


def test_a_setting_that_is_missing_is_named(world: World) -> None:
    with pytest.raises(UserError, match="Exchange needs “Token”"):
        store.add(world.house, world.site, world.system, "", {"account": "a1"})


def test_another_site_does_not_see_a_connection(world: World) -> None:
    held = world.connected()
    other = accounts.add_site(world.house.database, world.site.workspace_id, "oak", "Oak", ["oak.example"])
    with pytest.raises(UserError, match="no such connection"):
        store.connection(world.house, held.id, other)


def test_a_delivery_is_on_disk_before_it_is_answered_and_counts_once(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    for key in ("c1", "c2", "c1"):
        assert sent(door, world, held, key).text == "ok"
    assert store.waiting(world.house, [held.id])[held.id].count == 2
    assert work_on_inbox(world.house) == 2
    assert world.handled == ["c1", "c2"]
    assert sent(door, world, held, "c1").status_code == 200  # delivered again after it was worked on
    assert work_on_inbox(world.house) == 0


def test_a_delivery_is_sealed_while_it_waits_and_forgotten_when_done(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    sent(door, world, held, "c1")
    assert PHONE not in every_cell(world) and PHONE.strip("+") not in every_cell(world)
    work_on_inbox(world.house)
    with world.house.database.read() as c:
        assert c.execute(select(tables.inbox.c.sealed)).scalar_one() == b""


def test_a_stranger_is_refused(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    assert sent(door, world, held, "c1", token="guessed").status_code == 403
    assert door.post(f"/hooks/in/{held.id}/{'0' * 32}", data={"id": "c1"}).status_code == 404
    assert door.post("/hooks/in/99999/abc", data={"id": "c1"}).status_code == 404
    assert store.waiting(world.house, [held.id]) == {}


def test_a_system_may_check_the_address(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    path = store.hook_address(world.house, held).removeprefix(world.house.settings.base_url)
    assert door.get(f"{path}?echo=1", headers={"x-token": "s3cret-token"}).text == "echo"
    assert store.waiting(world.house, [held.id]) == {}


def test_a_stranger_does_not_choose_the_address_that_a_system_checks(world: World) -> None:
    """Two proxies, each with a header of its own: the visitor's invention stands in the first."""
    held = world.connected()
    app = Litestar([hook], dependencies={"house": Provide(lambda: world.house, sync_to_thread=False)})
    path = store.hook_address(world.house, held).removeprefix(world.house.settings.base_url)
    told = [("x-token", "s3cret-token"), ("x-forwarded-for", "5.188.0.1"), ("x-forwarded-for", "203.0.113.9:4711")]

    async def through_a_proxy(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 5)}, receive, send)

    with TestClient(through_a_proxy) as client:
        client.post(path, data={"id": "c1"}, headers=httpx.Headers(told))
    assert world.senders == ["203.0.113.9"]


def test_a_connection_that_is_off_takes_nothing(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    store.change(world.house, world.site, held, "Main", {"account": "a1"}, is_on=False)
    assert sent(door, world, held, "c1").status_code == 409


@pytest.mark.parametrize("trouble", [SourceError("Exchange", "is down"), UserError("No."), KeyError("x")])
def test_a_delivery_that_fails_waits_and_is_tried_again(
    world: World, door: TestClient[Litestar], trouble: Exception
) -> None:
    held = world.connected()
    sent(door, world, held, "c1")
    world.trouble = trouble
    assert work_on_inbox(world.house) == 0
    found = store.waiting(world.house, [held.id])[held.id]
    assert found.count == 1 and found.problem
    assert PHONE not in found.problem
    assert store.deliveries_waiting(world.house) == []  # not at once
    world.trouble = None
    store.try_again(world.house, held)
    assert work_on_inbox(world.house) == 1 and world.handled == ["c1"]


def test_a_delivery_is_given_up_after_a_week(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    sent(door, world, held, "c1")
    world.trouble = UserError("No.")
    with world.house.database.write() as c:
        c.execute(update(tables.inbox).values(received_at=clock.now() - timedelta(days=8)))
    work_on_inbox(world.house)
    with world.house.database.read() as c:
        assert c.execute(select(tables.inbox.c.next_at)).scalar_one() > clock.now() + timedelta(days=365)


def test_a_poll_goes_on_where_it_ended(world: World) -> None:
    held = world.connected()
    assert poll_due(world.house) == 2
    assert store.connection(world.house, held.id).cursor == {"page": 1}
    assert poll_due(world.house) == 1  # more was waiting, so its turn came at once
    after = store.connection(world.house, held.id)
    assert (after.cursor, after.problem, after.failures) == ({"page": 2}, "", 0)
    assert after.ok_at is not None and after.next_at > clock.now() + timedelta(seconds=290)
    assert poll_due(world.house) == 0


def test_a_poll_that_fails_keeps_its_place_and_waits_longer_each_time(world: World) -> None:
    held = world.connected()
    world.trouble = SourceError("Exchange", "refused the credentials")
    waits = []
    for _ in range(3):
        poll_due(world.house)
        after = store.connection(world.house, held.id)
        waits.append((after.next_at - clock.now()).total_seconds())
        store.poll_now(world.house, after)
    assert after.cursor == {} and after.failures == 3 and "credentials" in after.problem
    assert waits == sorted(waits) and waits[0] > 290
    world.trouble = None
    assert poll_due(world.house) == 2
    assert store.connection(world.house, held.id).problem == ""


def test_a_fault_of_ours_stops_no_other_connection(world: World) -> None:
    first, second = world.connected(), world.connected()
    world.pages = []  # the first answer breaks our own code
    assert poll_due(world.house) == 0
    assert all("fault of Tandem" in store.connection(world.house, c.id).problem for c in (first, second))


def test_removing_a_connection_forgets_its_inbox(world: World, door: TestClient[Litestar]) -> None:
    held = world.connected()
    sent(door, world, held, "c1")
    store.remove(world.house, world.site, held)
    assert every_cell(world) == ""
    with world.house.database.read() as c:
        acts = c.execute(text("select act from audit order by id")).scalars().all()
    assert "connections.removed" in acts
