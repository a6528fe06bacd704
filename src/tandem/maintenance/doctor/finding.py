"""What is examined, and what is found."""

from collections.abc import Callable, Iterator

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store import all_sites
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse
from tandem.collect.health import Loading
from tandem.core.context import Context
from tandem.maintenance import cut_off

OK, WARNING, PROBLEM = "ok", "warning", "problem"


class DoctorFinding(msgspec.Struct, frozen=True):
    """One line of the doctor's report."""

    name: str
    state: str
    text: str
    cure: str = ""


class Installation(msgspec.Struct):
    """What is examined. Stores that cannot be opened are None; `server` says how the pages are run."""

    settings: Config
    warehouse: Warehouse | None
    database: Database | None
    ctx: Context | None = None

    @property
    def runs(self) -> bool:
        return self.ctx is not None

    @property
    def paused_by(self) -> str:
        """The command that keeps the loader of this server waiting; empty when none does."""
        return self.ctx.state(Loading).paused_by if self.ctx is not None else ""

    @property
    def is_erasing(self) -> bool:
        """Whether rows of one person are being taken away: until that is done, sums do not fit."""
        return self.paused_by == cut_off.HOLDER


Check = Callable[[Installation], Iterator[DoctorFinding]]


def lacks_records(installation: Installation) -> bool:
    return installation.database is None or installation.database.revision()[0] is None


def lacks_newest_records(installation: Installation) -> bool:
    return installation.database is None or len(set(installation.database.revision())) > 1


def sites(installation: Installation) -> list[Site]:
    return [] if lacks_records(installation) or installation.database is None else all_sites(installation.database)
