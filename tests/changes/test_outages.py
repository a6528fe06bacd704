"""What an outage cost: its hours against the same hours of earlier days, with a range, or why nothing is said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.changes import store
from tandem.changes.model import HOUR, WEEK, Change, Shortfall, outage_cost, shortfall
from tandem.changes.queries import NEEDS
from tandem.changes.routes import ROUTES
from tandem.core.context import Context
from tandem.metrics.catalogue import needed
from tests.attribution.shop import Visit, put
from tests.inside import opened

SUNDAY = datetime(2026, 11, 1, 19, 10)
START = SUNDAY.replace(minute=0)
LATER = SUNDAY + timedelta(days=3)


def usual(weeks: int = 8, visits: int = 40) -> dict[datetime, tuple[float, float]]:
    """Every hour of the same weekday of the weeks before: as many visits, of which each is worth two."""
    days = [START.replace(hour=0) - n * WEEK for n in range(1, weeks + 1)]
    return {day + HOUR * h: (visits + (n % 3) - 1, 2 * visits) for n, day in enumerate(days) for h in range(24)}


def day_of(visits: dict[int, float]) -> dict[datetime, tuple[float, float]]:
    return {START.replace(hour=h): (visits.get(h, 40), 2 * visits.get(h, 40)) for h in range(24)}


def test_the_hours_that_lack_visits_are_compared_with_the_same_hours() -> None:
    cost = outage_cost(SUNDAY, LATER, usual() | day_of({19: 7, 20: 0, 21: 35}), ())
    assert (cost.since, cost.until, cost.days, cost.why) == (START, START + 2 * HOUR, 8, "")
    assert cost.visits and cost.visits.value == pytest.approx(80 - 7, abs=1)
    assert cost.visits.low < cost.visits.value < cost.visits.high and cost.visits.low > 0
    assert cost.revenue and cost.revenue.value == pytest.approx(2 * 73)


def test_the_hour_in_which_it_began_belongs_to_it_even_if_it_was_nearly_over() -> None:
    cost = outage_cost(SUNDAY.replace(minute=55), LATER, usual() | day_of({19: 38, 20: 0}), ())
    assert (cost.since, cost.until) == (START, START + 2 * HOUR)


def test_a_difference_that_could_be_chance_is_none() -> None:
    cost = outage_cost(SUNDAY, LATER, usual() | day_of({19: 36}), ())
    assert cost.why == "" and cost.visits is None


def test_nothing_is_said_of_too_few_weeks_or_before_the_hours_are_over() -> None:
    assert outage_cost(SUNDAY, LATER, usual(3) | day_of({19: 0}), ()).why == "few_days"
    others = [(START - n * WEEK).date() for n in range(1, 6)]
    assert outage_cost(SUNDAY, LATER, usual() | day_of({19: 0}), others).why == "few_days", "outages are not usual"
    hours = usual() | day_of({19: 0, 20: 0})
    for minutes in (30, 100, 170):  # within 19:00, 20:00 and 21:00, which says whether it was over
        assert outage_cost(SUNDAY, START + timedelta(minutes=minutes), hours, ()).why == "goes_on"
    assert outage_cost(SUNDAY, START + timedelta(minutes=191), hours, ()).until == START + 2 * HOUR


def test_the_first_day_that_was_measured_is_a_part_of_a_day() -> None:
    assert outage_cost(SUNDAY, LATER, usual(5) | day_of({19: 0}), ()).days == 4
    assert outage_cost(SUNDAY, LATER, usual(4) | day_of({19: 0}), ()).why == "few_days"


def test_an_outage_is_followed_over_midnight_and_no_longer_than_a_day() -> None:
    dead = {START + HOUR * n: (0.0, 0.0) for n in range(60)}
    weeks = {hour + timedelta(days=d): v for hour, v in usual().items() for d in (0, 1, 2)}
    cost = outage_cost(SUNDAY, LATER, weeks | dead, ())
    assert cost.until - cost.since == timedelta(days=1) and cost.visits and cost.visits.value > 900


def test_the_range_is_that_of_one_more_day() -> None:
    found = shortfall(0, [10, 12, 14, 16], is_count=True)
    assert found and found == Shortfall(value=13, low=pytest.approx(0.165, abs=0.01), high=pytest.approx(25.8, abs=0.1))
    assert shortfall(0, [1, 2, 1, 2], is_count=True) is None, "small counts scatter by their root at least"
    money = shortfall(0, [100, 102, 98, 100], is_count=False)
    assert money and money.value == 100 and money.low > 90


def test_readers_need_what_the_catalogue_asks_for() -> None:
    assert needed(("collect.visits",)) == {NEEDS["collect.visits"]}
    assert needed(("collect.revenue",)) == set(NEEDS.values())


def test_the_log_says_what_an_outage_cost_to_whoever_may_know(ctx: Context, site: Site) -> None:
    ctx.slices = ()
    at = (clock.now().astimezone(site.tz) - timedelta(days=5)).replace(hour=12, minute=5, second=0, microsecond=0)
    visits: list[Visit] = []
    for week in range(9):
        for hour in range(9, 18):
            count = 0 if week == 0 and hour in (12, 13) else 30 + week % 2
            moment = (at - week * WEEK).replace(hour=hour).astimezone(UTC)
            visits += [Visit(n + 1, moment, "Direct", orders=1, revenue=10.0) for n in range(count)]
    put(ctx.warehouse, visits)
    store.add(ctx.database, site, Change(at=at, kind="outage", title="Site does not answer"))
    accounts.add_user(ctx.database, site.workspace_id, "vera@fern.example", "Vera", "viewer", "a long password")
    pages: list[Any] = []
    for email in ("ola@fern.example", "vera@fern.example"):
        with opened(ctx, site, ROUTES, email) as browser:
            pages.append(browser.get("/changes?site=fern").text)
    assert all("Whole site, 12:00–14:00: about 61 visits fewer than in the same hours of " in page for page in pages)
    assert ["Revenue: about €610" in page for page in pages] == [True, False]
