"""What pages say where they hold nothing: why, and what this reader can do about it."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.accounts.permissions import Role
from tandem.ads.routes import ROUTES as ADS
from tandem.attribution.routes import ROUTES as MONEY
from tandem.base import error_pages
from tandem.base.errors import UserError
from tandem.board.routes import ROUTES as BOARD
from tandem.calls.routes import ROUTES as CALLS
from tandem.core.auth import Caller
from tandem.core.context import Context
from tests.attribution.shop import START, Visit, put

SPAN = "period=2026-10-11..2026-11-09"
DAY = timedelta(days=1)
Look = Callable[..., str]


@pytest.fixture
def look(ctx: Context, site: Site) -> Iterator[Look]:
    """A page as somebody of this role sees it."""
    signed_in = accounts.sign_in(ctx.database, "ola@fern.example", "a long password")
    assert signed_in is not None
    seen_by = Caller(
        workspace_id=site.workspace_id, user=signed_in[0], token=None, csrf="x", language="en", theme="auto"
    )
    callers = [seen_by]
    ctx.slices = ()  # visits are put past the collector, which would have known of hits
    app = Litestar(
        route_handlers=[*BOARD, *MONEY, *ADS, *CALLS],
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "caller": Provide(lambda: callers[0], sync_to_thread=False),
        },
        exception_handlers={UserError: error_pages.user_error},
    )
    with TestClient(app) as client:

        def looked(path: str, role: Role = Role.ADMIN, language: str = "en") -> str:
            user = msgspec.structs.replace(signed_in[0], role=role)
            callers[0] = msgspec.structs.replace(seen_by, user=user, language=language)
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            return answer.text

        yield looked


@pytest.mark.parametrize("page", ["board", "money", "ads", "calls"])
def test_filters_that_leave_nothing_are_named_and_can_be_removed(ctx: Context, look: Look, page: str) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email", orders=1, revenue=10)])
    found = look(f"/{page}?{SPAN}&f=channel:is:Maps")
    assert "Nothing in this time fits the filters." in found and "Remove the filters</a>" in found
    assert "put the script" not in found and "Bring in a report of an ad system" not in found
    assert "fits the filters" not in look(f"/{page}?{SPAN}")


def test_a_time_when_only_robots_came_says_so(ctx: Context, look: Look) -> None:
    put(
        ctx.warehouse,
        [Visit(1, START + 50 * DAY, "Direct", bot="crawler"), Visit(2, START + 51 * DAY, "Direct", bot="crawler")],
    )
    for page in ("board", "traffic"):
        found = look(f"/{page}?{SPAN}")
        assert "2 visits in this time were robots' and are left out." in found
        assert "bots=1" in found and "Show the script" not in found
        assert "left out" not in look(f"/{page}?{SPAN}&bots=1")
    assert "2 визита за это время совершили роботы" in look(f"/board?{SPAN}", language="ru")


def test_only_those_who_may_are_sent_to_choose_the_main_goal(ctx: Context, look: Look) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Direct")])
    theirs = look(f"/board?{SPAN}&lens=marketing", Role.VIEWER)
    assert "before a main goal is chosen (an admin can do that)" in theirs
    assert "No main goal is chosen" in theirs and "Choose the main goal" not in theirs and "choose it" not in theirs
    ours = look(f"/board?{SPAN}&lens=marketing")
    assert ">choose it</a>)" in ours and "Choose the main goal</a>" in ours


def test_tiles_draw_neither_days_before_the_first_measured_nor_what_is_not_counted(ctx: Context, look: Look) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Direct"), Visit(2, START + 55 * DAY, "Direct")])
    found = look(f"/board?{SPAN}")

    def line(figure: str) -> str:
        return found.partition(f'data-figure="{figure}"')[2].partition('class="spark"')[2].partition("</svg>")[0]

    first = line("collect.visits").rpartition('<path d="')[2]
    assert first.startswith("M") and not first.startswith("M0.0"), first
    assert 'd="M' not in line("collect.conversions")
    assert 'd="M' in line("collect.pageviews")
