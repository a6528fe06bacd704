"""What is remembered of a site's past is that of the site, span and filters asked for, until somebody changes it."""

import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.metrics.address import Address, address_of
from tandem.metrics.history import History

NOW, DAY = datetime(2026, 11, 20, 12, tzinfo=UTC), timedelta(days=1)
VISITS = "collect.visits"
_ids = count(1)


@pytest.fixture
def other(ctx: Context, site: Site) -> Site:
    """A second site, in another zone."""
    return accounts.add_site(
        ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"], "Asia/Tokyo", "EUR", "cookie"
    )


def put(ctx: Context, site: Site, by_day: dict[int, int], channel: str = "Direct", bot: str = "") -> None:
    """So many visits on the days so long ago."""
    moments = [NOW - DAY * ago + timedelta(minutes=m) for ago, visits in by_day.items() for m in range(visits)]
    ids = [next(_ids) for _ in moments]
    n = len(moments)
    ctx.warehouse.insert(
        "visit_rows",
        {
            "site": [site.id] * n, "visit": ids, "visitor": ids, "started": moments, "ended": moments,
            "opened": moments, "chain_started": moments, "version": [1] * n, "channel": [channel] * n,
            "bot": [bot] * n, "pageviews": [1] * n,
        },
    )  # fmt: skip


def wild(seed: int, days: int, most: int) -> dict[int, int]:
    rng = random.Random(seed)
    return {ago: rng.choice((1, most // 4, most)) for ago in range(1, days)}


def view(site: Site, period: str = "7d", **more: Any) -> Address:
    return msgspec.structs.replace(address_of({"period": period}, [], site, "marketing", NOW), **more)


def test_one_memory_of_all_sites_spans_and_filters_tells_what_a_fresh_one_does(
    ctx: Context, site: Site, other: Site
) -> None:
    put(ctx, site, dict.fromkeys(range(1, 90), 12) | {40: 0})
    put(ctx, site, wild(1, 90, 40), channel="Email")
    put(ctx, site, wild(2, 90, 90), bot="search")
    put(ctx, other, wild(3, 60, 60))
    email = (Filter("channel", "is", ("Email",)),)
    addresses = [
        view(site), view(other), view(site, where=email), view(site, with_bots=True), view(site, "30d"),
        view(site, where=email, with_bots=True), view(other, "30d"), view(site, "2026-10-01..2026-10-20"),
    ]  # fmt: skip

    def known(history: History, address: Address) -> tuple[Any, ...]:
        day = history.silent(address.site, address.period, address.before, NOW)
        return history.first(address.site.id, "visits"), day, history.scatters(address, (VISITS,))[VISITS]

    shared = History(ctx)
    once = [known(shared, address) for address in addresses]
    assert once == [known(History(ctx), address) for address in addresses]
    assert once == [known(shared, address) for address in addresses], "and so it does when it remembers"
    assert len(set(once)) > 5, "these differ, so that one taken for another is seen"


def test_what_somebody_changed_is_looked_up_again(ctx: Context, site: Site) -> None:
    put(ctx, site, wild(4, 80, 200))
    history, address = History(ctx), view(site, "2026-11-13..2026-11-19")
    first, scatter = history.first(site.id, "visits"), history.scatters(address, (VISITS,))[VISITS]
    silent = history.silent(site, address.period, address.before, NOW)
    assert scatter and scatter > 10 and not silent
    ctx.warehouse.do("truncate table visit_rows")
    put(ctx, site, dict.fromkeys(range(1, 120), 50) | {3: 0})
    assert history.first(site.id, "visits") == first, "nobody has said so: it is looked up now and then"
    ctx.runner.look_again()
    assert history.first(site.id, "visits") < first
    assert history.scatters(address, (VISITS,))[VISITS] == pytest.approx(1.0)
    assert history.silent(site, address.period, address.before, NOW) == {(NOW - DAY * 3).date()}


def test_what_was_too_little_to_tell_is_looked_up_again_after_a_change(ctx: Context, site: Site) -> None:
    put(ctx, site, dict.fromkeys(range(1, 9), 50))
    history, address = History(ctx), view(site, "2026-11-13..2026-11-19")
    assert history.scatters(address, (VISITS,)) == {VISITS: None}
    put(ctx, site, dict.fromkeys(range(9, 120), 50))
    assert history.scatters(address, (VISITS,)) == {VISITS: None}, "nobody has said so"
    ctx.runner.look_again()
    assert history.scatters(address, (VISITS,)) == {VISITS: pytest.approx(1.0)}


def test_a_change_while_the_past_is_looked_up_is_not_lost(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ctx, site, {5: 1})
    history, look_up = History(ctx), ctx.runner.look_up

    def changed_meanwhile(sql: str, bound: dict[str, Any]) -> list[tuple[Any, ...]]:
        found = look_up(sql, bound)
        put(ctx, site, {50: 1})
        ctx.runner.look_again()
        return found

    monkeypatch.setattr(ctx.runner, "look_up", changed_meanwhile)
    history.first(site.id, "visits")
    monkeypatch.undo()
    assert history.first(site.id, "visits") == NOW - DAY * 50


def test_a_site_that_is_added_while_sites_are_read_is_known_at_once(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tandem.core import context

    read = context.all_sites

    def read_meanwhile(database: Any) -> list[Site]:
        found = read(database)
        if len(found) == 1:
            accounts.add_site(database, site.workspace_id, "oak", "Oak", ["oak.example"], "UTC", "EUR", "cookie")
            ctx.forget_sites()
        return found

    monkeypatch.setattr(context, "all_sites", read_meanwhile)
    ctx.forget_sites()
    ctx.sites()
    assert set(ctx.sites()) == {"fern", "oak"}


def test_data_that_change_while_their_version_is_read_are_not_taken_for_old(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner: Any = ctx.runner
    ask = ctx.warehouse.ask

    def read_meanwhile(sql: str, *args: Any, **more: Any) -> Any:
        answer = ask(sql, *args, **more)
        if "system.parts" in sql:
            monkeypatch.undo()
            put(ctx, site, {1: 5})
            runner.look_again()
        return answer

    monkeypatch.setattr(ctx.warehouse, "ask", read_meanwhile)
    question = view(site).question((VISITS,))
    runner.ask(question)
    assert runner.ask(question).total[VISITS] == 5
