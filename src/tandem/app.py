"""Builds the product from its slices; the only file that knows every slice."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from litestar import Litestar, Request, Response, Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Schema
from litestar.response import Redirect

from tandem import __version__
from tandem.accounts.permissions import FORMER_SCOPES
from tandem.ads.slice import SLICE as ADS
from tandem.attribution.slice import SLICE as ATTRIBUTION
from tandem.base import error_pages, log, pages, static_files
from tandem.base.bodies import Bodies
from tandem.base.config import Config
from tandem.base.crowd import Crowd
from tandem.base.data_folder import check_free, check_whole
from tandem.base.database import Database
from tandem.base.deadline import CLOSES, InTime, answered_in_time
from tandem.base.errors import Busy, UserError
from tandem.base.jobs import Jobs
from tandem.base.sender import sender_of
from tandem.base.threads import Lane
from tandem.base.warehouse import Warehouse, migrate
from tandem.board.slice import SLICE as BOARD
from tandem.calls.slice import SLICE as CALLS
from tandem.changes.slice import SLICE as CHANGES
from tandem.collect import counter, health
from tandem.collect.ingest import Ingest
from tandem.collect.slice import SLICE as COLLECT
from tandem.collect.store import main_goals
from tandem.connections.slice import SLICE as CONNECTIONS
from tandem.core import progress
from tandem.core.auth import ADMITTED, COOKIE, LEAVES, SAFE_METHODS, Caller, NotSignedIn, caller_of, guard, known_caller
from tandem.core.context import Context
from tandem.core.layout import render_refusal
from tandem.core.pages import ANYONE, LARGEST_FORM, get_part
from tandem.core.slice import Slice
from tandem.crm.slice import SLICE as CRM
from tandem.delivery.slice import SLICE as DELIVERY
from tandem.findings.slice import SLICE as FINDINGS
from tandem.metrics.ask import CachedRunner
from tandem.people.slice import SLICE as PEOPLE
from tandem.rates.slice import SLICE as RATES
from tandem.reconcile.slice import SLICE as RECONCILE
from tandem.settings.slice import SLICE as SETTINGS

SLICES: tuple[Slice, ...] = (
    COLLECT,
    PEOPLE,
    CONNECTIONS,
    RATES,
    CALLS,
    CRM,
    ADS,
    ATTRIBUTION,
    RECONCILE,
    FINDINGS,
    CHANGES,
    BOARD,
    DELIVERY,
    SETTINGS,
)
_log = log.get("app")
FILES = Path(__file__).parent / "web" / "static"
LONGEST_PATH, LONGEST_QUERY = 2 << 10, 8 << 10
"""Bytes of an address; ten filters of ten values each take three thousand. The framework remembers a thousand."""


def open_context(config: Config) -> Context:
    """Both stores, brought to their newest form, and the query runner.

    raises   UserError for a data folder that a restore has filled in part or that another process works on, and for
             stores that do not open
    """
    check_whole(config.folder)
    _close_to_others(config.folder)
    check_free(config.events_dsn)
    warehouse = Warehouse(config.events_dsn, config.cluster, config.memory_mb, config.query_seconds)
    database = Database(config.records_dsn)
    database.migrate()
    migrate(warehouse, [step for s in SLICES for step in s.schema()])
    return Context(
        config, warehouse, database, SLICES, CachedRunner(warehouse, main_goals=partial(main_goals, database))
    )


def _close_to_others(folder: Path) -> None:
    """The data folder is for its owner only, also one that an earlier version made for everybody to read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # it belongs to somebody else, who has let us in: `tandem doctor` tells
        folder.chmod(0o700)


def close_context(ctx: Context) -> None:
    ctx.runner.close()
    ctx.warehouse.close()
    ctx.database.close()


@get_part(
    "/healthz", may=ANYONE, lane=Lane.HEALTH, media_type="text/plain",
    exception_handlers={UserError: error_pages.user_error_as_text},
)  # fmt: skip
def healthz(ctx: Context) -> str:
    """Answers ok when both stores do, hits can be received, and what is received goes on into the store."""
    for trouble in health.troubles(ctx):
        raise trouble
    return "ok"


def _only_document(request: Request[Any, Any, Any]) -> None:
    """The framework answers the addresses beside its document with a page of its own."""
    if request.url.path.rstrip("/") not in ("/api", "/api/openapi.json"):
        raise NotFoundException


def make_app(ctx: Context, runs_jobs: bool = True) -> Any:
    """The ASGI application: the counter's paths first, then all pages."""

    def caller(request: Request[Any, Any, Any]) -> Caller:
        return caller_of(request, ctx)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        stops: list[Callable[[], None]] = [s.start(ctx) for s in SLICES]
        jobs = Jobs([job for s in SLICES for job in s.jobs(ctx)] if runs_jobs else [])
        ctx.jobs = jobs
        jobs.start()
        _log.info("app.started", url=ctx.config.base_url, data=str(ctx.config.folder))
        try:
            yield
        finally:
            jobs.stop()
            for stop in stops:
                stop()
            close_context(ctx)
            _log.info("app.stopped")

    routes = [healthz, *progress.ROUTES, *(route for s in SLICES for route in s.routes)]
    pages = Litestar(
        route_handlers=routes,
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "caller": Provide(caller, sync_to_thread=True),
        },
        guards=[guard(ctx)],
        lifespan=[lifespan],
        exception_handlers={
            NotSignedIn: partial(_to_sign_in, ctx),
            UserError: partial(_refused, ctx),
            HTTPException: error_pages.http_error,
            RecursionError: error_pages.too_deep,
            UnicodeDecodeError: error_pages.not_utf8,
            Exception: error_pages.bug,
        },
        before_send=[partial(_look_soon, ctx), _note_former_scopes],
        compression_config=CompressionConfig(backend="gzip", minimum_size=900),
        openapi_config=OpenAPIConfig(
            title="Tandem",
            version=__version__,
            openapi_router=Router(
                "/api", route_handlers=[], opt={"may": ANYONE}, include_in_schema=False, before_request=_only_document
            ),
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        request_max_body_size=LARGEST_FORM,
    )

    _tell_of_errors(pages)

    crowd = Crowd()

    def is_crowded(host: str, port: int) -> bool:
        return not ctx.proxies.trusts(host) and crowd.is_one_too_many(host, str(port))

    bodies, files = Bodies(), static_files.files_in(FILES, "/static")

    async def front(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await pages(scope, receive, send)
            return
        if (file := files.get(scope["path"])) is not None:
            await static_files.answer(file, scope, _with_safe_headers(send))
            return
        if scope["method"] == "HEAD" and not scope["path"].startswith("/t/"):  # monitors ask so
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        if is_crowded(*(scope.get("client") or ("", 0))):
            send = _closing(send)
        sender = sender_of(scope, ctx.proxies)
        in_time = InTime(receive, bodies, sender)
        if scope["path"].startswith("/t/"):
            try:
                await counter.asgi(ctx.state(Ingest), sender, scope, in_time, send)
            finally:
                in_time.end()
        elif _is_too_long(scope):
            await _too_long(scope, _with_safe_headers(send))
        else:
            await _answered(pages, scope, in_time, _with_safe_headers(send))

    return front


async def _look_soon(ctx: Context, message: Any, scope: Any) -> None:
    """Before it is answered that something was done: what the next page shows must know of it."""
    if message["type"] == "http.response.start" and scope["method"] != "GET":
        ctx.runner.look_soon()


async def _note_former_scopes(message: Any, scope: Any) -> None:
    """A program whose token was made with the former name of a scope is told the new one, as with former addresses."""
    if message["type"] != "http.response.start":
        return
    caller = known_caller(Request(scope))
    if caller is not None and caller.token is not None and caller.token.former_scopes:
        said = ", ".join(f"{scope} is now called {FORMER_SCOPES[scope]}" for scope in caller.token.former_scopes)
        headers = MutableScopeHeaders.from_message(message)
        headers["deprecation"] = "true"
        headers.setdefault("link", '</settings>; rel="deprecation"')
        headers["warning"] = f'299 tandem "{said}; create a new token before 0.4"'


async def _answered(pages: Any, scope: Any, in_time: InTime, send: Any) -> None:
    """Bodies of strangers are bounded together; whoever the guard has admitted has places of their own instead."""
    state = scope.setdefault("state", {})
    state[ADMITTED] = in_time.trust
    try:
        await answered_in_time(pages, scope, in_time, send)
    finally:
        state.pop(LEAVES, _nothing)()


def _nothing() -> None:
    pass


def _without_body(send: Any) -> Any:
    """Sends the head of an answer as it is, and nothing behind it."""

    async def send_head(message: Any) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _is_too_long(scope: Any) -> bool:
    """Whether nobody was ever given this address of a page; the counter's hold addresses of sites, twice encoded."""
    return len(scope["query_string"]) > LONGEST_QUERY or len(scope["path"]) > LONGEST_PATH


async def _too_long(scope: Any, send: Any) -> None:
    """The page of this error. It is made without taking the address apart, which would take longer than answering."""
    short: Any = {**scope, "path": scope["path"][:LONGEST_PATH], "raw_path": b"", "query_string": b""}
    response = error_pages.user_error(Request(short), error_pages.TOO_LONG)
    body = response.render(response.content, response.media_type or "text/html")
    kind = "application/json" if error_pages.wants_json(Request(short)) else "text/html; charset=utf-8"
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), CLOSES]
    await send({"type": "http.response.start", "status": 414, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _closing(send: Any) -> Any:
    """Answers after which the connection is closed."""

    async def closing(message: Any) -> None:
        if message["type"] == "http.response.start" and CLOSES not in message["headers"]:
            message = {**message, "headers": [*message["headers"], CLOSES]}
        await send(message)

    return closing


def _to_sign_in(ctx: Context, request: Request[Any, Any, Any], error: NotSignedIn) -> Any:
    if error_pages.wants_json(request):
        return error_pages.user_error(request, error)
    if request.headers.get("hx-request"):
        response = error_pages.user_error(request, error)
        response.headers["hx-redirect"] = f"/sign-in?{urlencode({'next': _page_of(request), 'ended': '1'})}"
        return response
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = ({"next": path} if path != "/" else {}) | ({"ended": "1"} if _was_signed_in(ctx, request) else {})
    return Redirect("/sign-in", query_params=query or None)


def _was_signed_in(ctx: Context, request: Request[Any, Any, Any]) -> bool:
    """Whether this browser has the cookie of a sign-in that is over, or comes from a page that needs one.

    Browsers drop the cookie when its time is over, and when somebody signs out in another tab.
    """
    came_from = urlsplit(request.headers.get("referer", ""))
    needs_sign_in = {page.address for page in ctx.pages if page.may != ANYONE}
    is_from_here = came_from.netloc == request.headers.get("host") and came_from.path in needs_sign_in
    return COOKIE in request.cookies or is_from_here


def _page_of(request: Request[Any, Any, Any]) -> str:
    """The address of the page that sent this request; page.js keeps what was typed there."""
    page = urlsplit(request.headers.get("hx-current-url", ""))
    return (page.path or "/") + (f"?{page.query}" if page.query else "")


def _refused(ctx: Context, request: Request[Any, Any, Any], error: UserError) -> Response[Any]:
    """A page that cannot show what its address asks for keeps its frame; whatever else is refused is told alone."""
    caller, page = known_caller(request), request.scope["route_handler"].opt.get("page")
    is_page = request.method in SAFE_METHODS and not request.headers.get("hx-request")
    if page is None or caller is None or not is_page or isinstance(error, Busy) or error_pages.wants_json(request):
        return error_pages.user_error(request, error, is_stranger=COOKIE not in request.cookies)
    return render_refusal(request, ctx, caller, page, error)


def _tell_of_errors(pages: Litestar) -> None:
    """Say in the API's document what its errors look like; the framework would describe its own."""
    text = Schema(type=OpenAPIType.STRING)
    form = Schema(type=OpenAPIType.OBJECT, properties={"error": text, "hint": text}, required=["error", "hint"])
    sentences = {400: "The request is not valid.", 401: "Not signed in.", 403: "Not allowed.", 404: "Not found."}
    for path in (pages.openapi_schema.paths or {}).values():
        for operation in (path.get, path.post, path.put, path.delete):
            if operation is not None and operation.responses is not None:
                for status, words in sentences.items():
                    content = {"application/json": OpenAPIMediaType(schema=form)}
                    operation.responses[str(status)] = OpenAPIResponse(description=words, content=content)


def _with_safe_headers(send: Any) -> Any:
    """Adds the safe headers to whatever is answered: pages, files, and errors that never reached a route."""

    async def safe(message: Any) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            missing = [h for h in _SAFE_HEADERS if h[0] not in names]
            message = {**message, "headers": [*message["headers"], *missing]}
        await send(message)

    return safe


_SAFE_HEADERS = [(name.lower().encode(), value.encode()) for name, value in pages.SAFE_HEADERS.items()]
