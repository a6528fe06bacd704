"""Asks the event store for journeys, and keeps reports in the record store."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Select, insert, select

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.accounts.tables import people
from tandem.attribution.model.ask import Ask
from tandem.attribution.model.credits import NOTHING, lost_steps, tail_steps, together
from tandem.attribution.model.journey import Ints, Journeys
from tandem.attribution.model.markov import WIDEST, Steps
from tandem.attribution.model.report import Definition, Report, Result, plain
from tandem.attribution.tables import reports as t
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Step, Warehouse, steps_of

HERE = Path(__file__).parent
SQL = {path.stem: path.read_text() for path in sorted((HERE / "sql").glob("*.sql"))}
TOUCH_COLUMNS = ("journey", "place", "value", "is_direct", "age_s", "weight", "worth", "is_first")
STEP_COLUMNS = ("first_back", "second_back", "third_back", "onto", "weight")


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


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the models need. `lone` are conversions and money without a visit inside the window."""

    names: list[str]
    journeys: Journeys
    lost: Steps
    lone: tuple[float, float]
    totals: Totals


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """What ads cost for one value of a split."""

    name: str
    cost: Decimal
    clicks: int


def bound(name: str, ask: Ask) -> tuple[str, dict[str, Any]]:
    """The text of one question with the values it binds."""
    sql = SQL[name]
    return sql, {key: value for key, value in ask.params.items() if f"{{{key}:" in sql}


def totals(warehouse: Warehouse, ask: Ask) -> Totals:
    """How many conversions there were, and what they brought."""
    sql, params = bound("totals", ask)
    return warehouse.rows(sql, Totals, **params)[0]


def found(warehouse: Warehouse, ask: Ask) -> Found:
    """The journeys with a conversion, one by one, and the steps of those without."""
    names = {int(code): str(name) for code, name in warehouse.ask(*bound("values", ask)).rows}
    if len(names) > WIDEST:  # a longer chain over them would have more states than journeys
        ask = msgspec.structs.replace(ask, order=1)
    won = warehouse.arrays(bound("journeys", ask)[0], TOUCH_COLUMNS, bound("journeys", ask)[1])
    lost = warehouse.arrays(bound("lost_steps", ask)[0], STEP_COLUMNS, bound("lost_steps", ask)[1])
    codes = np.sort(np.array(list(names), np.uint64))
    value, onto = _placed(won["value"], codes), _placed(lost["onto"], codes)
    number = _numbers(len(codes), value, onto)
    kept = codes[number[:-1] != NOTHING]
    won["value"] = number[value]
    is_touch, is_won = won["place"] > 0, won["weight"] > 0
    tails = _journeys({name: column[is_touch & ~is_won] for name, column in won.items()}, len(kept))
    back = [number[_placed(lost[name], codes)] for name in STEP_COLUMNS[: ask.order]]
    walked = lost_steps(back, number[onto], lost["weight"].astype(np.float64), len(kept))
    return Found(
        names=[names[int(code)] for code in kept],
        journeys=_journeys({name: column[is_touch & is_won] for name, column in won.items()}, len(kept)),
        lost=together(tail_steps(tails, ask.order), walked),
        lone=(float(won["weight"][~is_touch].sum()), float(won["worth"][~is_touch].sum())),
        totals=totals(warehouse, ask),
    )


def _numbers(size: int, *places: Ints) -> Ints:
    """Numbers without gaps for those places that occur; NOTHING, the last one, stays what it is."""
    is_used = np.zeros(size + 1, bool)
    for some in places:
        is_used[some] = True
    is_used[NOTHING] = False
    return np.where(is_used, np.cumsum(is_used) - 1, NOTHING)


def _journeys(touches: dict[str, Any], values: int) -> Journeys:
    order = np.lexsort((touches["place"], touches["journey"]))
    in_turn = {name: column[order] for name, column in touches.items()}
    starts = np.flatnonzero(np.append(True, in_turn["journey"][1:] != in_turn["journey"][:-1])[: len(order)])
    return Journeys(
        values=values,
        value=in_turn["value"],
        is_direct=in_turn["is_direct"].astype(bool),
        age_s=in_turn["age_s"].astype(np.float64),
        starts=starts.astype(np.int64),
        weight=in_turn["weight"][starts].astype(np.float64),
        worth=in_turn["worth"][starts].astype(np.float64),
        is_first=in_turn["is_first"][starts].astype(bool),
    )


def _placed(values: Any, codes: Any) -> Ints:
    return np.where(values > 0, np.searchsorted(codes, values), NOTHING).astype(np.int64)


def stages(warehouse: Warehouse, site: int) -> list[str]:
    """The stages that records of the CRM have been in."""
    return [str(row[0]) for row in warehouse.ask(SQL["stages"], {"site": site}).rows]


def spend(warehouse: Warehouse, ask: Ask) -> list[Spend]:
    """What ads cost in the period, by the split's values."""
    sql, params = bound("spend", ask)
    return warehouse.rows(sql, Spend, **params)


# ── kept reports ──


def keep(db: Database, site: Site, name: str, definition: Definition, result: Result, by: int | None) -> int:
    """Keep a report as it is; returns its id. Nothing ever changes it.

    raises   UserError without a name
    """
    if not name.strip():
        raise UserError("The report has no name.", "Say in a few words what it is for.")
    values = {"name": name.strip()[:200], "definition": plain(definition), "result": plain(result)}
    with db.write() as c:
        made = c.execute(insert(t).values(site_id=site.id, made_by=by, made_at=clock.now(), **values))
        note(c, site.workspace_id, by, "reports.kept", values["name"], model=definition.model)
        return int(made.inserted_primary_key[0])  # type: ignore[index]


def reports_of(db: Database, site: Site, most: int = 100) -> list[Report]:
    """The kept reports of a site, newest first."""
    query = _reports(site).order_by(t.c.made_at.desc(), t.c.id.desc()).limit(most)
    with db.read() as c:
        return [_report(row) for row in c.execute(query)]


def report_of(db: Database, site: Site, report_id: int) -> Report:
    """One kept report.

    raises   UserError when the site has none of that id
    """
    with db.read() as c:
        row = c.execute(_reports(site).where(t.c.id == report_id)).first()
    if row is None:
        raise UserError("There is no such report.", "The page Money lists the kept ones.", status=404)
    return _report(row)


def _reports(site: Site) -> Select[Any]:
    maker = people.c.name.label("maker")
    return select(t, maker).select_from(t.outerjoin(people, people.c.id == t.c.made_by)).where(t.c.site_id == site.id)


def _report(row: Any) -> Report:
    return Report(
        id=row.id,
        name=row.name,
        made_by=row.maker or "",
        made_at=row.made_at,
        definition=msgspec.convert(row.definition, Definition),
        result=msgspec.convert(row.result, Result),
    )
