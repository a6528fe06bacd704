"""What people say of a call after it: worth something, a repeat, spam, a wrong number."""

from typing import Any

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.database import WATCHED_S
from tandem.base.errors import UserError
from tandem.calls.store.common import SQL
from tandem.core.context import Context

TAGS = ("target", "repeat", "spam", "wrong number")


def put(ctx: Context, site: Site, call: int, tag: str, by: int | None = None) -> None:
    """Tag a call; an empty tag takes it off. It stays until the exchange tells of another tag for the call.

    raises   UserError when the site has no such call, or the tag is none of ours and was not the call's before
    """
    with ctx.database.turn("calls", site.id, WATCHED_S):
        call_row = _whole(ctx, site, call)
        if tag and tag not in (*TAGS, call_row["tag"]):
            raise UserError("There is no such tag.", "Use one of %(choices)s.", choices=", ".join(TAGS))
        call_row |= {"tag": tag, "version": clock.version_after(int(call_row["version"]), clock.now_ms())}
        ctx.warehouse.insert("call_rows", {name: [value] for name, value in call_row.items()})
    with ctx.database.write() as c:
        note(c, site.workspace_id, by, "calls.tagged", f"{call:016x}", tag=tag)


def tag_of(ctx: Context, site: Site, call: int) -> str:
    """The tag of a call.

    raises   UserError (404) when the site has no such call
    """
    return str(_whole(ctx, site, call)["tag"])


def _whole(ctx: Context, site: Site, call: int) -> dict[str, Any]:
    answer = ctx.warehouse.ask(SQL["whole"], {"site": site.id, "call": call})
    if not answer.rows:
        raise UserError("There is no such call.", "Reload the page.", status=404)
    return dict(zip(answer.names, answer.rows[0], strict=True))
