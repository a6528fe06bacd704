"""Clients that leave their answers unread, and whether the server still holds their connections."""

import socket
from pathlib import Path

import pytest


def unreading(port: int) -> socket.socket | None:
    """A connection whose client takes in next to nothing; None while nobody listens."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(8)
    try:
        client.connect(("127.0.0.1", port))
    except ConnectionRefusedError:
        client.close()
        return None
    return client


def has_answered(client: socket.socket) -> bool:
    """Whether something has come that waits to be read."""
    return bool(client.recv(1, socket.MSG_PEEK))


def is_held(client: socket.socket) -> bool:
    """Whether the server's end of this connection is still there; the client is not told when it goes."""
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("this system does not tell its connections in /proc/net/tcp")
    theirs, ours = (f"0100007F:{place[1]:04X}" for place in (client.getpeername(), client.getsockname()))
    return any(line.split()[1:3] == [theirs, ours] for line in table.read_text().splitlines())
