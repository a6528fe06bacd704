"""The page of metrics: by area, searched by words, and each metric has an address."""

import re

import pytest

from tandem.metrics.catalogue import METRICS
from tests.served import Running


def opened(running: Running, query: str = "", role: str = "admin") -> str:
    with running.as_person(role) as browser:
        answer = browser.get(f"/metrics?site=fern{query}")
        assert answer.status_code == 200, answer.text
        return answer.text


def shown(page: str) -> list[str]:
    """The ids of the metrics that are not hidden."""
    return re.findall(r'<article class="figure" id="([^"]+)">', page)


def test_each_metric_stands_in_its_area_and_in_the_contents(running: Running) -> None:
    page = opened(running)
    areas = re.findall(r'<h2 id="area-(\w+)">', page)
    assert areas == ["collect", "calls", "crm", "ads", "attribution", "findings"], "in the order of the menu"
    parts = re.split(r'<h2 id="area-\w+">', page)[1:]
    assert [{id.partition(".")[0] for id in shown(part)} for part in parts] == [{area} for area in areas]
    contents = page.partition('<aside class="contents">')[2].partition("</aside>")[0]
    assert sorted(re.findall(r'<a href="#([^"]+)"', contents)) == sorted([*METRICS, "dims"])
    assert set(shown(page)) == set(METRICS)


def test_the_address_says_which_area_and_which_words(running: Running) -> None:
    assert {id.partition(".")[0] for id in shown(opened(running, "&area=calls"))} == {"calls"}
    page = opened(running, "&area=collect&q=lcp")
    assert shown(page) and all("lcp" in id for id in shown(page))
    assert 'value="lcp"' in page and '<option value="collect" selected>' in page
    assert 'id="collect.visits" hidden' in page, "what was typed can be taken back without asking again"
    nothing = opened(running, "&q=zzzz")
    assert not shown(nothing) and "No metric matches your search." in nothing and "Show all metrics" in nothing


def test_words_are_looked_for_in_the_readers_language_without_accents(running: Running) -> None:
    with running.as_person("admin") as browser:
        browser.post("/settings/me", data={"language": "pl"})
        page = browser.get("/metrics?site=fern&q=PRZYCHOD").text
        browser.post("/settings/me", data={"language": "en"})
    assert "collect.revenue" in shown(page) and "collect.lcp_p75" not in shown(page)


@pytest.mark.parametrize("role", ["viewer"])
def test_no_area_is_named_whose_metrics_the_reader_may_not_see(running: Running, role: str) -> None:
    page = opened(running, role=role)
    for area in re.findall(r'<h2 id="area-(\w+)">', page):
        assert any(id.startswith(f"{area}.") for id in shown(page))


def test_an_area_that_is_none_is_refused(running: Running) -> None:
    with running.as_person("admin") as browser:
        assert browser.get("/metrics?site=fern&area=moon").status_code == 404
