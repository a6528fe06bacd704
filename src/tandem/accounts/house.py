"""The house that all slices live in: settings, both stores, the desk for questions, and what slices share by name."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store import all_sites, secret
from tandem.base.database import Database
from tandem.base.jobs import Job
from tandem.base.sender import Proxies
from tandem.base.settings import Settings
from tandem.base.vault import open_vault
from tandem.base.warehouse import Step, Warehouse

SITES_FRESH_S = 2.0


class House:
    """What a request or a job may use."""

    def __init__(self, settings: Settings, warehouse: Warehouse, database: Database) -> None:
        self.settings, self.warehouse, self.database = settings, warehouse, database
        self.secret = secret(database, "house")
        self.vault = open_vault(settings.folder, settings.key)
        self.proxies = Proxies(settings.proxies)
        self.parts: dict[str, Any] = {}
        self.loading = (
            threading.RLock()
        )  # held while spools are loaded, so that a backup or an erasure sees no half batch
        self._sites: tuple[float, dict[str, Site]] = (-SITES_FRESH_S, {})

    def sites(self) -> dict[str, Site]:
        """All sites by key, read again every two seconds."""
        read_at, sites = self._sites
        if time.monotonic() - read_at > SITES_FRESH_S:
            sites = {site.key: site for site in all_sites(self.database)}
            self._sites = (time.monotonic(), sites)
        return sites

    def forget_sites(self) -> None:
        """Read the sites again at the next question."""
        self._sites = (-SITES_FRESH_S, {})


def goal_names(house: House, site: Site) -> dict[str, str]:
    """The names of a site's goals by their number, from the slice that keeps them."""
    names: dict[str, str] = house.parts["goal_names"](site) if "goal_names" in house.parts else {}
    return names


class Recount(msgspec.Struct, frozen=True, kw_only=True):
    """How far a site's visits are derived again: the share done, and whether more than their goals changes."""

    share: float
    is_all: bool


def recounted(house: House, site: Site) -> Recount | None:
    """How far this site's visits and goals are counted anew; None while they are not."""
    found: Recount | None = house.parts["recounted"](site) if "recounted" in house.parts else None
    return found


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person did, as their profile shows it. `facts` are label and value; none is personal data."""

    at: datetime
    kind: str
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    address: str = ""


class FirstStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a site needs to be a complete record; shown to whoever may do it.

    id        its place in `accounts.first_steps.ORDER`
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
    """A visit asks for the phone number that it is to be shown, or says it tapped one; `parts["numbers"]` answers."""

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


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One area of the product, and what it adds to the house."""

    name: str
    title: str
    routes: Sequence[Any] = ()
    schema: Callable[[], list[Step]] = list
    retired: tuple[str, ...] = ()  # keys of schema steps that older stores have seen and nobody needs any more
    jobs: Callable[[House], list[Job]] = lambda house: []
    start: Callable[[House], Callable[[], None]] = lambda house: lambda: None
    owns: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    systems: Sequence[Any] = ()  # outside systems it speaks to: tandem.connections.model.System
    personal: tuple[tuple[str, str], ...] = ()  # its tables and their columns that hold a person's keys: for erasing
    forget: Callable[[House, Site, Sequence[int]], None] = lambda house, site, nodes: None  # … and in the record store
    moments: Callable[[House, Site, Sequence[int]], list[Moment]] = lambda house, site, nodes: []
    first_steps: Callable[[House, Site], list[FirstStep]] = lambda house, site: []
    menu: tuple[tuple[str, str, str, str], ...] = ()  # group, title, address, icon
