"""Erasing one visitor: from facts, conclusions, the spool, and the files under them."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse
from tandem.collect import store as collect
from tandem.collect.model.hit import visitor_of_cookie
from tandem.keep import facts
from tandem.keep.control import Tell
from tandem.keep.intake import load_what_came_in

HERE = Path(__file__).parent / "sql"
TABLES = ("events", "visit_rows", "stale_visits")  # the last, because the others are told from it whom to erase
GONE_WITHIN_S = 60.0


def visitor_of(text: str) -> int:
    """The visitor behind 16 hex digits, or behind the whole value of a cookie.

    raises   UserError when it is neither
    """
    known = visitor_of_cookie(text)
    if known is not None:
        return known[0]
    if len(text) == 16 and set(text.lower()) <= set("0123456789abcdef"):
        return int(text, 16)
    raise UserError(
        f"“{text[:60]}” is not a visitor.", "Give the 16 hex digits of the visitor, or the value of the cookie _tdm."
    )


def site_of(house: House, key: str) -> Site | None:
    """The site of this key, or None for no key.

    raises   UserError when there is no such site
    """
    if not key:
        return None
    house.forget_sites()
    site = house.sites().get(key)
    if site is None:
        known = ", ".join(sorted(house.sites())) or "none yet"
        raise UserError(f"There is no site “{key}”.", f"Known sites: {known}.", status=404)
    return site


def erase(house: House, args: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Take every trace of the visitor `args["person"]` out of the stores, on one site or on all.

    returns  how many events were erased, on which sites, and the backups that still hold them
    """
    visitor, site = visitor_of(args["person"]), site_of(house, args.get("site") or "")
    asked = {"visitor": visitor, "site": site.id if site else 0}
    tell(0.0, "loading what has been received")
    with house.loading:
        if left := load_what_came_in(house):
            raise UserError(f"{left[0]} holds hits that its collector does not seal.", "Restart that collector.")
        held = _answers(house.warehouse, "person_facts", asked)
        origins = _answers(house.warehouse, "person_origins", asked)
        agents = _answers(house.warehouse, "person_agents", asked)
        tell(0.1, "erasing")
        old = _erased(house.warehouse, visitor, site)
        old |= _forgotten(house.warehouse, origins, agents)
        house.parts.pop("loaders", None)  # loaders remember which referrers and user agents they have noted
        _balance(house, held)
        tell(0.6, "waiting until the old files are gone")
        is_gone = _files_gone(house.warehouse, old)
    events = sum(row[2] for row in held)
    _note(house, held, events)
    return {
        "events": events, "sites": sorted({_key_of(house, row[0]) for row in held}), "files_gone": is_gone,
        "backups": _backups(house.settings.folder),
    }  # fmt: skip


def _erased(warehouse: Warehouse, visitor: int, site: Site | None) -> dict[str, set[str]]:
    """Rewrite every part that holds the visitor; returns the parts as they were, by table."""
    # Whom to erase is read from a table, because the engine keeps the text of each deletion in a file.
    batch = collect.mark_stale(warehouse, {visitor: datetime(1970, 1, 1, tzinfo=UTC)})
    old = {}
    for table in TABLES:
        _, local = facts.local_name(warehouse, table)
        _, stale = facts.local_name(warehouse, "stale_visits")
        old[local] = _parts(warehouse, local)
        only = f" and site = {site.id}" if site and table != "stale_visits" else ""
        where = f"visitor in (select visitor from {stale} where batch = {batch}){only}"
        _alter(warehouse, local, f"delete where {where}")
    return old


def _forgotten(
    warehouse: Warehouse, origins: list[tuple[Any, ...]], agents: list[tuple[Any, ...]]
) -> dict[str, set[str]]:
    """Take away referrers, tags and user agents that nobody else brought; returns the parts as they were, by table."""
    old = {}
    for table, keys in (("origins", "site, origin"), ("agents", "agent")):
        rows = origins if table == "origins" else agents
        if rows:
            old[table] = _parts(warehouse, table)
            listed = ", ".join(f"({', '.join(map(str, row))})" for row in rows)
            _alter(warehouse, table, f"delete where ({keys}) in ({listed})")
    return old


def _answers(warehouse: Warehouse, question: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    return warehouse.ask((HERE / f"{question}.sql").read_text(), asked, max_execution_time=0).rows


def _alter(warehouse: Warehouse, table: str, what: str) -> None:
    on = f" on cluster '{warehouse.cluster}'" if warehouse.cluster else ""
    warehouse.do(f"alter table {table}{on} {what}", mutations_sync=2, max_execution_time=0)


def _balance(house: House, held: list[tuple[Any, ...]]) -> None:
    """Say in the ledger of reception that these events are no more; without the visitor."""
    counts = {(site, on, "erased"): events for site, on, events in held}
    collect.add_reception(house.warehouse, counts, f"erased-{clock.now_ms()}")


def _parts(warehouse: Warehouse, table: str) -> set[str]:
    asked = "select name from system.parts where database = currentDatabase() and table = {table:String}"
    return {row[0] for row in warehouse.ask(asked, {"table": table}).rows}


def _files_gone(warehouse: Warehouse, old: dict[str, set[str]]) -> bool:
    """Make the engine take away the files of parts that were rewritten; whether it did so on this node."""
    for table in old:
        _alter(warehouse, table, "modify setting old_parts_lifetime = 1")
    asked = "select name from system.parts where database = currentDatabase() and table = {table:String} and not active"
    until, left = time.monotonic() + GONE_WITHIN_S, True
    while left and time.monotonic() < until:
        time.sleep(1.1)
        left = False
        for table in old:
            # TRAP: left alone, the engine tidies up within minutes; dropping a partition, even one that is not there,
            # makes it do so at once. See test_no_file_holds_an_erased_visitor.
            _alter(warehouse, table, "drop partition id '000000'")
            left = left or bool(warehouse.ask(asked, {"table": table}).rows)
    for table in old:
        _alter(warehouse, table, "reset setting old_parts_lifetime")
    return not left


def _note(house: House, held: list[tuple[Any, ...]], events: int) -> None:
    keys = sorted({_key_of(house, row[0]) for row in held})
    workspaces = {site.workspace_id for site in house.sites().values() if not held or site.key in keys}
    with house.database.write() as connection:
        for workspace in workspaces:
            note(connection, workspace, None, "data.erased", "one visitor", events=events, sites=keys)


def _key_of(house: House, site_id: int) -> str:
    return next((site.key for site in house.sites().values() if site.id == site_id), f"#{site_id}")


def _backups(folder: Path) -> list[str]:
    """Files in the data folder that are backups; they keep what they held."""
    return sorted(str(path) for path in (folder / "backups").glob("*") if path.is_file())
