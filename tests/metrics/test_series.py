"""Figures over time have no holes, and each value stands in its own bucket."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tandem.core.query import Question, Result, Row
from tandem.metrics.ask import series


def question(by: str, zone: str, since: datetime, until: datetime) -> Question:
    return Question(site=1, zone=zone, metrics=("collect.visits",), since=since, until=until, by=(by,))


def result(*rows: tuple[object, int]) -> Result:
    return Result([Row((key,), {"collect.visits": value}) for key, value in rows], (), 0.0)


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "Asia/Kolkata", "America/New_York"])
def test_an_hour_of_the_engine_stands_at_its_own_moment(zone: str) -> None:
    since = datetime(2026, 11, 22, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    asked = question("hour", zone, since, since + timedelta(days=1))
    points = series(asked, result((since + timedelta(hours=5), 7)), "collect.visits")
    assert len(points) == 24
    assert [value for _, value in points] == [0] * 5 + [7] + [0] * 18
    assert points[5][0] == since + timedelta(hours=5)


def test_the_night_the_clocks_go_back_has_twenty_five_hours() -> None:
    zone = ZoneInfo("Europe/Warsaw")
    since = datetime(2026, 10, 25, tzinfo=zone).astimezone(UTC)
    until = datetime(2026, 10, 26, tzinfo=zone).astimezone(UTC)
    assert len(series(question("hour", "Europe/Warsaw", since, until), result(), "collect.visits")) == 25


def test_days_without_rows_are_zero_for_counts_and_none_for_quantiles() -> None:
    since = datetime(2026, 11, 20, tzinfo=UTC)
    asked = question("day", "UTC", since, since + timedelta(days=3))
    assert series(asked, result((date(2026, 11, 21), 4)), "collect.visits") == [
        (date(2026, 11, 20), 0),
        (date(2026, 11, 21), 4),
        (date(2026, 11, 22), 0),
    ]
    assert [v for _, v in series(asked, result(), "collect.lcp_p75")] == [None, None, None]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    since, until = datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC)
    weeks = series(question("week", "UTC", since, until), result(), "collect.visits")
    assert [day for day, _ in weeks] == [date(2026, 10, 26), date(2026, 11, 2), date(2026, 11, 9)]
    months = series(question("month", "UTC", since, until), result(), "collect.visits")
    assert [day for day, _ in months] == [date(2026, 10, 1), date(2026, 11, 1)]
