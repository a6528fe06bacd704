"""A filter goes along from page to page: where a page has none, it stays in sight, crossed out, with its reason."""

import html
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.served import Running

CARRIED = "site=fern&period=7d&f=channel:is:Email&f=entry:contains:%2Fsale%7C%2Fnew"


@pytest.mark.parametrize("page", ["realtime", "goals", "changes", "people", "ingestion", "metrics", "calls/pools"])
def test_a_page_without_filters_shows_them_crossed_out(running: Running, page: str) -> None:
    with running.as_person("admin") as browser:
        text = browser.get(f"/{page}?{CARRIED}").text
        chips = text.partition('<ul class="chips"')[2].partition("</ul>")[0]
        assert chips.count('class="chip off"') == 2
        assert "This page cannot be filtered by Channel." in chips and "/sale, /new</s>" in chips
        link = html.unescape(chips.partition('<a href="')[2].partition('"')[0])
        path, _, query = link.partition("?")
        assert path == f"/{page}"
        assert parse_qs(query) == {"site": ["fern"], "period": ["7d"], "f": ["entry:contains:/sale|/new"]}
        rest = browser.get(link).text
        assert rest.count('class="chip off"') == 1 and "by Channel." not in rest
        assert 'class="chip off"' not in browser.get(f"/{page}?site=fern").text


def test_what_is_no_filter_keeps_no_page_from_opening(running: Running) -> None:
    with running.as_person("viewer") as browser:
        answer = browser.get("/realtime?site=fern&f=nonsense&f=day:is:x")
        assert answer.status_code == 200 and 'class="chip' not in answer.text


def test_a_page_with_filters_shows_each_once(running: Running) -> None:
    with running.as_person("admin") as browser:
        assert browser.get(f"/traffic?{CARRIED}").text.count('<ul class="chips"') == 1


@pytest.mark.parametrize("page", ["board", "traffic", "ads", "calls", "deals", "money", "reconciliation"])
def test_each_page_with_a_filter_bar_takes_several_values_by_form(running: Running, page: str) -> None:
    with running.as_person("admin") as browser:
        answer = browser.get(f"/{page}?site=fern&by=channel&op=is_not&value=Direct&value=Email&text=")
        assert answer.status_code == 302
        assert parse_qs(urlsplit(answer.headers["location"]).query)["f"] == ["channel:is_not:Direct|Email"]
        shown = browser.get(answer.headers["location"])
        assert shown.status_code == 200 and "Channel <i>is none of</i>" in shown.text
        form = shown.text.partition('id="add-filter"')[2].partition("</form>")[0]
        assert f'action="/{page}"' in form and 'name="list"' in form
