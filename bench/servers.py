"""Servers under measurement: started in their own process, with their CPU time read from the system."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tandem.accounts import store as accounts
from tandem.base.database import Database

TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A `tandem …` process on a data folder of its own, with one site `bench`."""

    def __init__(self, *command: str, folder: Path | None = None) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="tandem-bench-", dir=os.environ.get("BENCH_DIR")))
        self.port = free_port()
        self._make_site()
        env = {**os.environ, "TANDEM_DATA": str(self.folder), "PORT": str(self.port), "TANDEM_LOG": "warning"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tandem.cli", *command], env=env, start_new_session=True, stdout=subprocess.DEVNULL
        )
        self._wait()

    def _make_site(self) -> None:
        db = Database(f"sqlite:///{self.folder / 'records.db'}")
        db.migrate()
        if not accounts.all_sites(db):
            workspace = accounts.make_workspace(db, "Bench")
            accounts.add_user(db, workspace, "bench@shop.example", "Bench", "admin", "a long password")
            accounts.add_site(db, workspace, "bench", "Bench", ["shop.example"], "Europe/Warsaw", "EUR")
        db.close()

    def _wait(self) -> None:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server did not start")

    def _pids(self) -> list[int]:
        found, fresh = {self.process.pid}, [self.process.pid]
        while fresh:
            pid = fresh.pop()
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                new = {int(c) for c in children.read_text().split()} - found
                found |= new
                fresh += new
        return sorted(found)

    def cpu_s(self) -> float:
        """User and system time of the server and its children so far."""
        total = 0
        for pid in self._pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except FileNotFoundError:
                continue
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def rss_mb(self) -> float:
        """Resident memory of the server and its children."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._pids())
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def kill(self) -> None:
        """kill -9, children too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
