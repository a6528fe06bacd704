"""A report on its way in."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
from sqlalchemy import insert

from tandem.accounts.model import Site
from tandem.ads.model import (
    LEVELS,
    LONGEST_NAME,
    MOST_REMEMBERED,
    PROBLEMS,
    AdDay,
    Memo,
    origin_of,
    same_name,
    same_term,
)
from tandem.ads.store.common import COLUMNS, MOST_ACCOUNTS, PLACES, SHIFT, SQL, moment_on
from tandem.ads.store.imports import IMPORTS, AdImport, ImportDay, import_of
from tandem.ads.tables import ad_import_days as d
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse, tabbed
from tandem.core.context import Context
from tandem.imports.problem import Problem, problem_of
from tandem.rates.model import TooMuch, converted
from tandem.rates.store import rates_of

BLOCK_BYTES = 2_500_000
"""Some ten thousand rows: fewer are more parts to merge, more take more memory."""


def _bounded(name: str) -> str:
    """A name as a line of the event store holds it; files are read by the same rule, ad systems may send anything.

    raises   UserError for one that is too long
    """
    if len(name) > LONGEST_NAME:
        cure = PROBLEMS["long_name"][1]
        raise UserError("“%(text)s…” is longer than 1,000 characters.", cure, text=name[:40])
    return tabbed(name)


class Staging:
    """Writes the rows of one import beside what counts. Nothing of it is seen before `confirm`."""

    def __init__(self, ctx: Context, site: Site, import_: AdImport) -> None:
        self._ctx, self._site, self._import = ctx, site, import_
        self._rates = rates_of(ctx.database, since=None)
        self._origins = visit_origins(ctx.warehouse, site)
        self._rate = Memo(self._between)
        self._days, self._loads = Memo(self._day), Memo(self._load)
        self._texts = Memo(_bounded, MOST_REMEMBERED)
        self._named = Memo(lambda name: f"{_bounded(name)}\t{tabbed(same_name(name))}", MOST_REMEMBERED)
        self._channels = Memo(self._origin)
        self._levels: set[str] = set()
        self._waiting, self._blocks = bytearray(), 0
        self.rows = self.impressions = self.clicks = 0
        self.cost = self.original_cost = Decimal(0)
        self.problems: dict[tuple[str, date], Problem] = {}

    @property
    def level(self) -> str:
        """The finest level seen."""
        return max(self._levels, key=LEVELS.index, default="campaign")

    def add(self, rows: Sequence[AdDay]) -> None:
        """Write rows, in blocks of some thousands.

        raises   UserError when there are more accounts than a load can hold
        """
        lines = self._lines(rows)
        if not self.problems:
            self._waiting += "".join(lines).encode("utf-8", "replace")
        if len(self._waiting) >= BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what still waits to be enough for a block."""
        if self._waiting and not self.problems:
            self._blocks += 1
            block = bytes(self._waiting)
            with self._ctx.database.beside_others():  # a backup has of both stores what is of one moment
                self._ctx.warehouse.insert_lines("ad_rows", COLUMNS, block, f"ads:{self._import.id}:{self._blocks}")
        self._waiting.clear()

    def _lines(self, rows: Sequence[AdDay]) -> list[str]:
        """The rows as lines of COLUMNS. Kept short of calls: this is done a million times."""
        lines, costs, originals = list[str](), list[Decimal](), list[Decimal]()
        text, named, channels = self._texts, self._named, self._channels
        days, loads, rates = self._days, self._loads, self._rate
        for r in rows:
            term = _bounded(r.term) if r.term else ""
            original = r.cost.quantize(PLACES, ROUND_HALF_EVEN)
            rate = rates[r.currency, r.on]
            try:
                cost = converted(original, rate) if rate else original
            except TooMuch:
                self._note_too_much(r)
                continue
            costs.append(cost)
            originals.append(original)
            level = "keyword" if r.term or r.term_id else _level(r)
            origin = channels[r.campaign, r.campaign_id, r.kind, r.source, r.medium]
            lines.append(
                f"{days[r.on]}\t{loads[r.account]}\t{level}\t{origin}\t{named[r.campaign]}\t{text[r.campaign_id]}"
                f"\t{text[r.ad_group]}\t{text[r.ad_group_id]}\t{text[r.ad]}\t{text[r.ad_id]}\t{term}\t{tabbed(same_term(r.term))}"
                f"\t{text[r.term_id]}\t{r.impressions}\t{r.clicks}\t{cost}\t{original}\t{text[r.currency]}"
                f"\t{r.platform_conversions:f}\n"
            )
            self._levels.add(level)
        self.rows += len(rows)
        self.impressions += sum([r.impressions for r in rows])
        self.clicks += sum([r.clicks for r in rows])
        self.cost += sum(costs)
        self.original_cost += sum(originals)
        return lines

    def _between(self, key: tuple[str, date]) -> tuple[Decimal, Decimal] | None:
        currency, on = key
        rates = self._rates.between(currency, self._site.currency, on)
        if rates is None:
            self.problems[key] = problem_of(
                PROBLEMS, "no_rate", currency=currency, into=self._site.currency, on=on.isoformat()
            )
        return rates

    def _note_too_much(self, row: AdDay) -> None:
        key = row.currency, row.on
        self.problems[key] = self.problems.get(key) or problem_of(
            PROBLEMS, "too_much", cost=f"{row.cost.normalize():f}", currency=row.currency, campaign=row.campaign,
            on=row.on.isoformat(), into=self._site.currency,
        )  # fmt: skip

    def _load(self, account: str) -> str:
        number = len(self._loads)
        if number >= MOST_ACCOUNTS:
            raise UserError("The report contains more than 4,096 accounts.", "Export them in parts.")
        return f"{(self._import.id << SHIFT) | number}\t{self._import.system}\t{tabbed(account)}"

    def _day(self, on: date) -> str:
        return f"{self._site.id}\t{on.isoformat()}\t{moment_on(on, self._site, 12).timestamp():.0f}.000"

    def _origin(self, campaign_key: tuple[str, str, str, str, str]) -> str:
        """As the rules put visits of this campaign, by its name or id; else by the system and the campaign's type."""
        campaign, campaign_id, kind, source, medium = campaign_key
        system = self._import.system
        keys = ((system, same_name(campaign)), (system, same_name(campaign_id)))
        seen = next((self._origins[key] for key in keys if key[1] and key in self._origins), None)
        words = seen or origin_of(system, kind)
        return "\t".join(map(tabbed, (words[0], source or words[1], medium or words[2])))


def _level(row: AdDay) -> str:
    if row.term or row.term_id:
        return "keyword"
    if row.ad or row.ad_id:
        return "ad"
    if row.ad_group or row.ad_group_id:
        return "group"
    return "campaign" if row.campaign or row.campaign_id else "account"


def visit_origins(warehouse: Warehouse, site: Site) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Channel, source and medium that visits of each campaign have, by ad system and campaign as compared."""
    bound = {"site": site.id}
    rows = warehouse.ask(SQL["visit_origins"], bound).rows
    return {(system, key): (channel, source, medium) for system, key, channel, source, medium in rows}


def stage(
    ctx: Context, site: Site, import_: AdImport, staging: Staging, notes: Sequence[Problem] = (), level: str = "",
    covered: Iterable[date] = (), account: str = "",
) -> AdImport:  # fmt: skip
    """Note what was written, once its sums are right. It still counts for nothing.

    level     what kind of report it is, where that is known; else the finest level seen
    covered   days of `account` that the report tells of, also those without any row
    """
    staging.flush()
    first = import_.id << SHIFT
    bound = {"site": site.id, "first": first, "last": first + MOST_ACCOUNTS - 1}
    text = SQL["load_days"]
    by_day = ctx.warehouse.ask(text, bound, max_threads=1, max_block_size=8192)  # one thread: memory before speed
    import_days = [ImportDay(**dict(zip(by_day.names, row, strict=True))) for row in by_day.rows]
    written = (staging.rows, staging.impressions, staging.clicks, staging.cost, staging.original_cost)
    stored = tuple(
        sum(getattr(day, name) for day in import_days)
        for name in ("rows", "impressions", "clicks", "cost", "original_cost")
    )
    if written != stored:
        raise RuntimeError(f"the event store holds {stored} of import {import_.id}, which has {written}")
    days_with_rows = {day.on for day in import_days}
    empty = [
        ImportDay(account=account, on=on, load=first, rows=0, impressions=0, clicks=0, cost=Decimal(0),
                  original_cost=Decimal(0), currency=site.currency, digest="")
        for on in sorted(set(covered) - days_with_rows)
    ]  # fmt: skip
    with ctx.database.write() as c:
        rows = [{"import_id": import_.id, **_texts(day)} for day in (*import_days, *empty)]
        if rows:
            c.execute(insert(d), rows)
        IMPORTS.stage(
            c, import_, rows=staging.rows, level=level or staging.level, notes=[msgspec.to_builtins(p) for p in notes]
        )
    return import_of(ctx.database, site, import_.id)


def _texts(day: ImportDay) -> dict[str, Any]:
    facts = {name: getattr(day, name) for name in ImportDay.__struct_fields__}
    return {**facts, "cost": str(day.cost), "original_cost": str(day.original_cost), "account": day.account[:200]}
