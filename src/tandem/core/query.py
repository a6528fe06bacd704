"""A question about metrics and its answer; who answers is a `QueryRunner`, and `tandem.metrics.ask` has it."""

from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec

Op = Literal["is", "is_not", "contains", "contains_not"]
Value = float | int | None
Key = tuple[Any, ...]
Made = TypeVar("Made")
Shape = TypeVar("Shape", bound=msgspec.Struct)
ASKED_BY: ContextVar[str] = ContextVar("asked_by", default="")
"""The user or token for whom questions are asked; empty for the product's own jobs."""


class Filter(msgspec.Struct, frozen=True):
    """One condition; several values mean any of them."""

    by: str
    op: Op
    values: tuple[str, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which figures of a site, over [since, until), split and filtered how.

    with_whole   one split, and the same figures without it beside: their parts need not add up to them
    """

    site: int
    zone: str
    metrics: tuple[str, ...]
    since: datetime
    until: datetime
    by: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()
    with_bots: bool = False
    with_whole: bool = False


class Row(msgspec.Struct, frozen=True):
    """One group: its values of the split, and its figures by id (None: no data)."""

    key: Key
    metrics: dict[str, Value]


class Query(NamedTuple):
    """One SELECT: the counted figures it answers, its text and its bound values."""

    metrics: tuple[str, ...]
    sql: str
    params: dict[str, Any]


class Result(msgspec.Struct, frozen=True):
    """The rows of a question, with the queries behind them and the time they took."""

    rows: list[Row]
    queries: tuple[Query, ...]
    took_ms: float
    whole: dict[str, Value] = {}
    is_cut: bool = False
    """Whether there are more rows, which no answer holds: those that are smallest by the first figure."""

    @property
    def total(self) -> dict[str, Value]:
        """The figures without the split: those of a question that has none, or asked for `with_whole`."""
        return self.whole or (self.rows[0].metrics if self.rows else {})


class QueryRunner(Protocol):
    """Answers questions about metrics, and remembers answers until the data change."""

    def ask(self, question: Question) -> Result:
        """The rows of one question, largest first figure first."""

    def ask_all(self, questions: Sequence[Question]) -> list[Result]:
        """The answers of several questions; queries that several share run once."""

    def ask_aside(self, question: Question) -> Result:
        """The same for programs and files, one after the other. Raises UserError (503) when too many wait."""

    def planned(self, question: Question) -> list[Query]:
        """The queries that a question becomes."""

    def look_up(self, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of one question about the past that pages never show; not remembered."""

    def rows(self, sql: str, shape: type[Shape], /, **params: Any) -> list[Shape]:
        """Rows of a page's own question as structs, remembered until the data change."""

    def kept(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gives, remembered under its key until the data change."""

    def main_goals(self, site: int) -> tuple[int, ...]:
        """The goals of a site that its conversions rest on."""

    changes: int
    """How often somebody has said that data have changed."""

    def look_again(self) -> None:
        """Look at once whether data have changed; the past may have."""

    def look_soon(self) -> None:
        """Look whether data have changed before the next answer: whoever has just written wants to see it."""

    def close(self) -> None:
        """Ask nothing any more."""
