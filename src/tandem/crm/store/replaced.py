"""What the import of a file replaced: kept while records are written, and put back when the import is undone."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from tandem.accounts.model import Site
from tandem.base import progress
from tandem.core.context import Context
from tandem.crm.model.deal import NEVER
from tandem.crm.store.common import AT_ONCE, NODE, PRICED, ROW, SQL, STEP, asked, columns_of
from tandem.crm.store.origins import derive
from tandem.people import store as people

STEPS = {
    "step_nodes": "node", "step_moments": "at", "step_stages": "stage", "step_kinds": "stage_kind",
    "step_versions": "version",
}  # fmt: skip
"""The columns of the arrays that hold a record's steps, and what they are of a step."""
EVIDENCE = ("ref", "a", "a_kind", "b", "b_kind", "at")
SOURCE = "crm"


def keep(ctx: Context, site: Site, import_: int, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep how the records of these rows stand, before an import writes them.

    Applied again after a crash, the import finds records that it wrote itself: what stood before stays what it was.
    """
    fresh = {row[ROW.index("deal")]: row for row in rows}
    stored = {int(row["deal"]): row for row in _of(ctx, "befores_of", site, import_, deals=list(fresh))}
    unknown = [deal for deal in fresh if deal not in stored]
    standing = {int(row["deal"]): row for row in asked(ctx, "rows_before", site, deals=unknown)}
    steps = {int(row["deal"]): row for row in asked(ctx, "steps_before", site, deals=list(standing))}
    _keep_evidence(ctx, site, import_, list(standing.values()))
    befores = []
    for deal, row in fresh.items():
        before = stored.get(deal) or _before(row, standing.get(deal), steps.get(deal, {}))
        befores.append((import_, row[ROW.index("version")], row[NODE], *(before[name] for name in (*STEPS, *ROW))))
    ctx.warehouse.insert("deal_befores", columns_of(("import", "wrote", "own", *STEPS, *ROW), befores))


def _before(row: tuple[Any, ...], standing: Mapping[str, Any] | None, steps: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {name: steps.get(name, []) for name in STEPS}
    return dict(standing or _nobody_knew(row)) | arrays


def _nobody_knew(row: tuple[Any, ...]) -> dict[str, Any]:
    """A record before anybody told of it: its name, and nothing else."""
    told = dict(zip(ROW, row, strict=True))
    empty: dict[type, Any] = {str: "", int: 0, bool: 0, Decimal: Decimal(0), type(NEVER): NEVER, type(None): None}
    names = ("site", "deal", "connection", "system", "ref", "kind")
    return {name: empty[type(value)] for name, value in told.items()} | {name: told[name] for name in names}


def _keep_evidence(ctx: Context, site: Site, import_: int, standing: Sequence[Mapping[str, Any]]) -> None:
    links = people.links_told(ctx, site, SOURCE, [_told_by(row) for row in standing])
    rows = [(site.id, import_, *(getattr(link, name) for name in EVIDENCE)) for link in links]
    if rows:
        ctx.warehouse.insert("deal_evidence_before", columns_of(("site", "import", *EVIDENCE), rows))


def _told_by(row: Mapping[str, Any]) -> str:
    """How evidence names the record that it came with."""
    return f"{row['system']}:{row['kind']}:{row['ref']}"[:200]


def take_back(ctx: Context, site: Site, import_: int) -> int:
    """Put the records of an import back as they stood; returns how many were left, being told of anew since then.

    Done again after a crash, it does the rest: records themselves come last of all that belongs to them.
    """
    left = done = after = 0
    count = int(ctx.warehouse.value(SQL["count_befores"], site=site.id, **{"import": import_}))
    while done < count:
        rows = list(_of(ctx, "befores_to_undo", site, import_, after=after, most=AT_ONCE))
        if not rows:  # an erasure took the others
            break
        ours = [row for row in rows if not row["now"] or _moment(row["now"]) in map(_moment, _versions(row))]
        if ours:
            with ctx.database.beside_others():
                _put_back(ctx, site, import_, ours)
            derive(ctx, site, [int(row["deal"]) for row in ours if row["version"]])
        after = int(rows[-1]["deal"])
        left += len(rows) - len(ours)
        done += len(rows)
        progress.at(done, count)
    return left


def _versions(row: Mapping[str, Any]) -> tuple[int, int]:
    return int(row["wrote"]), int(row["version"])


def _moment(version: int) -> int:
    """A version without what tells that its amounts were converted, which may have been done since."""
    return int(version) & ~PRICED


def _put_back(ctx: Context, site: Site, import_: int, rows: Sequence[Mapping[str, Any]]) -> None:
    deals, refs = [int(row["deal"]) for row in rows], [_told_by(row) for row in rows]
    stood = [row for row in rows if row["version"]]
    links = [people.ToldLink(**row) for row in _of(ctx, "evidence_before", site, import_, refs=refs)]
    nodes = {int(row[name]) for row in rows for name in ("own", "node", "visitor", "phone", "email")} - {0}
    people.replace_links(ctx, site, SOURCE, refs, links, nodes)
    _replace(ctx, site, "deal_origins", deals)
    _replace(ctx, site, "deal_snapshots", deals, STEP, list(_steps(site, stood)))
    _replace(ctx, site, "deal_rows", deals, ROW, [tuple(row[name] for name in ROW) for row in stood])


def _replace(
    ctx: Context, site: Site, table: str, deals: Sequence[int], names: Sequence[str] = (),
    rows: Sequence[tuple[Any, ...]] = (),
) -> None:  # fmt: skip
    ctx.warehouse.do(SQL[f"forget_{table.removeprefix('deal_')}"], {"site": site.id, "deals": list(deals)})
    if rows:
        # TRAP: the same block as before would be held for the one that was inserted then, and be dropped.
        ctx.warehouse.insert(table, columns_of(names, rows), token=uuid4().hex)


def _steps(site: Site, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """The steps of these records, as rows of STEP."""
    for row in rows:
        for step in zip(*(row[name] for name in STEPS), strict=True):
            one = dict(zip(STEPS.values(), step, strict=True)) | {"site": site.id, "deal": row["deal"]}
            yield tuple(one[name] for name in STEP)


def forget_replaced(ctx: Context, site: Site, imports: Sequence[int]) -> None:
    """Forget what these imports replaced: they can be undone no more."""
    with ctx.database.beside_others():
        for question in ("forget_befores", "forget_evidence"):
            ctx.warehouse.do(SQL[question], {"site": site.id, "imports": list(imports)})


def _of(ctx: Context, question: str, site: Site, import_: int, **params: Any) -> Iterator[dict[str, Any]]:
    return asked(ctx, question, site, **{"import": import_}, **params)
