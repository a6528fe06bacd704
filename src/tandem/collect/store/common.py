"""What the parts of this store share."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from tandem.base.warehouse import Step, questions_in, steps_of

T = TypeVar("T")
HERE = Path(__file__).parents[1]
Columns = Mapping[str, Sequence[Any]]
SQL = questions_in(HERE / "sql")
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
"""In place of the start of a chain that began before what is read."""

ASKED_TOGETHER = 50_000
"""Ids that one question names. TRAP: with more than 2**17 of them the engine takes a minute instead of 0.3 seconds."""


def in_parts(values: Sequence[T]) -> Iterator[list[T]]:
    """These values in lists that a question may name: how many a batch holds, those who send it decide."""
    for first in range(0, len(values), ASKED_TOGETHER):
        yield list(values[first : first + ASKED_TOGETHER])


def schema() -> list[Step]:
    """The tables and views of this slice in the event store."""
    return steps_of("collect", HERE / "schema")
