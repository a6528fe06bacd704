"""Rebuilding visits: better rules, other goals or hosts reach back over all history, because the raw facts were kept.

Visits are derived again range by range of visitor ids; after a stop the work goes on where it was.
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from tandem.accounts.model import Site
from tandem.base import log
from tandem.base.database import Database
from tandem.collect import store
from tandem.collect.model.rules import Rules, load_rules
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter, site_of
from tandem.core.slice import Recount

RANGES = 32
LOOK_AGAIN_S = 600.0
PATHS = 1
"""The normal form of paths (base/paths.py). With another one those of the past are respelt, visits derived again."""
_log = log.get("collect")


def made_with(db: Database, site: Site) -> str:
    """What visits of this site depend on beside their facts: rules, own hosts, currency, form of paths, and goals."""
    goals = [(g.id, g.kind, g.match) for g in store.goals_of(db, site)]
    return f"{_base(site)}{_hashed(goals)}"


def _base(site: Site) -> str:
    return f"{load_rules().version}-{_hashed((sorted(site.names), site.currency, PATHS))}"


def _hashed(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


ALL = "+all"
"""What is put behind `made_with` while all visits are derived again, and not their goals only."""


def _is_of_now(db: Database, site: Site, made: str) -> bool:
    return made.removesuffix(ALL) == made_with(db, site)


def is_rebuilt(db: Database, site: Site) -> bool:
    """Whether all visits of this site were made with the rules and goals of now."""
    last = store.rebuild_of(db, site)
    return last is not None and last.is_done and _is_of_now(db, site, last.made_with)


def note_rebuilt(db: Database, site: Site) -> None:
    """Say that there is nothing to rebuild: the site is new, or everything was just derived."""
    goals, made = [g.id for g in store.goals_of(db, site)], made_with(db, site)
    store.note_rebuild(db, site, made, RANGES, RANGES)
    store.note_rebuild_done(db, site, made, goals)


def rebuild(
    ctx: Context, site: Site, tell: Callable[[float], Any] = lambda share: None, rules: Rules | None = None
) -> int:
    """Derive all visits of a site again with the rules and goals of now; returns how many ranges were left to do.

    tell   is called with the share done, 0 to 1
    """
    db = ctx.database
    first, made, settled = _left_off(db, site)
    if first == 0:
        store.conclude_again(ctx.warehouse, site, rules or load_rules())
        if made.endswith(ALL):
            store.respell_paths(ctx.warehouse, site)
    goals = store.goals_of(db, site)
    ranges = store.visitor_ranges(RANGES)
    for i in range(first, RANGES):
        tell(i / RANGES)
        with ctx.loading, ctx.database.beside_others():  # a backup sees ranges whole, an erasure nothing half done
            store.derive_all(ctx.warehouse, site, *ranges[i], goals)
        store.note_rebuild(db, site, made, i + 1, RANGES, settled)
    store.note_rebuild_done(db, site, made.removesuffix(ALL), [g.id for g in goals])
    ctx.look_again()
    tell(1.0)
    _log.info("collect.history_healed", site=site.key, ranges=RANGES - first, rules=load_rules().version)
    return RANGES - first


def rebuild_sites(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Derive visits again with the rules and goals of now, on one site or on all; a stopped rebuild goes on."""
    site = site_of(ctx, args.get("site") or "")
    ctx.forget_sites()
    sites = [site] if site else list(ctx.sites().values())
    done = {}
    for number, one in enumerate(sites):
        if not args.get("again") and is_rebuilt(ctx.database, one):
            done[one.key] = "already up to date"
            continue

        def tell_one(share: float, number: int = number, key: str = one.key) -> None:
            tell((number + share) / len(sites), f"rebuilding {key}")

        rebuild(ctx, one, tell_one)
        done[one.key] = "rebuilt"
    return {"sites": done}


def recounted(ctx: Context, site: Site) -> Recount | None:
    """How far visits are derived again with the rules and goals of now; None if they all are."""
    last = store.rebuild_of(ctx.database, site)
    if last is None:
        return None
    is_begun = _is_of_now(ctx.database, site, last.made_with)
    if is_begun and last.is_done:
        return None
    is_all = _is_all(site, last.made_with)
    settled = frozenset() if is_all else last.settled_goals & {g.id for g in store.goals_of(ctx.database, site)}
    return Recount(
        share=last.next_range / last.ranges if is_begun else 0.0, is_all=is_all, settled_goals=settled,
        is_main_settled=not is_all and settled.issuperset(store.main_goals(ctx.database, site.id)),
    )  # fmt: skip


def _is_all(site: Site, made: str) -> bool:
    """Whether more than goals has changed since; what an older version wrote does not tell, so it may have."""
    return made.endswith(ALL) or not made.startswith(_base(site))


def rebuild_where_needed(ctx: Context) -> None:
    """Rebuild every site whose visits were made with other rules or goals."""
    for site in ctx.sites().values():
        _choose_main(ctx, site)
        goals = [g.id for g in store.goals_of(ctx.database, site)]  # first: one added meanwhile is not settled
        if is_rebuilt(ctx.database, site):
            store.note_settled(ctx.database, site, goals)
        elif store.has_events(ctx.warehouse, site):
            rebuild(ctx, site)
        else:
            note_rebuilt(ctx.database, site)


class LookedFor(dict[int, float]):
    """When the main goal of a site was last looked for, in seconds of the monotonic clock."""


def _choose_main(ctx: Context, site: Site) -> None:
    """Look every ten minutes for the goal that orders reach, on a site without a main goal."""
    looked = ctx.state(LookedFor)
    if time.monotonic() - looked.get(site.id, -LOOK_AGAIN_S) >= LOOK_AGAIN_S:
        looked[site.id] = time.monotonic()
        store.choose_main_by_orders(ctx.warehouse, ctx.database, site)


def _left_off(db: Database, site: Site) -> tuple[int, str, frozenset[int]]:
    """The range to go on with (0 when there is no unfinished rebuild of the same kind), and what is noted of it: what
    visits are made with, and the goals that they all tell of rightly before and after.
    """
    last, now = store.rebuild_of(db, site), made_with(db, site)
    if last is not None and not last.is_done and _is_of_now(db, site, last.made_with):
        return last.next_range, last.made_with, last.settled_goals
    is_all = last is None or _is_all(site, last.made_with)
    made = now + (ALL if is_all else "")
    settled = frozenset() if last is None or is_all else last.settled_goals
    store.note_rebuild(db, site, made, 0, RANGES, settled)
    return 0, made, settled
