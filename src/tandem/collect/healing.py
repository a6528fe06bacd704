"""Healing: better rules, other goals or hosts reach back over all history, because the raw facts were kept.

Visits are derived again range by range of visitor ids; after a stop the work goes on where it was.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select, update

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.database import Database
from tandem.collect import store
from tandem.collect.model.rules import RULES_VERSION, Rules, load_rules
from tandem.collect.tables import healings as t

RANGES = 32
LOOK_AGAIN_S = 600.0
_log = log.get("collect")


def made_with(db: Database, site: Site) -> str:
    """What visits of this site depend on beside their facts: rules, goals, own hosts, currency."""
    goals = [(g.id, g.kind, g.match) for g in store.goals_of(db, site)]
    text = repr((RULES_VERSION, goals, sorted(site.hosts), site.currency))
    return f"{RULES_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def is_healed(db: Database, site: Site) -> bool:
    """Whether all visits of this site were made with the rules and goals of now."""
    with db.read() as c:
        row = c.execute(select(t).where(t.c.site_id == site.id)).first()
    return row is not None and row.done_at is not None and row.made_with == made_with(db, site)


def note_healed(db: Database, site: Site) -> None:
    """Say that there is nothing to heal: the site is new, or everything was just derived."""
    _note(db, site, made_with(db, site), RANGES)
    with db.write() as c:
        c.execute(update(t).where(t.c.site_id == site.id).values(done_at=clock.now()))


def heal(
    house: House, site: Site, tell: Callable[[float], Any] = lambda share: None, rules: Rules | None = None
) -> int:
    """Derive all visits of a site again with the rules and goals of now; returns how many ranges were left to do.

    tell   is called with the share done, 0 to 1
    """
    db, made = house.database, made_with(house.database, site)
    first = _left_off(db, site, made)
    if first == 0:
        store.conclude_again(house.warehouse, site, rules or load_rules())
    goals = store.goals_of(db, site)
    ranges = store.visitor_ranges(RANGES)
    for i in range(first, RANGES):
        tell(i / RANGES)
        with house.loading:  # a backup sees ranges whole
            store.derive_all(house.warehouse, site, *ranges[i], goals)
        _note(db, site, made, i + 1)
    with db.write() as c:
        c.execute(update(t).where(t.c.site_id == site.id).values(done_at=clock.now()))
    tell(1.0)
    _log.info("collect.history_healed", site=site.key, ranges=RANGES - first, rules=RULES_VERSION)
    return RANGES - first


def recounted(house: House, site: Site) -> float | None:
    """The share done (0 to 1) while visits are derived again with the rules and goals of now; None if they all are."""
    with house.database.read() as c:
        row = c.execute(select(t).where(t.c.site_id == site.id)).first()
    if row is None:
        return None
    if row.made_with != made_with(house.database, site):
        return 0.0
    return None if row.done_at is not None else row.next_range / row.ranges


def heal_where_needed(house: House) -> None:
    """Heal every site whose visits were made with other rules or goals."""
    for site in house.sites().values():
        _choose_main(house, site)
        if is_healed(house.database, site):
            continue
        if store.has_events(house.warehouse, site):
            heal(house, site)
        else:
            note_healed(house.database, site)


def _choose_main(house: House, site: Site) -> None:
    """Look every ten minutes for the goal that orders reach, on a site without a main goal."""
    looked: dict[int, float] = house.parts.setdefault("main_goal_looked_for", {})
    if time.monotonic() - looked.get(site.id, -LOOK_AGAIN_S) >= LOOK_AGAIN_S:
        looked[site.id] = time.monotonic()
        store.choose_main_by_orders(house.warehouse, house.database, site)


def _left_off(db: Database, site: Site, made: str) -> int:
    """The range to go on with; 0 when there is no unfinished healing of the same kind."""
    with db.read() as c:
        row = c.execute(select(t).where(t.c.site_id == site.id)).first()
    if row is not None and row.made_with == made and row.done_at is None:
        return int(row.next_range)
    _note(db, site, made, 0)
    return 0


def _note(db: Database, site: Site, made: str, next_range: int) -> None:
    with db.write() as c:
        c.execute(delete(t).where(t.c.site_id == site.id))
        c.execute(
            insert(t).values(
                site_id=site.id,
                made_with=made,
                next_range=next_range,
                ranges=RANGES,
                begun_at=clock.now(),
                done_at=None,
            )
        )
