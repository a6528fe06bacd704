"""Files of deals brought in as the page does it: read and staged, then applied."""

from collections.abc import Mapping
from io import BytesIO

import msgspec
from sqlalchemy import func, select

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.crm import file_import
from tandem.crm.file_import import IMPORTS, DealImport, DealSummary
from tandem.crm.tables import deal_imports
from tandem.imports.problem import Problem
from tandem.imports.store.kept import import_files
from tandem.imports.uploads import on_disk

NOTHING = DealSummary(fresh=0, existing=0, won=0, has_stages=True, unused=[], stages=[], currencies=[])


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file: what it holds, or what is wrong with it."""

    import_: DealImport
    found: DealSummary
    problems: list[Problem]

    @property
    def is_imported(self) -> bool:
        return self.import_.state == "applied"


def staged(ctx: Context, site: Site, body: bytes) -> DealImport:
    with on_disk(BytesIO(body)) as path:
        return file_import.read_file(ctx, site, path, "deals.csv")


def bring_in(
    ctx: Context, site: Site, body: bytes | str, is_dry: bool = False, form: Mapping[str, str] | None = None
) -> Brought:
    """`form` says what stages and currencies mean; a file with words that nobody explains stays staged."""
    import_ = staged(ctx, site, body.encode() if isinstance(body, str) else body)
    if import_.state == "refused":
        return Brought(import_=import_, found=NOTHING, problems=import_.problems)
    if not is_dry and (form or not import_.found.asks):
        file_import.explain(ctx, site, import_, form or {})
        import_ = IMPORTS.confirm(ctx, site, import_, None)
    return Brought(import_=import_, found=import_.found, problems=[])


def cut_off(ctx: Context, site: Site, body: bytes) -> DealImport:
    """An import that was confirmed just before a crash."""
    return IMPORTS.note_confirmed(ctx.database, site, staged(ctx, site, body), None)


def left(ctx: Context) -> tuple[int, int]:
    """How many imports are on their way, and how many blocks of files are kept."""
    on_its_way = deal_imports.c.state.in_(("reading", "applying", "undoing"))
    with ctx.database.read() as c:
        imports = c.execute(select(func.count()).select_from(deal_imports).where(on_its_way)).scalar_one()
        return int(imports), int(c.execute(select(func.count()).select_from(import_files)).scalar_one())


def refused(ctx: Context, site: Site) -> list[str]:
    """What is said of the files that were refused, the newest first."""
    imports = [IMPORTS.opened(ctx, one) for one in IMPORTS.newest(ctx.database, site)]
    return [one.problems[0].said(one.file) for one in imports if one.state == "refused"]
