"""The pages on a real server: pools and numbers by form, tags, the address's state, and other workspaces."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.calls.test_file_import import file, row
from tests.served import Running

OWN = "+48 22 555 11 00"


def add_pool(browser: httpx.Client, name: str, numbers: str = "", **more: str) -> httpx.Response:
    return browser.post("/calls/pools?site=fern", data={"name": name, "swaps": OWN, "numbers": numbers, **more})


def test_a_pool_is_made_filled_and_advised(running: Running) -> None:
    with running.as_person("marketing") as browser:
        answer = add_pool(browser, "Paid", "+48 22 555 12 00\n+48 22 555 12 01", price="1,50", channel="Paid Search")
        assert answer.status_code == 200, answer.text
        assert "The pool is ready." in answer.text and "+48225551201" in answer.text
        assert "computed from an assumption" in answer.text
        assert "€3.00" in answer.text
        assert "/t/numbers.js&#34; data-site=&#34;fern&#34; data-numbers=&#34;+48225551100&#34;" in answer.text
        pool = answer.text.split('"pool": "')[1].split('"')[0]
        more = browser.post(f"/calls/pools/{pool}/numbers?site=fern", data={"numbers": "+48 22 555 12 02"})
        assert "The numbers are added." in more.text
        same = browser.post(f"/calls/pools/{pool}/numbers?site=fern", data={"numbers": "+48225551202"})
        assert "Nothing was changed." in same.text


def test_without_a_pool_the_tag_says_what_to_put(running: Running) -> None:
    with running.as_person("rival") as browser:
        page = browser.get("/calls/pools?site=rival").text
        assert "/t/numbers.js&#34; data-site=&#34;rival&#34; data-numbers=&#34;YOUR-NUMBER&#34;" in page
        assert "Replace YOUR-NUMBER with the number printed on your site" in page


WRONG = ("name=", "swaps=12", "numbers=12", "price=dear", "price=-1", "price=NaN", "reveal=never", "overflow=12")


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_and_leaves_no_pool(running: Running, wrong: str) -> None:
    with running.as_person("marketing") as browser:
        sent = {"name": "Never made", "swaps": OWN, "numbers": "+48 22 555 13 00"}
        sent |= dict([wrong.split("=")])
        assert browser.post("/calls/pools?site=fern", data=sent).status_code == 400
        assert "Never made" not in browser.get("/calls/pools?site=fern").text


def test_a_static_number_needs_a_source(running: Running) -> None:
    with running.as_person("marketing") as browser:
        sent = {"number": "+48 22 555 17 00", "source": " "}
        assert browser.post("/calls/numbers?site=fern", data=sent).status_code == 400
        assert "leaflet-9" in browser.post("/calls/numbers?site=fern", data=sent | {"source": "leaflet-9"}).text


def test_another_workspace_reaches_nothing(running: Running) -> None:
    with running.as_person("marketing") as browser:
        page = add_pool(browser, "Ours", "+48 22 555 14 00").text
    number = page.split('hx-post="/calls/numbers/')[1].split("?")[0]
    with running.as_person("rival") as rival:
        assert rival.post(f"/calls/numbers/{number}?site=rival", data={"is_on": "0"}).status_code == 404
        assert rival.post("/calls/pools/1/numbers?site=rival", data={"numbers": "+48225551500"}).status_code == 404
        assert rival.get("/calls?site=fern").status_code == 404
        assert "Ours" not in rival.get("/calls/pools?site=rival").text


def test_a_number_rests_and_is_lent_again(running: Running) -> None:
    with running.as_person("marketing") as browser:
        page = add_pool(browser, "Resting", "+48 22 555 16 00").text
        number = page.split('hx-post="/calls/numbers/')[1].split("?")[0]
        pool = page.split('"pool": "')[1].split('"')[0]
        rests = browser.post(f"/calls/numbers/{number}?site=fern", data={"is_on": "0", "pool": pool}).text
        assert "paused; calls to it are still received" in rests and "has no numbers" in rests
        again = browser.post(f"/calls/numbers/{number}?site=fern", data={"is_on": "1", "pool": pool}).text
        assert "paused; calls to it are still received" not in again


@pytest.mark.parametrize("query", ["", "sources=campaigns&f=channel:is:Direct",
                                   "sources=keywords&within=5&rows=100&sources.most=50",
                                   "sources=nonsense", "f=country:is:PL", "period=today&compare=none",
                                   "f=term:contains_not:a|b&f=entry:is_not:/"])  # fmt: skip
def test_the_page_opens_for_every_split_and_filter(running: Running, query: str) -> None:
    with running.as_person("agency") as browser:
        answer = browser.get(f"/calls?site=fern&{query}")
        assert answer.status_code == 200
        assert "Which sources bring calls" in answer.text


@pytest.mark.parametrize("query", ["within=x", "rows=-1", "sources.most=1e9"])
def test_a_number_that_is_none_is_refused(running: Running, query: str) -> None:
    with running.as_person("agency") as browser:
        answer = browser.get(f"/calls?site=fern&{query}")
        assert answer.status_code == 400
        assert "is not a whole number" in answer.text


def test_a_call_that_is_not_there_gets_no_tag(running: Running) -> None:
    with running.as_person("marketing") as browser:
        for call in ("00000000000000aa", "x", "zzzzzzzzzzzzzzzz"):
            assert browser.post(f"/calls/{call}/tag?site=fern", data={"tag": "spam"}).status_code == 404


def test_the_list_of_calls_is_a_fragment_and_a_file(running: Running) -> None:
    with running.as_person("agency") as browser:
        part = browser.get("/calls/list?site=fern&calls.sort=talk&calls.search=x&sources=keywords&rows=5")
        assert part.status_code == 200 and "<html" not in part.text
        kept = parse_qs(urlsplit(part.headers["hx-replace-url"]).query)
        assert [kept[name] for name in ("calls.sort", "calls.search", "sources", "rows")] == [
            ["talk"], ["x"], ["keywords"], ["5"]
        ]  # fmt: skip
        now = {
            "hx-current-url": "http://test/calls?site=fern&calls.search=old&within=9&sources=terms&sources.sort=label"
        }
        part = browser.get("/calls/list?site=fern&calls.sort=talk", headers=now)
        kept = parse_qs(urlsplit(part.headers["hx-replace-url"]).query)
        assert "calls.search" not in kept and kept["calls.sort"] == ["talk"], "the list is as it was asked for"
        assert (kept["within"], kept["sources.sort"]) == (["9"], ["label"]), "the rest of the page stays as it is"
        file = browser.get("/calls/list?site=fern&format=csv")
        assert file.headers["content-type"].startswith("text/csv")
        assert file.text.splitlines()[0].startswith("When,Caller,Line,Channel")
    with running.as_person("viewer") as browser:
        assert browser.get("/calls/list?site=fern").status_code == 403


def test_a_pool_is_renamed_priced_and_switched_off(running: Running) -> None:
    with running.as_person("marketing") as browser:
        page = add_pool(browser, "Old name", "+48 22 555 18 00").text
        pool = page.split('"pool": "')[1].split('"')[0]
        told = browser.post(f"/calls/pools/{pool}?site=fern", data={"name": "New name", "price": "2,50"}).text
        assert "The pool is saved." in told and "New name" in told and "€2.50" in told and "Old name" not in told
        off = browser.post(f"/calls/pools/{pool}?site=fern", data={"is_on": "0"}).text
        assert "“New name” is switched off" in off and "shown to visitors" not in off
        on = browser.post(f"/calls/pools/{pool}?site=fern", data={"is_on": "1"}).text
        assert "is switched off" not in on and "shown to visitors" in on
        for wrong in ({"name": "", "price": ""}, {"name": "x", "price": "dear"}):
            assert browser.post(f"/calls/pools/{pool}?site=fern", data=wrong).status_code == 400
    with running.as_person("rival") as rival:
        assert rival.post(f"/calls/pools/{pool}?site=rival", data={"is_on": "0"}).status_code == 404


def test_a_file_of_calls_is_tried_refused_applied_and_undone(running: Running) -> None:
    body = file(row(0), row(1)).decode()

    def draft(text: str) -> tuple[str, str]:
        sent = browser.post("/calls/import?site=fern&f=channel:is:Email", files={"file": ("Master.csv", text)})
        address = sent.headers["HX-Redirect"]
        assert "f=channel%3Ais%3AEmail" in address, "filters are carried along"
        return address.partition("draft=")[2].partition("#")[0], browser.get(address).text

    def counts(page: str) -> list[str]:
        return re.findall(r"(?:New calls|already known)</dt><dd>(.*?)</dd>", page)

    def act(number: str, what: str) -> httpx.Response:
        return browser.post(f"/calls/imports/{number}/{what}?site=fern")

    with running.as_person("marketing") as browser:
        assert "Line 4:" in draft(body + "x,y\n")[1]
        number, page = draft(body)
        assert counts(page) == ["2", "0"]
        done = browser.get(act(number, "confirm").headers["HX-Redirect"]).text
        assert "You can undo it" in done and f"/calls/imports/{number}/undo" in done
        assert counts(draft(body)[1]) == ["0", "2"]
        undone = browser.get(act(number, "undo").headers["HX-Redirect"]).text
        assert "The import of “Master.csv” is undone." in undone and f"/calls/imports/{number}/undo" not in undone
        second, page = draft(body)
        assert counts(page) == ["2", "0"]
        assert act(second, "drop").status_code == 200 and act(second, "confirm").status_code == 409
        wrong = browser.post("/calls/import?site=fern", data={"zone": "Mars/One"}, files={"file": ("a.csv", body)})
        assert wrong.status_code == 400
        assert browser.post("/calls/import?site=fern").status_code == 400
    with running.as_person("executive") as browser:
        assert "/calls/imports/" not in browser.get(f"/calls?site=fern&draft={number}").text
        assert act(number, "undo").status_code == 403
    with running.as_person("rival") as browser:
        assert browser.post(f"/calls/imports/{number}/undo?site=rival").status_code == 404


def test_prices_of_pools_are_for_those_who_may_see_money(running: Running) -> None:
    """A token for calls alone reads no amount: neither a price, nor a sum or a saving that it could be told from."""
    with running.as_person("marketing") as browser:
        page = add_pool(browser, "Priced", "+48 22 555 19 00\n+48 22 555 19 01", price="7,31").text
        pool = page.split('"pool": "')[1].split('"')[0]
    at = f"/calls/pools?site=fern&pool={pool}"
    with running.as_program("all") as program:
        seen = program.get(at).text
        assert "€14.62" in seen and "Price a month" in seen and "a month." in seen
    with running.as_program("calls:read") as program:
        answer = program.get(at)
        assert answer.status_code == 200 and "Priced" in answer.text
        assert "€" not in answer.text and "7.31" not in answer.text and "Price a month" not in answer.text
        assert (
            "€" not in program.get("/calls?site=fern&sources=sources").text + program.get("/calls/live?site=fern").text
        )
    with running.as_person("marketing") as browser:
        kept = browser.post(f"/calls/pools/{pool}?site=fern", data={"name": "Renamed"})
        assert "€14.62" in kept.text, "a form without the price leaves it"
