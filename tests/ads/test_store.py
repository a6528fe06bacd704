"""Which report counts: restated days are replaced, never doubled; levels are never added; all can be taken back."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.ads import jobs, store
from tandem.ads.model import LEVELS, AdDay, AdLoad, better_of, same_name, same_term, winner
from tandem.ads.routes import ROUTES
from tandem.ads.sources.report import AdHints
from tandem.ads.store import common, imports
from tandem.ads.tables import ad_imports
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.progress import ProgressRegistry
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tests.ads.conftest import Bring, cost_by, table
from tests.clocks import set_ahead
from tests.inside import opened_by_admin

OCTOBER = """
2026-10-01 brand 100 10 5.00
2026-10-01 shoes 200 20 7.50
2026-10-02 brand 100 10 6.00
"""
RESTATED = """
2026-10-01 brand 100 9 4.50
2026-10-03 brand 10 1 1.00
"""
FINE = """
2026-10-01 brand fern 60 6 3.00
2026-10-01 brand oak 40 4 2.00
2026-10-01 shoes boots 200 20 7.50
"""
PARTIAL = """
2026-10-01 brand fern 60 6 3.00
"""


def test_a_report_counts_once_it_is_confirmed(ctx: Context, site: Site, bring: Bring) -> None:
    held = bring(table(OCTOBER), confirm=False)
    assert (held.state, held.rows, held.level, held.system) == ("staged", 3, "campaign", "google")
    assert cost_by(ctx, site) == {}
    assert [o.what for o in store.outcomes(ctx.database, site, held)] == ["new", "new"]
    held = store.confirm(ctx, site, held)
    assert held.state == "loaded"
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("12.50"), "2026-10-02": Decimal("6")}
    sums = store.sums_of(ctx.database, [held])[held.id]
    assert (sums.first, sums.last, sums.cost) == (date(2026, 10, 1), date(2026, 10, 2), Decimal("18.5"))


def test_noon_is_of_the_sites_zone(ctx: Context, site: Site, bring: Bring) -> None:
    bring(table("2026-10-24 brand 1 1 1.00\n2026-10-25 brand 1 1 1.00"))
    rows = ctx.warehouse.ask("select on, min(at) from ad_days group by on order by on").rows
    assert [at.hour for _, at in rows] == [10, 11]  # the clocks went back in the night of the 25th
    spans = ctx.warehouse.ask("select begins, ends from ad_loaded order by on").rows
    assert [ends - begins for begins, ends in spans] == [timedelta(hours=24), timedelta(hours=25)]


def test_a_restated_day_replaces_the_whole_day_also_when_a_campaign_is_gone(
    ctx: Context, site: Site, bring: Bring
) -> None:
    first = bring(table(OCTOBER))
    second = bring(table(RESTATED), confirm=False)
    told = {o.day.on.day: o for o in store.outcomes(ctx.database, site, second)}
    assert {day: o.what for day, o in told.items()} == {1: "replaced", 3: "new"}
    assert told[1].existing_file == first.file
    store.confirm(ctx, site, second)
    assert cost_by(ctx, site) == {
        "2026-10-01": Decimal("4.5"), "2026-10-02": Decimal("6"), "2026-10-03": Decimal("1"),
    }  # fmt: skip
    assert cost_by(ctx, site, "campaign").keys() == {"brand"}


def test_the_same_file_twice_is_one_import(ctx: Context, site: Site, bring: Bring) -> None:
    first = bring(table(OCTOBER))
    again = bring(table(OCTOBER))
    assert again.id == first.id
    assert sum(cost_by(ctx, site).values()) == Decimal("18.5")
    assert ctx.warehouse.value("select count() from ad_rows") == 3


def test_a_file_that_was_taken_back_can_be_brought_again(ctx: Context, site: Site, bring: Bring) -> None:
    first = bring(table(OCTOBER))
    assert store.undo(ctx, site, first).state == "undone"
    assert cost_by(ctx, site) == {}
    assert bring(table(OCTOBER)).id != first.id
    assert sum(cost_by(ctx, site).values()) == Decimal("18.5")


def test_taking_back_an_import_brings_back_what_stood_before(ctx: Context, site: Site, bring: Bring) -> None:
    bring(table(OCTOBER))
    before = cost_by(ctx, site)
    second = bring(table(RESTATED))
    third = bring(table("2026-10-01 brand 1 1 99.00"))
    store.undo(ctx, site, second)
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("99"), "2026-10-02": Decimal("6")}
    store.undo(ctx, site, third)
    assert cost_by(ctx, site) == before
    with pytest.raises(UserError):
        store.undo(ctx, site, second)


def test_levels_are_never_added_together(ctx: Context, site: Site, bring: Bring) -> None:
    bring(table(OCTOBER))
    fine = bring(table(FINE, "keyword"))
    assert cost_by(ctx, site, "level") == {"keyword": Decimal("12.5"), "campaign": Decimal("6")}
    coarse_again = bring(table(OCTOBER.replace("6.00", "6.10")), confirm=False)
    told = {o.day.on.day: o.what for o in store.outcomes(ctx.database, site, coarse_again)}
    assert told == {1: "kept", 2: "replaced"}
    store.confirm(ctx, site, coarse_again)
    assert cost_by(ctx, site, "level") == {"keyword": Decimal("12.5"), "campaign": Decimal("6.1")}
    store.undo(ctx, site, fine)  # what was kept out by the finer one counts now
    assert cost_by(ctx, site, "level") == {"campaign": Decimal("18.6")}


def test_keywords_that_hold_part_of_the_cost_do_not_replace_the_whole(ctx: Context, site: Site, bring: Bring) -> None:
    bring(table(OCTOBER))
    held = bring(table(PARTIAL, "keyword"), confirm=False)
    assert [o.what for o in store.outcomes(ctx.database, site, held)] == ["kept"]
    assert [o.what for o in store.outcomes(ctx.database, site, held, is_forced=True)] == ["replaced"]
    store.confirm(ctx, site, held, is_forced=True)
    assert cost_by(ctx, site)["2026-10-01"] == Decimal("3")


def test_two_accounts_and_two_systems_do_not_replace_each_other(ctx: Context, site: Site, bring: Bring) -> None:
    bring(table(OCTOBER))
    bring(table(OCTOBER), account="second")
    text = "Day,Campaign name,Amount spent (EUR),Impressions,Link clicks\n2026-10-01,Autumn,7.00,100,3\n"
    bring(text)
    assert cost_by(ctx, site, "system") == {"google": Decimal("37"), "meta": Decimal("7")}


def test_foreign_currency_is_converted_by_the_days_rate_and_kept(ctx: Context, site: Site, bring: Bring) -> None:
    rates.keep(ctx.database, [
        Rate(on=date(2026, 10, 1), currency="USD", per_eur=Decimal("1.25"), source="ecb"),
        Rate(on=date(2026, 10, 2), currency="USD", per_eur=Decimal("1.20"), source="ecb"),
    ])  # fmt: skip
    bring(table(OCTOBER, currency="USD"))
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("10"), "2026-10-02": Decimal("5")}
    kept = ctx.warehouse.ask("select sum(original_cost), any(currency) from ad_days").rows
    assert kept == [(Decimal("18.5"), "USD")]


def test_without_a_rate_nothing_is_imported(ctx: Context, site: Site, bring: Bring) -> None:
    held = bring(table(OCTOBER, currency="USD"))
    assert held.state == "refused"
    assert [(p.code, p.values["on"]) for p in held.problems] == [("no_rate", "2026-10-01"), ("no_rate", "2026-10-02")]
    assert ctx.warehouse.value("select count() from ad_rows") == 0


def test_a_cost_that_is_too_much_once_converted_refuses_the_report(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It broke on the engine, which holds 18 digits, and the import stayed as one that is being read."""
    monkeypatch.setattr("tandem.ads.store.staging.BLOCK_BYTES", 1)
    day = date(2026, 10, 2)
    rates.keep(ctx.database, [Rate(on=day, currency="USD", per_eur=Decimal("0.000001"), source="file")])
    text = table(OCTOBER) + "2026-10-02,dear,id-dear,1,1,99999999999,USD\n"
    held = bring(text)
    assert held.state == "refused"
    assert "99999999999 USD of “dear” on 2026-10-02 is more than 99,999,999,999,999 EUR" in held.problems[0].said("f")
    assert ctx.warehouse.value("select count() from ad_rows") == 0


def test_an_import_that_breaks_is_refused_and_says_so(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OverflowError

    with monkeypatch.context() as breaking, pytest.raises(OverflowError):
        breaking.setattr(store.Staging, "flush", broken)
        bring(table(OCTOBER))
    (held,) = store.imports_of(ctx.database, site)
    assert (held.state, held.problems[0].values) == ("refused", {"error": "OverflowError"})
    row = AdDay(on=date(2026, 10, 1), campaign="a", impressions=1, clicks=1, cost=Decimal(9), currency="EUR")
    with monkeypatch.context() as breaking, pytest.raises(OverflowError):
        breaking.setattr(store.Staging, "flush", broken)
        jobs.take(ctx, site, "google", "Google Ads", 1, "campaign", "acc", [row.on], [[row]])
    assert [one.id for one in store.imports_of(ctx.database, site)] == [held.id]


@pytest.mark.parametrize("field", ["campaign", "campaign_id", "ad_group", "ad", "term", "currency"])
def test_a_name_of_an_ad_system_that_has_no_end_refuses_the_load(ctx: Context, site: Site, field: str) -> None:
    """A file is refused by its line; whatever an ad system sends is bounded by the same rule."""
    facts = {"campaign": "a", "currency": "EUR"} | {field: "x" * 1001}
    row = AdDay(on=date(2026, 10, 1), impressions=1, clicks=1, cost=Decimal(0), **facts)
    with pytest.raises(UserError, match="longer than 1,000 characters"):
        jobs.take(ctx, site, "google", "Google Ads", 1, "campaign", "acc", [row.on], [[row]])
    assert ctx.warehouse.value("select count() from ad_rows") == 0
    assert store.imports_of(ctx.database, site) == []


def test_a_bad_last_line_leaves_nothing_behind(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.ads.sources.report.AdReport.batches.__defaults__", (1,), raising=False)
    held = bring(table(OCTOBER) + "2026-10-02,brand,id,oops,1,1,EUR\n")
    assert (held.state, [p.line for p in held.problems]) == ("refused", [5])
    assert ctx.warehouse.value("select count() from ad_rows") == 0
    assert cost_by(ctx, site) == {}


def test_a_report_that_is_stopped_leaves_nothing_behind(
    ctx: Context, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, works = tmp_path / "large.csv", ProgressRegistry()
    path.write_text(table(OCTOBER))
    add = store.Staging.add

    def then_stop(self: store.Staging, rows: list[AdDay]) -> None:
        add(self, rows)
        self.flush()
        work = works.find(1, "a")
        assert work is not None
        work.is_stopped = True

    monkeypatch.setattr(store.Staging, "add", then_stop)
    with works.tracked(1, "a"), pytest.raises(UserError, match="cancelled"):
        jobs.read_file(ctx, site, path, "large.csv", AdHints())
    assert store.imports_of(ctx.database, site) == []
    assert ctx.warehouse.value("select count() from ad_rows") == 0


def test_an_import_killed_while_reading_never_counts(ctx: Context, site: Site, bring: Bring) -> None:
    held = store.begin(ctx.database, site, "cut.csv", "cut", "google")
    staging = store.Staging(ctx, site, held)
    staging.add([AdDay(on=date(2026, 10, 1), campaign="a", impressions=1, clicks=1, cost=Decimal(9), currency="EUR")])
    assert cost_by(ctx, site) == {}
    bring(table(OCTOBER))
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "dropped"
    assert ctx.warehouse.value("select count() from ad_rows") == 3
    assert sum(cost_by(ctx, site).values()) == Decimal("18.5")


def test_an_import_that_is_being_read_is_left_alone(ctx: Context, site: Site) -> None:
    """By another thread or process of the same store; it was left alone for a day also when its reader was killed."""
    other = Database(ctx.database.dsn)
    with other.working("ads-reading"), store.reading(ctx.database):
        held = store.begin(ctx.database, site, "slow.csv", "slow", "google")
        with pytest.raises(UserError, match="still being read"):
            store.idle_import(ctx.database, site, held.id)
        jobs.tidy(ctx)
        with store.reading(ctx.database):
            pass
        jobs.tidy(ctx)
    with other.working("ads-reading"):
        jobs.tidy(ctx)
        assert store.import_of(ctx.database, site, held.id).state == "reading"
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "dropped"
    assert store.fixes(ctx.database, site, "currency") is None
    with pytest.raises(UserError, match="already undone or discarded"):
        store.idle_import(ctx.database, site, held.id)
    other.close()


@pytest.mark.parametrize("breaks", ["insert", "note"])
def test_a_kill_between_decision_and_switch_is_made_good(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    held = bring(table(OCTOBER), confirm=False)
    broken: tuple[Any, str] = (ctx.warehouse, "insert") if breaks == "insert" else (imports.IMPORTS, "move")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(*broken, killed)
        with pytest.raises(KeyboardInterrupt):
            store.confirm(ctx, site, held)
    assert store.import_of(ctx.database, site, held.id).state == "confirmed"
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "loaded"
    assert sum(cost_by(ctx, site).values()) == Decimal("18.5")


def test_a_store_that_lost_rows_is_noticed_before_anything_counts(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Warehouse.insert_lines

    def forgetful(self: Warehouse, name: str, columns: Any, lines: bytes, token: str = "") -> None:
        real(self, name, columns, b"".join(lines.splitlines(keepends=True)[:-1]), token)

    monkeypatch.setattr(Warehouse, "insert_lines", forgetful)
    with pytest.raises(RuntimeError, match="the event store holds"):
        bring(table(OCTOBER))
    assert cost_by(ctx, site) == {}


def test_sites_do_not_see_each_other(ctx: Context, site: Site, bring: Bring) -> None:
    other = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"], "Asia/Kolkata", "EUR")
    held = bring(table(OCTOBER))
    bring(table(OCTOBER), at=other)
    assert cost_by(ctx, site) == cost_by(ctx, other)
    with pytest.raises(UserError):
        store.import_of(ctx.database, other, held.id)


def test_an_api_takes_only_what_changed_and_empties_days(ctx: Context, site: Site) -> None:
    days = [date(2026, 10, 1), date(2026, 10, 2)]

    def row(on: date, cost: str) -> AdDay:
        return AdDay(on=on, campaign="a", impressions=9, clicks=1, cost=Decimal(cost), currency="EUR", account="acc")

    def take(*rows: AdDay) -> int:
        return jobs.take(ctx, site, "google", "Google Ads", 1, "campaign", "acc", days, [list(rows)])

    assert take(row(days[0], "5"), row(days[1], "6")) == 2
    assert take(row(days[0], "5"), row(days[1], "6")) == 0
    assert take(row(days[0], "5"), row(days[1], "6.5")) == 1
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("5"), "2026-10-02": Decimal("6.5")}
    assert ctx.warehouse.value("select count() from ad_rows") == 3
    take(row(days[0], "5"))
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("5")}


def test_drafts_are_thrown_away_after_a_day(ctx: Context, site: Site, bring: Bring) -> None:
    held = bring(table(OCTOBER), confirm=False)
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "staged"
    _grow_old(ctx, held)
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "dropped"
    with pytest.raises(UserError):
        store.confirm(ctx, site, held)


def _grow_old(ctx: Context, held: store.AdImport) -> None:
    with ctx.database.write() as c:
        before = clock.now() - timedelta(days=2)
        c.execute(ad_imports.update().where(ad_imports.c.id == held.id).values(made_at=before))


# ── laws ──

loads = some.builds(
    AdLoad, load=some.integers(1, 99), level=some.sampled_from(LEVELS), cost=some.decimals(0, 100, places=2),
    rows=some.integers(0, 9), is_forced=some.booleans(),
)  # fmt: skip


@given(some.lists(loads, max_size=8))
def test_exactly_one_report_counts_and_it_is_one_that_was_brought(given_: list[AdLoad]) -> None:
    found = winner(given_)
    assert (found in given_) if given_ else found is None


@given(some.lists(loads, max_size=8), loads)
def test_what_is_taken_back_leaves_no_trace(given_: list[AdLoad], extra: AdLoad) -> None:
    assert winner([x for x in [*given_, extra] if x is not extra]) == winner([x for x in given_ if x is not extra])


@given(loads, loads)
def test_a_forced_or_restated_report_always_counts(held: AdLoad, newer: AdLoad) -> None:
    if newer.is_forced or newer.level == held.level:
        assert better_of(held, newer) is newer


@given(loads)
def test_the_same_cost_more_finely_is_always_better(held: AdLoad) -> None:
    if held.level != "keyword":
        finer = AdLoad(load=100, level="keyword", cost=held.cost, rows=9)
        assert better_of(held, finer) is finer
        assert better_of(finer, AdLoad(load=101, level=held.level, cost=held.cost, rows=1)) is finer


@settings(deadline=None)
@given(some.text(some.sampled_from("aBж Ё_+-\"'[]!%20\u00a0\tzŻ"), max_size=30))
def test_names_are_compared_alike_in_python_and_in_the_views(shared_warehouse: Warehouse, text: str) -> None:
    found = shared_warehouse.ask(
        r"""select trim(replaceRegexpAll(lowerUTF8({t:String}), '[\\s\\x{00a0}_+]+|%20', ' ')),
        trim(replaceRegexpAll(lowerUTF8(splitByString(' -', replaceRegexpAll({t:String}, '["\'\\[\\]!]', ''))[1]),
        '[\\s\\x{00a0}_+]+|%20', ' '))""",
        {"t": text},
    ).rows[0]
    assert found == (same_name(text), same_term(text))


def test_the_views_use_the_expressions_that_were_compared() -> None:
    text = (store.HERE / "schema" / "005_views.sql").read_text()
    assert text.count(r"'[\\s\\x{00a0}_+]+|%20', ' '") == 1
    assert r"""replaceRegexpAll(term, '["\'\\[\\]!]', '')""" in text


def test_moments_of_a_day_are_utc(site: Site) -> None:
    assert common.moment_on(date(2026, 10, 1), site) == datetime(2026, 9, 30, 22, tzinfo=UTC)


def test_problems_that_were_stored_by_their_code_alone_keep_their_words(ctx: Context, site: Site, bring: Bring) -> None:
    """Versions up to 0.3.0 stored no sentence."""
    held = bring(table("2026-10-01 brand 100 10 5.00", currency="XXX"))
    refused = ("refused",)
    imports.IMPORTS.move(ctx.database, held, refused, "refused", problems=[{"code": "empty", "line": 0, "values": {}}])
    assert held.state == "refused" and held.problems[0].code == "no_rate"
    (problem,) = store.import_of(ctx.database, site, held.id).problems
    assert problem.what == "The file contains no rows with a day." and problem.cure


def test_a_clock_that_ran_ahead_does_not_freeze_which_report_counts(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        first = bring(table(OCTOBER))
    second = bring(table(RESTATED))
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("4.5"), "2026-10-02": Decimal(6), "2026-10-03": Decimal(1)}
    store.undo(ctx, site, first)
    assert cost_by(ctx, site) == {"2026-10-01": Decimal("4.5"), "2026-10-03": Decimal(1)}
    store.undo(ctx, site, second)
    assert cost_by(ctx, site) == {}


def test_taking_back_while_confirming_ends_with_no_cost(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring(table("2026-10-01 brand 100 10 5.00"), confirm=False)
    real, taken_back = ctx.warehouse.insert, threading.Event()

    def undo() -> None:
        store.undo(ctx, site, store.import_of(ctx.database, site, held.id))

    colleague = threading.Thread(target=undo)

    def insert(name: str, *args: Any, **more: Any) -> Any:
        answer = real(name, *args, **more)
        if name == "ad_loads" and not taken_back.is_set():
            taken_back.set()
            colleague.start()
            colleague.join(0.3)
        return answer

    monkeypatch.setattr(ctx.warehouse, "insert", insert)
    store.confirm(ctx, site, held)
    colleague.join(20)
    assert store.import_of(ctx.database, site, held.id).state == "undone"
    assert cost_by(ctx, site) == {}


def test_settling_never_writes_a_state_over_a_later_decision(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring(table("2026-10-01 brand 100 10 5.00"), confirm=False)
    real = ctx.warehouse.insert

    def insert(name: str, *args: Any, **more: Any) -> Any:
        answer = real(name, *args, **more)
        imports.IMPORTS.note_undone(ctx.database, site, held, None)  # by a server that died before it settled this
        return answer

    monkeypatch.setattr(ctx.warehouse, "insert", insert)
    store.confirm(ctx, site, held)
    monkeypatch.setattr(ctx.warehouse, "insert", real)
    assert store.unsettled(ctx.database) == [(site.id, held.id)]
    jobs.tidy(ctx)
    assert (cost_by(ctx, site), store.unsettled(ctx.database)) == ({}, [])


def test_what_is_confirmed_while_old_imports_are_thrown_away_keeps_its_rows(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring(table("2026-10-01 brand 100 10 5.00"), confirm=False)
    real = imports.IMPORTS.of

    def of(db: Database, at: Site, number: int) -> store.AdImport:
        found = real(db, at, number)
        if found.state == "staged":  # its reader confirms it just now
            imports.settle(ctx, site, imports.IMPORTS.note_confirmed(db, site, found, None))
        return found

    monkeypatch.setattr(imports.IMPORTS, "of", of)
    monkeypatch.setattr(imports.IMPORTS, "staged_for", timedelta(0))
    assert store.drop_old(ctx, {site.id: site}) == 0
    assert real(ctx.database, site, held.id).state == "loaded"
    assert cost_by(ctx, site) == {"2026-10-01": Decimal(5)}


def test_throwing_away_that_was_cut_off_is_finished_later(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring(table("2026-10-01 brand 100 10 5.00"), confirm=False)

    def broken(*_: Any) -> None:
        raise RuntimeError("the event store has gone")

    with monkeypatch.context() as m:
        m.setattr(ctx.warehouse, "do", broken)
        with pytest.raises(RuntimeError):
            store.drop(ctx, site, held)
    assert store.imports_of(ctx.database, site) == []
    with pytest.raises(UserError):
        store.confirm(ctx, site, held)
    monkeypatch.setattr(imports.IMPORTS, "staged_for", timedelta(0))
    assert store.drop_old(ctx, {site.id: site}) == 1
    assert store.import_of(ctx.database, site, held.id).state == "dropped"
    assert ctx.warehouse.value("select count() from ad_rows") == 0


def test_an_import_that_somebody_confirms_first_is_not_told_as_discarded(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring(table(OCTOBER), confirm=False)
    real = store.idle_import

    def idle(db: Database, at: Site, number: int) -> store.AdImport:
        found = real(db, at, number)
        store.confirm(ctx, at, found)
        return found

    monkeypatch.setattr(store, "idle_import", idle)
    with opened_by_admin(ctx, site, ROUTES) as client:
        answer = client.post(f"/ads/imports/{held.id}/drop")
    assert answer.status_code == 409 and "already been applied" in answer.text
    assert store.import_of(ctx.database, site, held.id).state == "loaded"
