"""What this slice adds to the house: the door, the loader, its tables and its pages."""

from collections.abc import Callable

from tandem.accounts.house import House, Slice
from tandem.base import clock
from tandem.base.jobs import Job
from tandem.base.spool import Spool
from tandem.collect import store
from tandem.collect.door import Door, Proxies, Salts
from tandem.collect.jobs import Loader, spool_folders
from tandem.collect.model.places import Places

LOAD_EVERY_S = 0.25
SALTS_FRESH_MS = 5_000


class FreshSalts:
    """Today's salts, read from the store again every few seconds."""

    def __init__(self, house: House) -> None:
        self._house, self._read_at, self._salts = house, 0, None

    def __call__(self) -> Salts:
        now = clock.now_ms()
        if self._salts is None or now - self._read_at > SALTS_FRESH_MS:
            self._salts, self._read_at = store.salts_of_today(self._house.database), now
        return self._salts


def open_door(house: House, spool_name: str) -> tuple[Door, Spool]:
    """A door with its own spool folder."""
    chosen = house.settings
    folder = chosen.folder / "spool" / spool_name
    spool = Spool(folder, chosen.spool_mb << 20)
    places = Places(chosen.country_mmdb or None, chosen.city_mmdb or None, chosen.asn_mmdb or None)
    return Door(spool, house.sites, FreshSalts(house), places.find), spool


def _start(house: House) -> Callable[[], None]:
    door, spool = open_door(house, house.settings.collector)
    house.parts["door"], house.parts["proxies"] = door, Proxies(house.settings.proxies)

    def stop() -> None:
        spool.close()
        load_spools(house)

    return stop


def load_spools(house: House) -> int:
    """Load what the collectors of this machine have sealed; returns the number of events."""
    loaders: dict[str, Loader] = house.parts.setdefault("loaders", {})
    total = 0
    for folder in spool_folders(house.settings.folder / "spool"):
        loader = loaders.setdefault(folder.name, Loader(house.warehouse, house.database, folder))
        total += loader.load_all()
    return total


def _jobs(house: House) -> list[Job]:
    return [Job("load", LOAD_EVERY_S, lambda: load_spools(house))]


SLICE = Slice(
    name="collect",
    title="Traffic",
    schema=store.schema,
    jobs=_jobs,
    start=_start,
    owns=("events", "visit_rows", "origins", "agents", "reception", "stale_visits"),
    publishes=("visits", "pageviews", "attention", "actions", "conversions", "vitals"),
)
