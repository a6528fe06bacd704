"""The golden shop in the event store: loaded once a test process, in shuffled batches, by the real loader."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.loader import Loader
from tandem.collect.model.goal import Goal
from tandem.core.context import Context
from tests.conftest import TABLES
from tests.golden import ads, calls, crm, findings, naive, rows


class Golden(NamedTuple):
    """The shop's sites, goals and visits by the second opinion."""

    sites: tuple[Site, Site]
    goals: dict[int, list[Goal]]
    visits: dict[int, list[naive.Visit]]
    areas: dict[int, dict[str, list[naive.Row]]]
    """Rows of the views of other areas, by site and view."""


@pytest.fixture(scope="module")
def golden(shared_warehouse: Warehouse, scratch: Path) -> Iterator[Golden]:
    for table in TABLES:
        shared_warehouse.do(f"truncate table {table}")
    path = scratch / "golden.db"
    path.unlink(missing_ok=True)
    database = Database(f"sqlite:///{path}")
    database.migrate()
    sites = tuple(
        accounts.add_site(
            database, accounts.make_workspace(database, key), key, key, ["shop.example"], zone, "EUR", "cookie", 30_000
        )
        for key, zone in (("warsaw", rows.WARSAW), ("kolkata", rows.KOLKATA))
    )
    for site in sites:
        store.add_goal(database, site, "Purchase", "event", "purchase")
        store.add_goal(database, site, "Journal", "page", "/journal/*")
        store.add_goal(database, site, "Cart", "page", "/cart")
    told = rows.records(sites[0].id, sites[1].id)
    loader = Loader(shared_warehouse, database, scratch / "no-spool")
    size = len(told) // 7 + 1
    for i in range(0, len(told), size):
        loader.load(told[i : i + size], f"golden-{i}")
    goals = {site.id: store.goals_of(database, site) for site in sites}
    visits = {site.id: naive.visits_of(told, site, goals[site.id]) for site in sites}
    ctx = Context(Config(data=str(scratch / "golden-context")), shared_warehouse, database)
    for site in sites:
        ads.bring_in(ctx, site, scratch)
        crm.bring_in(ctx, site, visits[site.id])
        calls.bring_in(ctx, site)
        findings.bring_in(ctx, site)
    areas = {
        site.id: {
            **ads.rows(visits[site.id], site), **crm.rows(visits[site.id], site), **calls.rows(), **findings.rows(),
        }
        for site in sites
    }  # fmt: skip
    yield Golden((sites[0], sites[1]), goals, visits, areas)
    database.close()
