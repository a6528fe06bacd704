"""A kept report stays as it was reported, on both record stores; today's answer may differ and says by how much."""

from datetime import date, timedelta

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.attribution import queries, store
from tandem.attribution.model.report import Definition, SavedResult, differences
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.core.context import Context
from tests.attribution.shop import START, Visit, put
from tests.attribution.test_store import ask

DEFINITION = Definition(
    model="linear", order=1, kind="orders", key="", conversion="", by="channel", window=30, first=date(2026, 10, 1),
    last=date(2026, 10, 31), zone="Europe/Warsaw", currency="EUR", with_bots=False,
    filters=(("channel", "is", ("Email",)),), rules=1,
)  # fmt: skip
RESULT = SavedResult(
    conversions=3.0, worth=30.5, rows=[("Email", 2.0, 0.2, 7.0, 20.0), ("Direct", 1.0, 0.0, 5.6, 10.5)]
)


def test_a_report_is_kept_with_its_maker_and_comes_back_whole(any_database: Database) -> None:
    workspace = accounts.make_workspace(any_database, "Fern")
    person = accounts.add_user(any_database, workspace, "ola@fern.example", "Ola", "admin", "a long password")
    site = accounts.add_site(any_database, workspace, "fern", "Fern", ["a.example"], "Europe/Warsaw", "EUR", "cookie")
    other = accounts.add_site(any_database, workspace, "oak", "Oak", ["b.example"], "Europe/Warsaw", "EUR", "cookie")
    first = store.keep(any_database, site, " For the board ", DEFINITION, RESULT, person.id)
    second = store.keep(any_database, site, "Again", DEFINITION, RESULT, None)
    kept = store.report_of(any_database, site, first)
    assert (kept.name, kept.made_by, kept.definition, kept.result) == ("For the board", "Ola", DEFINITION, RESULT)
    assert [r.id for r in store.reports_of(any_database, site)] == [second, first]
    assert store.reports_of(any_database, other) == []
    with pytest.raises(UserError, match="no such report"):
        store.report_of(any_database, other, first)
    with pytest.raises(UserError, match="no name"):
        store.keep(any_database, site, "  ", DEFINITION, RESULT, None)


def test_differences_name_every_value_of_either_side() -> None:
    now = SavedResult(
        conversions=4.0, worth=40.0, rows=[("Email", 2.5, 0.0, 0.0, 25.0), ("Paid Search", 1.5, 0.0, 0.0, 15.0)]
    )
    found = [(d.key, d.kept, d.now, d.is_changed) for d in differences(RESULT, now)]
    assert found == [("Email", 2.0, 2.5, True), ("Direct", 1.0, 0.0, True), ("Paid Search", 0.0, 1.5, True)]
    assert not any(d.is_changed for d in differences(RESULT, RESULT))


def test_a_late_order_changes_today_and_not_the_report(ctx: Context, site: Site) -> None:
    early = [Visit(1, START + timedelta(days=50), "Email", orders=1, revenue=50)]
    put(ctx.warehouse, early)
    first = queries.answered(ctx.warehouse, ask(), "linear")
    kept = store.keep(ctx.database, site, "November", DEFINITION, first.result, None)
    late = Visit(2, START + timedelta(days=51), "Direct", orders=1, revenue=10)
    put(ctx.warehouse, [*early, late])
    today = queries.answered(ctx.warehouse, ask(), "linear")
    assert store.report_of(ctx.database, site, kept).result == first.result
    assert {d.key: (d.kept, d.now) for d in differences(first.result, today.result)} == {
        "Email": (1.0, 1.0), "Direct": (0.0, 1.0),
    }  # fmt: skip
