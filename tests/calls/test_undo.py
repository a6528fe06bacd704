"""An import of calls taken back: everything stands as if it had never been, also when that is cut off."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tandem.calls import store
from tandem.calls.file_import import IMPORTS, CallImport
from tandem.calls.model.call import CallFact
from tandem.calls.sources import asterisk
from tandem.calls.store import tags
from tandem.imports.text import parsed
from tandem.people import store as people
from tests.calls.test_file_import import HEAD, NOON, file, row, shop, staged
from tests.calls.test_questions import LINE, Shop

__all__ = ["shop"]
DID = LINE.removeprefix("+")
TABLES = {
    "call_rows final": "call, at, line, caller, direction, outcome, talk_s, operator, tag, version",
    "call_credits_received": "call, visitor, weight, channel", "identity_links final": "a, b, source, ref",
    "person_rows final": "node, person", "call_credit_rows final where certainty > 0": "call, visitor, certainty",
}  # fmt: skip


def everything(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """All that stands of calls and persons; whoever belongs to nobody else is their own person, known or not."""
    stands = {}
    for table, columns in TABLES.items():
        only = " where node != person" if table.startswith("person") else ""
        stands[table] = sorted(shop.ctx.warehouse.ask(f"select {columns} from {table}{only}").rows, key=repr)
    return stands


def told_live(shop: Shop, text: str) -> None:
    """What the exchange says over its line, before any file comes."""
    fact = next(f for f in asterisk.records(parsed([HEAD, text], ","), "Europe/Warsaw") if isinstance(f, CallFact))
    store.record(shop.ctx, shop.site, [msgspec.structs.replace(fact, ref=f"0:{fact.ref}")], "PL")
    people.stitch_new(shop.ctx, shop.site)


def imported(shop: Shop, *rows: str) -> CallImport:
    import_ = IMPORTS.confirm(shop.ctx, shop.site, staged(shop, file(*rows)), None)
    people.stitch_new(shop.ctx, shop.site)
    return import_


def undone(shop: Shop, import_: CallImport) -> CallImport:
    import_ = IMPORTS.undo(shop.ctx, shop.site, import_, None)
    people.stitch_new(shop.ctx, shop.site)
    return import_


@pytest.fixture
def told(shop: Shop) -> Shop:
    """A shop with visits, and a call of which the exchange has told: missed, of a hidden number."""
    for browser in range(1, 4):
        shop.visit(browser, NOON + timedelta(minutes=5 * browser - 5), "Paid Search")
    told_live(shop, row(0, src="", disposition="NO ANSWER", billsec="0", did=DID))
    return shop


ROWS = [row(n, src=f"60010020{n}", did=DID) for n in range(3)]


def test_everything_stands_as_before(told: Shop) -> None:
    before = everything(told)
    import_ = imported(told, *ROWS)
    after = everything(told)
    assert all(after[name] != before[name] for name in TABLES if not name.startswith("person"))
    again = undone(told, import_)
    assert (again.state, again.left, everything(told)) == ("undone", 0, before)


def test_the_same_file_can_come_again(told: Shop) -> None:
    """The engine held the same evidence for a repetition, and dropped it."""
    import_ = imported(told, *ROWS)
    links, persons = (everything(told)[name] for name in ("identity_links final", "person_rows final"))
    undone(told, import_)
    imported(told, *ROWS)
    assert (everything(told)["identity_links final"], everything(told)["person_rows final"]) == (links, persons)


def test_what_was_told_of_since_then_stays_and_is_counted(told: Shop) -> None:
    import_ = imported(told, *ROWS)
    second = next(c for c, at in told.ctx.warehouse.ask("select call, at from call_rows").rows if at.minute == 1)
    tags.put(told.ctx, told.site, int(second), "spam")
    assert undone(told, import_).left == 1
    assert told.ctx.warehouse.ask("select outcome, tag from call_rows final order by at").rows == [
        ("missed", ""), ("answered", "spam"),
    ]  # fmt: skip


@pytest.mark.parametrize("table", ["call_befores", "call_rows", "call_credit_rows", "identity_links"])
def test_an_import_that_is_cut_off_and_finished_is_undone_as_well(
    told: Shop, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Begun again, it finds calls that it wrote itself: they are not what stood before."""
    before, insert = everything(told), told.ctx.warehouse.insert

    def crash_after(name: str, *more: Any, **options: Any) -> int:
        sent = insert(name, *more, **options)
        if name == table:
            raise SystemExit
        return sent

    with monkeypatch.context() as crash:
        crash.setattr(told.ctx.warehouse, "insert", crash_after)
        with pytest.raises(SystemExit):
            imported(told, *ROWS)
    IMPORTS.finish(told.ctx)
    (import_,) = IMPORTS.newest(told.ctx.database, told.site)
    assert (import_.state, told.ctx.warehouse.value("select count() from calls_received")) == ("applied", 3)
    undone(told, import_)
    assert everything(told) == before


@pytest.mark.parametrize("nth", range(6))
def test_undoing_that_is_cut_off_is_finished(told: Shop, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    before = everything(told)
    warehouse, import_, count = told.ctx.warehouse, imported(told, *ROWS), iter(range(99))
    do, insert = warehouse.do, warehouse.insert

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
        patch.setattr(warehouse, "do", doing)
        patch.setattr(warehouse, "insert", inserting)
        with pytest.raises(SystemExit):
            undone(told, import_)
    IMPORTS.finish(told.ctx)
    people.stitch_new(told.ctx, told.site)
    assert IMPORTS.of(told.ctx.database, told.site, import_.id).state == "undone"
    assert everything(told) == before
