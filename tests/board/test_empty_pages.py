"""What pages say where they hold nothing: why, and what this reader can do about it."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import ApiToken, Site
from tandem.accounts.permissions import Role
from tandem.ads.routes import ROUTES as ADS
from tandem.attribution.routes import ROUTES as MONEY
from tandem.base import clock, error_pages
from tandem.base.errors import UserError
from tandem.board.routes import ROUTES as BOARD
from tandem.board.routes import api
from tandem.calls.routes import ROUTES as CALLS
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.crm import store as deals
from tandem.crm.routes import ROUTES as DEALS
from tandem.metrics.history import History
from tests.attribution.shop import START, Visit, put
from tests.crm.test_store import fact

SPAN = "period=2026-10-11..2026-11-09&lens=marketing"
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
        route_handlers=[*BOARD, *MONEY, *ADS, *CALLS, *DEALS],
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
    assert "No data in this period matches the filters." in found and "Remove the filters</a>" in found
    assert "install the script" not in found and "Import a report of an ad system" not in found
    assert "matches the filters" not in look(f"/{page}?{SPAN}")


def test_a_time_when_only_robots_came_says_so(ctx: Context, look: Look) -> None:
    put(
        ctx.warehouse,
        [Visit(1, START + 50 * DAY, "Direct", bot="crawler"), Visit(2, START + 51 * DAY, "Direct", bot="crawler")],
    )
    for page in ("board", "traffic"):
        found = look(f"/{page}?{SPAN}")
        assert "2 visits in this period were made by bots and are excluded." in found
        assert "bots=1" in found and "Show the script" not in found
        assert "are excluded" not in look(f"/{page}?{SPAN}&bots=1")
    assert "2 визита за этот период совершили роботы" in look(f"/board?{SPAN}", language="ru")


def test_only_those_who_may_are_sent_to_choose_the_main_goal(ctx: Context, look: Look) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Direct")])
    theirs = look(f"/board?{SPAN}", Role.VIEWER)
    assert "before a main goal is chosen (an admin can do that)" in theirs
    assert "No main goal is chosen" in theirs and "Choose the main goal" not in theirs and "choose it" not in theirs
    ours = look(f"/board?{SPAN}")
    assert ">choose it</a>)" in ours and "Choose the main goal</a>" in ours


def test_tiles_draw_neither_days_before_the_first_measured_nor_what_is_not_counted(ctx: Context, look: Look) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Direct"), Visit(2, START + 55 * DAY, "Direct")])
    found = look(f"/board?{SPAN}")

    def line(metric: str) -> str:
        return found.partition(f'data-figure="{metric}"')[2].partition('class="spark"')[2].partition("</svg>")[0]

    first = line("collect.visits").rpartition('<path d="')[2]
    assert first.startswith("M") and not first.startswith("M0.0"), first
    assert 'd="M' not in line("collect.conversions")
    assert 'd="M' in line("collect.pageviews")


BEFORE, COMING = "period=2026-06-01..2026-06-30", "period=2031-01-01..2031-01-31"


@pytest.mark.parametrize(
    ("span", "said"),
    [(BEFORE, "Not measured before 21 Oct 2026."), (COMING, "This period has not started.")],
)
def test_what_was_not_measured_is_no_zero_and_needs_no_script(ctx: Context, look: Look, span: str, said: str) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email", orders=1, revenue=10)])
    for page in ["board", "traffic", "ads", "money", *(["calls"] if span == COMING else [])]:
        found = look(f"/{page}?{span}")
        answer = " ".join(found.partition('<p class="answer">')[2].partition("</p>")[0].split())
        assert answer.strip() == said, page
    for lens in ("marketing", "engineering", "executive"):
        tiles = look(f"/board?{span}&compare=none&lens={lens}").split('<article class="tile" ')[1:]
        for metric in ("collect.visits", "collect.revenue", "collect.lcp_p75"):
            (tile,) = (one for one in tiles if f'data-figure="{metric}"' in one)
            assert '<p class="value none">—</p>' in tile and said[1:-1] in tile, "the reason stands with every dash"
    assert "install the script" not in look(f"/board?{span}") and "Show the script" not in look(f"/traffic?{span}")
    assert said in look(f"/traffic?{span}&done=goals").partition('id="t-done"')[2], "no goal “was reached”"


@pytest.mark.parametrize("compare", ["none", "previous"])
@pytest.mark.parametrize("page", ["board", "traffic", "ads", "money", "calls", "deals"])
def test_a_period_of_which_a_part_was_measured_says_since_when(
    ctx: Context, site: Site, look: Look, monkeypatch: pytest.MonkeyPatch, page: str, compare: str
) -> None:
    """Compared with nothing, ten weeks of which the last was measured were told as if all had been."""
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email", orders=1, revenue=10)])
    deals.record(ctx, site, 1, [fact("1", "talk", kind="lead")])
    monkeypatch.setattr(History, "first", lambda *_: START + 50 * DAY)
    found = look(f"/{page}?{SPAN}&compare={compare}")
    assert "ot measured before 21 Oct 2026" in found
    assert ("Not compared" in found) is (compare == "previous")
    whole = look(f"/{page}?period=2026-10-22..2026-11-09&compare=none")
    assert "ot measured before" not in whole


def test_programs_get_nothing_rather_than_0_for_what_was_not_measured(ctx: Context, look: Look) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email")])

    def asked(span: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(look(f"/api/metrics?metrics=collect.visits,calls.calls&site=fern&{span}"))
        return answer

    before = asked(BEFORE)
    assert before["rows"][0]["metrics"] == {"collect.visits": None, "calls.calls": 0}, "no call is awaited in vain"
    assert before["notes"] == ["collect.visits (not measured before 2026-10-21)"]
    assert before["compared"]["collect.visits"]["value"] is None
    coming = asked(COMING)
    assert coming["rows"][0]["metrics"] == {"collect.visits": None, "calls.calls": None}
    assert coming["notes"] == [f"{name} (this period has not started)" for name in ("collect.visits", "calls.calls")]
    partial = asked("period=2026-10-01..2026-10-31")
    assert partial["rows"][0]["metrics"]["collect.visits"] == 1 and not partial["notes"]
    quiet = asked("period=2026-10-22..2026-10-31")
    assert quiet["rows"][0]["metrics"]["collect.visits"] == 0 and not quiet["notes"], "nobody came: that is 0"
    assert (
        look(f"/export?metrics=collect.visits&{BEFORE}") == 'collect.visits (not measured before 2026-10-21)\r\n""\r\n'
    )


def test_who_may_not_export_is_answered_no_more_rows_than_a_page_shows(
    ctx: Context, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows came out through the API with the session of a browser."""
    put(ctx.warehouse, [Visit(n, START + 50 * DAY, "Email", term=f"t{n}") for n in range(1, 8)])
    monkeypatch.setattr(api, "MOST_SHOWN", 3)

    def answered(role: Role, most: int) -> tuple[int, int, bool]:
        answer = json.loads(look(f"/api/metrics?{SPAN}&metrics=collect.visits&by=term&most={most}", role))
        return len(answer["rows"]), answer["rows_total"], answer["is_cut"]

    assert answered(Role.VIEWER, 100_000) == (3, 7, True)
    assert answered(Role.VIEWER, 2) == (2, 7, False)
    assert answered(Role.MARKETING, 100_000) == (7, 7, False)
    token = ApiToken(
        id=1, workspace_id=1, site_id=None, name="t", scopes=("metrics:read",), made_at=clock.now(), expires_at=None,
        used_at=None, revoked_at=None, maker=Role.VIEWER,
    )  # fmt: skip
    program = Caller(workspace_id=1, user=None, token=token, csrf="", language="en", theme="auto")
    assert api._most_rows(program) == api.MOST_ROWS, "it is made for that"
