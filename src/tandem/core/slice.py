"""A slice: one area of the product, and what it adds to the whole; and the structs that slices hand to the floor."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.base.jobs import Job
from tandem.base.warehouse import Step
from tandem.core.context import Context
from tandem.core.operations import Operation
from tandem.core.pages import Page


class Recount(msgspec.Struct, frozen=True, kw_only=True):
    """How far a site's visits are derived again: the share done, and whether more than their goals changes.

    settled_goals     active goals that are not counted anew: all visits tell of them rightly
    is_main_settled   whether all main goals are among them
    """

    share: float
    is_all: bool
    settled_goals: frozenset[int] = frozenset()
    is_main_settled: bool = False


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person did, as their profile shows it. `facts` are label and value; none is personal data."""

    at: datetime
    kind: str
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    address: str = ""


class FirstStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a site needs to be a complete record; shown to whoever may do it.

    id        its place in `core.first_steps.ORDER`
    address   the page where it is done
    act       the permission that doing it needs
    """

    id: str
    title: str
    why: str
    address: str
    act: str
    is_done: bool


class NumberAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A visit asks for the phone number that it is to be shown, or says it tapped one."""

    site: Site
    visitor: int
    at: datetime
    act: str  # ask, seen, tap
    channel: str
    source: str
    medium: str
    campaign: str
    term: str
    content: str
    entry: str
    sender: int = 0  # salted for the day, like the visitor; 0 when nobody is to be limited


class NumberLent(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to it, as the page gets it.

    swap     each number of the site, and the number that is shown in its place
    reveal   at_once, on_scroll or on_click
    """

    swap: dict[str, str]
    reveal: str


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One area of the product, and what it adds to the whole."""

    name: str
    title: str
    routes: Sequence[Any] = ()
    schema: Callable[[], list[Step]] = list
    retired: tuple[str, ...] = ()  # keys of schema steps that older stores have seen and nobody needs any more
    jobs: Callable[[Context], list[Job]] = lambda ctx: []
    needs_rates: Callable[[Context], bool] = lambda ctx: False  # whether it holds amounts that may need converting
    start: Callable[[Context], Callable[[], None]] = lambda ctx: lambda: None
    operations: Mapping[str, Operation] = {}  # what its commands ask of a server
    owns: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    systems: Sequence[Any] = ()  # outside systems it speaks to: tandem.connections.model.System
    personal: tuple[tuple[str, str], ...] = ()  # its tables and their columns that hold a person's keys: for erasing
    forget: Callable[[Context, Site, Sequence[int]], None] = lambda ctx, site, nodes: None  # … and in the record store
    settle: Callable[[Context], None] = lambda ctx: None  # before an erasure looks for its person: reads what is on its
    # way in; raises UserError while somebody is still at it
    timeline: Callable[[Context, Site, Sequence[int]], list[TimelineEntry]] = lambda ctx, site, nodes: []
    fixes: Callable[[Context, Site, str], UserError | None] = lambda ctx, site, field: None  # why what is stored would
    # be wrong with another zone or currency of its site
    first_steps: Callable[[Context, Site], list[FirstStep]] = lambda ctx, site: []

    @property
    def pages(self) -> list[Page]:
        """Its pages, in the order of its routes."""
        return pages_of(self.routes)


def pages_of(routes: Iterable[Any]) -> list[Page]:
    """The pages that routes declare."""
    return [route.opt["page"] for route in routes if "page" in route.opt]
