"""The board shows what checks of all areas found, to those who may see it."""

import html
from datetime import date

from tandem.accounts.store import all_sites
from tandem.findings import store
from tandem.findings.model import Failure, Value
from tests.served import Running

DAY = date(2026, 11, 1)


def test_findings_stand_on_the_board_for_those_who_may_see_them(running: Running) -> None:
    db = running.database
    site = next(one for one in all_sites(db) if one.key == "fern")
    failures = [
        Failure(
            subject=subject, title="%(figure)s, %(part)s: %(source)s and Tandem differ by %(share)s",
            first_on=date(2026, 11, 1), last_on=date(2026, 11, 2), needs=needs, severity="high",
            values={"figure": Value(term="Revenue"), "part": Value(text="Email", unit="channel"),
                    "source": Value(text=subject), "share": Value(number=0.125, unit="share")},
            address="/reconciliation?source=ga4",
        )
        for subject, needs in (("<b>ga4</b>", ["metrics.read"]), ("crm", ["metrics.read", "money.read"]))
    ]  # fmt: skip
    others = [
        Failure(
            subject=f"/{n}", title="%(page)s", values={"page": Value(text=f"/{n}")}, first_on=DAY, last_on=DAY,
            address="/goals?a=b", severity="low",
        )
        for n in range(6)
    ]  # fmt: skip
    store.review(db, site, "test", "probe", [*failures, *others])
    try:
        for role, subjects in (("viewer", {"<b>ga4</b>"}), ("executive", {"<b>ga4</b>", "crm"})):
            with running.as_person(role) as browser:
                page = html.unescape(browser.get("/board?site=fern").text.partition('id="findings-title"')[2])
                shown = {s for s in ("<b>ga4</b>", "crm") if f"Revenue, Email: {s} and Tandem differ by 12.5%" in page}
                assert shown == subjects, role
        with running.as_person("executive") as browser:
            page = browser.get("/board?site=fern&lens=engineering").text.partition('id="findings-title"')[2]
            assert "8 open findings" in page and page.count('class="more-findings" hidden') == 3
            assert 'data-unhide=".more-findings"' in page and "lens=engineering" in page
            assert "<b>ga4</b> and Tandem" not in browser.get("/board?site=fern").text
    finally:
        store.review(db, site, "test", "probe", [])
    with running.as_person("viewer") as browser:
        assert 'id="findings-title"' not in browser.get("/board?site=fern").text


def test_the_board_counts_all_findings_lists_twenty_and_leads_to_the_rest(running: Running) -> None:
    """It listed 1,000, and the page Reconciliation counted 100 of them."""
    site = next(one for one in all_sites(running.database) if one.key == "fern")
    failures = [
        Failure(
            subject=f"{n}", title="%(page)s", values={"page": Value(text=f"/{n}")}, first_on=DAY, last_on=DAY,
            address="/reconciliation?a=b",
        )
        for n in range(1_030)
    ]  # fmt: skip
    store.review(running.database, site, "test", "probe", failures)
    try:
        with running.as_person("executive") as browser:
            page = browser.get("/board?site=fern").text.partition('id="findings-title"')[2].partition("</section>")[0]
    finally:
        store.review(running.database, site, "test", "probe", [])
    assert "1,030 open findings" in page and page.count("<li") == 20 and "Show the first 20" in page
    assert "The remaining findings (1,010) are on:" in page and 'href="/reconciliation?' in page
