"""What the import of a file replaced: kept while calls are written, and put back when the import is undone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from tandem.accounts.model import Site
from tandem.base import progress
from tandem.calls.model.call import CallFact
from tandem.calls.store.common import AT_ONCE, NEVER, SQL
from tandem.calls.store.credits import credit
from tandem.core.context import Context
from tandem.people import store as people

Existing = Mapping[int, tuple[CallFact, int, int]]
"""What is known of calls, the key of the caller and the version, by call."""
BEFORE = (
    "at", "version", "system", "ref", "line", "caller", "direction", "outcome", "wait_s", "talk_s", "operator",
    "recording", "tag",
)  # fmt: skip
ROW = ("site", "call", *BEFORE)


def keep(
    ctx: Context, site: Site, import_: int, calls: Mapping[int, CallFact], callers: Mapping[int, int],
    existing: Existing, version: int,
) -> None:  # fmt: skip
    """Keep how these calls stand, before an import gives them this version.

    Applied again after a crash, the import finds calls that it wrote itself: what stood before stays what it was.
    """
    stored = {int(row["call"]): row for row in _asked(ctx, "befores_of", site, import_=import_, calls=list(calls))}
    rows = []
    for call, fact in calls.items():
        before = stored.get(call) or _before(fact, existing.get(call))
        rows.append((site.id, import_, call, version, callers[call], *(before[name] for name in BEFORE)))
    names = ("site", "import", "call", "wrote", "own", *BEFORE)
    ctx.warehouse.insert("call_befores", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _before(fact: CallFact, existing: tuple[CallFact, int, int] | None) -> dict[str, Any]:
    was, caller, version = existing or (CallFact(system=fact.system, ref=fact.ref, at=NEVER), 0, 0)
    row = {name: getattr(was, name) for name in BEFORE if name not in ("version", "caller")}
    return row | {"caller": caller, "version": version, "outcome": str(was.outcome)}


def take_back(ctx: Context, site: Site, import_: int) -> int:
    """Put the calls of an import back as they stood; returns how many were left, being told of anew since then.

    Done again after a crash, it does the rest.
    """
    left = done = after = 0
    count = int(ctx.warehouse.value(SQL["count_befores"], site=site.id, **{"import": import_}))
    while done < count:
        with ctx.database.turn("calls", site.id):  # else what is told of a call meanwhile would be lost
            rows = list(_asked(ctx, "befores_to_undo", site, import_=import_, after=after, most=AT_ONCE))
            ours = [row for row in rows if not row["now"] or row["now"] in (row["wrote"], row["version"])]
            _put_rows_back(ctx, site, ours)
        if not rows:  # an erasure took the others
            break
        _weigh_again(ctx, site, ours)
        after = int(rows[-1]["call"])
        left += len(rows) - len(ours)
        done += len(rows)
        progress.at(done, count)
    return left


def _put_rows_back(ctx: Context, site: Site, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    ctx.warehouse.do(SQL["forget_calls"], {"site": site.id, "calls": [int(row["call"]) for row in rows]})
    stood = [row for row in rows if row["version"]]
    # TRAP: the same block as before would be held for the one that was inserted then, and be dropped.
    ctx.warehouse.insert("call_rows", {name: [row[name] for row in stood] for name in ROW}, token=uuid4().hex)


def _weigh_again(ctx: Context, site: Site, rows: Sequence[dict[str, Any]]) -> None:
    """Whose calls these were, as if the import had never been."""
    if not rows:
        return
    nodes = {int(row[name]) for row in rows for name in ("own", "caller")} - {0}
    people.replace_links(ctx, site, "calls", [f"{row['system']}:{row['ref']}" for row in rows], [], nodes)
    with ctx.database.turn("credits", site.id):
        calls = [int(row["call"]) for row in rows]
        ctx.warehouse.do(SQL["forget_credits"], {"site": site.id, "calls": calls})
    credit(ctx, site, calls)


def forget_replaced(ctx: Context, site: Site, imports: Sequence[int]) -> None:
    """Forget what these imports replaced: they can be undone no more."""
    with ctx.database.beside_others():
        ctx.warehouse.do(SQL["forget_befores"], {"site": site.id, "imports": list(imports)})


def _asked(ctx: Context, question: str, site: Site, import_: int, **params: Any) -> Iterator[dict[str, Any]]:
    answer = ctx.warehouse.ask(SQL[question], {"site": site.id, "import": import_, **params})
    return (dict(zip(answer.names, row, strict=True)) for row in answer.rows)
