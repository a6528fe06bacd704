"""Asks the event store for journeys, and keeps reports in the record store."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from sqlalchemy import Select, insert, select

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.accounts.tables import people
from tandem.attribution.model.ask import Ask
from tandem.attribution.model.credits import counted_transitions, lost_transitions
from tandem.attribution.model.journey import Journeys
from tandem.attribution.model.markov import WIDEST, Transitions
from tandem.attribution.model.report import Definition, SavedReport, SavedResult, plain
from tandem.attribution.model.shared_out import NOBODY, SharedOut, shared_out
from tandem.attribution.model.site_revenue import Overlap
from tandem.attribution.model.touchpoints import CONVERSION, Cut, Touchpoints, cut
from tandem.attribution.tables import reports as t
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.texts import short_text
from tandem.base.warehouse import Array, Step, Warehouse, questions_in, steps_of

HERE = Path(__file__).parent
SQL = questions_in(HERE / "sql")
TOUCHPOINT_COLUMNS = ("person", "moment", "value", "is_direct", "weight", "worth")
TRANSITION_COLUMNS = ("first_back", "second_back", "third_back", "onto", "weight")
CREDIT_COLUMNS = ("credit", "squares", "worth", "worth_squares", "whole_worth")
MOST_AT_ONCE = 200_000
DAY_MS = 86_400_000
MOST_VALUES = 2**24 - 1
"""Values that sql/transitions.sql finds room for beside the moment of a touch."""


def schema() -> list[Step]:
    """The views of this slice in the event store."""
    return steps_of("attribution", HERE / "schema")


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """All conversions of a question, whoever gets the credit; money in the site's currency.

    A call counts by parts, one for each visit that it may have come from; the parts sum to 1.
    """

    conversions: float
    worth: Decimal
    refunds: Decimal


class AttributionData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the models need. `lone` are conversions and money without a visit inside the window."""

    names: list[str]
    journeys: Journeys
    lost: Transitions
    lone: tuple[float, float]
    totals: Totals


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What ads cost for one value of a split."""

    name: str
    cost: Decimal
    clicks: int


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """The paid visits of one value of a split.

    reported   those on days of which a report of their ad system is known: what they cost is within the value's cost
    matched    those whose own campaign, or click id, was found in it
    """

    name: str
    visits: int
    reported: int
    matched: int


def bound(name: str, ask: Ask) -> tuple[str, dict[str, Any]]:
    """The text of one question with the values it binds."""
    sql = SQL[name]
    return sql, {key: value for key, value in ask.params.items() if f"{{{key}:" in sql}


def totals(warehouse: Warehouse, ask: Ask) -> Totals:
    """How many conversions there were, and what they brought."""
    sql, params = bound("totals", ask)
    return warehouse.rows(sql, Totals, **params)[0]


def overlap(warehouse: Warehouse, ask: Ask) -> Overlap:
    """Whose money these conversions brought, and whose the orders on the site."""
    sql, params = bound("site_revenue", ask)
    return warehouse.rows(sql, Overlap, **params)[0]


def attribution_data(warehouse: Warehouse, ask: Ask) -> AttributionData:
    """The journeys with a conversion, one by one, and the steps of those without.

    raises   UserError where the split has more than MOST_VALUES values
    """
    named = _values(warehouse, ask)
    if len(named.names) > WIDEST:  # a longer chain over them would have more states than journeys
        ask = msgspec.structs.replace(ask, order=1)
    codes, journeys = named.codes, _cut_touchpoints(warehouse, ask, named)
    transitions = _asked(warehouse, "transitions", TRANSITION_COLUMNS, ask, codes)
    back = [transitions[name].astype(np.int64) - 1 for name in TRANSITION_COLUMNS[: ask.order]]
    walked = counted_transitions(
        back, transitions["onto"].astype(np.int64) - 1, transitions["weight"].astype(np.float64), len(named.names)
    )
    lost = lost_transitions(walked, journeys)
    is_used = np.zeros(len(named.names) + 2, bool)
    is_used[journeys.won.value] = is_used[lost.onto] = True
    used = np.flatnonzero(is_used[: len(named.names)])
    return AttributionData(
        names=[named.names[place] for place in used],
        journeys=journeys.won.among(used),
        lost=lost.among(used),
        lone=journeys.lone,
        totals=totals(warehouse, ask),
    )


class Values(NamedTuple):
    """The values of a split, and the numbers that the event store knows them by."""

    names: list[str]
    codes: Array


def _values(warehouse: Warehouse, ask: Ask) -> Values:
    named = warehouse.ask(*bound("values", ask)).rows
    if len(named) > MOST_VALUES:
        raise UserError("There are too many values to share credit among.", "Choose another split, or fewer days.")
    return Values([str(name) for _, name in named], np.array([code for code, _ in named], np.uint64))


def _cut_touchpoints(warehouse: Warehouse, ask: Ask, values: Values) -> Cut:
    arrays = _asked(warehouse, "touchpoints", TOUCHPOINT_COLUMNS, ask, values.codes)
    return cut(_touchpoints_of(arrays), len(values.names), ask.since_ms, ask.window * DAY_MS)


def _asked(warehouse: Warehouse, name: str, columns: tuple[str, ...], ask: Ask, codes: Array) -> dict[str, Array]:
    sql, params = bound(name, ask)
    return warehouse.arrays(sql, columns, params | {"codes": codes})


def _touchpoints_of(arrays: dict[str, Array]) -> Touchpoints:
    # Not so a touch whose value came after the codes were asked.
    is_known = (arrays["value"] > 0) | (arrays["weight"] > 0)
    person, moment, value, is_direct, weight, worth = (arrays[name][is_known] for name in TOUCHPOINT_COLUMNS)
    value, is_won = value.astype(np.int64) - 1, weight > 0
    itself = np.flatnonzero(is_won & (value >= 0))  # conversions that tell of a touch nobody saw: it stands before them
    none = np.zeros(len(itself))
    return Touchpoints(
        person=np.append(person, person[itself]),
        moment=np.append(moment, moment[itself]).astype(np.int64),
        value=np.append(np.where(is_won, CONVERSION, value), value[itself]),
        is_seen=np.append(np.ones(len(person), bool), none > 0),
        is_direct=np.append(is_direct, none).astype(bool),
        weight=np.append(weight, none),
        worth=np.append(worth, none),
    )


def stages(warehouse: Warehouse, site: int) -> list[str]:
    """The stages that records of the CRM have been in."""
    return [str(row[0]) for row in warehouse.ask(SQL["stages"], {"site": site}).rows]


def are_orders(warehouse: Warehouse, site: int, goals: Sequence[int]) -> bool:
    """Whether orders reach one of these goals: then orders are what the site's conversions rest on."""
    return bool(warehouse.value(SQL["are_orders"], site=site, goals=list(goals)))


def spend(warehouse: Warehouse, ask: Ask) -> list[Spend]:
    """What ads cost in the period, by the split's values."""
    sql, params = bound("spend", ask)
    return warehouse.rows(sql, Spend, **params)


def paid(warehouse: Warehouse, ask: Ask) -> list[Paid]:
    """The paid visits of the period, by the split's values."""
    sql, params = bound("paid", ask)
    return warehouse.rows(sql, Paid, **params)


# ── credit, written down for the catalogue ──


UNASSIGNED = "Unassigned"
"""The channel of a conversion that no visit explains."""


def month_states(warehouse: Warehouse, ask: Ask) -> dict[date, int]:
    """What the visits and conversions of each month are now, as one number each."""
    return dict(warehouse.ask(*bound("months", ask)).rows)


def written_states(warehouse: Warehouse, site: int) -> dict[date, int]:
    """Of what visits and conversions the credit of each month was made."""
    return dict(warehouse.ask(SQL["written_months"], {"site": site}).rows)


def write_month(warehouse: Warehouse, ask: Ask, month: date, state: int) -> int:
    """Write down who gets the credit for a month's conversions, in place of what stood there; returns the rows.

    Readers see the month as it was until all of its rows are there.
    """
    values = _values(warehouse, ask)
    journeys = _cut_touchpoints(warehouse, ask, values)
    rows, version = shared_out(journeys.won, journeys.alone), clock.now_ms()
    names = [*values.names, UNASSIGNED]  # the last one is NOBODY's: place -1
    assert NOBODY == -1
    for first in range(0, len(rows.ended), MOST_AT_ONCE):
        some = SharedOut(*(column[first : first + MOST_AT_ONCE] for column in rows))  # type: ignore[arg-type]
        count = len(some.ended)
        warehouse.insert(
            "credit_rows",
            {
                "site": [ask.site] * count, "month": [month] * count, "version": [version] * count,
                "nth": list(range(first, first + count)), "at": [clock.from_ms(ms) for ms in some.ended.tolist()],
                "channel": [names[place] for place in some.value.tolist()],
                **{name: getattr(some, name).tolist() for name in CREDIT_COLUMNS},
            },
        )  # fmt: skip
    noted = {"site": [ask.site], "month": [month], "version": [version], "state": [state]}
    warehouse.insert("credit_months", noted)
    return len(rows.ended)


# ── kept reports ──


def keep(db: Database, site: Site, name: str, definition: Definition, result: SavedResult, by: int | None) -> int:
    """Keep a report as it is; returns its id. Nothing ever changes it.

    raises   UserError without a name
    """
    if not (name := short_text(name, "name")):
        raise UserError("The report has no name.", "Enter a name that says what the report is for.").at("name")
    values = {"name": name, "definition": plain(definition), "result": plain(result)}
    with db.write() as c:
        made = c.execute(insert(t).values(site_id=site.id, made_by=by, made_at=clock.now(), **values))
        note(c, site.workspace_id, by, "reports.kept", values["name"], model=definition.model)
        return int(made.inserted_primary_key[0])  # type: ignore[index]


def reports_of(db: Database, site: Site, most: int = 100) -> list[SavedReport]:
    """The kept reports of a site, newest first."""
    query = _reports(site).order_by(t.c.made_at.desc(), t.c.id.desc()).limit(most)
    with db.read() as c:
        return [_report(row) for row in c.execute(query)]


def report_of(db: Database, site: Site, report_id: int) -> SavedReport:
    """One kept report.

    raises   UserError when the site has none of that id
    """
    with db.read() as c:
        row = c.execute(_reports(site).where(t.c.id == report_id)).first()
    if row is None:
        raise UserError("There is no such report.", "Saved reports are listed on the Money page.", status=404)
    return _report(row)


def _reports(site: Site) -> Select[Any]:
    maker = people.c.name.label("maker")
    return select(t, maker).select_from(t.outerjoin(people, people.c.id == t.c.made_by)).where(t.c.site_id == site.id)


def _report(row: Any) -> SavedReport:
    return SavedReport(
        id=row.id,
        name=row.name,
        made_by=row.maker or "",
        made_at=row.made_at,
        definition=msgspec.convert(row.definition, Definition),
        result=msgspec.convert(row.result, SavedResult),
    )
