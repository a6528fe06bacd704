"""While goals are counted anew, the note stands wherever a figure stands that rests on them."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.attribution.routes import ROUTES as MONEY
from tandem.board.routes import ROUTES as BOARD
from tandem.collect import store
from tandem.core.context import Context
from tandem.core.slice import Recount
from tandem.reconcile import jobs
from tandem.reconcile.routes import ROUTES as RECONCILIATION
from tests.attribution.shop import put
from tests.attribution.test_questions import VISITS
from tests.inside import opened_by_admin
from tests.reconcile.conftest import bring, today  # noqa: F401 - fixtures

SPAN = "period=2026-10-11..2026-11-09"
NOTE = ON_PAGE = "being recounted, 40%"
Ingest = TestClient[Litestar]


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[Ingest]:
    put(ctx.warehouse, VISITS)
    store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    ctx.offers.recounted = lambda site: Recount(share=0.4, is_all=False)
    ctx.offers.goal_names = lambda site: {"1": "Purchase"}
    with opened_by_admin(ctx, site, [*BOARD, *MONEY, *RECONCILIATION]) as client:
        yield client


def text(ingest: Ingest, path: str) -> str:
    answer = ingest.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"/board?{SPAN}&compare=none", True),
        (f"/traffic?{SPAN}&figure=collect.engagement_rate", True),
        (f"/traffic/table/channels?{SPAN}", True),
        (f"/traffic/table/goals?{SPAN}", True),
        (f"/traffic/table/pages?{SPAN}", False),
        (f"/traffic/table/pages?{SPAN}&f=goal:is:1", True),
        (f"/explain/collect.bounce_rate?{SPAN}&compare=none", True),
        (f"/explain/collect.visits?{SPAN}", False),
        ("/realtime", True),
        (f"/money?{SPAN}&conversion=goal:1", True),
        (f"/money?{SPAN}&conversion=orders", False),
    ],
)
def test_pages_say_it_where_it_is_so(ingest: Ingest, path: str, says: bool) -> None:
    found = text(ingest, path)
    assert (ON_PAGE in found.casefold()) == says


def test_the_api_says_which_metrics(ingest: Ingest) -> None:
    asked = "collect.visits,collect.engagement_rate,collect.conversions"
    found = ingest.get(f"/api/metrics?{SPAN}&metrics={asked}").json()
    assert found["recounting"] == 0.4
    assert found["notes"] == [f"collect.engagement_rate ({NOTE})", f"collect.conversions ({NOTE})"]
    assert found["compared"]["collect.engagement_rate"]["reason"] == "recounting"
    plain = ingest.get(f"/api/metrics?{SPAN}&metrics=collect.visits,collect.revenue").json()
    assert (plain["recounting"], plain["notes"]) == (None, [])
    filtered = ingest.get(f"/api/metrics?{SPAN}&metrics=collect.revenue&f=goal:is:1").json()
    assert filtered["notes"] == [f"collect.revenue ({NOTE})"]


def heads(answer: Any) -> tuple[list[str], str]:
    assert answer.status_code == 200, answer.text
    return next(csv.reader(io.StringIO(answer.text))), answer.headers.get("x-tandem-notes", "")


def test_exports_say_it_in_their_heads(ingest: Ingest) -> None:
    found = heads(ingest.get(f"/export?{SPAN}&metrics=collect.visits,collect.conversion_rate&by=channel"))
    assert found == (
        ["channel", "collect.visits", f"collect.conversion_rate ({NOTE})"],
        f"collect.conversion_rate ({NOTE})",
    )
    assert heads(ingest.get(f"/export?{SPAN}&metrics=collect.visits&by=channel")) == (["channel", "collect.visits"], "")
    as_json = ingest.get(f"/export?{SPAN}&metrics=collect.conversions&by=channel&format=json")
    assert as_json.headers["x-tandem-notes"] == f"collect.conversions ({NOTE})"
    names, note = heads(ingest.get(f"/money/export?{SPAN}&conversion=goal:1"))
    assert names[:3] == ["Channel", f"Credit ({NOTE})", f"Interval (95%), from ({NOTE})"]
    assert "Cost (EUR)" in names and note.startswith(f"credit ({NOTE}); ")
    assert heads(ingest.get(f"/money/export?{SPAN}&conversion=orders"))[1] == ""


def test_a_reconciliation_says_it_and_finds_nothing_meanwhile(
    ingest: Ingest,
    ctx: Context,
    site: Site,
    bring: Any,  # noqa: F811
) -> None:
    bring("date,channel,conversions,sessions\n2026-10-14,Email,900,500\n", system="ga4", account="77")
    span = "period=2026-10-14..2026-10-14&source=ga4:77"
    known = ingest.get(f"/reconciliation?{span}&figure=conversions").text
    assert ON_PAGE in known.casefold()
    assert ON_PAGE not in text(ingest, f"/reconciliation?{span}&figure=sessions").casefold()
    names, note = heads(ingest.get(f"/reconciliation/export?{span}&figure=conversions"))
    assert f"Ours ({NOTE})" in names and "Theirs" in names and note.startswith(f"ours ({NOTE}); ")
    ctx.offers.recounted = lambda site: Recount(share=0.4, is_all=True)
    assert jobs.review(ctx, site) == 0, "of counts that are mixed nothing is found"
    ctx.offers.recounted = lambda site: None
    assert jobs.review(ctx, site) > 0


def test_nothing_is_said_when_all_is_counted(ingest: Ingest, ctx: Context) -> None:
    ctx.offers.recounted = lambda site: None
    for path in (f"/board?{SPAN}", f"/traffic/table/channels?{SPAN}", "/realtime", f"/money?{SPAN}&conversion=goal:1"):
        assert "being recounted" not in text(ingest, path).casefold()
