"""A metric is read by those who may read it, by every way: page, chart, explanation, export and API."""

import html
from datetime import date
from typing import Any

import pytest

from tandem.accounts.permissions import DEEDS, MAY, SCOPES, Role, may
from tandem.accounts.store import all_sites
from tandem.attribution import store as attribution
from tandem.attribution.model.ask import needed_for
from tandem.attribution.model.report import Definition, SavedResult
from tandem.metrics.catalogue import METRICS, needed
from tandem.metrics.metric import Ratio, Unit
from tests.served import Running

WAYS = (
    "/api/metrics?metrics={name}",
    "/api/metrics?metrics=collect.visits,{name}&by=day",
    "/explain/{name}",
    "/traffic?figure={name}&period=7d",
    "/export?metrics={name}&by=day",
    "/export?metrics={name}&by=day&format=json",
)
CLOSED = sorted(name for name in METRICS if needed((name,)) != {"metrics.read"})
ONE_OF_EACH = sorted({needed((name,)): name for name in reversed(METRICS)}.values())


def test_every_metric_has_a_permission_of_the_table_and_a_side() -> None:
    for name, metric in METRICS.items():
        assert metric.permission in MAY, name
        assert metric.side in ("marketing", "engineering", "both"), name
    areas = {name.partition(".")[0]: metric.permission for name, metric in METRICS.items()}
    assert areas == {
        "collect": "metrics.read", "ads": "money.read", "calls": "calls.read", "crm": "deals.read",
        "attribution": "money.read", "findings": "money.read",
    }  # fmt: skip


def test_whatever_is_money_asks_for_money() -> None:
    amounts = [name for name, metric in METRICS.items() if metric.unit is Unit.MONEY]
    assert {"collect.revenue", "collect.average_order", "collect.revenue_per_visit", "crm.margin"} < set(amounts)
    assert all("money.read" in needed((name,)) for name in amounts)
    assert "money.read" in needed(("crm.costed_share",)), "a share of amounts tells one from the other"
    assert needed(("collect.orders",)) == needed(("collect.conversion_rate",)) == {"metrics.read"}


def test_pages_leave_out_what_the_reader_may_not_see(running: Running) -> None:
    """A viewer's board and tables hold no money, and all the rest."""
    with running.as_person("viewer") as browser:
        board = browser.get("/board?lens=executive")
        assert board.status_code == 200, board.text[:300]
        assert "/explain/collect.conversions" in board.text
        traffic = browser.get("/traffic")
        table = browser.get("/traffic/table/channels?from.sort=collect.revenue")
        goals = browser.get("/goals")
    assert [r.status_code for r in (traffic, table, goals)] == [200] * 3
    for text in (board.text, traffic.text, table.text):
        assert not [name for name in CLOSED if name in text]
    with running.as_person("executive") as browser:
        assert "/explain/collect.revenue" in browser.get("/board?lens=executive").text
        assert "collect.revenue" in browser.get("/traffic").text


def test_a_ratio_needs_what_its_parts_need() -> None:
    for name, metric in METRICS.items():
        if isinstance(metric, Ratio):
            assert needed((metric.top, metric.bottom)) <= needed((name,)), name


def asked(browser: Any, way: str, name: str) -> Any:
    return browser.get(way.format(name=name), follow_redirects=False)


@pytest.mark.parametrize("way", WAYS)
def test_every_metric_that_a_viewer_may_not_read_is_closed_in_every_way(running: Running, way: str) -> None:
    assert len(CLOSED) > 30
    with running.as_person("viewer") as browser:
        answers = {name: asked(browser, way, name) for name in CLOSED}
    for name, answer in answers.items():
        assert answer.status_code == 403, (name, answer.text[:200])
        assert any(DEEDS[act] in html.unescape(answer.text) for act in (*needed((name,)), "metrics.export"))


@pytest.mark.parametrize("role", [role.value for role in Role])
@pytest.mark.parametrize("way", WAYS)
def test_each_role_reads_what_the_table_says_in_every_way(running: Running, role: str, way: str) -> None:
    with running.as_person(role) as browser:
        for name in ONE_OF_EACH:
            acts = needed((name,)) | ({"metrics.export"} if way.startswith("/export") else set())
            expected = 200 if all(may(Role(role), act) for act in acts) else 403
            assert asked(browser, way, name).status_code == expected, (role, name)


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope.endswith(":read")])
def test_a_token_reads_the_metrics_of_its_scopes_and_no_others(running: Running, scope: str) -> None:
    with running.as_program(scope) as program:
        for name in METRICS:
            answer = program.get(f"/api/metrics?metrics={name}")
            may_read = needed((name,)) <= {SCOPES[scope]} and scope == "metrics:read"
            assert answer.status_code == (200 if may_read else 403), (scope, name, answer.text[:200])


def test_no_list_leads_to_what_they_may_not_read(running: Running) -> None:
    with running.as_person("viewer") as browser:
        for page in ("/jump", "/metrics"):
            text = browser.get(page).text
            assert "collect.visits" in text
            assert not [name for name in CLOSED if name in text], page
    with running.as_person("marketing") as browser:
        assert "ads.cost" in browser.get("/jump").text


def test_money_by_calls_or_deals_asks_for_their_permissions_too() -> None:
    from tandem.attribution.model.ask import needed_for

    assert needed_for("orders") == needed_for("goal:3") == ()
    assert needed_for("calls") == ("calls.read",)
    assert needed_for("won") == needed_for("stage:x") == ("deals.read",)


MONEY_WAYS = ("/money?conversion={c}", "/money/export?conversion={c}", "/money/explain?conversion={c}")


@pytest.mark.parametrize("conversion", ["won", "calls"])
def test_conversions_of_other_pages_ask_for_their_permission_in_every_way_of_money(
    running: Running, conversion: str
) -> None:
    """Also a report that was kept: whoever may not see deals sees none in it, nor its name in the list."""
    site = next(one for one in all_sites(running.database) if one.key == "fern")
    definition = Definition(
        model="last", order=1, kind=conversion, key="", conversion=conversion, by="channel", window=30,
        first=date(2026, 10, 1), last=date(2026, 10, 31), zone=site.zone, currency=site.currency, with_bots=False,
        filters=(), rules=1,
    )  # fmt: skip
    empty = SavedResult(conversions=4.0, worth=0.0, rows=[("Email", 4.0, 4.0, 4.0, 0.0)])
    kept = attribution.keep(running.database, site, f"The {conversion}", definition, empty, None)
    ways = [*(way.format(c=conversion) for way in MONEY_WAYS), f"/money/reports/{kept}?site=fern"]
    with running.as_program("money:read") as program:
        answers = {way: program.get(way) for way in ways}
        page = program.get("/money?site=fern")
    for way, answer in answers.items():
        assert answer.status_code == 403, way
        assert "export" in way or DEEDS[needed_for(conversion)[0]] in html.unescape(answer.text), way
    assert page.status_code == 200 and f"The {conversion}" not in page.text
    with running.as_person("admin") as admin:
        assert f"The {conversion}" in admin.get("/money?site=fern").text
