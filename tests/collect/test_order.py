"""Order of arrival does not matter: any order and any batching gives the visits that plain loops find."""

import itertools
import os
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from tandem.accounts.model import Site
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record
from tests.collect.conftest import DAY, HOUR, MINUTE, NOON, told, visits_by_loops, visits_in

MS = timedelta(milliseconds=1)
GAPS = (
    timedelta(0),
    MS,
    5 * MINUTE,
    30 * MINUTE - MS,
    30 * MINUTE,
    30 * MINUTE + MS,
    40 * MINUTE,
    12 * HOUR,
    DAY - MS,
    DAY,
    DAY + MS,
    26 * HOUR,
)
WAYS = (
    ("", ""),
    ("", ""),
    ("", "https://www.google.com/"),
    ("utm_source=letter&utm_medium=email&utm_campaign=may", ""),
    ("utm_source=letter&utm_medium=email&utm_campaign=june", "https://mail.example/"),
)
KINDS = ("pageview", "pageview", "pageview", "engage", "vital", "event", "search")
SITES = itertools.count(1000)

Step = tuple[int, int, str, int, int]
steps = st.tuples(
    st.sampled_from((7, 8)),
    st.sampled_from(range(len(GAPS))),
    st.sampled_from(KINDS),
    st.sampled_from(range(len(WAYS))),
    st.integers(1, 2**64 - 1),
)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Step], list[list[int]]]:
    """A story, and the batches in which its events arrive: any order, some of them twice."""
    story = draw(st.lists(steps, min_size=2, max_size=9, unique_by=lambda s: s[4]))
    order = draw(st.permutations(range(len(story))))
    order += draw(st.lists(st.sampled_from(range(len(story))), max_size=2))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=3)))
    return story, [order[a:b] for a, b in itertools.pairwise([0, *cuts, len(order)])]


def records_of(story: list[Step], site: int) -> list[Record]:
    clocks = {7: NOON, 8: NOON}
    found = []
    for visitor, gap, kind, way, event_id in story:
        clocks[visitor] += GAPS[gap]
        query, referrer = WAYS[way] if kind == "pageview" else ("", "")
        found.append(
            told(
                site,
                visitor,
                clocks[visitor],
                kind,
                f"/{event_id % 3}",
                query=query,
                referrer=referrer,
                name="purchase" if kind == "event" else "LCP" if kind == "vital" else "",
                engaged_ms=6000 if kind == "engage" else 0,
                amount="9.50" if kind == "event" else "",
                event_id=event_id,
                country=("PL", "DE", "")[event_id % 3],
                received=clocks[visitor] + event_id // 3 % 2 * MS,
                nth=event_id // 6 % 3,
            )
        )
    return found


A_LATE_FACT_AFTER_AN_ACTION_THAT_OPENED_THE_VISIT = (
    [(7, 0, "event", 0, 11), (7, 2, "pageview", 0, 12), (7, 2, "pageview", 0, 13)],
    [[0, 1], [2]],
)
A_CAMPAIGN_REMEMBERED_OVER_A_DAY_OF_ONE_CHAIN = (
    [(7, 0, "pageview", 3, 21), *[(7, 4, "pageview", 0, 30 + i) for i in range(100)], (7, 2, "pageview", 3, 900)],
    [list(range(101)), [101]],
)
ATTENTION_OF_YESTERDAY_COMES_LAST = (
    [(7, 0, "pageview", 0, 1), (7, 8, "engage", 0, 2), (7, 8, "engage", 0, 3), (7, 2, "pageview", 0, 4)],
    [[3], [0], [2], [1]],
)


@pytest.fixture(scope="module")
def bare_loader(shared_warehouse: Any, scratch: Any) -> Any:
    return Loader(shared_warehouse, None, scratch / "nowhere")  # type: ignore[arg-type]


@settings(
    max_examples=int(os.environ.get("TANDEM_EXAMPLES", "8")),
    deadline=None,
    derandomize="TANDEM_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(deliveries())
@example(A_LATE_FACT_AFTER_AN_ACTION_THAT_OPENED_THE_VISIT)
@example(A_CAMPAIGN_REMEMBERED_OVER_A_DAY_OF_ONE_CHAIN)
@example(ATTENTION_OF_YESTERDAY_COMES_LAST)
def test_any_order_and_batching_gives_the_visits_of_plain_loops(
    bare_loader: Loader, delivery: tuple[list[Step], list[list[int]]]
) -> None:
    story, batches = delivery
    site = Site(
        id=next(SITES),
        workspace_id=1,
        key="x",
        name="x",
        hosts=("shop.example",),
        zone="UTC",
        currency="EUR",
        mode="cookie",
        keep_days=1000,
    )
    records = records_of(story, site.id)
    for record, step in zip(records, story, strict=True):
        note(f"{record.visitor} {record.events[0].at} {step[2]} way {step[3]} id {step[4]}")
    with (
        patch("tandem.collect.loader.all_sites", lambda db: [site]),
        patch("tandem.collect.store.goals_of", lambda db, site: []),
        patch("tandem.collect.store.last_erasure", lambda db: ""),
    ):
        for i, batch in enumerate(batches):
            bare_loader.load(
                [msgspec.convert(msgspec.to_builtins(records[j]), Record) for j in batch], f"{site.id}-{i}"
            )
    assert visits_in(bare_loader.warehouse, site.id) == visits_by_loops(records, site)
