"""The page and its forms on a real server: dry run, comparison, rules, findings, export."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.served import Running, served

OCTOBER = "site=fern&period=2026-10-01..2026-10-31"
ROWS = "date,channel,sessions\n2026-10-01,Email,500\n2026-10-01,=cmd,7\n2026-10-02,Email,50\n"


def upload(browser: httpx.Client, text: str, **fields: str) -> dict[str, str]:
    """The state in which the browser is led on to the page."""
    files = {"file": ("ga4.csv", text.encode())}
    answer = browser.post(f"/reconciliation/import?{OCTOBER}", files=files, data=fields)
    assert answer.status_code == 200, answer.text
    return state(answer)


def state(answer: httpx.Response) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["hx-redirect"]).query).items()}


@pytest.fixture(scope="module")
def running(scratch: Path, migrated: Path) -> Iterator[Running]:
    """A server without other reports and goals."""
    yield from served(scratch, migrated)


def test_a_report_goes_from_dry_run_to_finding_and_back(running: Running) -> None:
    with running.as_person("marketing") as browser:
        empty = browser.get(f"/reconciliation?{OCTOBER}").text
        assert "Why do the figures differ?" in empty and "/reconciliation/import" in empty
        draft = upload(browser, ROWS, system="ga4", account="77")["draft"]
        page = browser.get(f"/reconciliation?{OCTOBER}&draft={draft}").text
        assert "Nothing is applied yet" in page and "Google Analytics 4" in page
        done = browser.post(f"/reconciliation/imports/{draft}/confirm?site=fern")
        shown = state(done)
        assert (shown["source"], shown["figure"], shown["by"], shown["period"]) == (
            "ga4:77", "sessions", "channel", "2026-10-01..2026-10-02",
        )  # fmt: skip
        page = browser.get(done.headers["hx-redirect"]).text
        assert "Email" in page and "unexplained" in page and "2 findings need an explanation" in page
        assert upload(browser, ROWS, system="ga4", account="77")["notice"] == "known"

        link = page.partition('id="findings"')[2].partition('<a href="')[2].partition('"')[0].replace("&amp;", "&")
        one = browser.get(link)
        assert one.status_code == 200 and "=cmd" not in one.text.partition('id="table"')[2].partition("</table>")[0]

        found = browser.get(f"/reconciliation/export?{OCTOBER}&by=channel&source=ga4:77")
        rows = list(csv.DictReader(io.StringIO(found.text)))
        assert [(r["Day"], r["Value"], r["Theirs"], r["Unexplained"]) for r in rows] == [
            ("2026-10-01", "'=cmd", "7.0000", "7.0000"), ("2026-10-01", "Email", "500.0000", "500.0000"),
            ("2026-10-02", "Email", "50.0000", "50.0000"),
        ]  # fmt: skip
        as_json = browser.get(f"/reconciliation/export?{OCTOBER}&by=channel&source=ga4:77&format=json").json()
        assert [r["theirs"] for r in as_json] == ["7.0000", "500.0000", "50.0000"]
        one = browser.get(f"/reconciliation/export?{OCTOBER}&source=ga4:77&format=json&f=channel:is:Email").json()
        assert {r["part"] for r in one} == {"Email"}
        assert browser.get(f"/reconciliation/export?{OCTOBER}&format=xls").status_code == 400

        number = page.partition("/reconciliation/findings/")[2].partition("/")[0]
        settled = browser.post(
            f"/reconciliation/findings/{number}/explain?{OCTOBER}", data={"note": "A newsletter <b>twice</b>."}
        )
        assert settled.status_code == 200
        page = browser.get(f"/reconciliation?{OCTOBER}").text
        assert "A newsletter &lt;b&gt;twice&lt;/b&gt;." in page and "Somebody of marketing" in page
        assert browser.post(f"/reconciliation/findings/{number}/reopen?{OCTOBER}").status_code == 200

        rules = {"source": "ga4:77", "zone": "Asia/Tokyo", "bots": "all", "attribution": "visit", "orders": "once",
                 "goals": "every"}  # fmt: skip
        assert browser.post(f"/reconciliation/rules?{OCTOBER}", data=rules).status_code == 200
        assert 'value="Asia/Tokyo"' in browser.get(f"/reconciliation?{OCTOBER}&source=ga4:77").text
        assert browser.post(f"/reconciliation/rules?{OCTOBER}", data=rules | {"source": "x"}).status_code == 404
        assert browser.post(f"/reconciliation/rules?{OCTOBER}", data=rules | {"goal_99": "1"}).status_code == 404
        assert browser.post(f"/reconciliation/rules?{OCTOBER}", data=rules | {"zone": "Mars"}).status_code == 400

        assert browser.post(f"/reconciliation/imports/{draft}/drop?site=fern").status_code == 409
        assert browser.post(f"/reconciliation/imports/{draft}/undo?site=fern").status_code == 200
        page = browser.get(f"/reconciliation?{OCTOBER}").text
        assert "Import a daily report" in page and 'id="findings"' not in page


def test_a_refused_report_tells_line_and_cure_in_the_readers_language(running: Running) -> None:
    with running.as_person("marketing") as browser:
        draft = upload(browser, ROWS.replace("2026-10-02", "soon"))["draft"]
        assert "Line 4:" in browser.get(f"/reconciliation?site=fern&draft={draft}").text
        browser.cookies.set("tandem_language", "ru")
        assert "Строка 4:" in browser.get(f"/reconciliation?site=fern&draft={draft}").text


@pytest.mark.parametrize("fields", [{"system": "myspace"}, {"order": "ymd"}, {"zone": "Mars/Phobos"}])
def test_what_a_person_says_wrongly_is_told(running: Running, fields: dict[str, str]) -> None:
    with running.as_person("marketing") as browser:
        answer = browser.post("/reconciliation/import?site=fern", files={"file": ("a.csv", b"x")}, data=fields)
        assert answer.status_code == 400
        assert browser.post("/reconciliation/import?site=fern", files={"file": ("", b"")}).status_code == 400


def test_another_company_sees_nothing_of_it(running: Running) -> None:
    with running.as_person("marketing") as browser:
        draft = upload(browser, ROWS.replace("500", "501"))["draft"]
    with running.as_person("rival") as browser:
        assert browser.post(f"/reconciliation/imports/{draft}/confirm?site=rival").status_code == 404
        assert browser.get("/reconciliation?site=fern").status_code == 404


def test_the_goals_that_a_system_counts_are_chosen_and_named(running: Running) -> None:
    with running.as_person("admin") as browser:
        for name, match in (("Bought", "purchase"), ("Asked for a <b>quote", "quote")):
            goal = {"name": name, "kind": "event", "match": match}
            assert browser.post("/goals?site=fern", data=goal).status_code == 200
        rows = "date,sessions,conversions\n2026-10-01,500,120\n"
        draft = upload(browser, rows, system="ga4", account="78")["draft"]
        browser.post(f"/reconciliation/imports/{draft}/confirm?site=fern")
        at = f"/reconciliation?{OCTOBER}&source=ga4:78"
        page = browser.get(f"{at}&figure=conversions").text
        box = page.split('<input type="checkbox" name="goal_')[2]
        assert "Only these of our goals are included: Bought." in page, "nothing ticked: the main goal"
        rules = {"source": "ga4:78", "bots": "none", "attribution": "visit", "orders": "once", "goals": "every",
                 f"goal_{box.partition(chr(34))[0]}": "1"}  # fmt: skip
        assert browser.post(f"/reconciliation/rules?{OCTOBER}", data=rules).status_code == 200
        page = browser.get(f"{at}&figure=conversions").text
        assert "Only these of our goals are included: Asked for a &lt;b&gt;quote." in page
        assert "Only these of our goals are included" not in browser.get(f"{at}&figure=sessions").text


def test_all_findings_are_counted_and_shown_when_asked_for(running: Running) -> None:
    """A hundred of all states were looked at: the board and the metric counted more."""
    rows = "".join(f"2026-10-05,Channel {n},500\n" for n in range(120))
    with running.as_person("marketing") as browser:
        draft = upload(browser, "date,channel,sessions\n" + rows, system="ga4", account="many")["draft"]
        assert browser.post(f"/reconciliation/imports/{draft}/confirm?{OCTOBER}").status_code == 200
        try:
            some, everything = (
                browser.get(f"/reconciliation?{OCTOBER}{more}").text.partition('id="findings"')[2]
                for more in ("", "&findings=all")
            )
        finally:
            assert browser.post(f"/reconciliation/imports/{draft}/undo?{OCTOBER}").status_code == 200
    total = int(some.partition(" unexplained differences")[0].rpartition(">")[2])
    assert total > 120 and some.count("/explain?") == 10
    assert f"10 of {total} rows" in some and "findings=all" in some and f"Show all {total}" in some
    assert everything.count("/explain?") == total and f"Show all {total}" not in everything
