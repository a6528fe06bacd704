"""A running server with two workspaces, somebody of every role, and tokens of every kind."""

import hashlib
import hmac
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import update

from tandem.accounts import store, tables
from tandem.accounts.model import User
from tandem.accounts.permissions import SCOPES, Role
from tandem.base import clock
from tandem.base.database import Database
from tandem.core.auth import COOKIE
from tests import forked
from tests.once import made_once

PASSWORD = "a long password"
MIGRATE = """
from tandem.app import close_context, open_context
from tandem.base.config import load
close_context(open_context(load()))
"""


class Running(NamedTuple):
    """The server's address, its record store, who may sign in, and the secrets of its tokens."""

    url: str
    database: Database
    people: dict[str, User]
    cookies: dict[str, str]
    csrf: dict[str, str]
    tokens: dict[str, str]
    folder: Path
    pid: int

    def as_person(self, role: str) -> httpx.Client:
        """A browser that is signed in and sends our page's proof."""
        return httpx.Client(
            base_url=self.url,
            cookies={COOKIE: self.cookies[role]},
            headers={"x-csrf": self.csrf[role]},
            timeout=30,
        )

    def as_program(self, token: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.tokens[token]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def as_nobody(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(folder: Path, **more: str) -> tuple[forked.Forked, str]:
    """A server on this folder; returns when it answers."""
    port = free_port()
    env = {**os.environ, "TANDEM_DATA": str(folder), "PORT": str(port), **more}
    log = folder.parent / f"{folder.name}.log"
    process = forked.begun(["serve"], env, log)
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            if httpx.get(f"{url}/healthz", timeout=5).status_code == 200:
                return process, url
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise AssertionError(f"the server does not answer: {log.read_text()}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with both stores and nothing in them, to be copied: making their tables takes a server longer than
    all else that it starts with."""

    def make(folder: Path) -> None:
        done = forked.run_code(MIGRATE, {**os.environ, "TANDEM_DATA": str(folder)}, 120)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "migrated", make)


@pytest.fixture(scope="session")
def running(scratch: Path, migrated: Path) -> Iterator[Running]:
    """One for all modules of a test process; who needs one that nobody else has written to makes it with `served`."""
    yield from served(scratch, migrated)


def served(scratch: Path, migrated: Path) -> Iterator[Running]:
    """A server on a folder of its own, until it is no longer needed."""
    folder = Path(tempfile.mkdtemp(prefix="served-", dir=scratch))
    shutil.copytree(migrated, folder, symlinks=True, dirs_exist_ok=True)
    db = Database(f"sqlite:///{folder / 'records.db'}")
    people, cookies, tokens = {}, {}, {}
    ours, theirs = store.make_workspace(db, "Fern"), store.make_workspace(db, "Rival")
    for role in Role:
        people[role.value] = store.add_user(db, ours, f"{role}@fern.example", f"Somebody of {role}", role, PASSWORD)
    people["rival"] = store.add_user(db, theirs, "admin@rival.example", "Rival Boss", "admin", PASSWORD)
    sites = [
        store.add_site(db, w, key, key.title(), [f"{key}.example"], mode="cookie")
        for w, key in ((ours, "fern"), (ours, "oak"), (theirs, "rival"))
    ]
    for name, person in people.items():
        found = store.sign_in(db, person.email, PASSWORD)
        assert found is not None
        cookies[name] = found[1]
    admin = people["admin"]
    for scope in SCOPES:
        tokens[scope] = store.make_token(db, admin, scope, [scope])[1]
    tokens["all"] = store.make_token(db, admin, "all", list(SCOPES))[1]
    tokens["oak"] = store.make_token(db, admin, "oak", list(SCOPES), site=sites[1])[1]
    tokens["rival"] = store.make_token(db, people["rival"], "rival", list(SCOPES))[1]
    for name in ("expired", "revoked"):
        token, tokens[name] = store.make_token(db, admin, name, list(SCOPES))
        if name == "revoked":
            store.revoke_token(db, admin, token.id)
        else:
            with db.write() as c:
                c.execute(
                    update(tables.api_tokens)
                    .where(tables.api_tokens.c.id == token.id)
                    .values(expires_at=clock.now() - timedelta(seconds=1))
                )
    process, url = started(folder)
    csrf = {name: _csrf(db, cookie) for name, cookie in cookies.items()}
    try:
        yield Running(url, db, people, cookies, csrf, tokens, folder, process.pid)
    finally:
        process.terminate()
        process.wait(30)
        db.close()


def _csrf(db: Database, cookie: str) -> str:
    return hmac.new(store.secret(db, "house"), b"csrf:" + cookie.encode(), hashlib.sha256).hexdigest()[:32]


def eventually(condition: Any, most_s: float = 20) -> Any:
    """The first true answer of `condition`."""
    until = time.monotonic() + most_s
    while True:
        if found := condition():
            return found
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
