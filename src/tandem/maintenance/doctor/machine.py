"""The machine and its settings: versions, data folder, memory, port, proxies."""

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from tandem import __version__
from tandem.base import vault
from tandem.base.config import Config
from tandem.base.data_folder import UNFINISHED
from tandem.maintenance import cut_off
from tandem.maintenance.doctor.finding import OK, PROBLEM, WARNING, Check, DoctorFinding, Installation

LIBRARIES = ("chdb", "clickhouse-connect", "litestar", "granian", "sqlalchemy", "alembic", "msgspec")
LITTLE_DISK, VERY_LITTLE_DISK = 5 << 30, 1 << 30


def _versions(installation: Installation) -> Iterator[DoctorFinding]:
    python = platform.python_version()
    how = "the server answers" if installation.runs else "no server runs on this data folder"
    yield DoctorFinding("Tandem", OK, f"{__version__} on Python {python}; {how}.")
    try:
        yield DoctorFinding("libraries", OK, ", ".join(f"{name} {version(name)}" for name in LIBRARIES) + ".")
    except PackageNotFoundError as error:
        yield DoctorFinding(
            "libraries", PROBLEM, f"{error.name} is not installed.", "Install Tandem again from its lock file."
        )


def _settings_fit(installation: Installation) -> Iterator[DoctorFinding]:
    chosen, wrong = installation.settings, []
    names = {"TANDEM_" + name.upper() for name in Config.__struct_fields__} | {"TANDEM_WORKERS", "TANDEM_PASSWORD"}
    unknown = sorted(k for k in os.environ if k.startswith("TANDEM_") and k not in names and "TEST" not in k)
    if unknown:
        yield DoctorFinding("settings", WARNING, f"{', '.join(unknown)}: no such setting.", "See docs/settings.md.")
    if chosen.cluster and chosen.events_dsn.startswith("chdb:"):
        wrong.append(
            (
                "TANDEM_CLUSTER is set, but the event store is not a ClickHouse server.",
                "Set a ClickHouse server in TANDEM_EVENTS.",
            )
        )
    if chosen.url and urlsplit(chosen.url).scheme not in ("http", "https"):
        wrong.append(("TANDEM_URL is not a web address.", "Use an address such as https://tandem.example.com."))
    for name in ("country_mmdb", "city_mmdb", "asn_mmdb"):
        if (file := getattr(chosen, name)) and not Path(file).is_file():
            wrong.append(
                (f"TANDEM_{name.upper()} is set to {file}, which does not exist.", "Correct the path or unset it.")
            )
    for what, cure in wrong:
        yield DoctorFinding("settings", PROBLEM, what, cure)
    if not wrong and not unknown:
        yield DoctorFinding("settings", OK, f"All settings are valid. Data folder: {chosen.folder}.")


def _data_folder(installation: Installation) -> Iterator[DoctorFinding]:
    folder = installation.settings.folder
    if not folder.exists():
        yield DoctorFinding(
            "data folder", WARNING, f"{folder} does not exist yet.", "`tandem serve` or `tandem setup` creates it."
        )
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield DoctorFinding(
            "data folder",
            PROBLEM,
            f"{folder} cannot be written by this user.",
            "Make it writable for the user that runs Tandem.",
        )
        return
    if (folder / UNFINISHED).exists():
        yield DoctorFinding(
            "data folder",
            PROBLEM,
            "A restore did not finish here.",
            "Run `tandem restore` with the same backup again.",
        )
    if cut_off.is_cut_off(folder) and not installation.is_erasing:
        cure = "Run the `tandem erase` command again."
        yield DoctorFinding("data folder", PROBLEM, "An erasure was interrupted here.", cure)
    open_ones = [p.name for p in (folder, *folder.glob("records.db*"), folder / vault.FILE) if _is_open(p)]
    if open_ones:
        text, cure = f"Other users of this machine can read {', '.join(open_ones)}.", f"Run `chmod -R go= {folder}`."
        yield DoctorFinding("data folder", WARNING, text, cure)
    free = shutil.disk_usage(folder).free
    state = PROBLEM if free < VERY_LITTLE_DISK else WARNING if free < LITTLE_DISK else OK
    cure = "" if state == OK else "Free some space: collectors answer 503 when the disk is full."
    yield DoctorFinding("disk", state, f"{free / (1 << 30):.1f} GB are free for {folder}.", cure)


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # SQLite takes its files away when the last one closes them
        return False


def _memory(installation: Installation) -> Iterator[DoctorFinding]:
    if not installation.settings.events_dsn.startswith("chdb:"):
        return
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    machine = min(pages, _cgroup_limit() or pages) // (1 << 20)
    cap = installation.settings.memory_mb
    if cap > machine * 0.8:
        cure = f"Set TANDEM_MEMORY_MB to {int(machine * 0.6)}, or add memory to the machine."
        yield DoctorFinding("memory", PROBLEM, f"The event store may use {cap} MB of {machine} MB.", cure)
    else:
        yield DoctorFinding("memory", OK, f"The event store may use {cap} MB of {machine} MB.")


def _cgroup_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _port(installation: Installation) -> Iterator[DoctorFinding]:
    host, port = installation.settings.host, installation.settings.port
    if installation.runs:
        yield DoctorFinding("port", OK, f"Tandem listens on {host}:{port}.")
        return
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            yield DoctorFinding("port", OK, f"{host}:{port} is free.")
        except OSError as error:
            cure = "Stop the program that uses it, or set PORT."
            yield DoctorFinding("port", PROBLEM, f"{host}:{port} is not available: {error.strerror}.", cure)


def _proxy(installation: Installation) -> Iterator[DoctorFinding]:
    chosen = installation.settings
    try:
        networks = [ip_network(n.strip()) for n in chosen.proxies.split(",") if n.strip()]
    except ValueError as error:
        yield DoctorFinding(
            "proxies",
            PROBLEM,
            f"TANDEM_PROXIES: {error}.",
            "Name your proxies, such as 10.0.0.5 or 10.0.0.0/28, by comma.",
        )
        return
    if any(n.prefixlen == 0 for n in networks):
        cure = "List only the addresses of your proxies."
        yield DoctorFinding(
            "proxies", PROBLEM, "X-Forwarded-For is trusted from anyone, so addresses can be forged.", cure
        )
    elif chosen.host in ("0.0.0.0", "::") and not chosen.url:
        cure = "Set TANDEM_URL to the public address. With https, sign-in cookies are also secure."
        yield DoctorFinding("proxies", WARNING, "Tandem listens on all networks, but has no public address.", cure)
    elif chosen.url.startswith("http://") and urlsplit(chosen.url).hostname not in ("localhost", "127.0.0.1"):
        cure = "Put a proxy with a certificate in front of it. See deploy/nginx.conf."
        yield DoctorFinding("proxies", WARNING, "The public address does not use https.", cure)
    else:
        yield DoctorFinding("proxies", OK, f"X-Forwarded-For is trusted from {chosen.proxies or 'nobody'}.")


CHECKS: tuple[Check, ...] = (_versions, _settings_fit, _data_folder, _memory, _port, _proxy)
