"""Healing: later goals, hosts and rules reach back, exactly as if they had been there from the start."""

from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock, respelling
from tandem.base.warehouse import Warehouse
from tandem.collect import rebuild, store
from tandem.collect.loader import Loader
from tandem.collect.model.rules import SourceRule, load_rules
from tandem.collect.store import events, visits
from tandem.collect.tables import goals
from tandem.core.context import Context
from tandem.core.slice import Recount
from tests.collect.conftest import DAY, MINUTE, NOON, Load, told, visits_by_loops, visits_in


@pytest.fixture(autouse=True)
def few_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "RANGES", 2)


def history(site: int) -> list[Any]:
    visitors = (1, 2**64 - 1)  # one in each range
    return [
        record
        for v in visitors
        for record in (
            told(site, v, NOON, referrer="https://blog.neighbour.example/post"),
            told(site, v, NOON + MINUTE, path="/thanks/a"),
            told(site, v, NOON + 2 * MINUTE, "event", name="signed-up"),
            told(site, v, NOON + DAY, path="/cart", referrer="https://www.google.com/"),
        )
    ]


def healed(ctx: Context, site: Site) -> None:
    assert not rebuild.is_rebuilt(ctx.database, site)
    rebuild.rebuild(ctx, site)
    assert rebuild.is_rebuilt(ctx.database, site)


def test_a_goal_added_later_counts_in_history(ctx: Context, site: Site, load: Load, warehouse: Warehouse) -> None:
    records = history(site.id)
    load(*records)
    rebuild.note_rebuilt(ctx.database, site)
    store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*")
    store.add_goal(ctx.database, site, "Signed up", "event", "signed-up")
    healed(ctx, site)
    goals = store.goals_of(ctx.database, site)
    visits = visits_in(warehouse, site.id)
    assert visits == visits_by_loops(records, site, goals)
    assert sum(v[10] for v in visits) == 4


def test_a_retired_goal_is_no_longer_counted_and_its_name_is_free(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse
) -> None:
    goal = store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*")
    load(*history(site.id))
    assert sum(v[10] for v in visits_in(warehouse, site.id)) == 2
    rebuild.note_rebuilt(ctx.database, site)
    store.retire_goal(ctx.database, site, goal.id)
    healed(ctx, site)
    assert sum(v[10] for v in visits_in(warehouse, site.id)) == 0
    assert store.add_goal(ctx.database, site, "Thanks", "page", "/thanks").id != goal.id


def test_a_host_that_turns_out_to_be_our_own_makes_its_referrals_direct(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse
) -> None:
    records = history(site.id)
    load(*records)
    rebuild.note_rebuilt(ctx.database, site)
    assert {v[11] for v in visits_in(warehouse, site.id)} == {"Referral", "Organic Search"}
    changed = accounts.change_site(ctx.database, site, hosts=["shop.example", "neighbour.example"])
    healed(ctx, changed)
    assert visits_in(warehouse, site.id) == visits_by_loops(records, changed)
    assert {v[11] for v in visits_in(warehouse, site.id)} == {"Direct", "Organic Search"}


def newer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Rules of the next version, which know the neighbour's blog for a video site."""
    old = load_rules()
    rules = msgspec.structs.replace(
        old,
        version=old.version + 1,
        exact={**old.exact, "blog.neighbour.example": SourceRule("video", "neighbour", "referral")},
    )
    for module in (rebuild, events):
        monkeypatch.setattr(module, "load_rules", lambda: rules)
    return rules


def test_newer_rules_change_old_visits_exactly_as_a_fresh_load_would(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(*history(site.id))
    before = visits_in(warehouse, site.id)
    rebuild.note_rebuilt(ctx.database, site)
    rules = newer(monkeypatch)
    assert not rebuild.is_rebuilt(ctx.database, site)
    rebuild.rebuild(ctx, site, rules=rules)
    workspace = accounts.make_workspace(ctx.database, "Fresh")
    fresh = accounts.add_site(ctx.database, workspace, "fresh", "Fresh", ["shop.example"], mode="cookie")
    Loader(warehouse, ctx.database, ctx.config.folder, rules).load(history(fresh.id), f"fresh-{fresh.id}")
    assert visits_in(warehouse, site.id) == visits_in(warehouse, fresh.id) != before
    assert "neighbour" in {v[12] for v in visits_in(warehouse, site.id)}


def test_it_is_told_whether_all_visits_change_or_their_goals_only(
    ctx: Context, site: Site, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(*history(site.id))
    rebuild.note_rebuilt(ctx.database, site)
    seen: list[Recount | None] = []

    def look(share: float) -> None:
        seen.append(rebuild.recounted(ctx, site))

    store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*")
    rebuild.rebuild(ctx, site, look)
    assert seen == [Recount(share=0.0, is_all=False), Recount(share=0.5, is_all=False), None]
    rules = newer(monkeypatch)
    assert rebuild.recounted(ctx, site) == Recount(share=0.0, is_all=True)
    del seen[:]
    rebuild.rebuild(ctx, site, look, rules)
    assert seen == [Recount(share=0.0, is_all=True), Recount(share=0.5, is_all=True), None]
    changed = accounts.change_site(ctx.database, site, hosts=["shop.example", "neighbour.example"])
    assert rebuild.recounted(ctx, changed) == Recount(share=0.0, is_all=True), "referrals become direct visits"
    rebuild.rebuild(ctx, changed)
    store.add_goal(ctx.database, changed, "Cart", "page", "/cart")
    recount = rebuild.recounted(ctx, changed)
    assert recount is not None and (recount.share, recount.is_all) == (0.0, False)


def test_only_what_rests_on_goals_that_came_or_went_is_counted_anew(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step had been added: the main goal's figures were said to be recounted, and so were all other goals."""
    load(*history(site.id))
    thanks = store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*").id
    rebuild.rebuild(ctx, site)
    query = "select toString(visit), goals, conversions from visits where site = {site:UInt32} order by visit"

    def of_main() -> list[Any]:
        rows = warehouse.ask(query, {"site": site.id}).rows
        return [(visit, sorted(g for g in goals if g == thanks)) for visit, goals, _ in rows]

    before, seen = of_main(), list[tuple[Recount | None, bool]]()

    def look(share: float) -> None:
        seen.append((rebuild.recounted(ctx, site), of_main() == before))

    def halfway(share: float) -> Recount:
        return Recount(share=share, is_all=False, settled_goals=frozenset({thanks}), is_main_settled=True)

    assert any(goals for _, goals in before)
    cart = store.add_goal(ctx.database, site, "Cart", "page", "/cart").id
    assert rebuild.recounted(ctx, site) == halfway(0.0), "before it has begun"
    rebuild.rebuild(ctx, site, look)
    assert seen == [(halfway(0.0), True), (halfway(0.5), True), (None, True)]
    store.choose_main(ctx.database, site, cart, True)
    assert rebuild.recounted(ctx, site) is None, "what conversions rest on needs no counting anew"
    store.retire_goal(ctx.database, site, cart)
    assert rebuild.recounted(ctx, site) == halfway(0.0)
    late = store.add_goal(ctx.database, site, "Signed up", "event", "signed-up").id
    store.choose_main(ctx.database, site, late, True)
    recount = rebuild.recounted(ctx, site)
    assert recount is not None and not recount.is_main_settled and recount.settled_goals == {thanks}


def test_what_an_older_version_has_not_noted_is_noted_before_goals_change(ctx: Context, site: Site) -> None:
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase").id
    made = rebuild.made_with(ctx.database, site)
    store.note_rebuild(ctx.database, site, made, 2, 2)
    store.note_rebuild_done(ctx.database, site, made)
    rebuild.rebuild_where_needed(ctx)
    store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    recount = rebuild.recounted(ctx, site)
    assert recount is not None and recount.is_main_settled and recount.settled_goals == {purchase}


def test_a_goal_that_comes_while_another_is_counted_leaves_neither_settled(
    ctx: Context, site: Site, load: Load
) -> None:
    load(*history(site.id))
    first = store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*").id
    rebuild.note_rebuilt(ctx.database, site)
    second = store.add_goal(ctx.database, site, "Cart", "page", "/cart").id
    seen: list[Recount | None] = []

    def look(share: float) -> None:
        if share == 0.5:
            store.add_goal(ctx.database, site, "Signed up", "event", "signed-up")
            seen.append(rebuild.recounted(ctx, site))

    rebuild.rebuild(ctx, site, look)
    seen.append(rebuild.recounted(ctx, site))
    assert [recount.settled_goals for recount in seen if recount] == [{first}, {first, second}]


WRITTEN = {
    "/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3": "/каталог", "/каталог": "/каталог", "/a%2fb'\\\\": "/a%2Fb'//",
    "/a%252Fb": "/a%252Fb", "/plain_%41": "/plain_A", "/plain": "/plain", "/x/../y": "/y",
}  # fmt: skip


def test_paths_that_an_older_version_stored_as_they_were_sent_are_brought_to_the_normal_form(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respelling, "AT_ONCE", 2)
    other = accounts.add_site(ctx.database, site.workspace_id, "else", "Else", ["else.example"])
    with monkeypatch.context() as before:
        before.setattr("tandem.collect.site_batch._path", lambda path: path)
        load(*(told(site.id, 7 + n, NOON, path=path) for n, path in enumerate(WRITTEN)))
        load(told(other.id, 7, NOON, path="/%41"))
    goal = {"name": "Catalogue", "kind": "page", "match": "/%D0%BA%D0%B0*", "is_active": True, "is_main": True}
    with ctx.database.write() as c:
        c.execute(goals.insert().values(site_id=site.id, made_at=clock.now(), **goal))
    assert store.goals_of(ctx.database, site)[0].match == "/ка*"
    store.note_rebuild(ctx.database, site, "what 0.3.3 wrote", rebuild.RANGES, rebuild.RANGES)
    store.note_rebuild_done(ctx.database, site, "what 0.3.3 wrote")
    assert rebuild.recounted(ctx, site) == Recount(share=0.0, is_all=True)
    healed(ctx, site)
    seen = warehouse.ask("select path from events where site = {site:UInt32} order by visitor", {"site": site.id}).rows
    assert [row[0] for row in seen] == list(WRITTEN.values())
    visits = visits_in(warehouse, site.id)
    assert [v[17] for v in visits] == list(WRITTEN.values()), "entry pages"
    assert [v[10] for v in visits] == [1, 1, 0, 0, 0, 0, 0], "both spellings of the page reach the goal"
    assert store.respell_paths(warehouse, site) == 0, "once is enough"
    assert warehouse.value("select path from events where site = {site:UInt32}", site=other.id) == "/%41"


def test_healing_goes_on_where_it_was_stopped(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = history(site.id)
    load(*records)
    store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*")
    done: list[int] = []
    real = store.derive_all

    def stopping(warehouse: Any, site: Any, first: int, *more: Any) -> None:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(first)
        real(warehouse, site, first, *more)

    with monkeypatch.context() as patch:
        patch.setattr(store, "derive_all", stopping)
        with pytest.raises(KeyboardInterrupt):
            rebuild.rebuild(ctx, site)
    assert not rebuild.is_rebuilt(ctx.database, site)
    assert sum(v[10] for v in visits_in(warehouse, site.id)) == 1
    assert rebuild.rebuild(ctx, site) == 1, "one range was left"
    assert visits_in(warehouse, site.id) == visits_by_loops(records, site, store.goals_of(ctx.database, site))


def test_a_goal_added_while_healing_begins_it_anew(ctx: Context, site: Site, load: Load, warehouse: Warehouse) -> None:
    records = history(site.id)
    load(*records)
    store.add_goal(ctx.database, site, "Thanks", "page", "/thanks/*")
    shares: list[float] = []

    def tell(share: float) -> None:
        shares.append(share)
        if share == 0.5:
            store.add_goal(ctx.database, site, "Signed up", "event", "signed-up")

    rebuild.rebuild(ctx, site, tell)
    assert shares == [0.0, 0.5, 1.0]
    assert not rebuild.is_rebuilt(ctx.database, site), "what was asked for meanwhile is still to be done"
    rebuild.rebuild(ctx, site)
    assert sum(v[10] for v in visits_in(warehouse, site.id)) == 4
    assert rebuild.is_rebuilt(ctx.database, site)


def test_a_range_that_holds_very_much_is_derived_in_parts(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender chooses the ids of visitors: a hundred with six megabytes each in one range needed more memory than
    there was, and history stayed half counted for good."""
    load(
        *(told(site.id, visitor, NOON + i * MINUTE, path="/" + "x" * 500) for visitor in range(1, 9) for i in range(3))
    )
    whole = visits_in(warehouse, site.id)
    monkeypatch.setattr(visits, "ANEW_TOGETHER", 3200)
    parts, write = list[int](), visits._write_visits

    def noted(warehouse: Warehouse, site: Site, batch: int, *rest: Any) -> None:
        parts.append(int(warehouse.value("select count() from stale_visits where batch = {batch:UInt64}", batch=batch)))
        write(warehouse, site, batch, *rest)

    monkeypatch.setattr(visits, "_write_visits", noted)
    store.derive_all(warehouse, site, 0, 2**64 - 1, [])
    assert sum(parts) == 8 and max(parts) <= 3
    assert visits_in(warehouse, site.id) == whole
