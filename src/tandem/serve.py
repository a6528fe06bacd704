"""Running servers: the product, and collectors alone."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from tandem.base.errors import UserError
from tandem.base.settings import Settings


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else listens on, before anything is opened."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"Port {port} cannot be had: {error.strerror}.",
                "Stop what listens there, or choose another with PORT=8081.",
                status=409,
            ) from error


def serve(
    app: Any,
    settings: Settings,
    interface: Interfaces = Interfaces.ASGI,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then let what runs end.

    meanwhile   something to do beside it in the same loop, started when the server listens
    """
    uvloop.run(_serve(app, settings, interface, meanwhile))


async def _serve(
    app: Any, settings: Settings, interface: Interfaces, meanwhile: Callable[[], Awaitable[None]] | None
) -> None:
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=interface,
        log_enabled=False,
        backlog=1024,
        websockets=False,
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.stop)
    beside = asyncio.ensure_future(meanwhile()) if meanwhile else None
    await server.serve()
    if beside:
        beside.cancel()
