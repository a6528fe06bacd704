"""Fills a fresh data folder with the invented company: people, site, goals, change log and 120 days of events."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.collect import store
from tandem.collect.model.agents import agent_id
from tandem.collect.model.origins import Origin, origin_id, origin_of, tag_key
from tandem.collect.model.rules import load_rules
from tandem.collect.rebuild import note_rebuilt
from tandem.collect.site_batch import FACT_COLUMNS
from tandem.core.context import Context
from tandem.demo.company import CURRENCY, HOST, SITE_KEY, SITE_NAME, ZONE, Company, DemoChange, Facts, goals
from tandem.demo.money import seed_money
from tandem.demo.outside import seed_outside

PASSWORD = "green thumbs grow"
PEOPLE = (
    ("marketing", "Maja Lis", "marketing@fern.example"),
    ("engineering", "Jan Dąb", "engineering@fern.example"),
    ("executive", "Ewa Klon", "executive@fern.example"),
    ("admin", "Ola Sosna", "admin@fern.example"),
)
EVENTS = 1_000_000
CHUNKS = 5
DAYS_AT_ONCE = 5
ZERO = Decimal(0)
DAY_MS = 86_400_000


class SeedProgress(NamedTuple):
    """How far the seeding is: 0 to 1, and what is being done."""

    share: float
    text: str


def seed(
    ctx: Context,
    until: datetime | None = None,
    days: int = 120,
    events: int = EVENTS,
    seed: int = 7,
    hosts: Sequence[str] = (HOST, "localhost", "127.0.0.1"),
    tell: Callable[[SeedProgress], Any] = lambda progress: None,
) -> Company:
    """Put the company into the stores; returns it, with its planted truth.

    The facts go straight into the event store in blocks of some days: they need no spool, for nobody was told that they
    had been received. Visits are derived from them by the same SQL that the loader uses.
    """
    company = Company(seed=seed, until=until or clock.now(), days=days, events=events)
    site = seed_records(ctx, company, hosts)
    started = time.perf_counter()
    _store_facts(ctx, site, company, days, tell)
    goals_of_site = store.goals_of(ctx.database, site)
    for i, (first, last) in enumerate(store.visitor_ranges(CHUNKS)):
        tell(SeedProgress(0.5 + 0.4 * i / CHUNKS, "deriving visits"))
        store.derive_all(ctx.warehouse, site, first, last, goals_of_site)
    note_rebuilt(ctx.database, site)
    store.tidy(ctx.warehouse)
    tell(SeedProgress(0.9, "spending on ads, answering calls, closing deals"))
    company.money = seed_money(ctx, site, seed, company.until)
    seed_outside(ctx, site, company.until)
    tell(SeedProgress(1.0, f"done in {time.perf_counter() - started:.0f} s"))
    return company


def seed_records(ctx: Context, company: Company, hosts: Sequence[str]) -> Site:
    """The workspace, its people, its site with goals, and the change log."""
    db = ctx.database
    workspace = accounts.make_workspace(db, SITE_NAME)
    for role, name, email in PEOPLE:
        accounts.add_user(db, workspace, email, name, role, PASSWORD)
    site = accounts.add_site(
        db, workspace, SITE_KEY, SITE_NAME, list(hosts), ZONE, CURRENCY, mode="consent", keep_days=1100
    )
    for name, kind, match in goals():  # the first, the purchase, is the main one
        store.add_goal(db, site, name, kind, match)
    for change in company.change_log():
        changes.add(db, site, _as_change(change))
    ctx.forget_sites()
    return site


def _as_change(change: DemoChange) -> Change:
    return Change(
        at=change.at,
        kind=change.kind,
        scope=change.scope,
        author=change.author,
        title=change.title,
        note=change.note,
        source="demo",
    )


def _store_facts(ctx: Context, site: Site, company: Company, days: int, tell: Callable[[SeedProgress], Any]) -> None:
    noted, factses = _Noted(ctx, site), company.days()
    for i in range(0, days, DAYS_AT_ONCE):
        tell(SeedProgress(0.5 * i / (days + 1), "writing events"))
        parts = [facts for facts in islice(factses, DAYS_AT_ONCE) if facts.size]
        if not parts:
            continue
        facts = Facts._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
        store.add_events(ctx.warehouse, columns_of(site, facts, noted), token=f"seed-{site.id}-{i}")
        received, counts = np.unique(facts.received // DAY_MS, return_counts=True)
        ledger = {
            (site.id, clock.from_ms(int(day) * DAY_MS).date(), "stored"): int(count)
            for day, count in zip(received, counts, strict=True)
        }
        store.add_ingestion(ctx.warehouse, ledger, f"seed-{site.id}-{i}")
    for _ in factses:  # to its end, which completes the truth
        raise RuntimeError("The history is longer than it was said to be.")


class _Noted:
    """Keys of referrers and user agents, each given to the rules once."""

    def __init__(self, ctx: Context, site: Site) -> None:
        self._ctx, self._site, self._rules = ctx, site, load_rules()
        self._origins: dict[tuple[str, str], tuple[int, int]] = {("", ""): (0, 0)}
        self._agents: dict[str, int] = {}

    def origins(self, queries: Sequence[str], referrers: Sequence[str]) -> list[tuple[int, int]]:
        """Origin and campaign keys for these queries and referrers."""
        fresh: dict[int, Origin] = {}
        values = []
        for pair in zip(queries, referrers, strict=True):
            if pair not in self._origins:
                origin = origin_of(*pair)
                key = origin_id(origin)
                self._origins[pair] = (key, tag_key(origin))
                if key:
                    fresh[key] = origin
            values.append(self._origins[pair])
        store.add_origins(self._ctx.warehouse, self._site, fresh, self._rules)
        return values

    def agents(self, texts: Sequence[str]) -> list[int]:
        """Keys for these user agents."""
        fresh = {agent_id(t): t for t in set(texts) if t not in self._agents}
        store.add_agents(self._ctx.warehouse, fresh)
        self._agents |= {text: key for key, text in fresh.items()}
        return [self._agents[t] for t in texts]


def columns_of(site: Site, facts: Facts, noted: _Noted) -> dict[str, Any]:
    """One batch of invented facts as columns of the event store."""
    is_view = facts.kind == "pageview"
    keys = noted.origins(list(np.where(is_view, facts.query, "")), list(np.where(is_view, facts.referrer, "")))
    # Whole numbers where the engine takes ticks: moments would cost a third of all writing.
    columns: dict[str, Any] = {
        "site": [site.id] * facts.size,
        "origin": [k[0] for k in keys],
        "campaign": [k[1] for k in keys],
        "agent": noted.agents(list(facts.ua)),
        "amount": [Decimal(a) / 10_000 if a else ZERO for a in facts.amount.tolist()],
        "marks": [[]] * facts.size,
        "nth": [0] * facts.size,
        "keep_until": (facts.at // DAY_MS + site.keep_days).tolist(),
    }
    for name in FACT_COLUMNS:
        if name not in columns:
            columns[name] = getattr(facts, name).tolist()
    return {name: columns[name] for name in FACT_COLUMNS}
