"""A robot's endless visit costs each batch little memory, and comes out exactly, though it is only lengthened."""

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tandem.accounts.model import Site
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.loader import Loader
from tandem.collect.model.goal import Goal
from tandem.collect.model.hit import Record
from tandem.collect.model.long_visit import LastVisit
from tandem.collect.model.quota import Quota
from tandem.collect.store import visits
from tests.collect.conftest import DAY, HOUR, MINUTE, NOON, told, visits_by_loops, visits_in

EVENTS, MOST_MB = 100_000, 50
KINDS = ("pageview", "event", "engage", "event")
MS = timedelta(milliseconds=1)
SITES = itertools.count(40_000)
GOALS = [
    Goal(id=1, site_id=0, name="Second", kind="page", match="/1*"),
    Goal(id=2, site_id=0, name="Bought", kind="event", match="purchase"),
]


def test_one_more_event_of_a_long_visit_takes_little_memory(loader: Loader, site: Site) -> None:
    loader.quota = Quota(events=EVENTS * 2, size=1 << 40)
    records = [
        told(
            site.id,
            7,
            NOON + timedelta(milliseconds=500 * n),
            KINDS[n % 4],
            f"/p/{n % 50}",
            name="click",
            engaged_ms=n % 3,
        )
        for n in range(EVENTS)
    ]
    loader.load(records[:-1], "long")
    loader.warehouse.client.set_client_setting("max_memory_usage", MOST_MB << 20)
    try:
        loader.load(records[-1:], "one more")
    finally:
        loader.warehouse.client.set_client_setting("max_memory_usage", 0)
    asked = "select pageviews, length(`hits.at`), arraySum(`hits.engaged_ms`), ended from visit_rows final"
    attention = sum(r.events[0].engaged_ms for r in records if r.events[0].kind != "pageview")
    assert loader.warehouse.ask(f"{asked} where site = {site.id}").rows == [
        (
            EVENTS // 4,
            EVENTS * 3 // 4,
            attention,
            (NOON + timedelta(milliseconds=500 * (EVENTS - 1))),
        )
    ]


# ── a visit that is lengthened is the visit that would be derived ──


class Lengthened(Counter[bool]):
    """How often a visit was looked at, and was lengthened (True) or not."""

    def watch(self, *args: Any) -> bool:
        self[done := lengthen(*args)] += 1
        return done


lengthen = visits._lengthen


@pytest.fixture
def lengthened() -> Iterator[Lengthened]:
    """Visits of two facts are long."""
    seen = Lengthened()
    with patch.object(visits, "LONG", 2), patch.object(visits, "_lengthen", seen.watch):
        yield seen


ALL = "select * except version from visit_rows final where site = {site:UInt32} order by visitor, opened, visit"


def is_as_derived_anew(warehouse: Warehouse, site: Site, goals: list[Goal]) -> bool:
    """Whether every column of every visit is what deriving all of them from nothing gives."""
    stood = warehouse.ask(ALL, {"site": site.id}).rows
    store.derive_all(warehouse, site, 0, 2**64 - 1, goals)
    return stood == warehouse.ask(ALL, {"site": site.id}).rows and bool(stood)


Step = tuple[timedelta, str, str, str, int, str, str, int]
gaps = st.sampled_from(
    [timedelta(0), MS, MINUTE, 5 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE] * 9
    + [30 * MINUTE + MS, 12 * HOUR, DAY - MINUTE, DAY + MS]
)
MAY, JUNE = (f"utm_source=letter&utm_medium=email&utm_campaign={month}" for month in ("may", "june"))
steps = st.tuples(
    gaps,
    st.sampled_from(("pageview", "pageview", "event", "engage", "engage", "vital", "search")),
    st.sampled_from(("", "", "", "", "", "", "", MAY, JUNE)),
    st.sampled_from(("", "9.50", "-3", "99999999999999", "-99999999999999")),
    st.sampled_from((0, 500, 90_000, 40_000_000)),
    st.sampled_from(("", "EUR", "PLN")),
    st.sampled_from(("purchase", "other")),
    st.integers(1, 2**63 - 1),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Step], list[list[int]]]:
    """The story of one visitor, and the batches in which it arrives: nearly in order, some late, some of them twice."""
    story = draw(st.lists(steps, min_size=8, max_size=16, unique_by=lambda s: s[-1]))
    order = list(range(len(story)))
    for late in draw(st.lists(st.sampled_from(order), max_size=1)):
        order.remove(late)
        order.insert(draw(st.integers(late, len(order))), late)
    cuts = sorted(draw(st.sets(st.integers(2, len(order) - 1), min_size=3, max_size=6)))
    batches = [order[a:b] for a, b in itertools.pairwise([0, *cuts, len(order)])]
    again = draw(st.lists(st.sampled_from(range(len(batches))), max_size=1))
    for i in sorted(again, reverse=True):
        batches.insert(draw(st.integers(i + 1, len(batches))), batches[i])
    return story, batches


def records_of(story: list[Step], site: int) -> list[Record]:
    found, at = [], NOON
    for gap, kind, query, amount, engaged_ms, currency, name, event_id in story:
        at += gap
        view, event = kind == "pageview", kind == "event"
        found.append(
            told(
                site, 7, at, kind, f"/{event_id % 3}", query=query if view else "", name="" if view else name,
                engaged_ms=engaged_ms, amount=amount if event else "", currency=currency if event else "",
                value=event_id % 7, event_id=event_id, country=("PL", "DE", "")[event_id % 3], born=1_700_000_000,
            )
        )  # fmt: skip
    return found


def a_site() -> Site:
    return Site(
        id=next(SITES), workspace_id=1, key="x", name="x", hosts=("shop.example",), zone="UTC", currency="EUR",
        mode="cookie", keep_days=1000,
    )  # fmt: skip


def fresh(records: list[Record]) -> list[Record]:
    """Records as they come from a segment: loading may change them."""
    return [msgspec.convert(msgspec.to_builtins(record), Record) for record in records]


@pytest.fixture
def bare_loader(shared_warehouse: Warehouse, scratch: Any) -> Loader:
    return Loader(shared_warehouse, None, scratch / "nowhere")  # type: ignore[arg-type]


EXAMPLES = int(os.environ.get("TANDEM_EXAMPLES", "6"))


def test_visits_lengthened_in_any_batches_are_those_of_plain_loops_and_of_deriving_anew(
    bare_loader: Loader, lengthened: Lengthened
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="TANDEM_EXAMPLES" not in os.environ,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(deliveries())
    def check(delivery: tuple[list[Step], list[list[int]]]) -> None:
        story, batches = delivery
        site = a_site()
        records = records_of(story, site.id)
        note("\n".join(f"{step}" for step in story))
        with (
            patch("tandem.collect.loader.all_sites", lambda db: [site]),
            patch("tandem.collect.store.goals_of", lambda db, site: GOALS),
            patch("tandem.collect.store.last_erasure", lambda db: ""),
        ):
            for i, batch in enumerate(batches):
                bare_loader.load(fresh([records[j] for j in batch]), f"{site.id}-{i}")
        found, expected = visits_in(bare_loader.warehouse, site.id), visits_by_loops(records, site, GOALS)
        assert [unclamped(v) for v in found] == [unclamped(v) for v in expected]
        assert is_as_derived_anew(bare_loader.warehouse, site, GOALS)

    check()
    assert min(lengthened[True], lengthened[False]) >= EXAMPLES // 2, lengthened


REVENUE = 9


def unclamped(visit: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sums beyond what the column holds are cut there: the loops know of no such bound."""
    most = 99_999_999_999_999.0
    return (*visit[:REVENUE], max(-most, min(most, visit[REVENUE])), *visit[REVENUE + 1 :])


def start(n: int) -> datetime:
    return NOON + n * MINUTE


def loaded(loader: Loader, site: Site, *batches: list[Record]) -> None:
    for batch in batches:
        loader.load(fresh(batch), f"{site.id}-{next(SITES)}")


def test_an_order_that_the_server_tells_too_is_taken_out_of_a_long_visit(
    loader: Loader, site: Site, lengthened: Lengthened
) -> None:
    visit = [told(site.id, 7, start(n)) for n in range(3)]
    browsers = told(site.id, 7, start(4), "event", name="purchase", amount="9.50", event_id=77)
    servers = told(
        site.id, 7, start(6), "event", name="purchase", amount="9.50", event_id=77 | 1 << 63, marks=["api"]
    )  # fmt: skip
    loaded(loader, site, visit, [browsers], [servers], [told(site.id, 7, start(8))])
    assert lengthened == {True: 1, False: 2}
    asked = "select orders, toFloat64(revenue), ended from visit_rows final where site = {site:UInt32}"
    assert loader.warehouse.ask(asked, {"site": site.id}).rows == [(1, 9.5, start(8))]
    assert is_as_derived_anew(loader.warehouse, site, [])


@pytest.mark.parametrize("days", [0, 2, 6])
def test_what_a_server_tells_days_later_is_what_deriving_anew_gives(loader: Loader, site: Site, days: int) -> None:
    """The browser's order stood in its visit until somebody derived everything anew: then a past day changed."""
    bought = {"kind": "event", "name": "purchase", "amount": "9.50", "currency": "EUR"}
    loaded(loader, site, [told(site.id, 7, NOON), told(site.id, 7, NOON + MINUTE, event_id=44, **bought)])
    loaded(loader, site, [told(site.id, 7, NOON + DAY)])
    later = told(site.id, 7, NOON + days * DAY + HOUR, event_id=44 | 1 << 63, marks=["api"], **bought)
    loaded(loader, site, [later])
    asked = "select sum(orders), toFloat64(sum(revenue)) from sales where site = {site:UInt32}"
    assert loader.warehouse.ask(asked, {"site": site.id}).rows == [(1, 9.5)], "it counts once, also without a page view"
    assert is_as_derived_anew(loader.warehouse, site, [])


def test_a_chain_begins_with_what_still_counts(loader: Loader, site: Site) -> None:
    """What the server tells takes the place of the chain's first fact, so the chain begins with it, or after it."""
    bought = {"kind": "event", "name": "purchase", "amount": "9.50", "currency": "EUR"}
    loaded(loader, site, [told(site.id, 7, NOON, event_id=44, **bought), told(site.id, 7, NOON + 5 * MINUTE)])
    loaded(loader, site, [told(site.id, 7, NOON + 2 * MINUTE, event_id=44 | 1 << 63, marks=["api"], **bought)])
    asked = "select chain_started from visit_rows final where site = {site:UInt32}"
    assert loader.warehouse.ask(asked, {"site": site.id}).rows == [((NOON + 2 * MINUTE),)]
    assert is_as_derived_anew(loader.warehouse, site, [])


def test_a_batch_killed_between_its_facts_and_its_visits_is_added_once(
    loader: Loader, site: Site, lengthened: Lengthened, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*args: Any) -> None:
        raise Killed

    loaded(loader, site, [told(site.id, 7, start(n)) for n in range(3)])
    batch = [told(site.id, 7, start(4)), told(site.id, 7, start(5), "event", name="x", amount="5")]
    for owner, name in ((store, "derive_visits"), (visits, "_lengthen")):
        with monkeypatch.context() as at, pytest.raises(Killed):
            at.setattr(owner, name, killed)
            loader.load(fresh(batch), "killed")
    loader.load(fresh(batch), "killed")
    assert lengthened == {True: 1}
    loader.load(fresh(batch), "killed")  # killed after its visits, before it was noted as done
    assert lengthened == {True: 1, False: 1}
    assert visits_in(loader.warehouse, site.id)[0][5:9] == (4, 0, 1, 1)
    assert is_as_derived_anew(loader.warehouse, site, [])


def test_facts_of_a_batch_that_waits_do_not_stay_out_of_the_visit(
    loader: Loader, site: Site, lengthened: Lengthened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late fact is in the store, its batch failed before the visits; the next batch finds the visit too short."""
    loaded(loader, site, [told(site.id, 7, start(n)) for n in (0, 1, 5)])
    with monkeypatch.context() as at, pytest.raises(RuntimeError):
        at.setattr(store, "derive_visits", lambda *args: (_ for _ in ()).throw(RuntimeError))
        loaded(loader, site, [told(site.id, 7, start(3))])
    loaded(loader, site, [told(site.id, 7, start(6))])
    assert lengthened == {False: 1}
    assert visits_in(loader.warehouse, site.id)[0][5] == 5


@pytest.mark.parametrize("asked", ["derive_visits", "extend_visit"])
def test_what_is_written_is_the_same_on_two_shards(
    loader: Loader, site: Site, shards: Warehouse, lengthened: Lengthened, asked: str
) -> None:
    visitors = range(1, 7)
    for n in range(4):
        loaded(loader, site, [told(site.id, v, start(n), KINDS[n], name="it's", amount="2") for v in visitors])
    assert lengthened[True] == 2 * len(visitors)
    select = store.SQL[asked].split("insert into visit_rows\n")[1]
    bound = {
        "site": site.id,
        "since": NOON,
        "currency": "EUR",
        "nameless": 0,
        "goals": visits._patterns(GOALS),
        "version": 1,
        "most_new": 9,
    }
    if asked == "derive_visits":
        questions = [{**bound, "batch": store.mark_stale(loader.warehouse, dict.fromkeys(visitors, NOON))}]
    else:
        questions = []
        batch = store.mark_stale(loader.warehouse, dict.fromkeys(visitors, NOON))
        for row in both(loader.warehouse, shards, store.SPANS, {**bound, "batch": batch})[:3]:
            near = store.VisitsNear(*row)
            stored = LastVisit(*near.last)
            last = {**bound, "visitor": near.visitor, **stored._asdict(), "of": stored.version}
            last |= {"held": 2, "ended": start(1), "version": 1}  # as if the last two were new
            (sums,) = both(loader.warehouse, shards, store.GOES_ON, last)
            held, facts, known, new, _, attention_ms, orders, revenue, keep_until = sums
            assert (held, facts, known, len(new)) == (2, 4, 4, 2)
            names = ("attention_ms", "orders", "revenue", "keep_until")
            sums = dict(zip(names, (attention_ms, orders, revenue, keep_until), strict=True))
            questions.append({**last, **sums, "last_at": start(3)})
    for question in questions:
        assert len(both(loader.warehouse, shards, select, question)) == (1 if asked == "extend_visit" else 12)


def both(one: Warehouse, two: Warehouse, sql: str, bound: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a question, the same on one node and on two shards."""
    rows = sorted(one.ask(sql, bound).rows, key=repr)
    assert rows == sorted(two.ask(sql, bound).rows, key=repr)
    return rows
