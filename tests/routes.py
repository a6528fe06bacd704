"""What can be asked for, as the product declares it: the tests of permissions, links and pages go by it."""

import re
from typing import NamedTuple

from tandem.app import SLICES, healthz
from tandem.core import progress
from tandem.core.auth import acts_of
from tandem.core.pages import ANYONE

HANDLERS = (healthz, *progress.ROUTES, *(route for slice_ in SLICES for route in slice_.routes))
PAGES = [page for slice_ in SLICES for page in slice_.pages]
ROUTES = {
    path: re.compile(re.sub(r"{\w+:\w+}", "[^/]+", path))
    for handler in HANDLERS
    if "GET" in handler.http_methods
    for path in handler.paths
    if not path.startswith(("/api/", "/hooks/", "/healthz"))
}
"""Each route that answers people, and what its addresses look like."""
UNLINKED = {
    path for handler in HANDLERS if handler.deprecated or acts_of(handler.opt) == (ANYONE,) for path in handler.paths
}
"""Former addresses, and what is for who is not signed in: no page leads there."""
NAMED = {"metric": "collect.visits", "key": "fern"}
"""Values of an address's parameters; others are a number, or 16 digits, that nobody has."""


class Route(NamedTuple):
    """A method and an address, and what entering it needs."""

    method: str
    path: str
    acts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def declared() -> list[Route]:
    """Each route of the product."""
    return [
        Route(method, re.sub(r"{(\w+):(\w+)}", _value, path), acts_of(handler.opt))
        for handler in HANDLERS
        for method in handler.http_methods
        for path in sorted(handler.paths)
    ]


def _value(parameter: re.Match[str]) -> str:
    return NAMED.get(parameter[1], "99" if parameter[2] == "int" else "00000000000000aa")


def route_of(path: str) -> str:
    """The declared route of a path; the path itself where there is none."""
    return path if path in ROUTES else next((route for route, like in ROUTES.items() if like.fullmatch(path)), path)
