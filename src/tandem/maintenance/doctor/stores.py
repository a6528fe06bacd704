"""Both stores: whether they answer, in which form they are, and who may sign in."""

from collections.abc import Iterator

from tandem.accounts.store import is_set_up
from tandem.base import clock
from tandem.base.texts import quantity
from tandem.base.warehouse import Warehouse, step_key
from tandem.maintenance.backup import all_steps, known_keys
from tandem.maintenance.doctor.finding import (
    OK,
    PROBLEM,
    WARNING,
    Check,
    DoctorFinding,
    Installation,
    lacks_records,
    sites,
)
from tandem.settings import first_code


def _stores(installation: Installation) -> Iterator[DoctorFinding]:
    if installation.warehouse is not None:
        answer = installation.warehouse.ask("select version(), toUnixTimestamp64Milli(now64(3))")
        engine, there = answer.rows[0]
        yield DoctorFinding("event store", OK, f"ClickHouse {engine} responded in {answer.took_ms:.0f} ms.")
        apart = abs(there - clock.now_ms()) / 1000
        state = OK if apart < 2 else WARNING if apart < 60 else PROBLEM
        cure = "" if state == OK else "Synchronise both machines with the same NTP server."
        yield DoctorFinding("clock", state, f"The clocks of Tandem and the event store are {apart:.1f} s apart.", cure)
    if installation.database is not None:
        kind = "SQLite" if installation.database.is_sqlite else "PostgreSQL"
        installation.database.ping()
        yield DoctorFinding("record store", OK, f"{kind} answers.")


def _schema(installation: Installation) -> Iterator[DoctorFinding]:
    cure = "Start `tandem serve` once. It migrates the stores."
    if installation.warehouse is not None:
        keys = {step.key for step in all_steps()}
        done = _steps_done(installation.warehouse)
        if newer := done - known_keys():
            text = f"The event store was used by a newer version of Tandem ({', '.join(sorted(newer))})."
            yield DoctorFinding("event schema", PROBLEM, text, "Install the newer version again.")
        elif missing := keys - done:
            yield DoctorFinding("event schema", WARNING, f"{len(missing)} migration steps are pending.", cure)
        else:
            yield DoctorFinding("event schema", OK, f"{len(keys)} migration steps, all applied.")
    if installation.database is not None:
        current, newest = installation.database.revision()
        if current == newest:
            yield DoctorFinding("record schema", OK, f"The schema is up to date ({newest}).")
        elif current is not None and not installation.database.knows(current):
            text = f"The record store was used by a newer version of Tandem ({current})."
            yield DoctorFinding("record schema", PROBLEM, text, "Install the newer version again.")
        else:
            yield DoctorFinding("record schema", WARNING, f"It has the form {current}; the newest is {newest}.", cure)


def _steps_done(warehouse: Warehouse) -> set[str]:
    if not warehouse.value("exists table schema_steps"):
        return set()
    rows = warehouse.ask("select owner, number from schema_steps").rows
    return {step_key(owner, number) for owner, number in rows}


def _people(installation: Installation) -> Iterator[DoctorFinding]:
    if lacks_records(installation):
        cure = "Run `tandem setup`, or open the server's page in a browser."
        yield DoctorFinding("set-up", WARNING, "Nobody can sign in yet.", cure)
        return
    assert installation.database is not None
    if is_set_up(installation.database):
        yield DoctorFinding("set-up", OK, f"Measured: {quantity(len(sites(installation)), 'site')}.")
    else:
        yield DoctorFinding(
            "set-up",
            WARNING,
            "Nobody can sign in yet.",
            f"Run `tandem setup`, or open the page with the code in {installation.settings.folder / first_code.FILE}.",
        )


CHECKS: tuple[Check, ...] = (_stores, _schema, _people)
