"""The page over HTTP: choices in the address, exports, the panel, a report kept and read again."""

import csv
import io
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.attribution import queries, routes, store
from tandem.attribution.routes import ROUTES
from tandem.base import clock
from tandem.collect import store as collect
from tandem.core.context import Context
from tandem.metrics.verdict import Reason
from tests.attribution.shop import START, Visit, put
from tests.attribution.test_questions import DAY, VISITS
from tests.inside import opened_by_admin

SPAN = "period=2026-10-11..2026-11-09"
Ingest = TestClient[Litestar]


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[Ingest]:
    put(ctx.warehouse, VISITS)
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def rows(ingest: Ingest, query: str) -> dict[str, dict[str, Any]]:
    answer = ingest.get(f"/money/export?{SPAN}&format=json&{query}")
    assert answer.status_code == 200, answer.text
    return {row["value"]: row for row in answer.json()}


def test_the_answer_stands_above_everything(ingest: Ingest) -> None:
    page = ingest.get(f"/money?{SPAN}&model=first").text
    assert "Paid Search brought" in page
    assert "<b>75.0%</b>" in page
    assert "of 4 conversions (Orders) and €150.00" in page
    assert "9 Nov 2026" in page


def test_with_a_filter_the_answer_says_whose_conversions_they_are(ingest: Ingest) -> None:
    """A filter by the split selects its own winner: "Paid Search brought 52% of 25 conversions" held of nobody else."""
    chosen = answer_of(ingest.get(f"/money?{SPAN}&model=last&f=channel:is:Email").text)
    assert chosen.startswith("People with a visit from Email made 2 conversions (Orders). Of these, Direct is credited")
    several = answer_of(ingest.get(f"/money?{SPAN}&f=channel:is_not:Direct").text)
    assert several.startswith("People who match the filters made 2 conversions (Orders). Of these, Paid Search is")
    assert "brought" not in chosen + several


def test_choices_in_the_address_choose(ingest: Ingest) -> None:
    assert rows(ingest, "model=last")["Paid Search"]["credit"] == 2.0
    assert rows(ingest, "model=first")["Paid Search"]["credit"] == 3.0
    assert set(rows(ingest, "split=source")) == {"paid search", "email", "direct"}
    short = rows(ingest, "model=first&window=1")
    assert (short["Paid Search"]["credit"], short["Email"]["credit"]) == (2.0, 1.0)
    assert set(rows(ingest, "f=channel:is:Email&model=linear")) == {"Paid Search", "Email", "Direct"}
    assert rows(ingest, "f=channel:is:Email&model=last")["Direct"]["credit"] == 2.0


def test_an_export_refuses_a_filter_that_does_not_fit_and_the_page_links_to_one_that_does(ingest: Ingest) -> None:
    refused = ingest.get(f"/money/export?{SPAN}&f=page:is:/cart", headers={"accept": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["error"] == "This export cannot be filtered by Page."
    page = ingest.get(f"/money?{SPAN}&f=page:is:/cart&f=channel:is:Email").text
    link = unescape(page[page.index("/money/export") :].partition('"')[0])
    assert "channel" in link and "page%3A" not in link
    assert ingest.get(link).status_code == 200


def test_an_export_is_a_table_that_no_spreadsheet_runs(ingest: Ingest) -> None:
    answer = ingest.get(f"/money/export?{SPAN}&model=shapley")
    assert answer.headers["content-disposition"].endswith('-money-channel-shapley-2026-10-11-2026-11-09.csv"')
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert sum(float(row["Credit"]) for row in found) == pytest.approx(4)
    assert sum(float(row["Markov chain"]) for row in found) == pytest.approx(4, abs=1e-4)
    assert ingest.get(f"/money/export?{SPAN}&format=xml").status_code == 400


def test_what_is_this_shows_the_question_as_run(ingest: Ingest) -> None:
    panel = ingest.get(f"/money/explain?{SPAN}&window=14").text
    assert "from {facts:Identifier}" in panel
    assert "<code>conversion_facts</code>" in panel
    assert "<code>14</code>" in panel


def test_a_kept_report_shows_then_and_now(ingest: Ingest, ctx: Context, site: Site) -> None:
    kept = ingest.post(f"/money/reports?{SPAN}&model=linear", data={"name": "Board meeting"})
    assert kept.headers["hx-redirect"] == "/money/reports/1?site=fern"
    page = ingest.get("/money/reports/1?site=fern").text
    assert "What was reported in “Board meeting”?" in page
    assert "The same report gives the same result today." in page
    ctx.warehouse.do("alter table visit_rows delete where visitor = 2 settings mutations_sync = 1")
    ctx.runner.look_again()
    page = ingest.get("/money/reports/1?site=fern").text
    assert "The same report gives a different result today" in page
    assert "−2" in page
    assert store.report_of(ctx.database, site, 1).result.conversions == 4.0
    assert "Board meeting" in ingest.get("/money").text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("model=guess", "is not a model"), ("window=ten", "is not a whole number"), ("window=91", "1 to 90 days"),
        ("conversion=goal:77", "no conversion"), ("split=visitor", "cannot be split"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(ingest: Ingest, query: str, said: str) -> None:
    answer = ingest.get(f"/money?{query}", headers={"accept": "application/json"})
    assert answer.status_code in (400, 404)
    assert said in answer.json()["error"]


def test_a_filter_that_money_cannot_apply_stays_crossed_out_and_the_page_shows(ingest: Ingest) -> None:
    answer = ingest.get("/money?f=page:is:/x&f=channel:is:Direct")
    assert answer.status_code == 200
    assert "This page cannot be filtered by Page." in answer.text and answer.text.count('class="chip off"') == 1


# ── which conversion, and what is claimed of it ──


def goals(ctx: Context, site: Site, *names: str) -> None:
    """Goals of the site, 1, 2 and so on; the first is the main one."""
    for name in names:
        collect.add_goal(ctx.database, site, name, "event", name.lower())
    ctx.offers.goal_names = lambda site: {str(g.id): g.name for g in collect.goals_of(ctx.database, site)}


def answer_of(page: str) -> str:
    text = page.partition('<p class="answer">')[2].partition("</p>")[0]
    return " ".join(text.replace("<b>", "").replace("</b>", "").split())


def test_one_series_has_one_verdict_whatever_its_name(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders and the goal that they reach are the same conversions; how other goals scatter is no matter of theirs."""
    monkeypatch.setattr(clock, "now", lambda: START + 91 * DAY)
    visits, visitor = list[Visit](), 0
    for day in range(90):
        at = START + day * DAY
        for _ in range(40 if day < 60 else 56):
            visits.append(Visit(visitor := visitor + 1, at, "Email", orders=1, revenue=9, goals=((0, 1, 9.0),)))
        for _ in range(400 if day % 3 == 0 else 0):
            visits.append(Visit(visitor := visitor + 1, at, "Direct", goals=((0, 2, 0.0),)))
    put(ctx.warehouse, visits)
    goals(ctx, site, "Purchase", "Download")
    with opened_by_admin(ctx, site, ROUTES) as browser:
        found = {
            c: browser.get(f"/money?period=2026-10-31..2026-11-29&conversion={c}").text for c in ("orders", "goal:1")
        }
    for page in found.values():
        assert answer_of(page).startswith("Email brought 100%") and "of 1,680 conversions" in answer_of(page)
        assert '<span class="good">+40%</span>' in answer_of(page) and "could be chance" not in page


def test_a_change_of_one_channels_credit_is_told_as_its_own(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Email doubles, Direct stays: all conversions grow by half, and no change of a part stands at their number."""
    monkeypatch.setattr(clock, "now", lambda: START + 91 * DAY)
    visits, visitor = list[Visit](), 0
    for day in range(90):
        for channel, count in (("Email", 20 if day < 60 else 40), ("Direct", 20)):
            for _ in range(count):
                visits.append(Visit(visitor := visitor + 1, START + day * DAY, channel, orders=1))
    put(ctx.warehouse, visits)
    with opened_by_admin(ctx, site, ROUTES) as browser:
        grown = answer_of(browser.get("/money?period=2026-10-31..2026-11-29&conversion=orders").text)
        same = answer_of(browser.get("/money?period=2026-09-29..2026-10-28&conversion=orders").text)
    assert "of 1,800 conversions" in grown
    assert ('Conversions credited to Email: <span class="good">+100%</span> compared with the previous period') in grown
    assert "of 1,200 conversions" in same and "about the same" not in same and "credited" not in same


def test_how_conversions_come_about_is_told_in_whole_words(ctx: Context, site: Site) -> None:
    at = START + 50 * DAY
    put(ctx.warehouse, [Visit(1, at, "Email"), *(Visit(n, at + DAY, "Email", orders=1) for n in (1, 2))])
    with opened_by_admin(ctx, site, ROUTES) as browser:
        course = browser.get(f"/money?{SPAN}&conversion=orders").text.partition('id="course"')[2]
    assert '"label">1 visit<' in course and '"label">2 visits<' in course and '"label">10+ visits<' in course
    assert "first conversion of this kind since measuring began (21 Oct 2026)." in course, "earlier ones nobody knows"


def test_money_rests_on_the_main_goal_where_that_is_no_order(ctx: Context, site: Site) -> None:
    quotes = [Visit(n, START + 50 * DAY, "Email", goals=((1, 1, 0.0),)) for n in (1, 2)]
    put(ctx.warehouse, [*quotes, Visit(3, START + 51 * DAY, "Direct", orders=1, revenue=5)])
    goals(ctx, site, "Quote", "Purchase")
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = browser.get(f"/money?{SPAN}").text
        assert "Email brought 100% of 2 conversions (Quote)" in answer_of(page)
        assert "conversion=orders" in page, "orders can still be chosen"
        assert "of 1 conversion (Orders)" in answer_of(browser.get(f"/money?{SPAN}&conversion=orders").text)
        assert [r["value"] for r in browser.get(f"/money/export?{SPAN}&format=json").json()] == ["Email"]
        assert browser.post(f"/money/reports?{SPAN}", data={"name": "Quotes"}).status_code in (200, 201)
    assert store.report_of(ctx.database, site, 1).definition.key == "1"


def test_money_rests_on_orders_where_the_main_goal_is_one_and_where_there_is_none(ctx: Context, site: Site) -> None:
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email", orders=1, revenue=5, goals=((1, 1, 5.0),))])
    with opened_by_admin(ctx, site, ROUTES) as browser:
        assert "(Orders)" in answer_of(browser.get(f"/money?{SPAN}").text)
        goals(ctx, site, "Purchase")
        ctx.look_again()
        assert "(Orders)" in answer_of(browser.get(f"/money?{SPAN}").text)


def test_nothing_is_explained_by_its_true_reason(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: START + 60 * DAY)
    put(ctx.warehouse, [Visit(1, START + 50 * DAY, "Email")])
    goals(ctx, site, "Quote")
    with opened_by_admin(ctx, site, ROUTES) as browser:

        def answer(period: str, more: str = "") -> str:
            return answer_of(browser.get(f"/money?period={period}{more}").text)

        assert answer("2027-01-01..2027-01-31") == "This period has not started."
        assert answer("2026-08-01..2026-08-31") == "Not measured before 21 Oct 2026."
        none = answer("2026-10-01..2026-10-31")
        assert none.startswith("No conversion of this kind in this period: Quote.") and "See the goals" in none
        assert answer("2026-10-01..2026-10-31", "&conversion=calls") == "Not measured yet."
        assert "matches the filters" in answer("2026-10-01..2026-10-31", "&f=channel:is:Maps")


def test_a_return_is_claimed_only_of_metrics_that_are_final(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ctx.warehouse, [Visit(n, START + n * DAY, "Paid Search", orders=1, revenue=40) for n in range(1, 61)])
    monkeypatch.setattr(queries, "_costs", lambda *_: ({"Paid Search": (100.0, 10)}, 0.0))
    known = store.Paid(name="Paid Search", visits=20, reported=20, matched=20)
    monkeypatch.setattr(store, "paid", lambda *_: [known])
    with opened_by_admin(ctx, site, ROUTES) as browser:
        monkeypatch.setattr(clock, "now", lambda: START + 59 * DAY)
        fresh = browser.get("/money?period=2026-10-11..2026-10-30").text
        assert "× its cost" not in answer_of(fresh) and fresh.count(">not final</span>") == 4
        assert "Not final: Ad cost: the last 3 days can still change." in fresh
        monkeypatch.setattr(clock, "now", lambda: START + 80 * DAY)
        ctx.look_again()
        final = browser.get("/money?period=2026-10-11..2026-10-30").text
        assert "8.0 × its cost" in answer_of(final) and "not final" not in final.lower()
        monkeypatch.setattr(routes, "unripe", lambda *_: Reason(why="young", share=0.18))
        young = browser.get("/money?period=2026-10-11..2026-10-30").text
        assert "× its cost" not in answer_of(young) and young.count(">not final</span>") == 4
        assert "about 18.0% of their sales are in" in young


def test_paths_are_drawn_in_the_colours_of_channels_and_stand_as_lists_and_a_table(ingest: Ingest) -> None:
    page = ingest.get(f"/money?{SPAN}&model=linear").text
    ways = page.partition('id="ways"')[2].partition("</section>")[0]
    drawing, _, lists = ways.partition("</svg></div>")
    assert 'class="orange" d="M' in drawing and '<rect class="yellow"' in drawing and "Paid Search <tspan>" in drawing
    assert ">2 visits earlier</text>" in drawing and ">Last visit</text>" in drawing
    assert lists.count('class="hue orange"') >= 4 and "From step to step" in lists
    assert '<i class="hue orange"></i><a' in page.partition('id="credit"')[2], "as in the tables of Traffic"
    plain = ingest.get(f"/money?{SPAN}&split=source").text
    assert "hue " not in plain.partition('id="credit"')[2] and 'class="plain" d="M' in plain


def test_a_column_has_one_precision(ingest: Ingest) -> None:
    page = ingest.get(f"/money?{SPAN}&model=linear").text
    credit = page.partition('id="credit"')[2].partition("</table>")[0]
    cells = [row.partition('<td class="num">')[2].partition("<")[0] for row in credit.split('<th scope="row"')[1:]]
    assert cells == ["2.3", "1.3", "0.3", "4.0"]
