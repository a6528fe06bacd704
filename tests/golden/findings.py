"""What failed at the golden shop, and what became of it by now.

Edges on purpose: findings at both ends of the span and just outside, an area without open ones, several in one moment.
"""

from datetime import datetime, timedelta
from typing import Any

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.findings import store
from tandem.findings.model import Fact, Severity, Side, State
from tests.golden.naive import Row
from tests.golden.rows import SINCE, UNTIL

AREAS = ("reconcile", "site", "ops")
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")
SIDES: tuple[Side, ...] = ("both", "marketing", "engineering")
STATES: tuple[State, ...] = ("open", "explained", "ignored", "fixed")
SECOND = timedelta(seconds=1)


def raised() -> list[Fact]:
    pairs = (SINCE + timedelta(hours=9 * (n // 2)) for n in range(40))
    return [_fact(n, at) for n, at in enumerate([SINCE - SECOND, SINCE, UNTIL - SECOND, UNTIL, *pairs])]


def _fact(n: int, at: datetime) -> Fact:
    area = AREAS[n % 3]
    state = "fixed" if area == "ops" else STATES[n % 4]
    return Fact(at, area, f"rule {n % 5}", SEVERITIES[n % 7 % 3], SIDES[n % 5 % 3], state)


def bring_in(ctx: Context, site: Site) -> None:
    """Written down twice, the larger set first."""
    store.write_set(ctx.warehouse, site, raised() * 2, digest=1, version=0)
    store.write_set(ctx.warehouse, site, raised(), digest=2, version=store.written_sets(ctx.warehouse)[site.id].version)


# ── the second opinion ──


def rows() -> dict[str, list[Row]]:
    facts = [{**fact._asdict(), "area": fact.slice, "bot": ""} for fact in raised()]
    return {"findings": [(fact["at"], None, fact) for fact in facts]}


METRICS: dict[str, Any] = {
    "findings.raised": len,
    "findings.open": lambda rows: sum(1 for _, _, f in rows if f["state"] == "open"),
}
