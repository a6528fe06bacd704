"""What can be asked for without a form, as the product declares it: the tests of links and pages go by it."""

import re

from tandem.accounts import routes as accounts
from tandem.accounts import work
from tandem.app import SLICES

ROUTES = {
    path: re.compile(re.sub(r"{\w+:\w+}", "[^/]+", path))
    for handler in (*accounts.ROUTES, *work.ROUTES, *(route for slice_ in SLICES for route in slice_.routes))
    if "GET" in handler.http_methods
    for path in handler.paths
    if not path.startswith(("/api/", "/hooks/"))
}
"""Each route that answers people, and what its addresses look like."""


def route_of(path: str) -> str:
    """The declared route of a path; the path itself where there is none."""
    return path if path in ROUTES else next((route for route, like in ROUTES.items() if like.fullmatch(path)), path)
