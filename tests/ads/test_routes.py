"""The page and its form on a real server: dry run, confirmation, taking back, and the command line beside it."""

import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests import forked
from tests.ads.conftest import table
from tests.served import Running

ROWS = "2026-10-01 brand 100 10 5.00\n2026-10-02 brand 100 10 6.00\n"
OCTOBER = "period=2026-10-01..2026-10-31"


def upload(browser: httpx.Client, text: str, name: str = "report.csv", **fields: str) -> dict[str, str]:
    """The state in which the browser is led on to the page."""
    answer = browser.post(f"/ads/import?site=fern&{OCTOBER}", files={"file": (name, text.encode())}, data=fields)
    assert answer.status_code == 200, answer.text
    return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["hx-redirect"]).query).items()}


def cost(browser: httpx.Client) -> float:
    answer = browser.get(f"/api/metrics?metrics=ads.cost&site=fern&{OCTOBER}", headers={"accept": "application/json"})
    return float(answer.json()["rows"][0]["metrics"]["ads.cost"] or 0)  # null where no report tells of it


def test_a_report_is_shown_then_counts_then_is_taken_back(running: Running) -> None:
    with running.as_person("marketing") as browser:
        before = cost(browser)
        draft = upload(browser, table(ROWS), "october.csv")["draft"]
        page = browser.get(f"/ads?site=fern&{OCTOBER}&draft={draft}").text
        assert "Nothing is applied yet" in page
        assert "october.csv" in page
        assert cost(browser) == before
        assert browser.post(f"/ads/imports/{draft}/confirm?site=fern", data={}).status_code == 200
        assert cost(browser) == before + 11
        imports = browser.get(f"/ads?site=fern&{OCTOBER}").text.partition('id="imports"')[2].partition("</table>")[0]
        assert '<table class="cards">' in imports, "on a phone the button that undoes it is not beyond the edge"
        assert "/undo?" in imports.partition('<td class="acts">')[2].partition("</td>")[0]
        assert upload(browser, table(ROWS), "october.csv")["notice"] == "known"
        assert browser.post(f"/ads/imports/{draft}/undo?site=fern").status_code == 200
        assert cost(browser) == before
        assert browser.post(f"/ads/imports/{draft}/undo?site=fern").status_code == 409


def test_a_refused_report_tells_line_and_cure_in_the_readers_language(running: Running) -> None:
    with running.as_person("marketing") as browser:
        draft = upload(browser, table(ROWS).replace("2026-10-02", "soon"))["draft"]
        assert "Line 3:" in browser.get(f"/ads?site=fern&draft={draft}").text
        browser.cookies.set("tandem_language", "pl")
        assert "Wiersz 3:" in browser.get(f"/ads?site=fern&draft={draft}").text


def test_a_report_larger_than_other_requests_may_be_is_taken(running: Running) -> None:
    rows = "".join(f"2026-09-{1 + i % 28:02d} campaign-with-a-long-name-{i} 100 10 0.01\n" for i in range(70_000))
    assert len(table(rows)) > 5 << 20
    with running.as_person("marketing") as browser:
        draft = upload(browser, table(rows))["draft"]
        assert "70,000" in browser.get(f"/ads?site=fern&draft={draft}").text
        assert browser.post(f"/ads/imports/{draft}/drop?site=fern").status_code == 200
        assert browser.post(f"/ads/imports/{draft}/confirm?site=fern", data={}).status_code == 409


@pytest.mark.parametrize("fields", [{"system": "myspace"}, {"currency": "euro"}, {"order": "ymd"}, {"currency": "€€€"}])
def test_what_a_person_says_wrongly_is_told(running: Running, fields: dict[str, str]) -> None:
    with running.as_person("marketing") as browser:
        answer = browser.post("/ads/import?site=fern", files={"file": ("a.csv", b"x")}, data=fields)
        assert answer.status_code == 400


def test_another_workspace_reaches_nothing(running: Running) -> None:
    with running.as_person("marketing") as browser:
        draft = upload(browser, table(ROWS.replace("10 6.00", "10 6.66")))["draft"]
    with running.as_person("rival") as rival:
        assert rival.get(f"/ads?site=fern&draft={draft}").status_code == 404
        for act in ("confirm", "undo", "drop"):
            assert rival.post(f"/ads/imports/{draft}/{act}?site=rival", data={}).status_code == 404


@pytest.mark.parametrize("query", [
    "cost=campaigns", "cost=keywords&f=campaign:is:brand", "cost=groups&f=ad_group:is:x", "cost=ads",
    "f=country:is:PL&cost=nonsense", "period=today",
    "period=12mo&cost.most=5&cost.sort=ads.clicks&cost.way=up&cost.search=b",
])  # fmt: skip
def test_the_page_opens_for_every_split_and_filter(running: Running, query: str) -> None:
    with running.as_person("agency") as browser:
        assert browser.get(f"/ads?site=fern&{query}").status_code == 200


def test_a_cost_cannot_be_filtered_by_what_visits_alone_know(running: Running) -> None:
    with running.as_person("marketing") as browser:
        for query in ("metrics=ads.cost&f=country:is:PL", "metrics=collect.visits&f=ad_group:is:x"):
            answer = browser.get(f"/api/metrics?{query}&site=fern", headers={"accept": "application/json"})
            assert answer.status_code == 400, answer.text


def tandem(running: Running, *words: str) -> subprocess.CompletedProcess[str]:
    """A command beside the server, on its folder."""
    return forked.run(words, {**os.environ, "TANDEM_DATA": str(running.folder)}, "", 60)


def test_the_command_line_brings_in_through_the_running_server(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "cli.csv"
    path.write_text(table("2026-10-09 brand 10 1 2.50\n"))
    with running.as_person("marketing") as browser:
        before = cost(browser)
        dry = tandem(running, "ads", "import", str(path), "--site", "fern", "--dry-run")
        assert (dry.returncode, "dry run" in dry.stdout) == (0, True), dry.stderr
        assert cost(browser) == before
        done = tandem(running, "ads", "import", str(path), "--site", "fern")
        assert (done.returncode, "Days: 1 new" in done.stdout) == (0, True), done.stderr
        assert cost(browser) == before + 2.5
        assert "already been applied" in tandem(running, "ads", "import", str(path), "--site", "fern").stdout
        path.write_text(table("2026-10-09 brand ten 1 2.50\n"))
        bad = tandem(running, "ads", "import", str(path), "--site", "fern")
        assert (bad.returncode, "cli.csv, line 2:" in bad.stdout) == (1, True), bad.stdout
        assert tandem(running, "ads", "import", str(tmp_path / "none.csv"), "--site", "fern").returncode == 2


def test_rates_are_imported_from_a_file(running: Running, tmp_path: Path) -> None:
    path = tmp_path / "eurofxref-hist.csv"
    path.write_text("Date,USD,\n2020-01-02,1.1193,\n")
    done = tandem(running, "rates", "import", str(path))
    assert "1 rate read, 1 of them new" in done.stdout, done.stderr
    path.write_text("nothing")
    assert tandem(running, "rates", "import", str(path)).returncode == 2
