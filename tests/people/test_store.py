"""Who is who, on the real stores: evidence in any order and portion, decisions and their undoing, history, masking."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tandem import collectors
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.people import store
from tandem.people.jobs import StitchedWhole, stitch_where_needed
from tandem.people.model.identifier import Identifier, Link, visitor
from tandem.people.store import persons as persons_store
from tests.clocks import set_ahead

AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
ANNA, BO = "+48600100200", "+48600100300"


def phone(number: str) -> Identifier:
    return Identifier("phone", number)


def record(number: int) -> Identifier:
    return Identifier("crm", f"bitrix24:{number}")


def link(a: Identifier, b: Identifier, source: str = "form", ref: str = "") -> Link:
    return Link(a=a, b=b, at=AT, source=source, ref=ref)


def persons(ctx: Context, site: Site) -> dict[int, int]:
    rows = ctx.warehouse.ask("select node, person from persons where site = {site:UInt32}", {"site": site.id}).rows
    return {int(node): int(person) for node, person in rows}


def mapped(warehouse: Warehouse, site: Site, *nodes: int) -> list[int]:
    """What the engine's own function says."""
    sql = "select person_of({site:UInt32}, arrayJoin({nodes:Array(UInt64)}))"
    return [int(row[0]) for row in warehouse.ask(sql, {"site": site.id, "nodes": list(nodes)}).rows]


def test_a_form_and_a_call_make_one_person_of_two_browsers(ctx: Context, site: Site) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA), "calls", "c1")])
    stitch_where_needed(ctx)
    assert mapped(ctx.warehouse, site, 7, 3, 99) == [3, 3, 99]


def test_values_lie_sealed_and_are_masked(ctx: Context, site: Site) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(phone(ANNA), Identifier("email", "a@b.example"))])
    stitch_where_needed(ctx)
    nodes = store.nodes_of(ctx, site, 7)
    assert [k.text for k in store.values_of(ctx, site, nodes)] == [f"{7:016x}", "+48 ••• ••• 00", "a•••@b.example"]
    assert [k.text for k in store.values_of(ctx, site, nodes, is_open=True)][1:] == [ANNA, "a@b.example"]
    with ctx.database.read() as c:
        assert ANNA not in str(c.execute(text("select * from identifiers")).all())
    for table in ("identity_links", "person_rows"):
        assert ANNA not in str(ctx.warehouse.ask(f"select * from {table}").rows)


def test_what_a_batch_concluded_goes_over_into_the_large_map(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stitch_where_needed(ctx)
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    store.stitch_new(ctx, site)
    count = "select count() from person_news_rows"
    assert ctx.warehouse.value(count) == 3
    assert mapped(ctx.warehouse, site, 7, 3) == [3, 3]
    monkeypatch.setattr(persons_store, "MOST_NEWS", 3)
    store.record(ctx, site, [link(visitor(2), phone(ANNA))])
    store.stitch_new(ctx, site)
    assert ctx.warehouse.value(count) == 0, "more than the small map is to hold"
    assert mapped(ctx.warehouse, site, 7, 3, 2) == [2, 2, 2]
    store.record(ctx, site, [link(visitor(1), phone(ANNA))])
    store.stitch_all(ctx, site)
    assert mapped(ctx.warehouse, site, 7, 3, 2, 1) == [1, 1, 1, 1]


@pytest.mark.parametrize("table", ["person_news_rows", "person_rows"])
def test_a_batch_that_was_cut_short_is_concluded_on_again(
    ctx: Context, site: Site, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stitch_where_needed(ctx)
    insert = type(ctx.warehouse).insert

    def failing(self: Warehouse, name: str, columns: Any, token: str = "") -> int:
        if name == table:
            raise OSError("the disk is full")
        return insert(self, name, columns, token)

    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "insert", failing)
        with pytest.raises(OSError, match="full"):
            store.stitch_new(ctx, site)
    store.stitch_new(ctx, site)
    assert mapped(ctx.warehouse, site, 7, 3) == [3, 3]
    assert persons(ctx, site)[7] == 3


def test_the_same_evidence_twice_changes_nothing(ctx: Context, site: Site) -> None:
    told = [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))]
    for _ in range(3):
        store.record(ctx, site, told)
    store.stitch_all(ctx, site)
    before = persons(ctx, site)
    store.record(ctx, site, told)
    assert stitch_where_needed(ctx) == 0
    assert persons(ctx, site) == before


def _chance(seed: int) -> list[Link]:
    """Evidence about forty people, with an office line and a shared tablet among them."""
    rng = random.Random(seed)
    told = []
    for i in range(40):
        own = phone(f"+4860010{i:04d}")
        told += [link(visitor(1000 + 10 * i + j), own) for j in range(rng.randrange(1, 4))]
        if rng.random() < 0.5:
            told.append(link(record(i), own, "crm"))
        if rng.random() < 0.3:
            told.append(link(record(i), phone("+48225550000"), "crm"))
        if rng.random() < 0.3:
            told.append(link(visitor(5), Identifier("login", f"user{i}")))
            told.append(link(Identifier("login", f"user{i}"), own))
        if rng.random() < 0.1:
            told.append(link(own, phone(f"+4860010{rng.randrange(40):04d}")))
        if rng.random() < 0.2:  # claims of before 0.2: one phone of everybody's, and somebody else's browser
            told.append(link(visitor(1000 + 10 * i), phone("+48600100000"), "site"))
            told += [link(visitor(9000 + n), own, "site") for n in range(rng.choice([1, 25]))]
        if rng.random() < 0.6:  # a contact with an e-mail: somebody known, if with a phone too
            told.append(link(record(i), Identifier("email", f"user{i}@a.example"), "crm"))
        if rng.random() < 0.3:  # forms: somebody's phone and somebody's e-mail, or one that nobody knows
            told.append(link(own, Identifier("email", f"user{rng.randrange(60)}@a.example"), "crm"))
    return told


@pytest.mark.parametrize("seed", [3, 4, 5])  # where new evidence leads on to persons that it does not name
def test_portions_in_any_order_conclude_as_everything_at_once(ctx: Context, site: Site, seed: int) -> None:
    told = _chance(seed)
    store.record(ctx, site, told)
    store.stitch_all(ctx, site)
    wanted = persons(ctx, site)
    for table in ("identity_links", "person_rows", "person_moves"):
        ctx.warehouse.do(f"truncate table {table}")
    rng = random.Random(seed + 100)
    rng.shuffle(told)
    for i in range(0, len(told), 17):
        store.record(ctx, site, told[i : i + 17])
        store.stitch_new(ctx, site)
    assert persons(ctx, site) == wanted


def test_evidence_noted_before_a_crash_is_concluded_on_at_the_next_start(ctx: Context, site: Site) -> None:
    stitch_where_needed(ctx)
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    for kind in (store.FreshIdentifiers, StitchedWhole):  # what a process forgets when it ends
        ctx.forget(kind)
    stitch_where_needed(ctx)
    assert mapped(ctx.warehouse, site, 7) == [3]


def test_more_than_the_engine_takes_for_a_set_is_stitched_whole(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    monkeypatch.setattr(persons_store, "MOST_NODES", 2)
    assert store.stitch_new(ctx, site) == 0
    assert mapped(ctx.warehouse, site, 7) == [3]


def test_an_un_merge_restores_and_can_be_undone(ctx: Context, site: Site) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(BO))])
    store.stitch_all(ctx, site)
    alone = persons(ctx, site)
    key = store.key_of(ctx, site, phone(BO))
    store.decide(ctx, site, "together", (7, "visitor"), (key, "phone"), by=1)
    assert mapped(ctx.warehouse, site, 7, 3) == [3, 3]
    made = store.decisions_of(ctx, site, [7])[0]
    store.undo(ctx, site, made.id)
    assert persons(ctx, site) == alone
    assert store.decisions_of(ctx, site, [7])[0].undone_at is not None


def test_taking_an_identifier_off_and_putting_it_back(ctx: Context, site: Site) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    store.stitch_all(ctx, site)
    together = persons(ctx, site)
    assert store.take_off(ctx, site, (7, "visitor")) == 1
    assert mapped(ctx.warehouse, site, 7, 3) == [7, 3]
    store.record(ctx, site, [link(visitor(7), phone(ANNA), "calls", "again")])  # the same said anew changes nothing
    store.stitch_all(ctx, site)
    assert mapped(ctx.warehouse, site, 7, 3) == [7, 3]
    store.undo(ctx, site, store.decisions_of(ctx, site, [7])[0].id)
    assert persons(ctx, site) == together


def test_history_tells_who_went_where(ctx: Context, site: Site) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA))])
    store.stitch_all(ctx, site)
    store.record(ctx, site, [link(visitor(3), phone(ANNA))])
    store.stitch_new(ctx, site)
    moves = store.moves_of(ctx, site, [7])
    assert [(m.was, m.now) for m in moves] == [(7, 3)]
    assert [(e.source, {e.a_kind, e.b_kind}) for e in store.evidence_of(ctx, site, [7])] == [
        ("form", {"visitor", "phone"})
    ]


def test_an_office_line_is_listed_for_review_and_may_be_allowed(ctx: Context, site: Site) -> None:
    office = phone("+48225550000")
    store.record(ctx, site, [link(record(i), office, "crm") for i in range(9)])
    store.stitch_all(ctx, site)
    key = store.key_of(ctx, site, office)
    assert [(s.node, s.neighbours) for s in store.shared_nodes(ctx, site)] == [(key, 9)]
    assert len(set(persons(ctx, site).values())) == 10
    store.decide(ctx, site, "glue", (key, "phone"))
    assert len(set(persons(ctx, site).values())) == 1
    assert store.shared_nodes(ctx, site) == []
    assert [m.records for m in store.many_faced(ctx, site)] == [9]


def test_two_sites_know_nothing_of_each_other(ctx: Context, site: Site) -> None:
    from tandem.accounts import store as accounts

    other = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"])
    ctx.forget_sites()
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    store.record(ctx, other, [link(visitor(7), phone(BO))])
    stitch_where_needed(ctx)
    assert mapped(ctx.warehouse, site, 7) == [3]
    assert mapped(ctx.warehouse, other, 7) == [7]
    assert store.key_of(ctx, site, phone(ANNA)) != store.key_of(ctx, other, phone(ANNA))


def test_what_is_forgotten_is_gone_from_the_records(ctx: Context, site: Site) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA))])
    key = store.key_of(ctx, site, phone(ANNA))
    store.forget(ctx, site, [key])
    with ctx.database.read() as c:
        assert c.execute(text("select count(*) from identifiers")).scalar_one() == 0


def test_the_newest_persons_come_first(ctx: Context, site: Site) -> None:
    late = Link(a=visitor(9), b=phone(BO), at=AT + timedelta(hours=1), source="form")
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), late])
    store.stitch_all(ctx, site)
    assert [(p.person, p.browsers) for p in store.newest_persons(ctx, site)] == [(9, 1), (7, 1)]


def test_metrics_are_the_same_on_two_shards(ctx: Context, site: Site, shards: Any) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    store.stitch_all(ctx, site)
    for database in ("cluster", "shard"):
        for name in ("person_map", "person_news"):
            shards.do(f"system reload dictionary {database}.{name}")
    assert mapped(shards, site, 7, 3, 99) == [3, 3, 99]


def test_a_loader_that_stands_alone_concludes_from_what_it_loads(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server beside it does not know what is new; both browsers stayed two people until the next day."""
    stitch_where_needed(ctx)
    loader = Context(ctx.config, ctx.warehouse, ctx.database)
    for round in range(3):
        told = [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))]
        monkeypatch.setattr(collectors, "load_at_pace", lambda _, told=told: store.record(loader, site, told))
        collectors.load_once(loader)
        assert persons(ctx, site)[7] == 3, round
        assert persons_store.fresh_of(loader).take(site).size == 0, "what was concluded on is not kept"


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_clock_that_ran_ahead_does_not_freeze_who_is_who(
    ctx: Context, site: Site, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stitch_where_needed(ctx)
    began = clock.now()
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA), "calls", "c1")])
        store.stitch_all(ctx, site) if is_whole else store.stitch_new(ctx, site)
    assert mapped(ctx.warehouse, site, 7, 3) == [3, 3]
    node = store.key_of(ctx, site, phone(ANNA))
    store.decide(ctx, site, "apart", (7, "visitor"), (node, "phone"), None)
    assert mapped(ctx.warehouse, site, 7, 3) == [7, 3]
    assert persons(ctx, site)[7] == 7
    moved = ctx.warehouse.ask("select at from person_moves where site = {site:UInt32}", {"site": site.id}).rows
    assert all(at.replace(tzinfo=UTC) < began + timedelta(days=1) for (at,) in moved), "history tells when it was"
    store.record(ctx, site, [link(visitor(8), phone(BO))])
    store.stitch_all(ctx, site)
    assert mapped(ctx.warehouse, site, 7, 3) == [7, 3]
    assert ctx.warehouse.value("select count() from person_news_rows") == 0, "the large map has been read"


@pytest.mark.parametrize("decides", ["apart", "take_off", "undo", "shared"])
def test_a_decision_outlives_the_job_that_read_before_it(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, decides: str
) -> None:
    """The job concluded from what was before, and its answer had the later version: it counted for ever."""
    stitch_where_needed(ctx)
    store.record(ctx, site, [link(visitor(7), phone(ANNA)), link(visitor(3), phone(ANNA))])
    stitch_where_needed(ctx)
    node = store.key_of(ctx, site, phone(ANNA))
    if decides == "undo":
        store.decide(ctx, site, "apart", (7, "visitor"), (node, "phone"))
        (made,) = store.decisions_of(ctx, site, [7])
    acts: dict[str, tuple[Callable[[], object], list[int]]] = {
        "apart": (lambda: store.decide(ctx, site, "apart", (7, "visitor"), (node, "phone")), [1, 1, 7]),
        "take_off": (lambda: store.take_off(ctx, site, (7, "visitor")), [1, 1, 7]),
        "undo": (lambda: store.undo(ctx, site, made.id), [1, 1, 1]),
        "shared": (lambda: store.decide(ctx, site, "shared", (node, "phone")), [1, 3, 7]),
    }
    act, expected = acts[decides]
    store.record(ctx, site, [link(visitor(1), phone(ANNA))])
    real, decider = persons_store.stitch, threading.Thread(target=act)

    def held_up(*args: Any) -> Any:
        answer = real(*args)
        if threading.current_thread() is not decider and decider.ident is None:
            decider.start()
            decider.join(1.0)  # it waits for its turn
        return answer

    monkeypatch.setattr(persons_store, "stitch", held_up)
    stitch_where_needed(ctx)
    decider.join()
    assert mapped(ctx.warehouse, site, 1, 3, 7) == expected
    store.stitch_all(ctx, site)
    assert mapped(ctx.warehouse, site, 1, 3, 7) == expected


def test_a_browser_that_was_parted_from_everybody_and_comes_back_is_among_its_identifiers(
    ctx: Context, site: Site
) -> None:
    """It was somebody by themselves after another's erasure; then a phone was known of it, but not it of the phone."""
    store.record(ctx, site, [link(visitor(7), phone(ANNA))])
    stitch_where_needed(ctx)
    ctx.warehouse.do("alter table identity_links delete where true", mutations_sync=2)
    store.stitch_all(ctx, site)
    rows = ctx.warehouse.value("select count() from person_rows")
    store.stitch_all(ctx, site)
    assert ctx.warehouse.value("select count() from person_rows") == rows, "who is gone is told once"
    store.record(ctx, site, [link(visitor(7), phone(BO))])
    stitch_where_needed(ctx)
    assert store.nodes_of(ctx, site, 7) == [(7, "visitor"), (store.key_of(ctx, site, phone(BO)), "phone")]


@pytest.mark.parametrize("decides", ["apart", "undo"])
def test_a_decision_that_could_not_be_concluded_is_concluded_at_the_next_turn(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, decides: str
) -> None:
    store.record(ctx, site, [link(visitor(7), phone(ANNA))])
    node = store.key_of(ctx, site, phone(ANNA))
    stitch_where_needed(ctx)
    stitch_where_needed(ctx)
    if decides == "undo":
        store.decide(ctx, site, "apart", (7, "visitor"), (node, "phone"))

    def broken(*_: Any) -> int:
        raise RuntimeError("the event store has no memory left")

    with monkeypatch.context() as m:
        m.setattr(persons_store, "restitch", broken)
        with pytest.raises(RuntimeError):
            if decides == "undo":
                store.undo(ctx, site, store.decisions_of(ctx, site, [7])[0].id)
            else:
                store.decide(ctx, site, "apart", (7, "visitor"), (node, "phone"))
    stitch_where_needed(ctx)
    is_one = store.person_of(ctx, site, 7) == store.person_of(ctx, site, node)
    assert is_one == (decides == "undo")
