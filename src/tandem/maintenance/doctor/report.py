"""The report: all checks of the machine, the stores, the intake, visits and outside systems."""

from typing import Any

import msgspec

from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter
from tandem.maintenance import control
from tandem.maintenance.doctor import intake, machine, outside, stores, visits
from tandem.maintenance.doctor.finding import OK, PROBLEM, WARNING, Check, DoctorFinding, Installation

CHECKS: tuple[Check, ...] = (*machine.CHECKS, *stores.CHECKS, *intake.CHECKS, *visits.CHECKS, *outside.CHECKS)


def examine_context(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """The findings of a server about itself."""
    return _report(Installation(ctx.config, ctx.warehouse, ctx.database, ctx))


def examine(config: Config) -> dict[str, Any]:
    """The findings about a data folder: of its server if one runs, else of its stores, in which nothing is changed."""
    server = control.find(config.folder)
    if server is not None:
        return control.ask(server, "doctor", {})
    installation = Installation(config, None, None)
    findings = []
    try:
        if config.events or (config.folder / "events").exists():
            installation.warehouse = Warehouse(
                config.events_dsn, config.cluster, config.memory_mb, config.query_seconds
            )
            installation.warehouse.client  # noqa: B018 - opens it
    except UserError as error:
        installation.warehouse = None
        findings.append(DoctorFinding("event store", PROBLEM, error.what, error.hint))
    try:
        if config.records or (config.folder / "records.db").exists():
            installation.database = Database(config.records_dsn)
            installation.database.revision()
    except Exception as error:  # noqa: BLE001 - the edge: whatever keeps a store from answering is a finding
        installation.database = None
        findings.append(
            DoctorFinding("record store", PROBLEM, f"It does not respond: {first_line(error)}", "Check TANDEM_RECORDS.")
        )
    try:
        return _report(installation, findings)
    finally:
        for store in (installation.warehouse, installation.database):
            if store is not None:
                store.close()


def _report(installation: Installation, findings: list[DoctorFinding] | None = None) -> dict[str, Any]:
    all_findings = list(findings or [])
    for check in CHECKS:
        try:
            all_findings += check(installation)
        except Exception as error:  # noqa: BLE001 - the edge: a check that breaks is a finding, not the end of the others
            name = check.__name__.strip("_").replace("_", " ")
            all_findings.append(
                DoctorFinding(name, PROBLEM, f"Could not be checked: {first_line(error)}", "See the log.")
            )
    counts = {state: sum(f.state == state for f in all_findings) for state in (OK, WARNING, PROBLEM)}
    return {"findings": [msgspec.to_builtins(f) for f in all_findings], **counts}


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
