"""Running servers: the product, and collectors alone."""

import asyncio
import gc
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from tandem.base.config import Config
from tandem.base.errors import UserError
from tandem.base.threads import Threads
from tandem.base.time_limit import end_all
from tandem.imports import process

HEADERS_WITHIN_S = 10
"""How long a client may take for its headers, and may keep a connection on which it asks nothing."""
MOST_HEADER_BYTES = 32 << 10
STALLED_FOR_S = 20
"""How long a client may leave an answer unread before its connection is cut."""
MOST_CONNECTIONS = 8_192
FILES_OF_OURS = 1_024


def limits(processes: int = 1) -> dict[str, Any]:
    """What a server grants its clients, the same for pages and collectors, as Granian's options.

    A connection that asks nothing is closed after ten seconds, so the places must outnumber what a stranger opens in
    that time; each costs one file and at most its headers. HTTP/2 stays with the proxy in front: its windows, streams
    and header tables would be one more way to hold memory here.
    """
    return {
        "http": HTTPModes.http1,
        "http1_settings": HTTP1Settings(header_read_timeout=HEADERS_WITHIN_S * 1000, max_buffer_size=MOST_HEADER_BYTES),
        "backlog": 1024,
        "backpressure": _connections() // processes,
        "websockets": False,
        "log_enabled": False,
    }


def _connections() -> int:
    """How many clients may be connected at once: what the system grants in files, less what the stores need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    wanted = MOST_CONNECTIONS + FILES_OF_OURS
    granted = wanted if hard == endless else min(wanted, hard)
    if soft != endless and soft < granted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    return max(256, granted - FILES_OF_OURS)


def listening(place: Any) -> Any:
    """Granian's listening socket at this place, made so that clients who leave their answers unread are cut off."""
    holder = place.build()
    # whatever is accepted on it inherits the option
    with socket.fromfd(holder.get_fd(), socket.AF_INET, socket.SOCK_STREAM) as listener, suppress(OSError):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_FOR_S * 1000)
    return holder


class _Server(Server):
    """Granian, listening on a socket of ours."""

    def _init_shared_socket(self) -> None:
        super()._init_shared_socket()  # type: ignore[no-untyped-call]
        # TRAP: on Linux each worker would open its socket by itself, where no option can be set; one is made here.
        if self._ssp is not None and sys.platform == "linux":
            self._shd = listening(self._ssp)
            self._sfd, self._ssp = self._shd.get_fd(), None


def freeze() -> None:
    """Let the garbage collector leave out what lives as long as the process: it took a fifth of a collector's time."""
    gc.collect()
    gc.freeze()


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else listens on, before anything is opened."""
    _bound(host, port).close()


@contextmanager
def holding_port(host: str, port: int) -> Iterator[None]:
    """Keep a port from others until it is listened on: what is done first takes minutes.

    raises   UserError (409) when somebody else has it
    """
    with _bound(host, port) as held:
        held.listen(1)  # one that is only bound keeps nobody away who says SO_REUSEADDR, and all servers do
        yield


def _bound(host: str, port: int) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except OSError as error:
        probe.close()
        raise UserError(
            f"Port {port} is not available: {error.strerror}.",
            "Stop the program that uses it, or choose another with PORT=8081.",
            status=409,
        ) from error
    return probe


def serve(
    app: Any,
    config: Config,
    interface: Interfaces = Interfaces.ASGI,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then let what runs end.

    meanwhile   something to do beside it in the same loop, started when the server listens
    """
    uvloop.run(_serve(app, config, interface, meanwhile))


async def _serve(
    app: Any, config: Config, interface: Interfaces, meanwhile: Callable[[], Awaitable[None]] | None
) -> None:
    asyncio.get_running_loop().set_default_executor(Threads())
    server = _Server(app, address=config.host, port=config.port, interface=interface, **limits())
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _stop, server)
    beside = asyncio.ensure_future(meanwhile()) if meanwhile else None
    freeze()
    await server.serve()
    if beside:
        beside.cancel()


def _stop(server: Server) -> None:
    """Let requests end; those that wait for a file to be read, or for the rest of a body, would take minutes."""
    process.stop()
    end_all()
    server.stop()  # type: ignore[no-untyped-call]
