"""Goals, the ledger of ingestion, and the API for events from servers."""

import hashlib
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, cast

import msgspec
from litestar import Request, Response, get, post
from litestar.dto import AbstractDTO
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect
from litestar.typing import FieldDefinition
from msgspec import Meta

from tandem.accounts.model import Site
from tandem.accounts.store import secret
from tandem.base import clock
from tandem.base.errors import NO_JSON, UserError
from tandem.base.json_rows import elements, members
from tandem.collect import store
from tandem.collect.batches import all_aside
from tandem.collect.ingest import Ingest, Sender
from tandem.collect.model.goal import LONGEST_NAME, Goal, host_of_others, left_out
from tandem.collect.model.hit import LATE_MS, Prop, WireEvent
from tandem.collect.waiting import Spooled
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import LARGEST_BODY, get_page, moved, post_form, successor
from tandem.core.query import Question
from tandem.metrics.period import period_of
from tandem.people.model.identifier import visitor_of

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
LEDGER_DAYS = 30


class EventIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event from a server. `id` makes sending it again harmless; `visitor` is the whole cookie `_tdm` or any id.

    An order (an event with an amount) may come without a `visitor`, as one by phone does: then it is nobody's.
    """

    id: Annotated[str, Meta(min_length=1, max_length=200)]
    visitor: Annotated[str, Meta(max_length=200)] = ""
    kind: str = "event"
    at: datetime | None = None
    url: str = ""
    referrer: str = ""
    name: str = ""
    props: dict[str, Prop] | None = None
    amount: float | None = None
    currency: str = ""
    value: float = 0
    engaged_ms: float = 0
    scroll: float = 0
    status: int = 0
    user_agent: str = ""
    ip: str = ""
    language: str = ""


class EventsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 events."""

    events: Annotated[list[EventIn], Meta(min_length=1, max_length=1000)]  # MOST_EVENTS


MOST_EVENTS = 1000


class EventsRead(msgspec.Struct, frozen=True):
    """The events of a request that can be read; ids of the others, and why the first of them cannot be."""

    events: list[EventIn]
    unreadable: list[str] = []
    why: str = ""


class EventsBody(AbstractDTO[EventsIn]):
    """Reads the body of a request: one event that does not fit is refused alone, where the framework refuses all."""

    def decode_bytes(self, value: bytes) -> EventsRead:
        return events_in(value)

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """There is nothing to prepare."""

    @classmethod
    def create_openapi_schema(cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any) -> Any:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        raise NotImplementedError

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        raise NotImplementedError


def events_in(body: bytes) -> EventsRead:
    """The events of a request, read together or, when something does not fit, one by one.

    raises   UserError when there is no list of 1 to 1,000 events
    """
    try:
        return EventsRead(_read_events(body).events)
    except NO_JSON:
        fields = members(body) or {}
        rows = elements(fields[b"events"]) if list(fields) == [b"events"] else None
    if not rows or len(rows) > MOST_EVENTS:
        raise UserError(
            "The body does not contain a list of 1 to 1,000 events.", "Send it as described at /api/openapi.json."
        )
    events, unreadable, why = list[EventIn](), list[str](), ""
    for place, row in enumerate(rows, 1):
        try:
            events.append(_read_event(row))
        except NO_JSON as error:
            unreadable.append(_id_of(row) or f"#{place}")
            why = why or str(error)
    return EventsRead(events, unreadable, why)


_read_events = msgspec.json.Decoder(EventsIn, strict=False).decode
_read_event = msgspec.json.Decoder(EventIn, strict=False).decode
_read_id = msgspec.json.Decoder(Annotated[str, Meta(max_length=200)]).decode


def _id_of(row: bytes) -> str:
    """The id of an event of which something else cannot be read; empty when that cannot be, either."""
    try:
        return str(_read_id((members(row) or {}).get(b"id", b"")))
    except NO_JSON:
        return ""


class EventsOut(msgspec.Struct, frozen=True):
    """What became of them: accepted ones are on disk; refused ones by id with the reason.

    One whose id cannot be read is named by its place in the request: `#1` is the first.
    """

    accepted: int
    refused: dict[str, str]


@post(
    "/api/events", may="events.send", status_code=202, tags=["events"], dto=EventsBody, return_dto=None,
    request_max_body_size=LARGEST_BODY,
)  # fmt: skip
async def api_events(ctx: Context, caller: Caller, data: EventsIn, site: str | None = None) -> EventsOut:
    """Send events from a server: up to 1,000 at a time, at most a week old. The same id never counts twice."""
    chosen = site_for(ctx, caller, site)
    return await _take(ctx, chosen, cast(EventsRead, data))


async def _take(ctx: Context, chosen: Site, read: EventsRead) -> EventsOut:
    ingest = ctx.state(Ingest)
    now, taken = clock.now_ms(), list[EventIn]()
    refused = [(name, "bad_event") for name in read.unreadable]
    for event in read.events:
        if why := _nobodys(event) or _too_early_or_late(event, now):
            refused.append((event.id, why))
        else:
            taken.append(event)
    names = visitor_names(ctx)
    sent = [(_visitor_of(names, chosen, e), Sender(e.ip, e.user_agent), e.language, _wire(e, now)) for e in taken]
    refused += await ingest.take_from_server(chosen, sent, [why for _, why in refused])
    if not read.events:
        raise UserError(
            "No event in the request can be read: %(why)s.", "Send them as described at /api/openapi.json.",
            why=read.why.rstrip("."),
        )  # fmt: skip
    return EventsOut(len(read.events) + len(read.unreadable) - len(refused), dict(refused))


class VisitorNames(bytes):
    """The secret that visitors named by a server are hashed with."""


def visitor_names(ctx: Context) -> VisitorNames:
    return ctx.state(VisitorNames, lambda: VisitorNames(secret(ctx.database, "visitors")))


def _nobodys(event: EventIn) -> str:
    """Why an event without a visitor is refused: of what somebody did it says nothing, but for the money it brought."""
    is_order = event.kind == "event" and event.amount is not None
    return "" if event.visitor.strip() or is_order else "no_visitor"


def _visitor_of(names: bytes, site: Site, event: EventIn) -> int:
    """The visitor of an event. One without is told of somebody by itself: never of whoever sent another one."""
    return _visitor(names, site, event.visitor if event.visitor.strip() else f"event|{event.id}")


def _visitor(names: bytes, site: Site, text: str) -> int:
    """The visitor of a cookie by its whole value, or of any other id by its hash within the site.

    names    a secret: a customer's number can be guessed, and whoever knew the visitor it makes could put that into a
             cookie and be taken for the customer
    """
    if visitor := visitor_of(text):
        return visitor
    return int.from_bytes(hashlib.blake2b(f"{site.id}|{text}".encode(), key=names, digest_size=8).digest(), "big") or 1


def _too_early_or_late(event: EventIn, now: int) -> str:
    if event.at is None:
        return ""
    if event.at.tzinfo is None:
        return "no_time_zone"
    age = now - clock.to_ms(event.at)
    return "too_old" if age > LATE_MS else "in_the_future" if age < -60_000 else ""


def _wire(event: EventIn, now: int) -> WireEvent:
    return WireEvent(
        i=event.id,
        k=event.kind,
        t=clock.to_ms(event.at) if event.at else now,
        u=event.url,
        r=event.referrer,
        n=event.name,
        p=event.props,
        x=event.engaged_ms,
        d=event.scroll,
        v=event.value,
        a=event.amount,
        y=event.currency,
        f=event.status,
    )


# ── goals ──


@get_page("/goals", "Goals", icon="target", group="Measure", may="metrics.read")
def goals(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    return _goals(request, ctx, caller, site_for(ctx, caller, site))


def _goals(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    site: Site,
    added: Goal | None = None,
    without: str = "",
    elsewhere: str = "",
    just_archived: int = 0,
) -> Response[str]:
    """The page of goals; `added` is the one that has just been added, `without` what follows this sign.

    elsewhere      the host that was typed with it, where it is none of the site's
    just_archived  the goal that has just been archived
    """
    period = period_of("30d", site.zone, clock.now())
    runner = ctx.runner
    question = Question(
        site=site.id,
        zone=site.zone,
        metrics=("collect.goals_reached",),
        since=period.since,
        until=period.until,
        by=("goal",),
    )
    counts = {int(row.key[0]): row.metrics["collect.goals_reached"] for row in runner.ask(question).rows}
    goals, recount = store.goals_of(ctx.database, site), ctx.offers.recounted(site)
    return render_page(
        request,
        ctx,
        caller,
        "collect/goals.html",
        site=site,
        goals=goals,
        counts=counts,
        added=added,
        without=without,
        elsewhere=elsewhere,
        longest_name=LONGEST_NAME,
        archived=store.archived_goals(ctx.database, site) if caller.may("goals.edit") else [],
        just_archived=just_archived,
        recount=recount,
        recounted_goals={g.id for g in goals if recount is not None and g.id not in recount.settled_goals},
    )


@post_form("/goals", may="goals.edit")
def add_goal(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    name, kind, match = (data.get(field, "") for field in ("name", "kind", "match"))
    is_event = partial(store.has_event, ctx.warehouse, chosen)
    added = store.add_goal(ctx.database, chosen, name, kind, match, by=caller.user_id, is_event=is_event)
    left, elsewhere = left_out(match, added), host_of_others(match, added, chosen.names)
    return _goals(request, ctx, caller, chosen, added, left, elsewhere)


@post_form("/goals/{goal_id:int}/main", may="goals.edit")
def choose_main(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, goal_id: int, data: Form, site: str | None = None
) -> Response[str]:
    """Let conversions rest on this goal, or make it a step on the way."""
    chosen = site_for(ctx, caller, site)
    is_main, alone = data.get("is_main") == "1", data.get("alone") == "1"
    store.choose_main(ctx.database, chosen, goal_id, is_main, by=caller.user_id, alone=alone)
    return _goals(request, ctx, caller, chosen)


@post_form("/goals/{goal_id:int}/retire", may="goals.edit")
def retire_goal(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, goal_id: int, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    store.retire_goal(ctx.database, chosen, goal_id, by=caller.user_id)
    return _goals(request, ctx, caller, chosen, just_archived=goal_id)


@post_form("/goals/{goal_id:int}/restore", may="goals.edit")
def restore_goal(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, goal_id: int, site: str | None = None
) -> Response[str]:
    """Undo the archiving of a goal."""
    chosen = site_for(ctx, caller, site)
    store.restore_goal(ctx.database, chosen, goal_id, by=caller.user_id)
    return _goals(request, ctx, caller, chosen)


# ── the ledger of ingestion ──


@get_page("/ingestion", "Data received", icon="inbox", group="Measure", may="ingestion.read")
def data_received(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None
) -> Response[str]:
    """What came in, and what became of it: nothing is lost without a line here."""
    chosen = site_for(ctx, caller, site)
    days = _ledger(ctx, chosen)
    spool = ctx.config.folder / "spool"
    nowhere = store.ingestion_days(ctx.warehouse, 0, clock.now().date() - timedelta(days=LEDGER_DAYS))
    return render_page(
        request,
        ctx,
        caller,
        "collect/data_received.html",
        shown_days=LEDGER_DAYS + 1,
        site=chosen,
        days=days,
        nowhere=nowhere,
        doubted=sum(sum(day.hints.values()) for day in days),
        balance=sum(day.balance for day in days),
        waiting=ctx.state(Spooled, lambda: Spooled(spool)).waiting(chosen.id),
        aside=sum(sum(one.reasons.values()) for one in all_aside(spool)),
    )


def _ledger(ctx: Context, site: Site) -> list[store.IngestionDay]:
    since = clock.now().date() - timedelta(days=LEDGER_DAYS)
    return store.ingestion_days(ctx.warehouse, site.id, since, site.keep_days)


class IngestionOut(msgspec.Struct, frozen=True):
    """One day of the ledger."""

    on: str
    received: int
    stored: int
    duplicates: int
    refused: dict[str, int]
    balance: int


@get("/api/ingestion", may="ingestion.read", sync_to_thread=True, tags=["events"])
def api_ingestion(ctx: Context, caller: Caller, site: str | None = None) -> list[IngestionOut]:
    """The ledger of ingestion of the last 30 days: received = stored + duplicates + refused."""
    days = _ledger(ctx, site_for(ctx, caller, site))
    return [IngestionOut(d.on.isoformat(), d.received, d.stored, d.duplicates, d.refused, d.balance) for d in days]


@get("/reception", may="ingestion.read", deprecated=True, include_in_schema=False, sync_to_thread=False)
def former_data_received(request: Request[Any, Any, Any]) -> Redirect:
    """The former address of the page, until 0.4."""
    return moved(request, "/ingestion")


@get(
    "/api/reception", may="ingestion.read", sync_to_thread=True, tags=["events"], deprecated=True,
    response_headers=successor("/api/ingestion"),
)  # fmt: skip
def former_api_ingestion(ctx: Context, caller: Caller, site: str | None = None) -> list[IngestionOut]:
    """The former name of `/api/ingestion`, answered until 0.4."""
    days = _ledger(ctx, site_for(ctx, caller, site))
    return [IngestionOut(d.on.isoformat(), d.received, d.stored, d.duplicates, d.refused, d.balance) for d in days]


ROUTES = [
    api_events,
    goals,
    add_goal,
    choose_main,
    retire_goal,
    restore_goal,
    data_received,
    former_data_received,
    api_ingestion,
    former_api_ingestion,
]
