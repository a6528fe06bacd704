"""What is being counted anew meanwhile, so that its figures are mixed."""

from collections.abc import Iterable

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.core.slice import Recount
from tandem.metrics.catalogue import DIMENSIONS, VIEWS
from tandem.metrics.parts import parts_of


def recounting(
    ctx: Context, site: Site, figures: Iterable[str], by: Iterable[str] = (), where: Iterable[Filter] = ()
) -> float | None:
    """The share done (0 to 1) while one of these figures, splits or filters is counted anew; None while none is.

    Whatever is read range by range of visitors from rows that are being rewritten is mixed meanwhile: what rests on
    goals while goals have changed, and all that is derived of visits while rules, hosts or the currency have.
    """
    return share_of(ctx.offers.recounted(site), figures, by, where)


def share_of(
    recount: Recount | None, figures: Iterable[str], by: Iterable[str] = (), where: Iterable[Filter] = ()
) -> float | None:
    """The same where it is known already how far the site is counted anew: asking that takes three questions."""
    if recount is None:
        return None
    parts = [part for name in figures for part in parts_of(name)]
    dimensions = [DIMENSIONS[name] for name in (*by, *(f.by for f in where)) if name in DIMENSIONS]
    homes = [VIEWS[d.home] for d in dimensions if not d.is_time]
    is_mixed = any(p.rests_on_goals for p in parts) or any(home.is_of_goals for home in homes)
    if recount.is_all:
        is_mixed = is_mixed or any(view.is_derived for view in (*homes, *(VIEWS[p.view] for p in parts)))
    return recount.share if is_mixed else None


def anew(name: str, share: float) -> str:
    """A column that is being counted anew, for programs and files: `collect.conversions (being recounted, 40%)`."""
    return f"{name} (being recounted, {int(share * 100)}%)"
