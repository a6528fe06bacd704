"""A page, declared once: the menu, the guard and the tests of pages go by what its route says of it."""

from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.response import Redirect

GROUPS = ("", "Measure", "Signal", "Plan", "Library", "Settings")
"""The groups of the menu, in the order of the loop."""
ANYONE = "anyone"
"""A route for whoever is not signed in."""
LARGEST_BODY = 4 << 20
"""Bytes that a program may send at once."""
STRANGERS_FORM, LARGEST_FORM = 16 << 10, 512 << 10
"""Bytes of a form. Each kilobyte takes up to a quarter of a millisecond of the loop that all requests share."""
SIGNED_IN = "signed in"
"""A route for whoever is signed in, whatever their role."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page that people open.

    group        its place in the menu, one of `GROUPS`; None for a page that others lead to
    may          the permission that opening it needs, or `ANYONE` or `SIGNED_IN`
    is_at_hand   it comes first in its group, and stands in the bar at the bottom of a phone
    """

    address: str
    title: str
    may: str
    icon: str = ""
    group: str | None = None
    is_at_hand: bool = False


def get_page(
    address: str, title: str, *, may: str, icon: str = "", group: str | None = None, is_at_hand: bool = False,
    **more: Any,
) -> Callable[[Any], Any]:  # fmt: skip
    """A route that answers with a page; the handler of `address`."""
    page = Page(address=address, title=title, may=may, icon=icon, group=group, is_at_hand=is_at_hand)
    return get(address, page=page, may=may, sync_to_thread=True, include_in_schema=False, **more)


def get_part(address: str, *, may: str | tuple[str, ...], **more: Any) -> Callable[[Any], Any]:
    """A route that answers people with anything but a page: a part of one, or a file."""
    return get(address, may=may, sync_to_thread=True, include_in_schema=False, **more)


def post_form(
    address: str, *, may: str | tuple[str, ...], status_code: int = 200, request_max_body_size: int | None = None,
    **more: Any,
) -> Callable[[Any], Any]:  # fmt: skip
    """A route that takes a form of a page; a stranger's may only be short, for reading it holds up all others."""
    most = request_max_body_size or (STRANGERS_FORM if may == ANYONE else LARGEST_FORM)
    return post(
        address, may=may, status_code=status_code, request_max_body_size=most, sync_to_thread=True,
        include_in_schema=False, **more,
    )  # fmt: skip


def successor(address: str) -> dict[str, str]:
    """Headers that say by which address a former one is followed."""
    return {"Deprecation": "true", "Link": f'<{address}>; rel="successor-version"'}


def moved(request: Request[Any, Any, Any], address: str) -> Redirect:
    """The answer of a page's former address, until 0.4."""
    query = request.url.query
    return Redirect(f"{address}?{query}" if query else address, status_code=301, headers=successor(address))
