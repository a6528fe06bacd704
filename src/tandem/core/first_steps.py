"""What a site lacks to be a complete record: each slice names its own step, and pages show those that are open."""

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store.first_steps import is_dismissed
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.slice import FirstStep

ORDER = ("hit", "goal", "changes", "ads", "crm", "calls")


class CompleteRecords(set[tuple[int, str]]):
    """Sites whose record lacks nothing that a role may add, so that the board asks nothing any more."""


class FirstSteps(msgspec.Struct, frozen=True):
    """The steps of a site that the caller's role may do; `is_shown` while one is open and they were not put away."""

    steps: tuple[FirstStep, ...]
    has_hits: bool
    is_shown: bool

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)


def first_steps(ctx: Context, caller: Caller, site: Site) -> FirstSteps:
    """How far the record of a site is. A complete one is remembered, so that the board asks nothing any more."""
    complete = ctx.state(CompleteRecords)
    key = (site.id, caller.user.role if caller.user else "")
    if key in complete:
        return FirstSteps((), has_hits=True, is_shown=False)
    first_steps = [step for s in ctx.slices for step in s.first_steps(ctx, site)]
    has_hits = all(step.is_done for step in first_steps if step.id == "hit")
    may = tuple(sorted((s for s in first_steps if caller.may(s.act)), key=lambda s: ORDER.index(s.id)))
    if has_hits and all(step.is_done for step in may):
        complete.add(key)
        return FirstSteps(may, has_hits, is_shown=False)
    is_hidden = caller.user is None or is_dismissed(ctx.database, caller.user, site)
    return FirstSteps(may, has_hits, is_shown=not is_hidden and not all(step.is_done for step in may))
