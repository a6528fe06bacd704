"""Another mapping tried on the records that are known: what would change, and making it so."""

from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from tandem.accounts.model import Site
from tandem.base import log
from tandem.connections.model import Connection
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.model.deal import UNKNOWN, DealFact, StageKind
from tandem.crm.model.mapping import Mapping as Mapped
from tandem.crm.model.mapping import read_priced, stage_key
from tandem.crm.store import mappings, records
from tandem.crm.store.mappings import Chosen
from tandem.imports.problem import Problem

SHOWN = 10
MADE = (
    "stage_kind", "amount", "currency", "refunded", "cost", "source_text", "utm_source", "utm_medium", "utm_campaign",
    "utm_term", "utm_content", "click", "client", "phones", "emails", "lost_reason", "responsible",
)  # fmt: skip
"""What of a record a mapping decides, in the order in which changes are shown."""
HIDDEN = ("phones", "emails")
_log = log.get("crm")


class FieldChange(NamedTuple):
    """One field of one record: as it is, and as it would be."""

    field: str
    before: str
    after: str


class ChangedRecord(NamedTuple):
    """A record that would change."""

    kind: str
    ref: str
    changes: list[FieldChange]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What another mapping would change.

    existing   records that are known, `records` of them kept as they came; only these could be tried
    changed    records that would change; `fields` says how many per field, `rows` are the first of them
    kinds      meaning -> records before and after, by the stage that each stands in now
    qualified, leads   leads that have ever been qualified, before and after, of so many, by all stages ever seen
    absent     fields of the CRM that no kept record has: they are filled when the records are fetched again
    """

    existing: int
    records: int
    changed: int
    fields: list[tuple[str, int]]
    rows: list[ChangedRecord]
    kinds: list[tuple[str, int, int]]
    qualified: tuple[int, int]
    leads: int
    absent: list[str]
    problems: list[Problem]

    @property
    def needs_fetch(self) -> bool:
        """Whether the records must be fetched again before the mapping says everything."""
        return bool(self.absent) or self.records < self.existing


def merged(default: Mapped, chosen: Chosen) -> Mapped:
    """The system's own mapping with what a person chose on top."""
    return Mapped(fields={**default.fields, **chosen.fields}, stages=chosen.stages, revision=chosen.revision)


def preview(ctx: Context, site: Site, connection: Connection, default: Mapped, chosen: Chosen) -> Trial:
    """Read every kept record by both mappings and compare; nothing is changed."""
    old, new = merged(default, mappings.chosen_for(ctx, connection.id)), merged(default, chosen)
    fields, befores, afters = Counter[str](), Counter[str](), Counter[str]()
    pricing = store.pricing_of(ctx, site)
    rows, problems, seen, count, changed = list[ChangedRecord](), list[Problem](), set[str](), 0, 0
    for raws in records.each(ctx, connection.id):
        for raw in raws:
            count += 1
            seen.update(raw)
            (was, _), (now, found) = (read_priced(m, raw, connection.system, pricing) for m in (old, new))
            problems += found[: max(0, SHOWN - len(problems))]
            if was is None or now is None:
                continue
            befores[str(was.stage_kind)] += 1
            afters[str(now.stage_kind)] += 1
            changes = _changes(was, now)
            changed += bool(changes)
            fields.update(change.field for change in changes)
            if changes and len(rows) < SHOWN:
                rows.append(ChangedRecord(now.kind, now.id, changes))
    named = {name for theirs in chosen.fields.values() for name in theirs}
    leads, *qualified = _qualified(ctx, site, connection, new)
    return Trial(
        existing=len(_known(ctx, site, connection)), records=count, changed=changed,
        fields=[(name, fields[name]) for name in MADE if fields[name]], rows=rows,
        kinds=[(kind, befores[kind], afters[kind]) for kind in (*map(str, StageKind), UNKNOWN)],
        qualified=(qualified[0], qualified[1]), leads=leads, absent=sorted(named - seen) if count else [],
        problems=problems,
    )  # fmt: skip


def _changes(was: DealFact, now: DealFact) -> list[FieldChange]:
    changes = []
    for name in MADE:
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            changes.append(FieldChange(name, _shown(name, before), _shown(name, after)))
    return changes


def _shown(name: str, value: Any) -> str:
    """A value as it may be shown: of phones and e-mails only their ends."""
    if isinstance(value, tuple):
        return ", ".join(f"…{text[-3:]}" if name in HIDDEN else text for text in value)
    if isinstance(value, Decimal):
        value = f"{value:f}".rstrip("0").rstrip(".") if value else "0"
    return "" if value is None else str(value)[:100]


def standing(ctx: Context, site: Site, connection: Connection) -> tuple[int, int]:
    """Leads that this connection told of, and those of them that have ever been qualified."""
    leads, before, _ = _qualified(ctx, site, connection, Mapped(fields={}))
    return leads, before


def _known(ctx: Context, site: Site, connection: Connection) -> list[int]:
    return [row["deal"] for row in store.asked(ctx, "deals_of", site, connection=connection.id)]


def _qualified(ctx: Context, site: Site, connection: Connection, new: Mapped) -> tuple[int, int, int]:
    """Leads, and those that have ever been qualified: now, and by the new meanings of the stages they have been in."""
    leads = before = after = 0
    for row in store.asked(ctx, "leads_stages", site, connection=connection.id):
        means = {_meaning(new, row["kind"], stage, means_then) for stage, means_then in row["seen"]}
        leads += row["records"]
        before += row["records"] * bool({means_then for _, means_then in row["seen"]} & {"qualified", "won"})
        after += row["records"] * bool(means & {"qualified", "won"})
    return leads, before, after


def _meaning(mapping: Mapped, kind: str, stage: str, otherwise: str) -> str:
    return mapping.stages.get(stage_key(kind, stage), otherwise)


def apply(ctx: Context, site: Site, connection: Connection, default: Mapped) -> int:
    """Read everything known by the newest mapping; returns the records read. Cut off, it may be run again."""
    chosen = mappings.chosen_for(ctx, connection.id)
    mapping, pricing, count = merged(default, chosen), store.pricing_of(ctx, site), 0
    with ctx.database.beside_others():
        _rename_stages(ctx, site, connection, mapping)
    batches, is_more = records.each(ctx, connection.id), True
    while is_more:
        with ctx.database.beside_others():  # a person that is erased after a batch was read would come back
            raws = next(batches, [])
            readings = [read_priced(mapping, raw, connection.system, pricing) for raw in raws]
            facts = [fact for fact, _ in readings if fact is not None]
            count += store.record(ctx, site, connection.id, facts, mapping.revision)
            is_more = bool(raws)
    mappings.mark_applied(ctx, connection.id, chosen.revision)
    _log.info("crm.mapping_applied", connection=connection.id, revision=chosen.revision, records=count)
    return count


def _rename_stages(ctx: Context, site: Site, connection: Connection, mapping: Mapped) -> None:
    """Give the stages that records were in before the meaning that these stages have now."""
    if not mapping.stages:
        return
    keys = list(mapping.stages)
    rows = [
        (site.id, r["deal"], r["node"], r["at"], r["stage"], mapping.stages[stage_key(r["kind"], r["stage"])],
         mapping.revision)
        for r in store.asked(ctx, "steps_of", site, connection=connection.id, stages=keys)
    ]  # fmt: skip
    store.keep_steps(ctx, [row for row in rows if row[5] in tuple(StageKind)])
