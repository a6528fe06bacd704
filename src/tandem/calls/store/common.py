"""What the parts of this store share."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from tandem.base.warehouse import Step, questions_in, steps_of

HERE = Path(__file__).parents[1]
SQL = questions_in(HERE / "sql")
AT_ONCE = 5_000
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def schema() -> list[Step]:
    return steps_of("calls", HERE / "schema")


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
