"""When a visitor was active: the same as if every hit were looked at, however many there are."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.collect.model.active_times import HALF_HOUR_MS, ActiveTimes

moments = st.integers(0, 12 * HALF_HOUR_MS // 100).map(lambda n: n * 100)
edges = st.integers(0, 12).map(lambda n: n * HALF_HOUR_MS)
spans = st.tuples(moments | edges, moments | edges).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(spans, max_size=12), st.lists(moments | edges, min_size=1))
def test_a_moment_is_covered_if_a_visit_went_on_then(visits: list[tuple[int, int]], asked: list[int]) -> None:
    times = ActiveTimes()
    for first, last in visits:
        times.add(first, last)
    for at in asked + [last + HALF_HOUR_MS + 1 for _, last in visits]:
        assert times.cover(at) == any(first <= at <= last + HALF_HOUR_MS for first, last in visits)


@pytest.mark.parametrize(("at", "goes_on"), [(-1, False), (0, True), (HALF_HOUR_MS, True), (HALF_HOUR_MS + 1, False)])
def test_a_visit_goes_on_for_half_an_hour_after_its_last_hit(at: int, goes_on: bool) -> None:
    times = ActiveTimes()
    times.add(0, 0)
    assert times.cover(at) is goes_on
    assert timedelta(minutes=30) / timedelta(milliseconds=1) == HALF_HOUR_MS
