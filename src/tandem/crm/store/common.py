"""What the parts of this store share."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tandem.accounts.model import Site
from tandem.base.warehouse import Step, questions_in, steps_of
from tandem.core.context import Context

HERE = Path(__file__).parents[1]
SQL = questions_in(HERE / "sql")
AT_ONCE = 2_000
"""How many records one question asks about."""


def schema() -> list[Step]:
    return steps_of("crm", HERE / "schema")


def asked(ctx: Context, question: str, site: Site, **params: Any) -> Iterator[dict[str, Any]]:
    """The rows of one of this slice's questions, as dicts."""
    answer = ctx.warehouse.ask(SQL[question], {"site": site.id, **params})
    return (dict(zip(answer.names, row, strict=True)) for row in answer.rows)


def columns_of(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def sealed(ctx: Context, body: bytes) -> bytes:
    """What may be kept of somebody's data: compressed, and to be read with the key only."""
    return ctx.vault.seal(b64encode(zlib.compress(body)).decode()).encode()


def opened_all(ctx: Context, bodies: Iterable[bytes]) -> Iterator[bytes]:
    """What was sealed, without what another key sealed."""
    texts = (ctx.vault.try_open(body.decode()) for body in bodies)
    return (zlib.decompress(b64decode(text)) for text in texts if text is not None)
