"""A site whose stored amounts are in its currency, or by its days, keeps both: nothing is only labelled anew."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.ads import store as ads
from tandem.ads.jobs import read_file
from tandem.ads.sources.report import AdHints
from tandem.base import clock
from tandem.core.context import Context
from tandem.crm import store as crm
from tandem.reconcile import store as reconcile
from tandem.settings.slice import SLICE
from tests.ads.conftest import table
from tests.crm.test_store import fact
from tests.inside import opened_by_admin


def _costs(ctx: Context, site: Site, folder: Path) -> None:
    report = folder / "report.csv"
    report.write_text(table("2026-10-01 brand 100 10 5.00"))
    ads.confirm(ctx, site, read_file(ctx, site, report, "report.csv", AdHints()))


def _deals(ctx: Context, site: Site, folder: Path) -> None:
    crm.record(ctx, site, 9, [fact("2", phones=("+48600100200",), amount=Decimal(500), currency="EUR")])


def _orders(ctx: Context, site: Site, folder: Path) -> None:
    ctx.warehouse.insert("events", {"site": [site.id], "at": [clock.now()], "kind": ["event"], "amount": [Decimal(5)]})


def _outside(ctx: Context, site: Site, folder: Path) -> None:
    reconcile.IMPORTS.begin(
        ctx.database, site, "ga4.csv", "", "ga4", account="", split="", figures=["revenue"], first_on=None,
        last_on=None, zone="", attribution="", share="",
    )  # fmt: skip


def saved(ctx: Context, site: Site, **fields: str) -> tuple[Any, Site]:
    """The answer to saving the site's settings, and the site as it is then."""
    with opened_by_admin(ctx, site, SLICE.routes) as client:
        answer = client.post(f"/settings/sites/{site.key}", data=fields)
    ctx.forget_sites()
    return answer, accounts.all_sites(ctx.database)[0]


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (_costs, "Ad costs were converted into EUR."),
        (_deals, "Amounts of deals were converted into EUR."),
        (_orders, "Orders that came without a currency are in EUR."),
        (_outside, "Figures of other systems were converted into EUR."),
    ],
)
def test_a_currency_that_amounts_were_converted_into_stays(
    ctx: Context, site: Site, tmp_path: Path, stored: Callable[[Context, Site, Path], None], said: str
) -> None:
    answer, changed = saved(ctx, site, currency="PLN")
    assert (answer.status_code, changed.currency) == (200, "PLN"), "before there are any"
    _, changed = saved(ctx, site, currency="EUR")
    stored(ctx, changed, tmp_path)
    answer, changed = saved(ctx, changed, currency="PLN", name="Another")
    assert answer.status_code == 409 and said in answer.text
    assert (changed.currency, changed.name) == ("EUR", "Fern")
    answer, changed = saved(ctx, changed, currency="EUR", zone=changed.zone, name="Another")
    assert (answer.status_code, changed.name) == (200, "Another")


def test_the_zone_whose_days_ad_costs_were_stored_by_stays_until_they_are_taken_back(
    ctx: Context, site: Site, tmp_path: Path
) -> None:
    _costs(ctx, site, tmp_path)
    answer, changed = saved(ctx, site, zone="Asia/Tokyo")
    assert answer.status_code == 409 and "stored by days of this time zone" in answer.text
    assert changed.zone == "Europe/Warsaw"
    for one in ads.imports_of(ctx.database, site):
        ads.undo(ctx, site, one)
    answer, changed = saved(ctx, site, zone="Asia/Tokyo")
    assert (answer.status_code, changed.zone) == (200, "Asia/Tokyo")
    _costs(ctx, changed, tmp_path)
    begins = ctx.warehouse.ask("select begins from ad_loads final where load != 0").rows[0][0]
    assert begins.hour == 15, "midnight in Tokyo"
