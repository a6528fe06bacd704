"""What pages let users do with an import of records: apply it, undo it, or throw it away."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, Protocol

from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.accounts.store import users_of
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.layout import go_to
from tandem.core.numbers import whole_number
from tandem.core.pages import post_form
from tandem.core.progress import tracked
from tandem.imports.store.records import R, RecordImport, RecordImports

Asked = Request[Any, Any, Any]
Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


class Link(Protocol):
    """The address of the page with some of its state changed."""

    def __call__(self, **changed: str | None) -> str: ...


class Place(NamedTuple):
    """Where the user is: the site, and the way back to the page."""

    site: Site
    link: Link


PlaceOf = Callable[[Asked, Context, Caller], Place]


def nothing_to_say(ctx: Context, site: Site, import_: RecordImport, form: Mapping[str, str]) -> None:
    """What most forms say before an import is applied."""


def acts(
    path: str, imports: RecordImports[R], may: str, place_of: PlaceOf,
    before: Callable[[Context, Site, R, Mapping[str, str]], None] = nothing_to_say,
) -> list[Any]:  # fmt: skip
    """The routes below `path`.

    may      the permission that they need
    before   takes what the form says, before the import is applied
    """

    @post_form(path + "/{number:int}/confirm", may=may)
    def confirm(request: Asked, ctx: Context, caller: Caller, number: int, data: Form) -> Response[Any]:
        place = place_of(request, ctx, caller)
        import_ = imports.of(ctx.database, place.site, number)
        with tracked(request, ctx, caller):
            before(ctx, place.site, import_, data)
            imports.confirm(ctx, place.site, import_, caller.user_id)
        ctx.look_again()
        return go_to(place.link(notice="applied"))

    @post_form(path + "/{number:int}/undo", may=may)
    def undo(request: Asked, ctx: Context, caller: Caller, number: int) -> Response[Any]:
        place = place_of(request, ctx, caller)
        import_ = imports.of(ctx.database, place.site, number)
        with tracked(request, ctx, caller):
            imports.undo(ctx, place.site, import_, caller.user_id)
        ctx.look_again()
        return go_to(place.link(notice="undone", draft=str(number)))

    @post_form(path + "/{number:int}/drop", may=may)
    def drop(request: Asked, ctx: Context, caller: Caller, number: int) -> Response[Any]:
        place = place_of(request, ctx, caller)
        if not imports.drop(ctx, place.site, imports.idle(ctx.database, place.site, number)):
            imports.idle(ctx.database, place.site, number)  # somebody was faster: raises what it has become
        return go_to(place.link())

    return [confirm, undo, drop]


def shown(
    request: Asked, ctx: Context, caller: Caller, site: Site, imports: RecordImports[R], may: str
) -> dict[str, Any]:
    """What `_record_imports.html` needs; nothing for those who may not import."""
    if not caller.may(may):
        return {"imports": [], "draft": None, "notice": "", "who": {}}
    number = whole_number(request.query_params.get("draft", ""), 0)
    return {
        "imports": [imports.opened(ctx, one) for one in imports.newest(ctx.database, site)],
        "draft": imports.opened(ctx, imports.of(ctx.database, site, number)) if number else None,
        "notice": str(request.query_params.get("notice", "")),
        "who": {user.id: user.name for user in users_of(ctx.database, caller.workspace_id)},
    }
