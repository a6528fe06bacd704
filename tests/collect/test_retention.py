"""For how long events are kept: a changed setting holds for what is stored, too, and deletes nothing unasked."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.app import SLICES
from tandem.base import clock
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.slice import SLICE
from tandem.core.context import Context
from tandem.settings.routes import workspace
from tandem.settings.slice import SLICE as SETTINGS
from tests.collect.conftest import Load, told
from tests.inside import opened_by_admin
from tests.served import eventually

AGES = (0, 3, 40, 400)
FORM = {"name": "Fern", "hosts": "shop.example", "zone": "Europe/Warsaw", "currency": "EUR", "mode": "cookie"}


@pytest.fixture
def history(ctx: Context, site: Site, load: Load) -> Site:
    """A visit of today, and ones of 3, 40 and 400 days ago; and an admin."""
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    load(*(told(site.id, 7 + age, clock.now() - timedelta(days=age)) for age in AGES))
    stop = SLICE.start(ctx)
    stop()
    return site


def kept(warehouse: Warehouse, site: Site) -> dict[str, list[tuple[int, int]]]:
    """How old each event and visit is, and for how many days it is kept, by table."""
    sql = "select today() - toDate({0}), keep_until - toDate({0}) from {1} final where site = {2} order by 1"
    return {
        table: [(int(r[0]), int(r[1])) for r in warehouse.ask(sql.format(moment, table, site.id).replace(
            " final" if table == "events" else "\0", "")).rows]
        for table, moment in store.LAST_MOMENTS.items()
    }  # fmt: skip


def test_every_table_that_expires_is_kept_anew() -> None:
    expiring = [text for s in SLICES for step in s.schema() for text in step.statements if "ttl keep_until" in text]
    assert len(expiring) == len(store.LAST_MOMENTS)
    assert all(any(f"exists {table} " in text for text in expiring) for table in store.LAST_MOMENTS)


def test_lowering_asks_with_the_number_and_then_deletes(ctx: Context, history: Site) -> None:
    site, done = history, [(age, 1100) for age in AGES]
    with opened_by_admin(ctx, site, SETTINGS.routes) as client:
        asked = client.post("/settings/sites/fern", data=FORM | {"keep_days": "5"})
        assert "2 events from before" in asked.text and "Delete 2 events" in asked.text
        assert 'name="keep_days" type="number" min="1" max="36500" value="5"' in asked.text, "what was typed stays"
        wrong = client.post("/settings/sites/fern", data=FORM | {"keep_days": "3", "agreed": "5"})
        assert "Delete 2 events" in wrong.text, "agreed to other days than these"
        assert kept(ctx.warehouse, site) == {"events": done, "visit_rows": done}, "nothing is done unasked"
        assert accounts.all_sites(ctx.database)[0].keep_days == 1100
        saved = client.post("/settings/sites/fern", data=FORM | {"keep_days": "5", "agreed": "5"})
    assert "Events are kept for 5 days" in saved.text
    short = [(0, 5), (3, 5)]
    eventually(lambda: kept(ctx.warehouse, site) == {"events": short, "visit_rows": short})
    eventually(lambda: store.keeping_anew(ctx.warehouse) is None)
    entry = accounts.audit_log(ctx.database, site.workspace_id)[0]
    assert entry.detail == {"keep_days": {"from": 1100, "to": 5}, "expired": 2}


def test_raising_lengthens_what_is_still_there_and_asks_nothing(ctx: Context, history: Site) -> None:
    with opened_by_admin(ctx, history, SETTINGS.routes) as client:
        client.post("/settings/sites/fern", data=FORM | {"keep_days": "2000"})
    longer = [(age, 2000) for age in AGES]
    eventually(lambda: kept(ctx.warehouse, history) == {"events": longer, "visit_rows": longer})


def test_a_change_that_was_cut_off_is_made_by_saving_again(
    ctx: Context, history: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ctx.warehouse.do

    def do(sql: str, *args: Any, **more: Any) -> None:
        if "alter table events" in sql:
            raise RuntimeError("the event store has gone")
        real(sql, *args, **more)

    with opened_by_admin(ctx, history, SETTINGS.routes) as client:
        with monkeypatch.context() as m:
            m.setattr(ctx.warehouse, "do", do)
            assert client.post("/settings/sites/fern", data=FORM | {"keep_days": "2000"}).status_code == 500
        eventually(lambda: store.keeping_anew(ctx.warehouse) is None)
        assert accounts.all_sites(ctx.database)[0].keep_days == 2000
        ctx.forget_sites()
        assert kept(ctx.warehouse, history)["events"] == [(age, 1100) for age in AGES]
        client.post("/settings/sites/fern", data=FORM | {"keep_days": "2000"})
        longer = [(age, 2000) for age in AGES]
        eventually(lambda: kept(ctx.warehouse, history) == {"events": longer, "visit_rows": longer})
        monkeypatch.setattr(ctx.warehouse, "do", do)
        assert client.post("/settings/sites/fern", data=FORM | {"keep_days": "2000"}).status_code == 200, "all is done"


def test_another_site_and_other_settings_keep_what_they_have(ctx: Context, history: Site) -> None:
    other = accounts.add_site(ctx.database, history.workspace_id, "other", "O", ["o.example"], "UTC", "EUR", "cookie")
    ctx.forget_sites()
    with opened_by_admin(ctx, history, SETTINGS.routes) as client:
        assert "Delete" not in client.post("/settings/sites/other", data={"keep_days": "5"}).text
        client.post("/settings/sites/fern", data=FORM | {"name": "Another"})
    eventually(lambda: store.keeping_anew(ctx.warehouse) is None)
    assert kept(ctx.warehouse, history)["events"] == [(age, 1100) for age in AGES]
    assert kept(ctx.warehouse, other)["events"] == []


def test_no_change_while_a_batch_is_stored(ctx: Context, history: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "LOADED_WITHIN_S", 0.1)
    with ThreadPoolExecutor(1) as loader, opened_by_admin(ctx, history, SETTINGS.routes) as client:
        loader.submit(ctx.loading.acquire).result()
        refused = client.post("/settings/sites/fern", data=FORM | {"keep_days": "2000"})
        loader.submit(ctx.loading.release).result()
    assert refused.status_code == 409 and accounts.all_sites(ctx.database)[0].keep_days == 1100


def test_the_ledger_judges_no_day_that_may_have_expired(ctx: Context, site: Site) -> None:
    today = clock.now().date()
    days = [today - timedelta(days=age) for age in (2, 20)]
    store.add_ingestion(ctx.warehouse, {(site.id, day, "stored"): 3 for day in days}, "one")
    found = store.ingestion_days(ctx.warehouse, site.id, today - timedelta(days=30), keep_days=15)
    assert [(day.on, day.balance) for day in found] == [(days[0], 3), (days[1], 0)]


def test_a_hundred_years_lie_within_what_the_engine_can_count(ctx: Context, site: Site, load: Load) -> None:
    accounts.change_site(ctx.database, site, keep_days=36_500)
    load(told(site.id, 7, clock.now()))
    store.keep_for(ctx.warehouse, msgspec.structs.replace(site, keep_days=36_500), 36_500)
    eventually(lambda: store.keeping_anew(ctx.warehouse) is None)
    sql = "select count(), max(toInt64(keep_until)) * 86400 from events where site = {site:UInt32}"
    assert ctx.warehouse.ask(sql, {"site": site.id}).rows == [(1, (2**32 // 86400 - 1) * 86400)]


def test_each_node_of_a_cluster_does_it(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, site: Site) -> None:
    said: list[str] = []
    cluster = Warehouse(warehouse.dsn, cluster="two", database=warehouse.database)
    monkeypatch.setattr(cluster, "do", lambda sql, **settings: said.append(sql))
    store.keep_for(cluster, site, 5)
    assert [text.partition(" update")[0] for text in said] == [
        "alter table visit_rows_local on cluster 'two'", "alter table events_local on cluster 'two'",
    ]  # fmt: skip
    assert store.keeping_anew(cluster) is None, "all nodes are asked"
