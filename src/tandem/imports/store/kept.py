"""Files that wait to be applied: sealed, because they hold personal data, and in blocks, because they may be large."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, delete, insert, select

from tandem.base.database import METADATA
from tandem.base.errors import UserError
from tandem.core.context import Context

BLOCK = 1 << 20
"""How much of a file is sealed at once."""

import_files = Table(
    "import_files",
    METADATA,
    Column("area", String(20), primary_key=True),
    Column("import_id", Integer, primary_key=True, autoincrement=False),
    Column("nth", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)


def keep(ctx: Context, c: Connection, area: str, number: int, path: Path) -> None:
    """Keep the file of an import, as part of a transaction."""
    with path.open("rb") as file:
        for nth, block in enumerate(iter(lambda: file.read(BLOCK), b"")):
            sealed = ctx.vault.seal_bytes(block)
            c.execute(insert(import_files).values(area=area, import_id=number, nth=nth, sealed=sealed))


def body(ctx: Context, area: str, number: int) -> Iterator[bytes]:
    """The file of an import, block by block.

    raises   UserError: 409 when another key sealed it, 503 when it is not kept any more
    """
    t, nth = import_files, 0
    while True:
        is_next = (t.c.area == area, t.c.import_id == number, t.c.nth == nth)
        with ctx.database.read() as c:
            sealed = c.execute(select(t.c.sealed).where(*is_next)).scalar()
        if sealed is None and nth:
            return
        if sealed is None:  # it came to its end meanwhile, so its file is at no fault
            raise UserError("The file is not kept any more.", "Reload the page.", status=503)
        block = ctx.vault.try_open_bytes(sealed)
        if block is None:
            raise UserError("The file was encrypted with another key.", "Import the file again.", status=409)
        yield block
        nth += 1


def forget(c: Connection, area: str, number: int) -> None:
    """Forget the file of an import, as part of a transaction."""
    c.execute(delete(import_files).where(import_files.c.area == area, import_files.c.import_id == number))
