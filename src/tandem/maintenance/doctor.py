"""Looks an installation over as a support engineer would; every finding that is not fine comes with its cure."""

import os
import platform
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tandem import __version__
from tandem.accounts.model import Site
from tandem.accounts.store import all_sites, is_set_up
from tandem.base import clock, vault
from tandem.base.config import Config
from tandem.base.data_folder import UNFINISHED
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.spool import sealed
from tandem.base.warehouse import Warehouse, questions_in, step_key
from tandem.collect import health, rebuild
from tandem.collect import store as collect
from tandem.collect.batches import all_aside
from tandem.collect.loader import spool_folders
from tandem.collect.model.agents import agent_of
from tandem.collect.model.places import Places
from tandem.collect.model.rules import RULES_VERSION, load_rules
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter
from tandem.delivery import smtp
from tandem.delivery import store as outbox
from tandem.maintenance import control, cut_off
from tandem.maintenance.backup import all_steps, known_keys
from tandem.people import store as people
from tandem.settings import first_code, provider

OK, WARNING, PROBLEM = "ok", "warning", "problem"
LIBRARIES = ("chdb", "clickhouse-connect", "litestar", "granian", "sqlalchemy", "alembic", "msgspec")
OLD_SPOOL_S = 60.0
LITTLE_DISK, VERY_LITTLE_DISK = 5 << 30, 1 << 30
LEDGER_DAYS = 30
SQL = questions_in(Path(__file__).parent / "sql")


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor's report."""

    name: str
    state: str
    text: str
    cure: str = ""


class Installation(msgspec.Struct):
    """What is examined. Stores that cannot be opened are None; `server` says how the pages are run."""

    settings: Config
    warehouse: Warehouse | None
    database: Database | None
    ctx: Context | None = None

    @property
    def runs(self) -> bool:
        return self.ctx is not None


Check = Callable[[Installation], Iterator[Finding]]


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
        findings.append(Finding("event store", PROBLEM, error.what, error.hint))
    try:
        if config.records or (config.folder / "records.db").exists():
            installation.database = Database(config.records_dsn)
            installation.database.revision()
    except Exception as error:  # noqa: BLE001 - the edge: whatever keeps a store from answering is a finding
        installation.database = None
        findings.append(
            Finding("record store", PROBLEM, f"It does not answer: {_first_line(error)}", "Check TANDEM_RECORDS.")
        )
    try:
        return _report(installation, findings)
    finally:
        for store in (installation.warehouse, installation.database):
            if store is not None:
                store.close()


def _report(installation: Installation, findings: list[Finding] | None = None) -> dict[str, Any]:
    found = list(findings or [])
    for check in CHECKS:
        try:
            found += check(installation)
        except Exception as error:  # noqa: BLE001 - the edge: a check that breaks is a finding, not the end of the others
            name = check.__name__.strip("_").replace("_", " ")
            found.append(Finding(name, PROBLEM, f"Could not be checked: {_first_line(error)}", "See the log."))
    counts = {state: sum(f.state == state for f in found) for state in (OK, WARNING, PROBLEM)}
    return {"findings": [msgspec.to_builtins(f) for f in found], **counts}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


# ── the machine ──


def _versions(installation: Installation) -> Iterator[Finding]:
    python = platform.python_version()
    how = "the server answers" if installation.runs else "no server runs on this data folder"
    yield Finding("Tandem", OK, f"{__version__} on Python {python}; {how}.")
    try:
        yield Finding("libraries", OK, ", ".join(f"{name} {version(name)}" for name in LIBRARIES) + ".")
    except PackageNotFoundError as error:
        yield Finding(
            "libraries", PROBLEM, f"{error.name} is not installed.", "Install Tandem again from its lock file."
        )


def _settings_fit(installation: Installation) -> Iterator[Finding]:
    chosen, wrong = installation.settings, []
    names = {"TANDEM_" + name.upper() for name in Config.__struct_fields__} | {"TANDEM_WORKERS", "TANDEM_PASSWORD"}
    unknown = sorted(k for k in os.environ if k.startswith("TANDEM_") and k not in names and "TEST" not in k)
    if unknown:
        yield Finding("settings", WARNING, f"{', '.join(unknown)}: there is no such setting.", "See docs/settings.md.")
    if chosen.cluster and chosen.events_dsn.startswith("chdb:"):
        wrong.append(
            ("TANDEM_CLUSTER is set, but the event store is in process.", "Name a ClickHouse server in TANDEM_EVENTS.")
        )
    if chosen.url and urlsplit(chosen.url).scheme not in ("http", "https"):
        wrong.append(("TANDEM_URL is not a web address.", "Write it like https://figures.example.com."))
    for name in ("country_mmdb", "city_mmdb", "asn_mmdb"):
        if (file := getattr(chosen, name)) and not Path(file).is_file():
            wrong.append((f"TANDEM_{name.upper()} names {file}, which is not there.", "Mend the path or unset it."))
    for what, cure in wrong:
        yield Finding("settings", PROBLEM, what, cure)
    if not wrong and not unknown:
        yield Finding("settings", OK, f"They fit; data in {chosen.folder}.")


def _data_folder(installation: Installation) -> Iterator[Finding]:
    folder = installation.settings.folder
    if not folder.exists():
        yield Finding(
            "data folder", WARNING, f"{folder} is not there yet.", "`tandem serve` or `tandem setup` makes it."
        )
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "data folder", PROBLEM, f"{folder} cannot be written by this user.", "Give it to the user of Tandem."
        )
        return
    if (folder / UNFINISHED).exists():
        yield Finding(
            "data folder",
            PROBLEM,
            "A restore did not finish here.",
            "Give `tandem restore` with the same backup again.",
        )
    if cut_off.is_cut_off(folder):
        cure = "Give the `tandem erase` command again."
        yield Finding("data folder", PROBLEM, "An erasure was cut off here.", cure)
    open_ones = [p.name for p in (folder, *folder.glob("records.db*"), folder / vault.FILE) if _is_open(p)]
    if open_ones:
        text, cure = f"Others on this machine may read {', '.join(open_ones)}.", f"Run `chmod -R go= {folder}`."
        yield Finding("data folder", WARNING, text, cure)
    free = shutil.disk_usage(folder).free
    state = PROBLEM if free < VERY_LITTLE_DISK else WARNING if free < LITTLE_DISK else OK
    cure = "" if state == OK else "Make room: a full disk makes collectors answer 503."
    yield Finding("disk", state, f"{free / (1 << 30):.1f} GB are free for {folder}.", cure)


def _is_open(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _memory(installation: Installation) -> Iterator[Finding]:
    if not installation.settings.events_dsn.startswith("chdb:"):
        return
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    machine = min(pages, _cgroup_limit() or pages) // (1 << 20)
    cap = installation.settings.memory_mb
    if cap > machine * 0.8:
        cure = f"Set TANDEM_MEMORY_MB to {int(machine * 0.6)}, or give the machine more."
        yield Finding("memory", PROBLEM, f"The event store may use {cap} MB of {machine} MB.", cure)
    else:
        yield Finding("memory", OK, f"The event store may use {cap} MB of {machine} MB.")


def _cgroup_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _port(installation: Installation) -> Iterator[Finding]:
    host, port = installation.settings.host, installation.settings.port
    if installation.runs:
        yield Finding("port", OK, f"Tandem listens on {host}:{port}.")
        return
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            yield Finding("port", OK, f"{host}:{port} is free.")
        except OSError as error:
            cure = "Stop what listens there, or set PORT."
            yield Finding("port", PROBLEM, f"{host}:{port} cannot be had: {error.strerror}.", cure)


def _proxy(installation: Installation) -> Iterator[Finding]:
    chosen = installation.settings
    try:
        networks = [ip_network(n.strip()) for n in chosen.proxies.split(",") if n.strip()]
    except ValueError as error:
        yield Finding(
            "proxies", PROBLEM, f"TANDEM_PROXIES: {error}.", "Write networks like 10.0.0.0/8, parted by commas."
        )
        return
    if any(n.prefixlen == 0 for n in networks):
        cure = "Name the addresses of your proxies only."
        yield Finding("proxies", PROBLEM, "Anybody's X-Forwarded-For is believed, so addresses can be forged.", cure)
    elif chosen.host in ("0.0.0.0", "::") and not chosen.url:
        cure = "Set TANDEM_URL to the address people use; with https it also makes sign-in cookies secure."
        yield Finding("proxies", WARNING, "Tandem listens to the whole network without a public address.", cure)
    elif chosen.url.startswith("http://") and urlsplit(chosen.url).hostname not in ("localhost", "127.0.0.1"):
        cure = "Put a proxy with a certificate before it: deploy/nginx.conf shows how."
        yield Finding("proxies", WARNING, "The public address has no https.", cure)
    else:
        yield Finding("proxies", OK, f"X-Forwarded-For is believed from {chosen.proxies or 'nobody'}.")


# ── the stores ──


def _stores(installation: Installation) -> Iterator[Finding]:
    if installation.warehouse is not None:
        answer = installation.warehouse.ask("select version(), toUnixTimestamp64Milli(now64(3))")
        engine, there = answer.rows[0]
        yield Finding("event store", OK, f"ClickHouse {engine} answered in {answer.took_ms:.0f} ms.")
        apart = abs(there - clock.now_ms()) / 1000
        state = OK if apart < 2 else WARNING if apart < 60 else PROBLEM
        cure = "" if state == OK else "Let both machines take their time from the same NTP server."
        yield Finding("clock", state, f"The clocks of Tandem and the event store are {apart:.1f} s apart.", cure)
    if installation.database is not None:
        kind = "SQLite" if installation.database.is_sqlite else "PostgreSQL"
        installation.database.ping()
        yield Finding("record store", OK, f"{kind} answers.")


def _schema(installation: Installation) -> Iterator[Finding]:
    cure = "Start `tandem serve` once: it brings the stores to their newest form."
    if installation.warehouse is not None:
        known = {step.key for step in all_steps()}
        done = _steps_done(installation.warehouse)
        if newer := done - known_keys():
            text = f"The event store was used by a newer Tandem ({', '.join(sorted(newer))})."
            yield Finding("event schema", PROBLEM, text, "Install the newer version again.")
        elif missing := known - done:
            yield Finding("event schema", WARNING, f"{len(missing)} steps are still to be done.", cure)
        else:
            yield Finding("event schema", OK, f"{len(known)} steps, all done.")
    if installation.database is not None:
        found, newest = installation.database.revision()
        if found == newest:
            yield Finding("record schema", OK, f"It has the newest form ({newest}).")
        elif found is not None and not installation.database.knows(found):
            text = f"The record store was used by a newer Tandem ({found})."
            yield Finding("record schema", PROBLEM, text, "Install the newer version again.")
        else:
            yield Finding("record schema", WARNING, f"It has the form {found}; the newest is {newest}.", cure)


def _steps_done(warehouse: Warehouse) -> set[str]:
    if not warehouse.value("exists table schema_steps"):
        return set()
    rows = warehouse.ask("select owner, number from schema_steps").rows
    return {step_key(owner, number) for owner, number in rows}


def _people(installation: Installation) -> Iterator[Finding]:
    if _lacks_records(installation):
        cure = "Run `tandem setup`, or open the server's page in a browser."
        yield Finding("set-up", WARNING, "Nobody can sign in yet.", cure)
        return
    assert installation.database is not None
    if is_set_up(installation.database):
        yield Finding("set-up", OK, f"{len(_sites(installation))} sites are measured.")
    else:
        yield Finding(
            "set-up",
            WARNING,
            "Nobody can sign in yet.",
            f"Run `tandem setup`, or open the page with the code in {installation.settings.folder / first_code.FILE}.",
        )


def _lacks_records(installation: Installation) -> bool:
    return installation.database is None or installation.database.revision()[0] is None


def _lacks_newest_records(installation: Installation) -> bool:
    return installation.database is None or len(set(installation.database.revision())) > 1


def _sites(installation: Installation) -> list[Site]:
    return [] if _lacks_records(installation) or installation.database is None else all_sites(installation.database)


# ── what comes in ──


def _aside(installation: Installation) -> Iterator[Finding]:
    """What could not be loaded and was put aside."""
    root = installation.settings.folder / "spool"
    put_asides = all_aside(root)
    if not put_asides:
        yield Finding("put aside", OK, "Nothing that was received had to be put aside.")
        return
    reasons = Counter[str]()
    for one in put_asides:
        reasons.update(one.reasons)
    since = clock.from_ms(min(one.at for one in put_asides)).date()
    most = "; ".join(f"{count} × {why}" for why, count in reasons.most_common(3))
    text = f"{sum(reasons.values())} records in {len(put_asides)} batches could not be loaded since {since}: {most}."
    cure = (
        f"They are kept in {root}/*/aside. Move a .seg file into the folder above it to try it again, or delete it "
        "with its .json. Those of a wrong “clock” would be put aside again until the day has come that they are dated: "
        "delete them if it never comes. “damaged” means that the disk has changed what was written: check the disk."
    )
    yield Finding("put aside", WARNING, text, cure)


def _clock(installation: Installation) -> Iterator[Finding]:
    """Whether the clock has jumped, as far as the salts, the ledger and this process can tell."""
    today, wrong = clock.now().date(), []
    if abs(moved := clock.moved_s()) > health.CLOCK_MOVED_S and installation.runs:
        wrong.append(f"it has moved by {moved / 3600:.1f} hours since Tandem started")
    if not _lacks_records(installation):
        assert installation.database is not None
        newest = max(collect.salt_days(installation.database), default=today)
        if newest > today + timedelta(days=1):
            wrong.append(f"a salt of {newest} was made")
    if installation.warehouse is not None and installation.warehouse.value("exists table reception"):
        # The ledger's days are the days of receiving, by the clock of the collector.
        last = installation.warehouse.value("select max(on) from reception")
        if last is not None and last > today + timedelta(days=1):
            wrong.append(f"hits were received on {last}")
    if wrong:
        cure = (
            "Set the clock of the machine (and of each collector) right, if it is not. Hits that were loaded while it "
            "was ahead keep their day; those that were not are put aside once browsers tell that it is right again. "
            f"Where no browser does, move their segments out of {installation.settings.folder / 'spool'} and start "
            "Tandem again."
        )
        yield Finding("clock", PROBLEM, f"Today is {today}, but {'; '.join(wrong)}.", cure)
    else:
        yield Finding("clock", OK, f"It is {clock.now():%Y-%m-%d %H:%M} UTC; no day to come has been counted.")


def _loading(installation: Installation) -> Iterator[Finding]:
    if installation.ctx is not None:
        for trouble in health.troubles(installation.ctx):
            yield Finding("loading", PROBLEM, trouble.what, trouble.hint)


def _spool(installation: Installation) -> Iterator[Finding]:
    root = installation.settings.folder / "spool"
    segments = [path for folder in spool_folders(root) for path in sealed(folder)] if root.exists() else []
    if not segments:
        yield Finding("spool", OK, "Everything received is loaded.")
        return
    size = sum(path.stat().st_size for path in segments if path.exists()) / (1 << 20)
    age = time.time() - min(path.stat().st_mtime for path in segments if path.exists())
    text = f"{len(segments)} segments ({size:.1f} MB) wait to be loaded; the oldest for {_span(age)}."
    if age < OLD_SPOOL_S:
        yield Finding("spool", OK, text)
    elif installation.runs:
        yield Finding("spool", PROBLEM, text, "See the job `load` below and the log; nothing of it is lost.")
    else:
        yield Finding("spool", WARNING, text, "Start `tandem serve`; nothing of it is lost.")


def _span(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def _jobs(installation: Installation) -> Iterator[Finding]:
    jobs = installation.ctx.jobs if installation.ctx else None
    for state in jobs.states.values() if jobs else ():
        if state.failures:
            text = f"`{state.name}` has failed {state.failures} times: {state.problem}"
            yield Finding("jobs", PROBLEM, text, "Mend the cause; the job is tried again by itself.")
        else:
            yield Finding("jobs", OK, f"`{state.name}` runs; it took {state.took_ms:.0f} ms last.")


def _salts(installation: Installation) -> Iterator[Finding]:
    if _lacks_records(installation):
        return
    assert installation.database is not None
    today = clock.now().date()
    oldest = min(collect.salt_days(installation.database), default=today)
    if oldest < today - timedelta(days=1):
        text = f"A salt of {oldest} is still there, so ids of that day could be traced back."
        cure = "Start `tandem serve`: it deletes old salts." if not installation.runs else "See the job `salts` above."
        yield Finding("salts", PROBLEM, text, cure)
    else:
        yield Finding("salts", OK, "No salt is older than a day.")


# ── outside systems ──


def _key(installation: Installation) -> Iterator[Finding]:
    """Whether what was sealed can still be opened: a folder that was copied without its key is found out here."""
    if _lacks_newest_records(installation):
        return
    assert installation.database is not None
    sealed_texts = [*connections.any_sealed(installation.database), *people.any_sealed(installation.database)]
    given, file = installation.settings.key, installation.settings.folder / vault.FILE
    if not given and not file.exists():
        if sealed_texts:
            cure = f"Put back {file}, or set TANDEM_KEY; every backup holds the key."
            yield Finding("key", PROBLEM, "The key that credentials and personal data were sealed with is gone.", cure)
        return
    try:
        for text in sealed_texts:
            vault.Vault(given or file.read_text().strip()).open(text)
        yield Finding("key", OK, "Sealed values can be opened.")
    except UserError as error:
        yield Finding("key", PROBLEM, error.what, error.hint)


def _connections(installation: Installation) -> Iterator[Finding]:
    if _lacks_newest_records(installation):
        return
    assert installation.database is not None
    problems = connections.problems(installation.database)
    for name, problem in problems:
        if problem:
            cure = "Look at it on the page Connections; it is tried again by itself."
            yield Finding("connections", WARNING, f"“{name}”: {problem}", cure)
    if problems and not any(problem for _, problem in problems):
        yield Finding("connections", OK, f"{len(problems)} outside systems, and all of them answer.")


def _outbox(installation: Installation) -> Iterator[Finding]:
    for check in (smtp.check, provider.check):
        try:
            check(installation.settings)
        except UserError as error:
            yield Finding("settings", PROBLEM, error.what, error.hint)
    if installation.database is None or _lacks_newest_records(installation):
        return
    state = outbox.state(installation.database)
    if state.dead:
        text = f"{state.dead} messages to users were given up in the last 30 days; the last problem: {state.problem}"
        yield Finding("outbox", WARNING, text, "Mend the TANDEM_SMTP settings, then send invitations or links again.")
    elif state.waiting and state.problem:
        text = f"{state.waiting} messages to users wait; the last problem: {state.problem}"
        yield Finding("outbox", WARNING, text, "Check the TANDEM_SMTP settings; they are tried again by themselves.")
    elif smtp.is_set(installation.settings):
        yield Finding("outbox", OK, f"{state.waiting} messages to users wait to be sent.")
    else:
        yield Finding("outbox", OK, "No e-mail is sent: TANDEM_SMTP_HOST is not set.")


def _rules(installation: Installation) -> Iterator[Finding]:
    load_rules()
    agent_of("Mozilla/5.0")
    chosen = installation.settings
    Places(*(Path(p) if p else None for p in (chosen.country_mmdb, chosen.city_mmdb, chosen.asn_mmdb)))
    yield Finding("rules", OK, f"Rules of channels, bots and countries are readable (version {RULES_VERSION}).")
    if installation.warehouse is None or not installation.warehouse.value("exists table visit_rows"):
        return
    for site in _sites(installation):
        if installation.database is None or rebuild.is_rebuilt(installation.database, site):
            continue
        if installation.warehouse.value("select count() from visit_rows where site = {site:UInt32}", site=site.id):
            text = f"Visits of {site.key} were derived with other rules, goals or hosts."
            yield Finding("rules", WARNING, text, "Run `tandem rebuild`; a running server does it by itself.")


def _reception(installation: Installation) -> Iterator[Finding]:
    if installation.warehouse is None or not installation.warehouse.value("exists table reception"):
        return
    today = clock.now().date()
    for site in _sites(installation):
        days = collect.reception(installation.warehouse, site.id, today - timedelta(days=LEDGER_DAYS))
        # A batch that is being loaded stands in the ledger before its events do, so today is not judged.
        wrong = [day for day in days if day.balance and day.on < today]
        if wrong:
            off = ", ".join(f"{day.on} by {day.balance}" for day in wrong[:3])
            cure = "Compare with the page Data received; restore a backup if events are missing."
            yield Finding("reception", PROBLEM, f"The ledger of {site.key} does not balance: {off}.", cure)
        else:
            total = sum(day.received for day in days)
            yield Finding(
                "reception", OK, f"The ledger of {site.key} balances: {total} received in {LEDGER_DAYS} days."
            )


def _visits(installation: Installation) -> Iterator[Finding]:
    if installation.warehouse is None or not installation.warehouse.value("exists table visit_rows"):
        return
    since = datetime.now(UTC) - timedelta(days=LEDGER_DAYS)
    asked = SQL["visit_invariants"]
    for site in _sites(installation):
        rows = installation.warehouse.ask(asked, {"site": site.id, "since": since}).rows
        visitors, visits, counted, listed, facts = rows[0]
        if visitors <= visits <= counted == listed <= facts:
            text = f"{site.key}: {visitors} visitors ≤ {visits} visits ≤ {counted} page views, counted both ways."
            yield Finding("visits", OK, text)
        else:
            text = f"{site.key}: {visitors} visitors, {visits} visits, {counted} or {listed} page views do not fit."
            yield Finding("visits", PROBLEM, text, f"Run `tandem rebuild --site {site.key} --again`.")


CHECKS: tuple[Check, ...] = (
    _versions, _settings_fit, _data_folder, _memory, _port, _proxy, _stores, _schema, _people, _loading, _spool, _aside,
    _jobs, _salts, _clock, _rules, _reception, _visits, _key, _connections, _outbox,
)  # fmt: skip
