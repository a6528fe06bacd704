"""Exports of ad systems: which system, which columns, and their rows as days of ads, a batch at a time."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from tandem.ads.model import LONGEST_NAME, MOST_PROBLEMS, MOST_REMEMBERED, PROBLEMS, AdDay, Memo
from tandem.ads.sources import cells
from tandem.ads.sources.words import COLUMNS, SIGNS, TOTALS
from tandem.base.currencies import currency_code
from tandem.imports import headers
from tandem.imports.cells import Decimals, Order, Unreadable, day, decimals_of, order_of
from tandem.imports.problem import Problem, problem_of
from tandem.imports.tables import HEAD_LINES, Form, NotATable, forms_of, rows_of

BATCH: Final = 4_000
SAMPLED: Final = 5_000
MILLION: Final = Decimal(1_000_000)
_ENDINGS: Final = ("total rows", "©", "all rights reserved")


class AdHints(msgspec.Struct, frozen=True, kw_only=True):
    """What the person says about the file where the file is silent or wrong."""

    system: str = ""
    currency: str = ""
    account: str = ""
    order: Order = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the table begins and which field stands in which column."""

    form: Form
    line: int
    system: str
    places: dict[str, int]
    names: list[str]
    titles: list[str]  # the names as they stand in the file
    currency: str
    above: list[str]


class AdReport:
    """One export, opened; `batches()` reads it once. What is wrong with it gathers in `problems`."""

    def __init__(self, path: Path, hints: AdHints, today: date) -> None:
        self.hints, self.today, self.path = hints, today, path
        self.problems: list[Problem] = []
        self.problem_count = 0
        self.notes: list[Problem] = []
        self.rows = 0
        self.head: Head | None = None
        self._totals: list[tuple[int, Decimal]] = []
        self._cost = Decimal(0)
        self._announced: tuple[int, int] | None = None
        self._days: dict[Any, date] = {}
        self._has_points = self._has_millionths = False
        try:
            self.head = _head_of(path, hints.system)
        except NotATable:
            self._tell("not_text")
            return
        if self.head is None:
            self._tell("unknown")
            return
        self._decimals, order, sample = _manners_of(path, self.head, hints.order, today)
        self._order: Order = order or "dmy"
        if order is None:
            self._tell("unclear_days", self.head.line + 1, text=sample)
        self._check_head(self.head)

    @property
    def system(self) -> str:
        return self.head.system if self.head else self.hints.system

    def _tell(self, code: str, line: int = 0, **values: Any) -> None:
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem_of(PROBLEMS, code, line, **values))

    def _check_head(self, head: Head) -> None:
        places = head.places
        if "on" not in places and not ("first" in places and "last" in places):
            self._tell("no_day", head.line)
        for field, word in (("cost", "Cost"), ("clicks", "Clicks"), ("impressions", "Impressions")):
            if field not in places and not (field == "cost" and "cost_micros" in places):
                self._tell("no_column", head.line, column=word)
        if not head.currency and "currency" not in places and not self.hints.currency:
            self._tell("no_currency", head.line)

    # ── rows ──

    def batches(self, size: int = BATCH) -> Iterator[list[AdDay]]:
        """The rows, some thousands at a time. With problems of the head, none."""
        if self.problems or self.head is None:
            return
        read, batch = self._reader(self.head), list[AdDay]()
        try:
            for line, row in rows_of(self.path, self.head.form):
                if line > self.head.line and (ad_day := read(line, row)) is not None:
                    batch.append(ad_day)
                    if len(batch) == size:
                        yield batch
                        batch = []
        except NotATable:
            self._tell("not_text")
        if batch:
            yield batch
        self._check_end(self.head)
        if self.problem_count > len(self.problems):
            self.problems.append(problem_of(PROBLEMS, "more", count=self.problem_count - len(self.problems)))

    def _reader(self, head: Head) -> Callable[[int, list[Any]], AdDay | None]:
        """A function that makes an AdDay of a row; None for a row that holds none."""
        places, width, decimals = head.places, len(head.names), self._decimals
        at = {field: places.get(field, -1) for field in AdDay.__struct_fields__}
        i_on = places.get("on", places.get("first", 0))
        i_campaign, i_shows, i_clicks = at["campaign"], places["impressions"], places["clicks"]
        i_cost, in_micros = places.get("cost", -1), "cost" not in places
        i_cost = places["cost_micros"] if in_micros else i_cost
        i_currency, i_won = at["currency"], at["platform_conversions"]
        fixed_currency = _currency(head.currency or self.hints.currency)
        cut_ids = list[str]()

        def id_of(cell: Any) -> str:
            text = _name_of(cell)
            if cells.is_cut_id(text):
                cut_ids.append(text)
            return text

        plain, ids = Memo(_name_of, MOST_REMEMBERED), Memo(id_of, MOST_REMEMBERED)
        texts = [(f, at[f], ids if f in _IDS else plain) for f in _TEXTS if at[f] >= 0 and f not in _MANY]
        many = [(f, at[f]) for f in _MANY if at[f] >= 0]
        number = Memo(lambda cell: cells.number(cell, decimals), MOST_REMEMBERED)
        whole = Memo(lambda cell: cells.whole(cell, decimals), MOST_REMEMBERED)
        currencies = Memo(lambda cell: _currency(_name_of(cell)) or fixed_currency, MOST_REMEMBERED)
        account = self.hints.account
        days, is_api_table = self._days, head.system == "yandex" and not _API_NAMES.isdisjoint(head.names)
        money = Memo(lambda cell: self._money(cell, in_micros, is_api_table), MOST_REMEMBERED)
        is_span = "first" in places and "last" in places

        def read(line: int, row: list[Any]) -> AdDay | None:
            try:
                return read_row(line, row)
            except _LongName as error:
                self._tell("long_name", line, text=str(error)[:40])
                return None

        def read_row(line: int, row: list[Any]) -> AdDay | None:
            if len(row) < width:
                if len(row) <= max(i_cost, i_on, i_campaign, i_clicks, i_shows):
                    self._odd_row(line, row, width)
                    return None
                row = row + [""] * (width - len(row))
            cell = row[i_on]
            on = days.get(cell)
            if on is None:
                on = self._day(line, row, cell, head)
                if on is None:
                    return None
            campaign = plain[row[i_campaign]] if i_campaign >= 0 else ""
            if not campaign and i_campaign >= 0 and "on" not in places:  # of a whole period, which many days may be
                self._total(line, row, head)
                return None
            if is_span and not self._is_one_day(line, row, head, on):
                return None
            try:
                impressions, clicks = whole[row[i_shows]], whole[row[i_clicks]]
                cost = money[row[i_cost]]
                won = number[row[i_won]] if i_won >= 0 else _NOTHING
            except Unreadable:
                self._bad_number(line, row, head)
                return None
            if impressions < 0 or clicks < 0:
                self._tell("negative", line, column=head.titles[i_clicks if clicks < 0 else i_shows])
                return None
            facts = {field: memo[row[i]] for field, i, memo in texts}
            for field, i in many:
                facts[field] = _name_of(row[i])
            if cut_ids:
                self._tell("cut_id", line, text=cut_ids.pop())
                return None
            currency = currencies[row[i_currency]] if i_currency >= 0 else fixed_currency
            self.rows += 1
            self._cost += cost
            if account:
                facts["account"] = account
            return AdDay(
                on=on, campaign=campaign, impressions=impressions, clicks=clicks, cost=cost,
                currency=currency, platform_conversions=won, **facts,
            )  # fmt: skip

        return read

    def _money(self, value: Any, in_micros: bool, is_api_table: bool) -> Decimal:
        """Direct's API counts in millionths unless told otherwise; an amount with a point is none of those."""
        if in_micros:
            return cells.money(cells.number(value, self._decimals) / MILLION, self._decimals)
        if not is_api_table:
            return cells.money(value, self._decimals)
        amount = cells.number(value, self._decimals)
        if not amount:
            return amount
        has_point = "." in str(value)
        self._has_points |= has_point
        self._has_millionths |= not has_point
        return cells.money(amount if has_point else amount / MILLION, self._decimals)

    def _day(self, line: int, row: list[Any], cell: Any, head: Head) -> date | None:
        text = cells.plain(cell)
        text = text if any(map(str.isalnum, text)) else ""  # some systems put a dash where there is no day
        if self._is_total(row, text):
            self._total(line, row, head)
            return None
        if not text or headers.with_currency(text)[0] in (
            head.names[head.places.get("on", 0)],
            *_ENDINGS,
        ):
            return None
        span = cells.days_in(text)
        if len(span) == 2 and span[0] != span[1]:
            self._tell("period_row", line, first=span[0], last=span[1])
            return None
        try:
            on = day(cell, self._order)
        except Unreadable:
            self._odd_row(line, row, len(head.names)) if _is_ending(row) else self._tell("bad_day", line, text=text)
            return None
        if on > self.today + timedelta(days=1):
            self._tell("future_day", line, text=text)
            return None
        if on.year < 2000:
            self._tell("bad_day", line, text=text)
            return None
        self._days[cell] = on
        return on

    def _is_one_day(self, line: int, row: list[Any], head: Head, on: date) -> bool:
        try:
            first = day(row[head.places["first"]], self._order)
            last = day(row[head.places["last"]], self._order)
        except Unreadable:
            return True
        if "on" not in head.places and first != last:
            self._tell("period_row", line, first=first, last=last)
            return False
        return True

    def _is_total(self, row: list[Any], day: str) -> bool:
        """A total is a row without a day of its own. Campaigns may be called "Total Fitness": names tell nothing."""
        return day.lower().startswith(TOTALS) or (not day and any(cells.plain(c) for c in row))

    def _total(self, line: int, row: list[Any], head: Head) -> None:
        """A row of totals is no day, but tells whether the file is whole."""
        place = head.places.get("cost", -1)
        try:
            self._totals.append((line, cells.number(row[place], self._decimals) if place >= 0 else Decimal(0)))
        except (Unreadable, IndexError):
            return

    def _odd_row(self, line: int, row: list[Any], width: int) -> None:
        text = " ".join(cells.plain(c) for c in row).strip()
        if not text or _is_ending(row):
            digits = "".join(sign for sign in text if sign.isdigit())
            if text.lower().startswith("total rows") and digits:
                self._announced = (line, int(digits[:18]))
            return
        if self._is_total(row, cells.plain(row[0])):
            return
        self._tell("short_row", line, found=len(row), wanted=width)

    def _bad_number(self, line: int, row: list[Any], head: Head) -> None:
        for field in ("impressions", "clicks", "cost", "cost_micros", "platform_conversions"):
            place = head.places.get(field, -1)
            try:
                (cells.whole if field in ("impressions", "clicks") else cells.number)(
                    row[place] if place >= 0 else "0", self._decimals
                )
            except Unreadable:
                self._tell("bad_number", line, text=cells.plain(row[place]), column=head.titles[place])

    # ── the whole ──

    def _check_end(self, head: Head) -> None:
        if self._announced and self._announced[1] not in (self.rows, self.rows + len(self._totals)):
            self._tell("cut_off", self._announced[0], said=self._announced[1], found=self.rows)
        if self._has_points and self._has_millionths:
            self._tell("mixed_micros")
        if not self.rows and not self.problems:
            self._tell("empty")
        if not self.problems:
            self._check_totals(head)
            self._check_period(head)

    def _check_totals(self, head: Head) -> None:
        """The file's own totals, against the rows. Google's mix accounts, filters and removed campaigns: only noted."""
        totals = [(line, total) for line, total in self._totals if total]
        tolerance = max(abs(self._cost) * Decimal("0.0005"), Decimal("0.01") * (self.rows**0 + self.rows // 100))
        if self.rows and totals and not any(abs(total - self._cost) <= tolerance for _, total in totals):
            line, total = totals[-1]
            problem = problem_of(PROBLEMS, "totals", line, found=f"{self._cost:.2f}", said=f"{total:.2f}")
            if head.system in ("google", "microsoft"):
                self.notes.append(problem)
            else:
                self.problem_count += 1
                self.problems.append(problem)

    def _check_period(self, head: Head) -> None:
        """A report over many days in which every row names the first of them holds totals of the period."""
        named = [span for text in head.above if len(span := cells.days_in(text)) == 2]
        days = set(self._days.values())
        if named and len(days) == 1 and self.rows > 1 and named[0][1] > named[0][0] and days == {named[0][0]}:
            self._tell("one_day_for_all", head.line, first=named[0][0], last=named[0][1])


_TEXTS: Final = (
    "account",
    "campaign_id",
    "ad_group",
    "ad_group_id",
    "ad",
    "ad_id",
    "term",
    "term_id",
    "kind",
    "source",
    "medium",
)
_IDS: Final = ("campaign_id", "ad_group_id", "ad_id", "term_id")
_MANY: Final = ("term", "ad")  # so many different ones that remembering them would not pay
_NOTHING: Final = Decimal(0)
_API_NAMES: Final = frozenset(("campaignname", "campaignid", "adgroupname", "adgroupid", "criterionid", "clientlogin"))


class _LongName(ValueError):
    """A name, an id or a keyword that no ad system has."""


def _name_of(cell: Any) -> str:
    text = cells.plain(cell)
    if len(text) > LONGEST_NAME:
        raise _LongName(text)
    return text


def _currency(text: str) -> str:
    return currency_code(text) or text.upper() if text else ""


def _is_ending(row: list[Any]) -> bool:
    text = " ".join(cells.plain(c) for c in row).strip().lower()
    return text.startswith(_ENDINGS) or any(end in text for end in _ENDINGS[1:])


# ── the head ──


def _head_of(path: Path, system: str) -> Head | None:
    """The line that names the columns: the one that knows most words of a system, of all ways to read the file."""
    best: tuple[tuple[int, int, int], Head] | None = None
    for form, rows in forms_of(path):
        above: list[str] = []
        for line, row in rows:
            if line > HEAD_LINES:
                break
            for name in (system,) if system else COLUMNS:
                if (scored := _scored(row, name, line, form, above)) and (best is None or scored[0] > best[0]):
                    best = scored
            above = [*above, " ".join(cells.plain(c) for c in row)]
    return best[1] if best else None


def _scored(
    row: list[Any], system: str, line: int, form: Form, above: list[str]
) -> tuple[tuple[int, int, int], Head] | None:
    heads = [headers.with_currency(cells.plain(cell)) for cell in row]
    names = [name for name, _ in heads]
    places = {field: at[0] for field, at in headers.places(names, COLUMNS[system]).items()}
    measures = sum(field in places for field in ("impressions", "clicks", "cost", "cost_micros"))
    if measures < 2 or not ({"campaign", "campaign_id", "ad", "ad_id", "on"} & places.keys()):
        return None
    place = places.get("cost", -1)
    if "campaign" not in places and "campaign_id" in places:
        places["campaign"] = places["campaign_id"]
    currency = heads[place][1] if place >= 0 else ""
    signs = sum(name in SIGNS[system] for name in names)
    head = Head(
        form=form, line=line, system=system, places=places, names=names, currency=currency, above=above,
        titles=[cells.plain(cell) for cell in row],
    )  # fmt: skip
    return (signs + len(places), signs, -line), head


def _manners_of(path: Path, head: Head, order: Order, today: date) -> tuple[Decimals, Order | None, str]:
    """How the file writes decimals and dates, from its first rows, with one of the dates."""
    amounts, days = list[Any](), list[str]()
    place, on = head.places.get("cost", -1), head.places.get("on", head.places.get("first", -1))
    for line, row in rows_of(path, head.form):
        if line > head.line + SAMPLED:
            break
        if line > head.line and len(row) > max(place, on):
            if place >= 0:
                amounts.append(row[place])
            if on >= 0:
                days.append(cells.plain(row[on]))
    days = [d for d in days if d]
    return decimals_of(amounts, cells.is_local(head.names)), order or order_of(days, today), days[0] if days else ""


def read(path: Path, hints: AdHints | None = None, today: date | None = None) -> tuple[list[AdDay], list[Problem]]:
    """All rows of an export, and what is wrong with it; with a problem nothing of it should be used."""
    report = AdReport(path, hints or AdHints(), today or date.max - timedelta(days=2))
    rows = [row for batch in report.batches() for row in batch]
    return rows, report.problems
