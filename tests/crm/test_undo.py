"""An import of deals taken back: everything stands as if it had never been, also when that is cut off."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.crm import file_import, store
from tandem.crm.file_import import FILES, IMPORTS, DealImport
from tandem.imports.store import records
from tandem.people import store as people
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tests.clocks import set_clock
from tests.crm.brought import bring_in, cut_off, left

HEAD = "id,created_at,updated_at,stage,amount,phone,email,contact_id"
FIRST = f"""{HEAD}
1,2026-10-01T09:00:00Z,2026-10-02T09:00:00Z,New,10,+48600100201,,c1
2,2026-10-01T09:00:00Z,2026-10-02T09:00:00Z,Won,20,+48600100202,,c2
"""
SECOND = f"""{HEAD}
2,2026-10-01T09:00:00Z,2026-10-05T09:00:00Z,Lost,25,+48600100202,two@fern.example,c2
3,2026-10-03T09:00:00Z,2026-10-05T09:00:00Z,New,30,+48600100203,three@fern.example,c3
"""
OLDER = f"""{HEAD}
2,2026-10-01T09:00:00Z,2026-09-01T09:00:00Z,Offer,15,+48600100299,,c2
"""
TABLES = {
    "deals": "ref, stage, amount, channel", "deals_moved": "deal, at, stage, was",
    "identity_links final": "a, b, source, ref", "person_rows final": "node, person",
    "deal_rows final": "deal, version", "deal_origins final": "deal, channel, how",
}  # fmt: skip


def everything(ctx: Context) -> dict[str, list[tuple[Any, ...]]]:
    """All that stands of deals and persons; a node that belongs to nobody else is its own person, known or not."""
    stands = {}
    for table, columns in TABLES.items():
        only = " where node != person" if table.startswith("person") else ""
        stands[table] = sorted(ctx.warehouse.ask(f"select {columns} from {table}{only}").rows, key=repr)
    return stands


def imported(ctx: Context, site: Site, text: str) -> DealImport:
    import_ = bring_in(ctx, site, text).import_
    people.stitch_new(ctx, site)
    return import_


def undone(ctx: Context, site: Site, import_: DealImport) -> DealImport:
    import_ = IMPORTS.undo(ctx, site, import_, None)
    people.stitch_new(ctx, site)
    return import_


@pytest.mark.parametrize("text", [SECOND, OLDER])
def test_everything_stands_as_before(ctx: Context, site: Site, text: str) -> None:
    imported(ctx, site, FIRST)
    before = everything(ctx)
    import_ = imported(ctx, site, text)
    assert everything(ctx) != before
    again = undone(ctx, site, import_)
    assert (again.state, again.left, everything(ctx)) == ("undone", 0, before)
    assert ctx.warehouse.value("select count() from deal_befores where import = {n:UInt32}", n=import_.id) == 0


def test_the_first_one_leaves_nothing_and_can_come_again(ctx: Context, site: Site) -> None:
    """The engine held the same block for a repetition, and dropped it."""
    nothing = everything(ctx)
    first = imported(ctx, site, FIRST)
    stood = everything(ctx)
    undone(ctx, site, first)
    assert everything(ctx) == nothing
    again = imported(ctx, site, FIRST)
    assert everything(ctx) == stood
    undone(ctx, site, again)
    assert everything(ctx) == nothing


def test_what_was_told_of_since_then_stays_and_is_counted(ctx: Context, site: Site) -> None:
    first = imported(ctx, site, FIRST)
    imported(ctx, site, SECOND)
    assert undone(ctx, site, first).left == 1
    assert ctx.warehouse.ask("select ref, stage from deals order by ref").rows == [("2", "Lost"), ("3", "New")]


def test_an_amount_that_was_converted_since_then_is_no_news(ctx: Context, site: Site) -> None:
    text = "id,created_at,updated_at,stage,amount,currency\n1,2026-10-01,2026-10-02,New,10,USD\n"
    import_ = imported(ctx, site, text)
    rates.keep(ctx.database, [Rate(on=date(2026, 10, 1), currency="USD", per_eur=Decimal("1.1"), source="ecb")])
    assert store.price_again(ctx, site) == 1
    assert undone(ctx, site, import_).left == 0
    assert ctx.warehouse.value("select count() from deals") == 0


@pytest.mark.parametrize("table", ["deal_befores", "deal_rows", "deal_snapshots", "identity_links", "deal_origins"])
def test_an_import_that_is_cut_off_and_finished_is_undone_as_well(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Begun again, it finds records that it wrote itself: they are not what stood before."""
    imported(ctx, site, FIRST)
    before, insert = everything(ctx), ctx.warehouse.insert

    def crash_after(name: str, *more: Any, **options: Any) -> int:
        sent = insert(name, *more, **options)
        if name == table:
            raise SystemExit
        return sent

    with monkeypatch.context() as crash:
        crash.setattr(ctx.warehouse, "insert", crash_after)
        with pytest.raises(SystemExit):
            imported(ctx, site, SECOND)
    IMPORTS.finish(ctx)
    people.stitch_new(ctx, site)
    (import_,) = [one for one in IMPORTS.newest(ctx.database, site) if one.state == "applied"][:1]
    assert ctx.warehouse.ask("select ref, stage from deals order by ref").rows[1:] == [("2", "Lost"), ("3", "New")]
    undone(ctx, site, import_)
    assert everything(ctx) == before


@pytest.mark.parametrize("nth", range(8))
def test_undoing_that_is_cut_off_is_finished(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    imported(ctx, site, FIRST)
    before = everything(ctx)
    import_, do, insert, count = imported(ctx, site, SECOND), ctx.warehouse.do, ctx.warehouse.insert, iter(range(99))

    def crash() -> None:
        if next(count) == nth:
            raise SystemExit

    def doing(*args: Any, **more: Any) -> None:
        crash()
        do(*args, **more)

    def inserting(*args: Any, **more: Any) -> int:
        crash()
        return insert(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(ctx.warehouse, "do", doing)
        patch.setattr(ctx.warehouse, "insert", inserting)
        with pytest.raises(SystemExit):
            undone(ctx, site, import_)
    IMPORTS.finish(ctx)
    people.stitch_new(ctx, site)
    assert IMPORTS.of(ctx.database, site, import_.id).state == "undone"
    assert everything(ctx) == before


def test_a_file_at_fault_is_taken_out_again(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(ctx, site, FIRST)
    before, derive = everything(ctx), store.derive

    def broken(ctx: Context, site: Site, deals: Any) -> int:
        monkeypatch.setattr(store, "derive", derive)
        raise OverflowError("too large")

    monkeypatch.setattr(store, "derive", broken)
    with pytest.raises(OverflowError):
        imported(ctx, site, SECOND)
    people.stitch_new(ctx, site)
    assert (everything(ctx), left(ctx)) == (before, (0, 0))


def test_one_at_a_time(ctx: Context, site: Site) -> None:
    """Each would keep as replaced what the other one is about to replace."""
    applied = imported(ctx, site, FIRST)
    cut_off(ctx, site, SECOND.encode())
    for act in (lambda: bring_in(ctx, site, OLDER), lambda: undone(ctx, site, applied)):
        with pytest.raises(UserError, match="Another import is being applied or undone"):
            act()
    IMPORTS.finish(ctx)
    assert undone(ctx, site, applied).state == "undone"


def test_an_import_that_ends_while_the_job_looks_is_left_alone(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job had listed it as cut off; applied once more without its file, it was taken back, and all was lost."""
    import_, unattended = cut_off(ctx, site, FIRST.encode()), ctx.database.unattended

    @contextmanager
    def ends_meanwhile(on: str) -> Iterator[bool]:
        monkeypatch.setattr(ctx.database, "unattended", unattended)
        IMPORTS.finish(ctx)
        with unattended(on) as is_unattended:
            yield is_unattended

    monkeypatch.setattr(ctx.database, "unattended", ends_meanwhile)
    IMPORTS.finish(ctx)
    assert IMPORTS.of(ctx.database, site, import_.id).state == "applied"
    assert ctx.warehouse.value("select count() from deals") == 2


def test_an_import_that_was_refused_cannot_be_confirmed(ctx: Context, site: Site) -> None:
    import_ = bring_in(ctx, site, "id,created_at\n1,soon\n").import_
    file_import.explain(ctx, site, import_, {})
    with pytest.raises(UserError, match="not waiting for confirmation"):
        IMPORTS.confirm(ctx, site, import_, None)


def test_it_can_be_undone_for_90_days(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ = imported(ctx, site, FIRST)
    set_clock(monkeypatch, datetime.now(UTC) + records.UNDONE_WITHIN - timedelta(hours=1))
    IMPORTS.finish(ctx)
    assert IMPORTS.of(ctx.database, site, import_.id).is_undoable
    set_clock(monkeypatch, datetime.now(UTC) + records.UNDONE_WITHIN + timedelta(hours=1))
    IMPORTS.finish(ctx)
    with pytest.raises(UserError, match="can no longer be undone"):
        IMPORTS.undo(ctx, site, import_, None)
    assert ctx.warehouse.value("select count() from deal_befores") == 0
    assert ctx.warehouse.value("select count() from deals") == 2


def test_what_waits_is_thrown_away_before_an_erasure(ctx: Context, site: Site) -> None:
    bring_in(ctx, site, FIRST, is_dry=True)
    assert left(ctx) == (0, 1)
    IMPORTS.settle(ctx)
    assert left(ctx) == (0, 0)


def test_records_of_a_connection_are_not_touched(ctx: Context, site: Site) -> None:
    assert FILES == 0, "connections have numbers from 1, so that their records are others"
