"""Spans of days in a site's zone, over clock changes and leap years."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tandem.base.errors import UserError
from tandem.core.query import Question
from tandem.metrics.ask import buckets
from tandem.metrics.period import NAMES, Period, period_of

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-11-23", "2026-11-23"),
        ("yesterday", "2026-11-22", "2026-11-22"),
        ("7d", "2026-11-17", "2026-11-23"),
        ("last-week", "2026-11-16", "2026-11-22"),
        ("month", "2026-11-01", "2026-11-23"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("12mo", "2025-11-24", "2026-11-23"),
        ("2026-02-01..2026-02-28", "2026-02-01", "2026-02-28"),
    ],
)
def test_a_name_means_days_of_the_sites_zone(name: str, first: str, last: str) -> None:
    period = period_of(name, "Europe/Warsaw", NOW)  # half past midnight of the 23rd there
    assert (period.first.isoformat(), period.last.isoformat(), period.name) == (first, last, name)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-10-25", "Europe/Warsaw", 25),
        ("2026-03-29", "Europe/Warsaw", 23),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
        ("2026-06-01", "Asia/Kolkata", 24),
        ("2018-11-04", "America/Sao_Paulo", 23),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(day: str, zone: str, hours: float) -> None:
    period = period_of(f"{day}..{day}", zone, NOW)
    assert period.until - period.since == timedelta(hours=hours)


@settings(max_examples=60, deadline=None)
@given(
    st.dates(date(2000, 1, 1), date(2099, 1, 1)),
    st.integers(0, 400),
    st.sampled_from(["Europe/Warsaw", "Asia/Kolkata", "Pacific/Apia", "America/Havana", "UTC"]),
)
def test_the_period_before_is_as_long_and_has_the_same_weekdays(first: date, length: int, zone: str) -> None:
    period = Period(name="x", first=first, last=first + timedelta(length), zone=zone)
    last_moment = period.until - timedelta(microseconds=1)
    assume(last_moment.astimezone(ZoneInfo(zone)).date() == period.last)  # Samoa had no 30 December 2011
    before, year = (period.compared(to, datetime(2101, 1, 1, tzinfo=UTC)) for to in ("previous", "year"))  # type: ignore[arg-type]
    assert before is not None and year is not None
    for other in (before, year):
        assert (other.days, other.first.weekday(), other.ends) == (period.days, first.weekday(), None)
        assert other.until <= period.since
    assert period.first - before.last <= timedelta(days=7), "no week that would fit lies between them"
    assert year.first <= first - timedelta(days=364)
    asked = Question(site=1, zone=zone, metrics=(), since=period.since, until=period.until, by=("day",))
    assert buckets(asked) == [first + timedelta(i) for i in range(period.days)]


def test_the_year_before_keeps_the_weekday() -> None:
    period = period_of("2024-02-29..2024-02-29", "UTC", NOW)
    year = period.compared("year", NOW)
    assert year is not None
    assert (year.first, year.first.weekday()) == (date(2023, 3, 2), period.first.weekday())


@pytest.mark.parametrize(
    ("name", "zone", "now", "since", "until"),
    [  # a span that goes on: what has passed of it, against as much on the same weekdays
        ("today", "UTC", "2026-11-25T14:20", "2026-11-18T00:00", "2026-11-18T14:20"),
        ("7d", "UTC", "2026-11-25T14:20", "2026-11-12T00:00", "2026-11-18T14:20"),
        ("today", "Asia/Kolkata", "2026-11-25T08:50", "2026-11-17T18:30", "2026-11-18T08:50"),
        ("month", "Europe/Warsaw", "2026-03-02T11:00", "2026-02-21T23:00", "2026-02-23T11:00"),
        # the clocks went forward on 29 March: noon is noon, though an hour of UTC apart
        ("today", "Europe/Warsaw", "2026-04-01T10:00", "2026-03-24T23:00", "2026-03-25T11:00"),
        # half past two did not exist on the day the clocks went forward
        ("today", "Europe/Warsaw", "2026-04-05T00:30", "2026-03-28T23:00", "2026-03-29T01:30"),
        # February has 28 days, January 31: complete days, as many of each
        ("2026-02-01..2026-02-28", "UTC", "2026-11-25T14:20", "2026-01-04T00:00", "2026-02-01T00:00"),
        ("yesterday", "UTC", "2026-11-25T14:20", "2026-11-17T00:00", "2026-11-18T00:00"),
    ],
)
def test_what_has_passed_is_compared_with_as_much(name: str, zone: str, now: str, since: str, until: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    before = period_of(name, zone, moment).compared("previous", moment)
    assert before is not None
    wanted = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (since, until)]
    assert [before.since, before.until] == wanted


@pytest.mark.parametrize(
    "name",
    [
        "",
        "8d",
        "2026-02-30..2026-03-01",
        "1999-01-01..2001-01-01",
        "2000-01-01..2026-01-01",
        "..",
        "2026-01-01",
    ],
)
def test_what_is_no_period_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(UserError):
        period_of(name, "UTC", NOW)


def test_days_in_the_other_order_are_the_same_days() -> None:
    assert period_of("2026-02-02..2026-02-01", "UTC", NOW) == period_of("2026-02-01..2026-02-02", "UTC", NOW)


def test_every_name_has_a_step_for_its_chart() -> None:
    assert {n: period_of(n, "UTC", NOW).step for n in NAMES} == {
        "today": "hour",
        "yesterday": "hour",
        "7d": "day",
        "30d": "day",
        "90d": "day",
        "last-week": "day",
        "month": "day",
        "last-month": "day",
        "12mo": "week",
    }


def test_hours_of_a_day_with_a_clock_change_are_each_there_once() -> None:
    period = period_of("2026-10-25..2026-10-25", "Europe/Warsaw", NOW)
    asked = Question(site=1, zone="Europe/Warsaw", metrics=(), since=period.since, until=period.until, by=("hour",))
    found = buckets(asked)
    assert len(found) == 25
    assert [b.hour for b in found[:5]] == [0, 1, 2, 2, 3]
