"""The demo has both its ports before it makes anything, and keeps them while it makes it."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tandem.base.config import Config
from tandem.base.errors import UserError
from tandem.demo import run
from tandem.serve import check_port


class Seeded(Exception):
    """Seeding is over, and the test with it."""


def two_ports() -> int:
    """A free port whose next one is free as well."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@pytest.mark.parametrize("taken", [0, 1])
def test_a_taken_port_is_told_before_anything_is_made(tmp_path: Path, taken: int) -> None:
    port, folder = two_ports(), tmp_path / "demo"
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + taken))
        other.listen()
        with pytest.raises(UserError, match=f"Port {port + taken} is not available"):
            run.run(Config(data=str(folder), port=port), around=lambda _: None)  # type: ignore[arg-type,return-value]
    assert not folder.exists()


def test_nobody_takes_the_ports_while_the_demo_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, refused = two_ports(), []

    def seeding(*_: Any) -> None:
        for number in (port, port + 1):
            with pytest.raises(UserError) as told:
                check_port("127.0.0.1", number)
            refused.append(told.value.status)
        raise Seeded

    monkeypatch.setattr(run, "open_context", lambda _: SimpleNamespace())
    monkeypatch.setattr(run, "_seeded", seeding)
    with pytest.raises(Seeded):
        run.run(Config(data=str(tmp_path / "demo"), port=port), around=lambda _: None)  # type: ignore[arg-type,return-value]
    assert refused == [409, 409]
    check_port("127.0.0.1", port)
