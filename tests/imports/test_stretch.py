"""Which days an API is asked for next."""

from datetime import UTC, date, datetime, timedelta

from tandem.accounts.model import Site
from tandem.imports.stretch import HISTORY_DAYS, next_stretch

SITE = Site(
    id=1, workspace_id=1, key="fern", name="Fern", hosts=("shop.example",), zone="Asia/Kolkata", currency="EUR",
    mode="cookie", keep_days=1100,
)  # fmt: skip
NOW = datetime(2026, 11, 28, 20, tzinfo=UTC)  # the 29th in Kolkata: the 28th is over there
YESTERDAY = date(2026, 11, 28)


def test_history_comes_first_in_parts_that_meet_and_end_yesterday() -> None:
    cursor, days, is_more = dict[str, str](), list[date](), True
    while is_more:
        stretch = next_stretch(SITE, cursor, NOW, settles_days=7, at_once=40)
        cursor, is_more = stretch.cursor, stretch.is_more
        days += stretch.days
    assert days == [YESTERDAY - timedelta(days=i) for i in reversed(range(HISTORY_DAYS))]


def test_days_that_still_settle_are_asked_for_again() -> None:
    stretch = next_stretch(SITE, {"next": "2026-11-29"}, NOW, settles_days=3, at_once=40)
    assert stretch.days == [date(2026, 11, 26), date(2026, 11, 27), YESTERDAY] and not stretch.is_more


def test_a_cursor_of_days_to_come_asks_for_nothing_later_than_yesterday() -> None:
    stretch = next_stretch(SITE, {"next": "2027-03-01"}, NOW, settles_days=1, at_once=40)
    assert stretch.days == [YESTERDAY]
