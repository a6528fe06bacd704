"""The pages Calls and Pools: which sources make the phone ring, who was not called back, and which numbers are lent."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.accounts.tag import numbers_tag
from tandem.base import clock, formats, translations
from tandem.base.charts import chart_json
from tandem.base.errors import UserError
from tandem.base.texts import short_text
from tandem.calls import file_import, queries, store
from tandem.calls.model.adviser import ASSUMED_REVEAL, BLOCKING, LEAST_VISITS, MOST_VISITS, PAID, RANDOM_HOLD_S
from tandem.calls.store import SQL, tags
from tandem.connections.store import connections_of
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.layout import formats_of, go_to, render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import get_page, get_part, post_form
from tandem.core.progress import tracked
from tandem.imports.acts import Place, acts, shown
from tandem.imports.problem import sentence
from tandem.imports.uploads import uploaded
from tandem.metrics.address import View
from tandem.metrics.asked import address_asked, moved_to, one_of, top_of
from tandem.metrics.breakdown import largest_channel, splits_of, totals
from tandem.metrics.catalogue import METRICS, MONEY
from tandem.metrics.split_table import Tables
from tandem.people.store import hexed

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]
FILTER_BY = ("channel", "source", "medium", "campaign", "term", "content", "entry")
LONGEST_CHANNEL = 60
CHANNELS = (*PAID, "Organic Search", "Organic Social", "Email", "Referral", "Direct")
WITHIN, LONGEST = 60, 7 * 24 * 60
"""Minutes until a missed caller should have been called back, unless the address says otherwise; and at most."""

LISTED = ("rows", "calls.sort", "calls.way", "calls.search")
"""What the address keeps of the list of calls."""
TABLES = Tables("/calls", queries.TABLES, ("within", "waiting", *LISTED))
OUTCOMES = {"busy": "line busy"}
HEADS = (
    sentence("When"), sentence("Caller"), sentence("Line"), sentence("Channel"), sentence("Source"),
    sentence("Campaign"), sentence("Keyword"), sentence("Certainty"), sentence("Outcome"), sentence("Rang (seconds)"),
    sentence("Talk (seconds)"), sentence("Operator"), sentence("Tag"),
)  # fmt: skip
OWN_NUMBER = "YOUR-NUMBER"
"""What the tag names before a pool says which number of the site it replaces."""


def _view(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> View:
    query = request.query_params
    address = address_asked(request, ctx, caller, one_of(splits_of("calls.calls")))
    within = whole_number(query.get("within"), WITHIN, LONGEST) or WITHIN
    kept = TABLES.remembered(request) | {"within": str(within) if within != WITHIN else ""}
    return View(path="/calls", address=address, keep={name: value for name, value in kept.items() if value})


@get_page("/calls", "Calls", icon="phone", group="Measure", may="calls.read")
def page(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = _view(request, ctx, caller)
    if moved := moved_to(request, ctx, view):
        return moved
    return _page(request, ctx, caller, view)


def _page(request: Request[Any, Any, Any], ctx: Context, caller: Caller, view: View) -> Response[Any]:
    address, site, now = view.address, view.address.site, clock.now()
    within = int(view.keep.get("within", WITHIN))
    metrics, went_of = totals(ctx, address, queries.HEADLINE)
    listed = _listed(ctx, view, _numbers(ctx, site))
    live = queries.live(ctx, site, now)
    backs = queries.call_backs(ctx, address, timedelta(minutes=within), now)
    waiting = backs.waiting if view.keep.get("waiting") else backs.waiting[: queries.SHOWN_WAITING]
    callers = [c.caller for c in listed["calls"]] + [c.caller for c in live] + [w.last.caller for w in waiting]
    points, step = queries.course(ctx, address, now)
    is_partial = address.period.until > now
    form = formats_of(caller)
    return render_page(
        request, ctx, caller, "calls/calls.html", now=metrics, went_of=went_of,
        **(top_of(request, ctx, view, FILTER_BY) | TABLES.facts(ctx, caller, view)),
        headline=queries.HEADLINE, largest=largest_channel(ctx, address, "calls.calls"),
        live=live, backs=backs, waiting=waiting, within=within,
        usual=WITHIN, callers=queries.names(ctx, site, callers), clock=now, hexed=hexed,
        sqls=[(name, SQL[name]) for name in ("latest", "missed")],
        bound={name: str(value) for name, value in queries.bound(address).items()},
        metrics=METRICS, points=points, step=step, is_partial=is_partial,
        **listed, **shown(request, ctx, caller, site, file_import.IMPORTS, "calls.edit"),
        chart_json=_drawn(site, points, step, is_partial, form, translations.translations(caller.language).gettext),
        exchanges=[connection for connection in connections_of(ctx, site, "calls") if connection.system == "asterisk"],
    )  # fmt: skip


def _listed(ctx: Context, view: View, numbers: Mapping[str, str]) -> dict[str, Any]:
    """What calls/_latest.html needs."""
    listing, site = _listing(view), view.address.site
    calls = queries.latest(ctx, view.address, listing)
    shown = calls[: listing.most]
    return {
        "listing": listing, "calls": shown, "has_more": len(calls) > len(shown), "numbers": numbers,
        "chances": queries.chances(ctx, site, shown), "firsts": queries.first_sources(ctx, site, shown),
        "tags": tags.TAGS,
    }  # fmt: skip


def _listing(view: View) -> queries.Listing:
    asked = view.keep.get
    sort = asked("calls.sort", "")
    return queries.Listing(
        most=max(1, whole_number(asked("rows"), queries.SHOWN, queries.MOST)),
        sort=sort if sort in queries.SORTS else "at",
        is_rising=asked("calls.way") == "up",
        search=asked("calls.search", "").strip()[:200],
    )


@get_part("/calls/list", may="calls.read")
def listed_calls(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    """The list of calls as a fragment, in another order, searched or longer; with `format`, all of it as a file."""
    view = _view(request, ctx, caller)
    if file_format := str(request.query_params.get("format", "")):
        return _file(ctx, caller, view, file_format)
    view = TABLES.as_now(request, view, "rows", "calls")
    site, facts = view.address.site, _listed(ctx, view, _numbers(ctx, view.address.site))
    part = render_page(
        request, ctx, caller, "calls/_latest.html", site=site, view=view, hexed=hexed, rang=None,
        callers=queries.names(ctx, site, [c.caller for c in facts["calls"]]),
        may_export=caller.may("metrics.export"), **facts,
    )  # fmt: skip
    part.headers["HX-Replace-Url"] = view.link()
    return part


def _file(ctx: Context, caller: Caller, view: View, file_format: str) -> Response[Any]:
    """The calls of the list; callers by their masked phone, as the page shows them."""
    caller.must("metrics.export")
    site, span = view.address.site, view.address.period
    calls = queries.latest(ctx, view.address, msgspec.structs.replace(_listing(view), most=queries.MOST_IN_FILE))
    text = translations.translations(caller.language).gettext
    names = queries.names(ctx, site, [c.caller for c in calls])
    rows = (
        [c.at.astimezone(site.tz).isoformat(timespec="seconds"), names.get(c.caller, ""), c.line,
         text(c.channel) if c.channel else "", c.source, c.campaign, c.term, round(c.certainty, 4),
         text(OUTCOMES.get(c.outcome, c.outcome)) if c.outcome else "",
         c.wait_s, c.talk_s, c.operator, c.tag]
        for c in calls
    )  # fmt: skip
    return exported(ctx, caller, site, f"calls-{span.first}-{span.last}", file_format, list(map(text, HEADS)), rows)


def _drawn(
    site: Site, points: list[queries.Point], step: str, is_partial: bool, form: formats.Formats, text: Any
) -> str:
    """Answered calls, and in the place of an earlier time the missed ones."""
    answered, missed = [(p.at, p.answered) for p in points], [(p.at, p.missed) for p in points]
    return chart_json(
        form, text("Answered calls"), "count", site.currency, step, answered, missed, text("Missed calls"), is_partial
    )


def _numbers(ctx: Context, site: Site) -> dict[str, str]:
    return {n.number: n.label for n in store.numbers_of(ctx, site)}


@get_part("/calls/table/{name:str}", may="calls.read")
def table(request: Request[Any, Any, Any], ctx: Context, caller: Caller, name: str) -> Response[Any]:
    return TABLES.part(request, ctx, caller, _view(request, ctx, caller), name)


@get_part("/calls/live", may="calls.read")
def live(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    """The calls of the last half hour, as a part of the page that asks for it again and again."""
    chosen, now = site_for(ctx, caller, site), clock.now()
    ringings = queries.live(ctx, chosen, now)
    return render_page(
        request, ctx, caller, "calls/_live.html", site=chosen, live=ringings, clock=now, hexed=hexed,
        callers=queries.names(ctx, chosen, [c.caller for c in ringings]), numbers=_numbers(ctx, chosen),
    )  # fmt: skip


@get_part("/calls/{call:str}/tag", may="calls.edit")
def tag_field(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, call: str, site: str | None = None
) -> Response[str]:
    """The tags to choose from, in place of the tag."""
    chosen = site_for(ctx, caller, site)
    return render_page(
        request, ctx, caller, "calls/_tag.html", site=chosen, key=call, tag=tags.tag_of(ctx, chosen, _key(call)),
        tags=tags.TAGS, state="open",
    )  # fmt: skip


@post_form("/calls/{call:str}/tag", may="calls.edit")
def tag(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, call: str, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    tags.put(ctx, chosen, _key(call), data.get("tag", "").strip(), caller.user_id)
    return render_page(
        request, ctx, caller, "calls/_tag.html", site=chosen, key=call, tag=data.get("tag", "").strip(),
        tags=tags.TAGS, state="saved",
    )  # fmt: skip


def _key(text: str) -> int:
    try:
        return int(text, 16) if len(text) == 16 else _no_call()
    except ValueError:
        return _no_call()


def _no_call() -> int:
    raise UserError("There is no such call.", "Reload the page.", status=404)


# ── files ──


@post_form("/calls/import", may="calls.edit", request_max_body_size=file_import.LARGEST_FILE)
def upload(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Upload) -> Response[Any]:
    """A dry run: the file is read and checked, and shown; nothing counts before it is applied."""
    view = _view(request, ctx, caller)
    site = view.address.site
    hints = file_import.hints_of(ctx, site, data)
    file = uploaded(data, sentence("Choose Master.csv or an export of the table cdr."))
    with file as (path, name), tracked(request, ctx, caller):
        import_ = file_import.read_file(ctx, site, path, name, hints, caller.user_id)
    return go_to(view.link(draft=str(import_.id)) + "#draft")


def _place(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Place:
    view = _view(request, ctx, caller)
    return Place(view.address.site, view.link)


# ── pools ──


@get_page("/calls/pools", "Number pools", may="calls.read")
def pools(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None, pool: str = ""
) -> Response[str]:
    return _pools(request, ctx, caller, site_for(ctx, caller, site), whole_number(pool, 0))


def _pools(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, chosen: int = 0, notice: str = ""
) -> Response[str]:
    rooms = queries.rooms(ctx, site, has_prices=caller.may(MONEY))
    room = next((r for r in rooms if r.pool.id == chosen), rooms[0] if rooms else None)
    return render_page(
        request, ctx, caller, "calls/pools.html", site=site, rooms=rooms, room=room,
        recommendation=queries.recommendation(ctx, site, room, clock.now()) if room else None,
        fixed=[n for n in store.numbers_of(ctx, site) if n.pool_id is None],
        numbers_tag=_numbers_tag(ctx, site, [r.pool for r in rooms]), own_number=OWN_NUMBER,
        notice=notice, channels=CHANNELS, reveals=store.REVEALS, reveal_share=ASSUMED_REVEAL, hold_s=RANDOM_HOLD_S,
        blocking=BLOCKING, least=LEAST_VISITS, most_visits=MOST_VISITS,
    )  # fmt: skip


def _numbers_tag(ctx: Context, site: Site, pools: list[store.Pool]) -> str:
    own = [number for pool in pools for number in pool.swaps] or [OWN_NUMBER]
    return numbers_tag(ctx.config.base_url, site, own, [pool.reveal for pool in pools if pool.is_on])


@post_form("/calls/pools", may="calls.edit")
def add_pool(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    channel = short_text(data.get("channel", ""), "channel", LONGEST_CHANNEL)
    overflow = data.get("overflow", "").strip()
    # Read first: a wrong number leaves no empty pool behind.
    numbers = [store.valid(text) for text in _lines(data.get("numbers", ""))]
    made = store.add_pool(
        ctx, chosen, data.get("name", ""), _lines(data.get("swaps", "")), caller.user_id,
        channels=[channel] if channel else [], reveal=data.get("reveal", "at_once"),
        price=_price(data.get("price", "")),
        overflow=store.valid(overflow) if overflow else "",
    )  # fmt: skip
    store.add_numbers(ctx, chosen, numbers, made, caller.user_id)
    return _pools(request, ctx, caller, chosen, made.id, notice="pool")


@post_form("/calls/pools/{pool:int}", may="calls.edit")
def change_pool(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, pool: int, data: Form, site: str | None = None
) -> Response[str]:
    """Another name or price, or `is_on` alone: switched off or on."""
    chosen = site_for(ctx, caller, site)
    target = store.pool_of(ctx, chosen, pool)
    changes: dict[str, Any] = {"name": data.get("name", "")}
    if "price" in data:  # a form without it is that of somebody who may not see it: the price stays
        price = _price(data["price"])
        changes["price"] = None if price is None else float(price)
    if "is_on" in data:
        changes = {"is_on": data["is_on"] == "1"}
    store.change_pool(ctx, chosen, target, caller.user_id, **changes)
    return _pools(request, ctx, caller, chosen, pool, notice="off" if changes.get("is_on") is False else "changed")


@post_form("/calls/pools/{pool:int}/numbers", may="calls.edit")
def add_numbers(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, pool: int, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    target = store.pool_of(ctx, chosen, pool)
    fresh = store.add_numbers(ctx, chosen, _lines(data.get("numbers", "")), target, caller.user_id)
    return _pools(request, ctx, caller, chosen, pool, notice="numbers" if fresh else "known")


@post_form("/calls/numbers", may="calls.edit")
def add_static(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form, site: str | None = None
) -> Response[str]:
    """A number that stands for its source wherever it is printed."""
    chosen = site_for(ctx, caller, site)
    if not data.get("source", "").strip():
        raise UserError("The number has no source.", "Describe its source, for example “billboard”.").at("source")
    fields = {name: short_text(data.get(name, ""), name) for name in ("label", "source", "campaign")}
    channel = short_text(data.get("channel", ""), "channel", LONGEST_CHANNEL) or "Offline"
    fresh = store.add_numbers(
        ctx, chosen, _lines(data.get("number", "")), None, caller.user_id, channel=channel, **fields
    )
    return _pools(request, ctx, caller, chosen, notice="numbers" if fresh else "known")


@post_form("/calls/numbers/{number:int}", may="calls.edit")
def switch(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    store.switch_number(ctx, chosen, number, data.get("is_on") == "1", caller.user_id)
    return _pools(request, ctx, caller, chosen, whole_number(data.get("pool"), 0))


def _lines(text: str) -> list[str]:
    return [line for part in text.replace(";", "\n").replace(",", "\n").splitlines() if (line := part.strip())]


def _price(text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        price = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        price = Decimal(-1)
    if not (price.is_finite() and 0 <= price < 10**9):
        raise UserError("This is not a valid price.", "Enter the monthly price of a number, such as 1.50.").at("price")
    return round(price, 2)


ROUTES = [
    page, table, listed_calls, live, tag_field, tag, upload, pools, add_pool, change_pool, add_numbers, add_static,
    switch, *acts("/calls/imports", file_import.IMPORTS, "calls.edit", _place),
]  # fmt: skip
