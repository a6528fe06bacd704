"""What is examined, and what is found."""

from collections.abc import Callable, Iterator

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store import all_sites
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context

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


Check = Callable[[Installation], Iterator[DoctorFinding]]


def lacks_records(installation: Installation) -> bool:
    return installation.database is None or installation.database.revision()[0] is None


def lacks_newest_records(installation: Installation) -> bool:
    return installation.database is None or len(set(installation.database.revision())) > 1


def sites(installation: Installation) -> list[Site]:
    return [] if lacks_records(installation) or installation.database is None else all_sites(installation.database)
