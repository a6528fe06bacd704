"""What is being counted anew meanwhile, so that its figures are mixed."""

from collections.abc import Callable, Iterable, Sequence

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.core.slice import Recount
from tandem.metrics.catalogue import DIMENSIONS, VIEWS
from tandem.metrics.metric import Counted, PublishedView
from tandem.metrics.parts import parts_of


def recounting(
    ctx: Context, site: Site, metrics: Iterable[str], by: Iterable[str] = (), where: Iterable[Filter] = ()
) -> float | None:
    """The share done (0 to 1) while one of these figures, splits or filters is counted anew; None while none is.

    Whatever is read range by range of visitors from rows that are being rewritten is mixed meanwhile: what rests on
    goals that have come or gone, and all that is derived of visits while rules, hosts or the currency have changed.
    The other goals are written again as they were.
    """
    return share_of(ctx.offers.recounted(site), metrics, by, where)


def share_of(
    recount: Recount | None, metrics: Iterable[str], by: Iterable[str] = (), where: Iterable[Filter] = ()
) -> float | None:
    """The same where it is known already how far the site is counted anew: asking that takes three questions."""
    if recount is None:
        return None
    parts, conditions = [part for name in metrics for part in parts_of(name)], tuple(where)
    homes = [_homes(by), _homes(f.by for f in conditions)]
    if recount.is_all:
        is_mixed = any(p.rests_on_goals for p in parts) or any(
            view.is_derived for view in (*homes[0], *homes[1], *(VIEWS[p.view] for p in parts))
        )
    else:
        is_mixed = _is_of_changed_goals(recount, parts, homes[0], conditions)
    return recount.share if is_mixed else None


def _homes(names: Iterable[str]) -> list[PublishedView]:
    dimensions = (DIMENSIONS[name] for name in names if name in DIMENSIONS)
    return [VIEWS[d.home] for d in dimensions if not d.is_time]


def _is_of_changed_goals(
    recount: Recount, parts: Sequence[Counted], splits: Sequence[PublishedView], where: Sequence[Filter]
) -> bool:
    """Whether goals that are counted anew decide a figure: what it counts, is split by, or leaves out."""
    of_goals = [f for f in where if any(home.is_of_goals for home in _homes((f.by,)))]
    if any(not _is_settled(recount, f) for f in of_goals):
        return True
    if any(p.rests_on_goals == "main" for p in parts) and not recount.is_main_settled:
        return True
    is_of_all = any(p.rests_on_goals == "all" for p in parts) or any(home.is_of_goals for home in splits)
    return is_of_all and not any(f.op == "is" for f in of_goals)  # else all that is left is of settled goals


def _is_settled(recount: Recount, condition: Filter) -> bool:
    """Whether a condition on goals names them, and none that is counted anew."""
    names = {str(goal) for goal in recount.settled_goals}
    return condition.op in ("is", "is_not") and names.issuperset(condition.values)


def anew(name: str, share: float) -> str:
    """A column that is being counted anew, for programs and files: `collect.conversions (being recounted, 40%)`."""
    return f"{name} (being recounted, {int(share * 100)}%)"


def head_in_words(word: str, text: Callable[[str], str], *, unit: str = "", share: float | None, is_open: bool) -> str:
    """A column's head in a file for readers: its name, its unit, and what of it is not final.

    share     how far it is counted anew; None where it is not
    is_open   whether outcomes are still to come
    """
    said = [unit]
    if share is not None:
        said.append(text("being recounted, %(share)s") % {"share": f"{int(share * 100)}%"})
    if is_open:
        said.append(text("not final"))
    return f"{word} ({'; '.join(filter(None, said))})" if any(said) else word
