"""What the parts of this store share."""

from pathlib import Path

from tandem.accounts.model import Site
from tandem.base.warehouse import Step, questions_in, steps_of
from tandem.core.context import Context
from tandem.people.model.identifier import Identifier, Kind

HERE = Path(__file__).parents[1]
SQL = questions_in(HERE / "sql")
SPARSE = {"max_block_size": 262_144, "preferred_block_size_bytes": 0}
"""For questions that find few rows in each of many granules: fewer, larger blocks, as each costs half a millisecond."""
CONCLUDED = ("node", "whose", "is_shared", "is_gone")


def schema() -> list[Step]:
    return steps_of("people", HERE / "schema")


def key_of(ctx: Context, site: Site, identifier: Identifier) -> int:
    """The 64 bits that stand for an identifier in the event store: a browser's own, else a keyed hash."""
    if identifier.kind == Kind.VISITOR:
        return int(identifier.value, 16)
    return ctx.vault.mark(f"{site.id}:{identifier.kind}:{identifier.value}")


def hexed(node: int) -> str:
    """A node as 16 hex digits, as addresses and the record store write it."""
    return f"{node:016x}"
