"""What counts: a later report replaces days, one can be taken back, and what nobody can explain becomes a finding."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.findings import store as findings
from tandem.findings.model import Finding
from tandem.reconcile import jobs, queries, store
from tandem.reconcile.model.compare import Cell
from tandem.reconcile.model.finding import RULE, Excess, failure_of, is_too_much
from tandem.reconcile.model.outside import OutsideReport
from tandem.reconcile.model.rules import CountingRules, checked, usual
from tandem.reconcile.routes import ROUTES
from tests.inside import opened_by_admin
from tests.reconcile.conftest import DAY, NOW, Bring, cells, noon, put, several


def sessions(ctx: Context, site: Site, split: str = "day", source: str = "other") -> dict[int, int]:
    rows = store.figures(
        ctx.runner, ctx.database, site, source, "sessions", split, date(2026, 10, 1), date(2026, 10, 31)
    )
    return {row.on.day: int(row.value) for row in rows}


def test_a_later_report_replaces_its_days_and_taking_it_back_restores_them(
    ctx: Context, site: Site, bring: Bring
) -> None:
    bring("date,sessions\n2026-10-01,10\n2026-10-02,20\n")
    later = bring("date,sessions\n2026-10-02,25\n2026-10-03,30\n")
    assert sessions(ctx, site) == {1: 10, 2: 25, 3: 30}
    store.undo(ctx.database, site, later)
    assert sessions(ctx, site) == {1: 10, 2: 20}
    with pytest.raises(UserError, match="not applied"):
        store.undo(ctx.database, site, later)


def test_the_report_that_is_confirmed_last_counts_whichever_came_first(ctx: Context, site: Site, bring: Bring) -> None:
    first, second = (bring(f"date,sessions\n{DAY},{count}\n", confirm=False) for count in (100, 120))
    second = store.confirm(ctx.database, site, second)
    first = store.confirm(ctx.database, site, first)
    assert [one.id for one in store.counting(ctx.database, site)] == [second.id, first.id]
    assert [c.theirs for c in cells(ctx, site)] == [100]


def test_a_day_is_replaced_with_all_its_parts(ctx: Context, site: Site, bring: Bring) -> None:
    bring("date,channel,sessions\n2026-10-01,Email,10\n2026-10-01,Direct,5\n")
    bring("date,channel,sessions\n2026-10-01,Email,11\n")
    assert sessions(ctx, site, "channel") == {1: 11}
    assert len(cells(ctx, site, split="channel", first=date(2026, 10, 1))) == 1


def test_the_same_file_twice_changes_nothing(ctx: Context, site: Site, bring: Bring) -> None:
    first = bring("date,sessions\n2026-10-01,10\n")
    again = bring("date,sessions\n2026-10-01,10\n")
    assert (again.id, again.state) == (first.id, "counts")
    assert ctx.warehouse.value("select count() from outside_rows") == 1
    assert bring("date,sessions\n2026-10-01,10\n", account="two").id != first.id


def test_a_dry_run_counts_for_nothing_until_it_is_confirmed(ctx: Context, site: Site, bring: Bring) -> None:
    held = bring("date,sessions\n2026-10-01,10\n", confirm=False)
    assert (held.state, sessions(ctx, site), queries.sources(ctx, site)) == ("staged", {}, [])
    store.drop(ctx, site, held)
    assert ctx.warehouse.value("select count() from outside_rows") == 0
    with pytest.raises(UserError, match="not waiting"):
        store.confirm(ctx.database, site, held)


def test_what_is_never_confirmed_is_thrown_away(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring("date,sessions\n2026-10-01,10\n", confirm=False)
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "staged"
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=8))
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "dropped"
    assert ctx.warehouse.value("select count() from outside_rows") == 0


def test_what_a_killed_process_was_reading_is_thrown_away_at_the_next_start(ctx: Context, site: Site) -> None:
    """It was "reading" for seven days, without a button, and its site's currency could not be changed."""
    held = store.begin(
        ctx.database, site, "cut.csv", "cut", OutsideReport(system="other", split="day", rows=[]), 1, None
    )
    with store.reading(ctx.database):
        jobs.tidy(ctx)
        assert store.import_of(ctx.database, site, held.id).state == "reading"
    jobs.tidy(ctx)
    assert store.import_of(ctx.database, site, held.id).state == "dropped"


def test_reports_of_two_accounts_stand_side_by_side(ctx: Context, site: Site, bring: Bring) -> None:
    bring("date,sessions\n2026-10-01,10\n", account="a", system="ga4")
    bring("date,sessions\n2026-10-01,99\n", account="b", system="ga4")
    assert sessions(ctx, site, source="ga4:a") == {1: 10}
    assert [s.id for s in queries.sources(ctx, site)] == ["ga4:a", "ga4:b"]


# ── rules ──


def test_rules_are_the_usual_ones_until_a_person_says_others(ctx: Context, site: Site, bring: Bring) -> None:
    bring("date,sessions\n2026-10-01,10\n", system="ga4", zone="America/New_York")
    found = store.rules_of(ctx.database, site, "ga4")
    assert (found.zone, found.bots, found.attribution) == ("America/New_York", "undeclared", "last_non_direct")
    store.save_rules(ctx.database, site, "ga4", CountingRules(bots="all"), None)
    found = store.rules_of(ctx.database, site, "ga4")
    assert (found.zone, found.bots, found.attribution) == ("America/New_York", "all", "visit")
    assert accounts.audit_log(ctx.database, site.workspace_id)[0].act == "reconcile.rules_set"


def test_a_site_that_asks_for_consent_is_not_seen_whole() -> None:
    assert not usual("ga4", "consent").sees_cookieless
    assert usual("ga4", "cookie").sees_cookieless
    assert usual("other", "consent") == CountingRules()
    with pytest.raises(UserError, match="time zone"):
        checked({"zone": "Mars/Phobos"})
    with pytest.raises(UserError, match="rule"):
        checked({"zone": "", "bots": "some"})


# ── findings ──


def one(ctx: Context, site: Site, part: str) -> Finding:
    """The newest finding of a part."""
    found = findings.findings_of(ctx.database, site, store.SLICE, ("open", "explained"))
    return max((f for f in found if f.evidence["part"] == part), key=lambda f: f.id)


@pytest.mark.parametrize(("theirs", "is_found"), [(951, False), (949, True), (950, False), (1052, False), (1055, True)])
def test_a_finding_is_raised_above_five_per_cent_and_not_below(
    ctx: Context, site: Site, bring: Bring, theirs: int, is_found: bool
) -> None:
    put(ctx.warehouse, site.id, several(1000))
    bring(f"date,sessions\n{DAY},{theirs}\n")
    assert jobs.review(ctx, site) == is_found
    assert [f.state for f in store.differences_of(ctx.database, site)] == ["open"] * is_found


@pytest.mark.parametrize(("larger", "is_found"), [(100, True), (99, False)])
def test_small_days_raise_nothing(larger: int, is_found: bool) -> None:
    cell = Cell(on=DAY, part="", theirs=Decimal(larger), ours=Decimal(50), reasons={}, unexplained=Decimal(larger - 50))
    assert is_too_much(cell, Decimal(100)) == is_found


def test_the_last_days_raise_nothing_yet(ctx: Context, site: Site, bring: Bring) -> None:
    until = queries.settled_until(site)
    assert until == date(2026, 11, 17)
    bring(f"date,sessions\n{until},500\n{until + timedelta(1)},500\n")
    jobs.review(ctx, site)
    (found,) = store.differences_of(ctx.database, site)
    assert (found.first_on, found.last_on, found.unexplained) == (until, until, 500)


def test_a_finding_grows_is_settled_and_does_not_come_again(ctx: Context, site: Site, bring: Bring) -> None:
    put(ctx.warehouse, site.id, several(200, channel="Email"))
    bring(f"date,channel,sessions\n{DAY},Email,300\n")
    jobs.review(ctx, site)
    found = {f.part: f for f in store.differences_of(ctx.database, site)}
    assert set(found) == {"Email", ""}  # no report gives days alone, so the sum of the channels is judged too
    assert (found["Email"].days, found["Email"].unexplained) == (1, 100)
    later = DAY + timedelta(2)
    bring(f"date,channel,sessions\n{later},Email,400\n")
    jobs.review(ctx, site)
    grown = {f.part: f for f in store.differences_of(ctx.database, site)}
    assert grown["Email"].id == found["Email"].id
    assert (grown["Email"].first_on, grown["Email"].last_on, grown["Email"].days) == (DAY, later, 2)
    assert (grown["Email"].unexplained, grown["Email"].id) == (500, found["Email"].id)

    ola = accounts.users_of(ctx.database, site.workspace_id)[0]
    with pytest.raises(UserError, match="empty"):
        findings.explain(ctx.database, site, one(ctx, site, "Email"), "  ", ola.id)
    findings.explain(ctx.database, site, one(ctx, site, "Email"), "The tag was on the page twice.", ola.id)
    entry = accounts.audit_log(ctx.database, site.workspace_id)[0]
    assert (entry.act, entry.person, entry.detail["note"]) == (
        "finding.explained", "Ola", "The tag was on the page twice.",
    )  # fmt: skip
    jobs.review(ctx, site)
    kept = {(f.part, f.state) for f in store.differences_of(ctx.database, site)}
    assert kept == {("Email", "explained"), ("", "open")}
    bring(f"date,channel,sessions\n{later + timedelta(1)},Email,150\n")  # beyond what was explained
    jobs.review(ctx, site)
    news = [f for f in store.differences_of(ctx.database, site) if f.part == "Email" and f.state == "open"]
    assert [(f.first_on, f.unexplained) for f in news] == [(later + timedelta(1), 150)]
    explained = next(f for f in store.differences_of(ctx.database, site) if f.state == "explained")
    assert (explained.note, explained.settled_by, explained.settled_at) == (
        "The tag was on the page twice.",
        ola.id,
        NOW,
    )


def test_an_explanation_can_be_taken_back(ctx: Context, site: Site, bring: Bring) -> None:
    bring(f"date,sessions\n{DAY},300\n")
    jobs.review(ctx, site)
    assert len(store.differences_of(ctx.database, site)) == 1
    findings.explain(ctx.database, site, one(ctx, site, ""), "Nobody knows.", 1)
    with pytest.raises(UserError, match="no longer open"):
        findings.explain(ctx.database, site, one(ctx, site, ""), "Again.", 1)
    findings.reopen(ctx.database, site, one(ctx, site, ""), 1)
    assert [f.state for f in store.differences_of(ctx.database, site)] == ["open"]
    with pytest.raises(UserError, match="already open"):
        findings.reopen(ctx.database, site, one(ctx, site, ""), 1)


def test_many_open_findings_hide_no_explained_one(ctx: Context, site: Site) -> None:
    """The page had the first hundred of all states together: an explanation could not be taken back."""
    excess = Excess(
        part="Email", first_on=DAY, last_on=DAY, days=1, theirs=Decimal(300), ours=Decimal(200),
        unexplained=Decimal(100),
    )  # fmt: skip
    parts = (structs.replace(excess, part=f"{n}") for n in range(116))
    findings.review(
        ctx.database, site, store.SLICE, RULE, [failure_of(p, "a", "sessions", "channel", ()) for p in parts]
    )
    ola = accounts.users_of(ctx.database, site.workspace_id)[0]
    for found in findings.findings_of(ctx.database, site, store.SLICE, most=12):
        findings.explain(ctx.database, site, found, "The tag was on the page twice.", ola.id)
    kept = Counter(f.state for f in store.differences_of(ctx.database, site))
    assert kept == {"open": 104, "explained": 12}


def test_a_finding_goes_when_its_report_is_taken_back_or_a_rule_explains_it(
    ctx: Context, site: Site, bring: Bring
) -> None:
    put(ctx.warehouse, site.id, several(200) + several(100, first=500, bot="datacentre"))
    held = bring(f"date,sessions\n{DAY},300\n")
    assert jobs.review(ctx, site) == 1
    store.save_rules(ctx.database, site, "other", CountingRules(bots="all"), None)
    assert jobs.review(ctx, site) == 0
    store.save_rules(ctx.database, site, "other", CountingRules(), None)
    assert jobs.review(ctx, site) == 1
    store.undo(ctx.database, site, held)
    assert jobs.review(ctx, site) == 0
    assert store.differences_of(ctx.database, site) == []
    assert len(store.differences_of(ctx.database, site, ("fixed",))) == 2


def test_records_are_kept_alike_on_both_engines(any_database: Database) -> None:
    workspace = accounts.make_workspace(any_database, "Fern")
    site = accounts.add_site(any_database, workspace, "fern", "Fern", ["f.example"], "UTC", "EUR", "cookie")
    on = date(2026, 10, 1)
    cell = Cell(
        on=on, part="Email", theirs=Decimal("0.1"), ours=Decimal("0.3"), reasons={}, unexplained=Decimal("-0.2")
    )
    assert store.review(any_database, site, "ga4", "revenue", "channel", {"Email": [cell]}, on) == 1
    (found,) = store.differences_of(any_database, site)
    assert (found.theirs, found.unexplained, found.first_on) == (Decimal("0.1"), Decimal("-0.2"), on)
    store.save_rules(any_database, site, "ga4", CountingRules(zone="UTC"), None)
    assert store.rules_of(any_database, site, "ga4").zone == "UTC"


# ── what other rooms hold ──


def test_what_ads_knows_can_be_compared_without_a_file(ctx: Context, site: Site, today: datetime) -> None:
    put(ctx.warehouse, site.id, several(5))  # nobody paid for these
    _spend(ctx, site, clicks=12)
    found = {s.id: s for s in queries.sources(ctx, site)}
    assert set(found) == {"held:google"}
    (clicks,) = cells(ctx, site, figure="clicks", source="held:google", split="channel")
    assert (clicks.part, clicks.theirs, clicks.ours) == ("Paid Search", 12, 0)
    (conversions,) = cells(ctx, site, figure="conversions", source="held:google")
    assert conversions.theirs == Decimal("1.5")
    put(ctx.warehouse, site.id, several(3, channel="Paid Search", goals=(1, 2, 2), campaign="brand", click="gclid"))
    (conversions,) = cells(ctx, site, figure="conversions", source="held:google")
    assert conversions.ours == 9
    (conversions,) = cells(ctx, site, CountingRules(goal_ids=(1,)), figure="conversions", source="held:google")
    assert conversions.ours == 3
    assert jobs.review(ctx, site) == 0  # twelve are too few


def test_what_no_ad_report_told_is_not_zero_conversions(ctx: Context, site: Site, today: datetime) -> None:
    put(ctx.warehouse, site.id, several(3, channel="Paid Search", goals=(1,), campaign="brand", click="gclid"))
    _spend(ctx, site, clicks=12, conversions=0)
    (source,) = queries.sources(ctx, site)
    assert (list(source.figures), source.unreported) == (["clicks"], ("conversions",))
    with opened_by_admin(ctx, site, ROUTES) as browser:
        for figure in ("", "&figure=conversions"):
            page = browser.get(f"/reconciliation?period={DAY}..{DAY}{figure}").text
            assert "Ad clicks: Google Ads (as measured by Tandem) counts 12" in page
            assert "The imported reports of Google Ads (as measured by Tandem) do not contain conversions" in page
    _spend(ctx, site, clicks=12, conversions=2)
    ctx.look_again()
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = browser.get(f"/reconciliation?period={DAY}..{DAY}").text
        assert "Ad clicks: Google Ads" in page and "do not contain conversions" not in page


def test_unlike_things_are_named_and_their_difference_is_not_called_unexplained(
    ctx: Context, site: Site, today: datetime
) -> None:
    put(ctx.warehouse, site.id, several(3, orders=(("", 100),)))
    ctx.warehouse.insert(
        "deal_rows",
        {"site": [site.id], "deal": [1], "at": [noon()], "kind": ["deal"], "ref": ["1"], "stage_kind": ["won"],
         "amount": [Decimal(90)], "version": [1]},
    )  # fmt: skip
    at = f"/reconciliation?period={DAY}..{DAY}&figure=orders"
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = browser.get(at).text
        assert (
            "CRM (as measured by Tandem): Won deals, 1. On the site: Orders, 3. They measure different things" in page
        )
        assert "unexplained" not in page.partition('<section class="box" aria-labelledby="how-title"')[0].lower()
        store.save_rules(ctx.database, site, "held:crm", CountingRules(is_same=True), None)
        page = browser.get(at).text
        answer = page.partition('<p class="answer">')[2].partition("</p>")[0]
        assert "which is 66.7% of the larger figure" in answer and "different things" not in page


def test_what_the_crm_knows_can_be_compared_without_a_file(ctx: Context, site: Site, today: datetime) -> None:
    put(ctx.warehouse, site.id, several(3, orders=(("", 100),), goals=(1,)))
    ctx.warehouse.insert(
        "deal_rows",
        {"site": [site.id] * 2, "deal": [1, 2], "at": [noon()] * 2, "kind": ["deal"] * 2, "ref": ["1", "2"],
         "stage_kind": ["won", "open"], "amount": [Decimal(90), Decimal(5)], "version": [1, 1]},
    )  # fmt: skip
    assert [s.id for s in queries.sources(ctx, site)] == ["held:crm"]
    told = {name: cells(ctx, site, figure=name, source="held:crm")[0] for name in ("leads", "orders", "revenue")}
    assert {name: (c.theirs, c.ours) for name, c in told.items()} == {
        "leads": (2, 3), "orders": (1, 3), "revenue": (90, 300),
    }  # fmt: skip
    rules = CountingRules(goal_ids=(2,))
    (leads,) = cells(ctx, site, rules, figure="leads", source="held:crm")
    assert (leads.ours, leads.unexplained) == (0, 2)
    store.save_rules(ctx.database, site, "held:crm", rules, None)
    assert store.rules_of(ctx.database, site, "held:crm") == rules
    assert jobs.review(ctx, site) == 0


def test_clicks_that_never_arrived_raise_a_finding(ctx: Context, site: Site, today: datetime) -> None:
    _spend(ctx, site, clicks=150)
    assert jobs.review(ctx, site) == 2
    found = store.differences_of(ctx.database, site)
    assert {(f.source, f.figure, f.part, f.unexplained) for f in found} == {
        ("held:google", "clicks", part, 150) for part in ("", "Paid Search")
    }


def test_an_ad_systems_conversions_raise_findings_once_somebody_says_that_they_are_ours(
    ctx: Context, site: Site, today: datetime
) -> None:
    _spend(ctx, site, clicks=0, conversions=200)
    assert jobs.review(ctx, site) == 0
    store.save_rules(ctx.database, site, "held:google", CountingRules(is_same=True), None)
    assert jobs.review(ctx, site) == 2
    assert {(f.figure, f.unexplained) for f in store.differences_of(ctx.database, site)} == {("conversions", 200)}
    store.save_rules(ctx.database, site, "held:google", CountingRules(), None)
    assert jobs.review(ctx, site) == 0


def _spend(ctx: Context, site: Site, clicks: int, conversions: float = 1.5) -> None:
    """One day of one campaign, as the room Ads holds it."""
    ctx.warehouse.insert(
        "ad_rows",
        {"site": [site.id], "on": [DAY], "at": [noon()], "load": [1], "system": ["google"], "account": ["a"],
         "level": ["campaign"], "channel": ["Paid Search"], "campaign": ["brand"], "clicks": [clicks],
         "cost": [Decimal(5)], "platform_conversions": [Decimal(str(conversions))]},
    )  # fmt: skip
    ctx.warehouse.insert(
        "ad_loads",
        {"site": [site.id], "system": ["google"], "account": ["a"], "on": [DAY], "begins": [noon(DAY, -2)],
         "ends": [noon(DAY, 22)], "load": [1], "version": [1]},
    )  # fmt: skip


def test_the_days_that_are_compared_are_named(ctx: Context, site: Site, bring: Bring) -> None:
    """Ours are counted on the days of the report only: over 30 days it is 29, and the page must not name the last."""
    put(ctx.warehouse, site.id, [*several(7), *several(9, noon(DAY + timedelta(1)), first=20)])
    bring(f"date,sessions\n{DAY - timedelta(1)},4\n{DAY},7\n")
    span = f"/reconciliation?period={DAY - timedelta(1)}..{DAY + timedelta(1)}"
    with opened_by_admin(ctx, site, ROUTES) as client:
        page = client.get(span).text
        assert "counts 11, Tandem 7." in page
        named = page.partition('<p class="span">')[2].partition("</p>")[0]
        assert "on 2 of 3 days, as reported by Other: 13\N{EN DASH}14 Oct 2026<" in named
        bring(f"date,sessions\n{DAY + timedelta(2)},1\n")
        page = client.get(f"/reconciliation?period={DAY - timedelta(1)}..{DAY + timedelta(3)}").text
        assert "on 3 of 5 days, as reported by Other: 13\N{EN DASH}16 Oct 2026 with gaps<" in page
        page = client.get(f"/reconciliation?period={DAY}..{DAY}").text
        assert "as reported by" not in page.partition('<p class="span">')[2].partition("</p>")[0]


def test_a_cost_that_no_report_tells_us_is_not_zero_and_raises_nothing(ctx: Context, site: Site, bring: Bring) -> None:
    """A report of 500 a day, with nothing imported on the page Ads, was 100% unexplained and severe."""
    days = [DAY + timedelta(n) for n in range(5)]
    bring("date,cost\n" + "".join(f"{day},500\n" for day in days))
    assert jobs.review(ctx, site) == 0
    source = next(one for one in queries.sources(ctx, site) if one.id == "other")
    comparison = queries.compare(ctx, site, source, "cost", "day", CountingRules(), days[0], days[-1])
    assert (comparison.cells, comparison.unknown_days) == ([], 5)
    with opened_by_admin(ctx, site, ROUTES) as client:
        page = " ".join(client.get(f"/reconciliation?figure=cost&period={days[0]}..{days[-1]}").text.split())
    assert "For the 5 days in the data from Other, there are no ad reports to compare the cost with." in page


def test_a_load_that_is_confirmed_while_old_ones_are_thrown_away_keeps_its_rows(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring("date,sessions\n2026-10-01,10\n", confirm=False)
    real = store.IMPORTS.of

    def of(db: Database, at: Site, number: int) -> store.ReportImport:
        found = real(db, at, number)
        if found.state == "staged":  # its reader confirms it just now
            store.IMPORTS.note_confirmed(db, site, found, None)
        return found

    monkeypatch.setattr(store.IMPORTS, "of", of)
    monkeypatch.setattr(store.IMPORTS, "staged_for", timedelta(seconds=-1))
    assert store.drop_old(ctx, {site.id: site}) == 0
    assert real(ctx.database, site, held.id).state == store.COUNTING
    assert sessions(ctx, site) == {1: 10}


def test_a_load_that_somebody_confirms_first_is_not_told_as_discarded(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = bring("date,sessions\n2026-10-01,10\n", confirm=False)
    real = store.idle_import

    def idle(db: Database, at: Site, number: int) -> store.ReportImport:
        found = real(db, at, number)
        store.confirm(db, at, found)
        return found

    monkeypatch.setattr(store, "idle_import", idle)
    with opened_by_admin(ctx, site, ROUTES) as client:
        answer = client.post(f"/reconciliation/imports/{held.id}/drop")
    assert answer.status_code == 409 and "already been applied" in answer.text
    assert store.import_of(ctx.database, site, held.id).state == store.COUNTING
