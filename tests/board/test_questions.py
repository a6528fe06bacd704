"""What the board makes of answers: places of changes, days to come, order of rows."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tandem.base import clock
from tandem.board.model import TABLES
from tandem.board.queries import Points, begun, measured, placed, unknown
from tandem.changes.model import Change
from tandem.core.query import Row
from tandem.metrics.address import address_of
from tandem.metrics.split_table import _sorted
from tests.board.test_model import SITE

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def test_days_to_come_are_not_drawn() -> None:
    address = address_of({"period": "2026-11-20..2026-11-25"}, [], SITE, "marketing", NOW)
    points: Points = [(date(2026, 11, day), 1) for day in range(20, 26)]
    assert [p[0].day for p in begun(points, address)] == [20, 21, 22]
    assert address.is_partial


def test_days_on_which_nothing_was_measured_are_not_zero() -> None:
    points: Points = [(date(2026, 11, day), day % 2) for day in (20, 21, 22)]
    assert [value for _, value in measured(points, date(2026, 11, 21), "day")] == [None, 1, 0]
    assert measured(points, date(2026, 11, 1), "day") == points
    assert measured(points, None, "day") == unknown(points) == [(at, None) for at, _ in points]


def test_the_week_or_month_in_which_measuring_began_is_drawn() -> None:
    weeks: Points = [(date(2026, 11, day), 1) for day in (2, 9, 16)]
    assert [value for _, value in measured(weeks, date(2026, 11, 12), "week")] == [None, 1, 1]
    months: Points = [(date(2026, month, 1), 1) for month in (9, 10, 11)]
    assert [value for _, value in measured(months, date(2026, 10, 31), "month")] == [None, 1, 1]
    hours: Points = [(datetime(2026, 11, day, hour, tzinfo=UTC), 0) for day, hour in ((20, 23), (21, 0))]
    assert [value for _, value in measured(hours, date(2026, 11, 21), "hour")] == [None, 0]


def test_what_comes_most_from_the_one_channel_shown_is_no_news() -> None:
    def asked(*filters: str) -> bool:
        return address_of({}, list(filters), SITE, "marketing", NOW).is_one("channel")

    assert asked("channel:is:Email") and asked("source:is:x", "channel:is:Email")
    assert not asked() and not asked("channel:is:Email|Direct") and not asked("channel:is_not:Email")


def test_a_past_period_is_whole() -> None:
    assert not address_of({"period": "yesterday"}, [], SITE, "marketing", NOW).is_partial


def test_a_day_has_begun_in_its_first_minute() -> None:
    """Looked at by the minute, so that whoever looks again asks the same, it would not have."""
    midnight = datetime(2026, 11, 21, 23, tzinfo=UTC)  # in Warsaw
    for seconds, now in ((0, 0), (1, 1), (59, 59), (60, 60), (61, 60), (119, 60)):
        address = address_of({"period": "today"}, [], SITE, "marketing", midnight + timedelta(seconds=seconds))
        assert address.now == midnight + timedelta(seconds=now)
        assert address.is_partial == (seconds > 0)


def test_a_change_stands_at_the_day_it_had_in_the_sites_zone() -> None:
    address = address_of({"period": "2026-11-20..2026-11-22"}, [], SITE, "marketing", NOW)
    points: Points = [(date(2026, 11, day), 1) for day in (20, 21, 22)]
    late = Change(at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC), kind="deploy", title="After midnight in Warsaw")
    assert placed([late], points, address) == [(1, late)]


def test_rows_without_a_value_stand_last_either_way() -> None:
    kind = TABLES["pages"]
    metric = kind.metrics[1]
    rows = [Row((name,), {metric: value}) for name, value in (("a", 1), ("b", None), ("c", 3))]
    falling = _sorted(rows, str, metric, is_rising=False)
    rising = _sorted(rows, str, metric, is_rising=True)
    assert [row.key[0] for row in falling] == ["c", "a", "b"]
    assert [row.key[0] for row in rising] == ["a", "c", "b"]
