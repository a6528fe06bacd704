"""A robot's endless visit costs each batch little memory, and comes out exactly."""

from datetime import timedelta

from tandem.accounts.model import Site
from tandem.collect.jobs import Loader, Quota
from tests.collect.conftest import NOON, told

EVENTS, MOST_MB = 40_000, 50
KINDS = ("pageview", "event", "engage", "event")


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
            (NOON + timedelta(milliseconds=500 * (EVENTS - 1))).replace(tzinfo=None),
        )
    ]
