"""What the parts of this store share."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tandem.base.warehouse import Step, questions_in, steps_of

HERE = Path(__file__).parents[1]
Columns = Mapping[str, Sequence[Any]]
SQL = questions_in(HERE / "sql")
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
"""In place of the start of a chain that began before what is read."""


def schema() -> list[Step]:
    """The tables and views of this slice in the event store."""
    return steps_of("collect", HERE / "schema")
