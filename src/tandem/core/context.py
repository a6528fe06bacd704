"""What every request and job is handed: configuration, stores, query runner, and what slices offer each other."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tandem.accounts.model import Site, User
from tandem.accounts.store import all_sites, secret
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.jobs import Jobs
from tandem.base.progress import ProgressRegistry
from tandem.base.sender import Proxies
from tandem.base.vault import open_vault
from tandem.base.warehouse import Warehouse
from tandem.core.query import Filter, QueryRunner

if TYPE_CHECKING:
    from tandem.core.slice import NumberAsked, NumberLent, Recount, Slice

SITES_FRESH_S = 2.0
State = TypeVar("State")


class Offers:
    """What one slice does for others; each is set when the slice that can do it starts, and does nothing before."""

    def __init__(self) -> None:
        self.lend_number: Callable[[NumberAsked], NumberLent | None] = lambda asked: None
        """The phone number that a visit is to be shown; None where the site's own stays (calls)."""
        self.goal_names: Callable[[Site], dict[str, str]] = lambda site: {}
        """The names of a site's goals by their number (collect)."""
        self.recounted: Callable[[Site], Recount | None] = lambda site: None
        """How far this site's visits are derived again; None while they are not (collect)."""
        self.expiring: Callable[[Site, int], int] = lambda site, days: 0
        """How many events would be deleted if a site kept them for so many days (collect)."""
        self.is_kept_for: Callable[[Site, int], bool] = lambda site, days: True
        """Whether all that is stored of a site is kept for so many days (collect)."""
        self.keep_for: Callable[[Site, int], None] = lambda site, days: None
        """Keep what is stored of a site for so many days; it goes on when this returns (collect)."""
        self.keeping_anew: Callable[[], float | None] = lambda: None
        """How far that is (0 to 1); None while nothing of it is left to do (collect)."""
        self.read_filter: Callable[[str], tuple[Filter, str] | None] = lambda text: None
        """A filter as addresses write it, and what it filters by in words; None for what is no filter (board)."""
        self.warn_user: Callable[[User, str, str], None] = lambda user, kind, agent: None
        """Tell somebody what was done with their account, and in which browser (settings)."""
        self.demo_sign_ins: list[tuple[str, str, str]] = []
        """Role, e-mail and password of whoever lives in the demo; the sign-in form shows them."""


class Context:
    """What a request or a job may use."""

    def __init__(
        self, config: Config, warehouse: Warehouse, database: Database, slices: Sequence["Slice"] = (),
        runner: QueryRunner | None = None,
    ) -> None:  # fmt: skip
        self.config, self.warehouse, self.database = config, warehouse, database
        self.slices, self._runner = tuple(slices), runner
        self.systems = {(system.area, system.id): system for s in self.slices for system in s.systems}
        """The outside systems that slices can speak to, by area and id."""
        self.pages = [page for s in self.slices for page in s.pages]
        """All pages, in the order of the menu."""
        self.secret = secret(database, "house")
        self.vault = open_vault(config.folder, config.key)
        self.proxies = Proxies(config.proxies)
        self.offers, self.progress = Offers(), ProgressRegistry()
        self.jobs: Jobs | None = None
        """The jobs of this process; None in a process that runs none."""
        self.loading = threading.RLock()
        """Held while spools are loaded, so that a backup or an erasure sees no half batch."""
        self._states: dict[type, Any] = {}
        self._states_lock = threading.RLock()
        self._sites: tuple[float, dict[str, Site]] = (-SITES_FRESH_S, {})

    @property
    def runner(self) -> QueryRunner:
        """Where questions about metrics are asked; another one may be put in its place."""
        assert self._runner is not None, "this context was made without a query runner"
        return self._runner

    @runner.setter
    def runner(self, runner: QueryRunner) -> None:
        self._runner = runner

    def look_again(self) -> None:
        """Let questions be asked anew at once: whoever has just changed data wants to see it."""
        if self._runner is not None:
            self._runner.look_again()

    def state(self, kind: type[State], make: Callable[[], State] | None = None) -> State:
        """What a slice keeps of this type as long as the process runs; made where it is first asked for.

        make   how to, where the type alone does not do
        """
        with self._states_lock:
            if kind not in self._states:
                self._states[kind] = (make or kind)()
            state: State = self._states[kind]
            return state

    def find(self, kind: type[State]) -> State | None:
        """The same, or None where nobody has made it."""
        return self._states.get(kind)

    def keep(self, state: Any) -> None:
        """Keep this as the state of its type."""
        with self._states_lock:
            self._states[type(state)] = state

    def forget(self, kind: type) -> None:
        """Let go of the state of this type."""
        with self._states_lock:
            self._states.pop(kind, None)

    def sites(self) -> dict[str, Site]:
        """All sites by key, read again every two seconds."""
        cached = self._sites
        if time.monotonic() - cached[0] <= SITES_FRESH_S:
            return cached[1]
        sites = {site.key: site for site in all_sites(self.database)}
        with self._states_lock:
            if self._sites is cached:  # else somebody has changed them meanwhile, and these may be those of before
                self._sites = (time.monotonic(), sites)
        return sites

    def forget_sites(self) -> None:
        """Read the sites again at the next question."""
        with self._states_lock:
            self._sites = (-SITES_FRESH_S, {})
