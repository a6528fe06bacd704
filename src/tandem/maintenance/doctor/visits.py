"""What was made of what came in: by which rules, and whether ledger and visits fit."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tandem.base import clock
from tandem.base.warehouse import questions_in
from tandem.collect import rebuild
from tandem.collect import store as collect
from tandem.collect.model.agents import agent_of
from tandem.collect.model.rules import load_rules
from tandem.collect.sources.places import PlaceFinder
from tandem.maintenance.doctor.finding import OK, PROBLEM, WARNING, Check, DoctorFinding, Installation, sites

LEDGER_DAYS = 30
SQL = questions_in(Path(__file__).parents[1] / "sql")


def _rules(installation: Installation) -> Iterator[DoctorFinding]:
    version = load_rules().version
    agent_of("Mozilla/5.0")
    chosen = installation.settings
    PlaceFinder(*(Path(p) if p else None for p in (chosen.country_mmdb, chosen.city_mmdb, chosen.asn_mmdb)))
    yield DoctorFinding("rules", OK, f"Rules of channels, bots and countries are readable (version {version}).")
    if installation.warehouse is None or not installation.warehouse.value("exists table visit_rows"):
        return
    for site in sites(installation):
        if installation.database is None or rebuild.is_rebuilt(installation.database, site):
            continue
        if installation.warehouse.value("select count() from visit_rows where site = {site:UInt32}", site=site.id):
            text = f"Visits of {site.key} were built with older rules, goals or hosts."
            yield DoctorFinding("rules", WARNING, text, "Run `tandem rebuild`. A running server does so automatically.")


def _ingestion(installation: Installation) -> Iterator[DoctorFinding]:
    if installation.warehouse is None or not installation.warehouse.value("exists table reception"):
        return
    if installation.is_erasing:
        yield DoctorFinding("data received", OK, "The ledger is not judged while an erasure is under way.")
        return
    today = clock.now().date()
    for site in sites(installation):
        days = collect.ingestion_days(
            installation.warehouse, site.id, today - timedelta(days=LEDGER_DAYS), site.keep_days
        )
        # A batch that is being loaded stands in the ledger before its events do, so today is not judged.
        wrong = [day for day in days if day.balance and day.on < today]
        if wrong:
            off = ", ".join(f"{day.on} by {day.balance}" for day in wrong[:3])
            cure = "Compare with the Data received page. Restore a backup if events are missing."
            yield DoctorFinding("data received", PROBLEM, f"Events of {site.key} are not accounted for: {off}.", cure)
        else:
            total = sum(day.received for day in days)
            yield DoctorFinding(
                "data received",
                OK,
                f"All events of {site.key} are accounted for: {total} received in {LEDGER_DAYS} days.",
            )


def _visits(installation: Installation) -> Iterator[DoctorFinding]:
    if installation.warehouse is None or not installation.warehouse.value("exists table visit_rows"):
        return
    if installation.is_erasing:
        yield DoctorFinding("visits", OK, "They are not judged while an erasure is under way.")
        return
    since = datetime.now(UTC) - timedelta(days=LEDGER_DAYS)
    asked = SQL["visit_invariants"]
    for site in sites(installation):
        rows = installation.warehouse.ask(asked, {"site": site.id, "since": since}).rows
        visitors, visits, counted, listed, facts = rows[0]
        if visitors <= visits <= counted == listed <= facts:
            text = f"{site.key}: {visitors} visitors ≤ {visits} visits ≤ {counted} page views, counted both ways."
            yield DoctorFinding("visits", OK, text)
        else:
            text = f"{site.key}: {visitors} visitors, {visits} visits, {counted} or {listed} page views do not match."
            yield DoctorFinding("visits", PROBLEM, text, f"Run `tandem rebuild --site {site.key} --again`.")


CHECKS: tuple[Check, ...] = (_rules, _ingestion, _visits)
