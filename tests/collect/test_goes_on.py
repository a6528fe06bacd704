"""What ends a visit ends it also where it is lengthened: each rule of sql/derive_visits.sql, at its edge."""

from datetime import timedelta

import pytest

from tandem.collect.model.long_visit import LastVisit, goes_on
from tests.collect.conftest import DAY, HOUR, MINUTE, NOON

MS = timedelta(milliseconds=1)
LAST = LastVisit(1, 1, NOON, NOON, NOON + HOUR, NOON, 40, 12_000)
VIEW, REPORT, MAY, JUNE = False, True, 5, 6


@pytest.mark.parametrize(
    ("after", "is_report", "campaign", "wanted"),
    [
        (30 * MINUTE, VIEW, 0, True),
        (30 * MINUTE + MS, VIEW, 0, False),
        (22 * HOUR, REPORT, 0, True),
        (MINUTE, VIEW, MAY, True),
        (MINUTE, VIEW, JUNE, False),
    ],
)
def test_what_comes_next_goes_on_or_not(after: timedelta, is_report: bool, campaign: int, wanted: bool) -> None:
    assert goes_on(LAST, [(LAST.ended + after, 9, is_report, campaign)], MAY) is wanted


def test_a_report_after_more_than_a_day_of_silence_begins_another() -> None:
    assert goes_on(LAST, [(NOON + DAY - MS, 9, REPORT, 0)], 0)
    assert not goes_on(LAST, [(LAST.ended + DAY, 9, REPORT, 0)], 0)


def test_a_chain_is_cut_every_24_hours() -> None:
    steps = [(LAST.ended + 20 * MINUTE * i, i, VIEW, 0) for i in range(1, 80)]
    assert goes_on(LAST, [step for step in steps if step[0] < NOON + DAY], 0)
    assert not goes_on(LAST, steps, 0)
