"""Which spans are alike, whatever any store holds."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.metrics.period import Period
from tandem.metrics.spans import arrived, clocks_differ, immature, like_spans, settled_until, unmeasured
from tandem.metrics.verdict import Reason

NOW = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)  # a Wednesday; in Warsaw it is 15:20
DAY = timedelta(days=1)


def span(first: str, last: str, zone: str = "UTC") -> Period:
    return Period(name="x", first=date.fromisoformat(first), last=date.fromisoformat(last), zone=zone)


@pytest.mark.parametrize(
    ("period", "now", "last"),
    [
        (span("2026-11-01", "2026-11-25"), NOW, date(2026, 11, 21)),
        (span("2026-11-01", "2026-11-10"), NOW, date(2026, 11, 10)),
        (span("2026-11-21", "2026-11-25"), NOW, date(2026, 11, 21)),
        (span("2026-11-22", "2026-11-25"), NOW, None),
        # half past seven in the evening of the 25th is the 26th in Kolkata
        (span("2026-11-01", "2026-11-26", "Asia/Kolkata"), NOW.replace(hour=19), date(2026, 11, 22)),
    ],
)
def test_days_settle_in_the_sites_zone(period: Period, now: datetime, last: date | None) -> None:
    assert settled_until(period, 3, now) == last
    before = period.compared("previous", now)
    assert before is not None
    spans = like_spans(period, before, 3, now)
    assert (spans is None) == (last is None)
    if spans is not None:
        ours, theirs, settled = spans
        assert (ours.days, ours.first.weekday()) == (theirs.days, theirs.first.weekday())
        assert settled == (last if last != period.last else None)


@pytest.mark.parametrize(
    ("period", "differs"),
    [
        (span("2026-03-29", "2026-03-29", "Europe/Warsaw"), True),  # 23 hours against 24
        (span("2026-10-25", "2026-10-25", "Europe/Warsaw"), True),  # 25 against 24
        (span("2026-11-01", "2026-11-01", "Europe/Warsaw"), True),  # 24 against the 25 of the week before
        (span("2026-03-29", "2026-03-29", "Asia/Kolkata"), False),
        (span("2026-03-26", "2026-03-29", "Europe/Warsaw"), True),  # an hour in four days is more than a hundredth
        (span("2026-03-25", "2026-03-29", "Europe/Warsaw"), False),  # in five days it is less
        (span("2026-03-23", "2026-03-29", "Europe/Warsaw"), False),  # an hour in a week
        (span("2026-11-25", "2026-11-25", "Europe/Warsaw"), False),
    ],
)
def test_a_day_with_another_length_is_not_judged(period: Period, differs: bool) -> None:
    before = period.compared("previous", NOW)
    assert before is not None
    assert clocks_differ(period, before, NOW) == differs


def test_measured_means_measured_from_the_first_hour() -> None:
    before = span("2026-11-03", "2026-11-09", "Europe/Warsaw")
    assert unmeasured(before, before.since) is None
    assert unmeasured(before, before.since + timedelta(minutes=60)) is None
    assert unmeasured(before, before.since + timedelta(minutes=61)) == date(2026, 11, 3)
    assert unmeasured(before, before.since + timedelta(hours=9)) == date(2026, 11, 3)
    assert unmeasured(before, datetime(2026, 11, 7, 23, 30, tzinfo=UTC)) == date(2026, 11, 8), "in the site's zone"
    assert unmeasured(before, None) is None
    noon = before.since + timedelta(hours=12)
    assert (unmeasured(before, noon), unmeasured(before, noon, is_daily=True)) == (date(2026, 11, 3), None)
    assert unmeasured(before, before.since + DAY, is_daily=True) == date(2026, 11, 4), "a day was not measured"


def test_spans_are_cut_to_whole_days() -> None:
    period = span("2026-11-01", "2026-11-25").so_far(NOW)
    assert period is not None
    before = period.compared("previous", NOW)
    assert before is not None and before.ends is not None
    cut = like_spans(period, before, 3, NOW)
    assert cut is not None and (cut[0].ends, cut[1].ends) == (None, None)


@given(
    st.lists(st.floats(0, 60), min_size=20, max_size=60).map(sorted),
    st.integers(0, 90),
    st.integers(1, 60),
)
def test_older_cohorts_are_riper_and_the_ripest_hold_everything(delays: list[float], ago: int, days: int) -> None:
    last = NOW.date() - DAY * ago
    period = Period(name="x", first=last - DAY * (days - 1), last=last, zone="UTC")
    before = period.compared("previous", NOW)
    assert before is not None
    assert 0 <= arrived(delays, period, NOW) <= arrived(delays, before, NOW) + 1e-9 <= 1 + 1e-9
    old = span("2026-01-01", "2026-01-31")
    assert arrived(delays, old, NOW) == 1
    assert immature(delays, old, span("2025-12-01", "2025-12-31"), NOW) is None


def test_without_enough_history_the_newest_cohorts_are_not_judged() -> None:
    period, before = span("2026-11-01", "2026-11-24"), span("2026-10-04", "2026-10-27")
    assert immature([1.0] * 19, period, before, NOW) == Reason(why="little_history")
    late = [0.1] * 10 + [50.0] * 10
    assert immature(late, span("2026-11-24", "2026-11-24"), span("2026-11-23", "2026-11-23"), NOW) is None, "both wait"
    assert immature([0.01] * 20, period, before, NOW) is None, "where all sales come within the hour, all have come"


def test_a_cohort_is_as_old_as_the_middle_of_its_days() -> None:
    day = span("2026-11-24", "2026-11-24")
    assert [arrived([delay] * 20, day, day.until) for delay in (0.25, 0.5, 0.75)] == [1, 1, 0]
    assert arrived([], day, NOW) == 0


@pytest.mark.parametrize(
    ("period", "now", "reason"),
    [
        (span("2026-09-01", "2026-09-25"), NOW.replace(hour=0, minute=0), None),  # sixty days to the minute
        (span("2026-09-01", "2026-09-25"), NOW.replace(hour=0, minute=0) - DAY, Reason(why="little_history")),
        (span("2026-09-01", "2026-10-10"), NOW, Reason(why="little_history")),  # its first days only are old enough
    ],
)
def test_a_cohort_has_had_its_time_sixty_days_after_its_last_day(
    period: Period, now: datetime, reason: Reason | None
) -> None:
    before = period.compared("previous", now)
    assert before is not None
    assert immature([], period, before, now) == reason


@pytest.mark.parametrize(("late", "is_young"), [(1, False), (2, False), (3, True), (5, True)])
def test_a_cohort_may_be_two_hundredths_younger_than_the_other(late: int, is_young: bool) -> None:
    """Some outcomes of a hundred come after three days: the newer cohort, of yesterday, cannot have them yet."""
    delays, period = [0.1] * (100 - late) + [3.0] * late, span("2026-11-24", "2026-11-24")
    before = period.compared("previous", NOW)
    assert before is not None
    found = immature(delays, period, before, NOW)
    assert found == (Reason(why="young", share=(100 - late) / 100) if is_young else None)
