"""The change log: page, API and signed webhooks."""

import hashlib
import hmac
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.datastructures import MultiDict
from litestar.datastructures.multi_dicts import MultiMixin
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.base import clock, translations
from tandem.base.errors import NO_JSON, UserError
from tandem.base.texts import short_text
from tandem.base.threads import Lane
from tandem.base.words import WORDS
from tandem.changes import store
from tandem.changes.model import (
    DAYS,
    EVERY_DAY,
    FIRST,
    KINDS,
    LAST,
    LONGEST,
    Change,
    ChangeFilter,
    from_github,
    from_gitlab,
    must_be_kind,
)
from tandem.changes.queries import NEEDS, REVENUE, outage_costs
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.layout import render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import ANYONE, LARGEST_BODY, get_page, get_part, post_form
from tandem.imports.problem import sentence

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
SPANS = (7, 30, DAYS, 365)
"""The days back that the page offers."""
HEADS = (
    sentence("When"), sentence("Kind"), sentence("Change"), sentence("Who"), sentence("Affected pages"),
    sentence("Source"), sentence("Note"), sentence("Link"),
)  # fmt: skip
SIGNATURE_LENGTH = len("sha256=") + 64


class ChangeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change as the API takes it; without `at` it is now."""

    title: str
    kind: str = "deploy"
    at: datetime | None = None
    author: str = ""
    scope: str = ""
    note: str = ""
    url: str = ""
    id: str | None = None


class ChangeOut(msgspec.Struct, frozen=True):
    """A change as the API shows it."""

    id: int
    at: datetime
    kind: str
    title: str
    author: str
    scope: str
    note: str
    url: str
    source: str


def shown(change: Change) -> ChangeOut:
    return ChangeOut(*(getattr(change, name) for name in ChangeOut.__struct_fields__))


def hook_secret(ctx: Context, site: Site, system: str) -> str:
    """The secret a webhook of this system must be signed with; made from our own, so it need not be stored."""
    return hmac.new(ctx.secret, f"hook:{system}:{site.key}".encode(), hashlib.sha256).hexdigest()


@get_page("/changes", "Changes", icon="git-commit-horizontal", group="Signal", may="changes.read", is_at_hand=True)
def page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None, days: int = DAYS
) -> Response[str]:
    return _page(request, ctx, caller, site_for(ctx, caller, site), _wanted(request.query_params, days))


def _wanted(asked: MultiMixin[Any], days: int) -> ChangeFilter:
    """The changes that an address asks for.

    raises   UserError for a kind or a day that is none
    """
    kinds = _several(asked, "kind")
    for kind in kinds:
        must_be_kind(kind)
    first, last = _day(asked, "first"), _day(asked, "last")
    return ChangeFilter(
        kinds=kinds, sources=_several(asked, "source"), authors=_several(asked, "who"),
        part=str(asked.get("part", "")).strip()[:200], text=str(asked.get("q", "")).strip()[:200],
        first=min(first, last) if first and last else first, last=max(first, last) if first and last else last,
        days=min(max(days, 1), EVERY_DAY),
    )  # fmt: skip


def _several(asked: MultiMixin[Any], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(str, asked.getall(name, [])))))[: store.MOST_VALUES]


def _day(asked: MultiMixin[Any], name: str) -> date | None:
    text = str(asked.get(name, ""))
    try:
        day = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise UserError("“%(value)s” is not a day.", "Use the format 2026-01-31.", value=text[:40]).at(name) from error
    if day and not FIRST.date() <= day < LAST.date():
        raise UserError("The year must be between 1971 and 2200.", "Choose another day.").at(name)
    return day


def _wanted_before(request: Request[Any, Any, Any]) -> ChangeFilter:
    """What the page shows from which a form was sent, as far as its browser says so."""
    asked = MultiDict(parse_qsl(urlsplit(request.headers.get("hx-current-url", "")).query))
    return _wanted(asked, whole_number(asked.get("days", ""), DAYS))


def _page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, wanted: ChangeFilter, just: int = 0
) -> Response[str]:
    """The page; `just` is the change that has just been removed."""
    now, base = clock.now(), ctx.config.base_url
    entries = store.matching(ctx.database, site, wanted, now)
    done = [change for change in entries if change.at <= now]
    hooks = [(s, f"{base}/hooks/{s}/{site.key}", hook_secret(ctx, site, s)) for s in ("github", "gitlab")]
    return render_page(
        request,
        ctx,
        caller,
        "changes/changes.html",
        site=site,
        entries=entries,
        done=done,
        is_cut=len(entries) == store.MOST,
        effects={
            change: [effect for effect in effects if caller.may(effect.needs)]
            for change, effects in store.effects_of(ctx.database, entries).items()
        },
        costs=outage_costs(ctx, caller, site, entries, now),
        knows_money=caller.may(NEEDS[REVENUE]),
        by_day=[(day, list(changes)) for day, changes in groupby(entries, lambda c: c.at.astimezone(site.tz).date())],
        kinds=KINDS,
        wanted=wanted,
        values=store.values_of(ctx.database, site),
        names=_names(caller),
        links=FilterLinks(site=site.key, wanted=wanted),
        spans=SPANS,
        removed=store.removed(ctx.database, site) if caller.may("changes.add") else [],
        just_removed=just,
        every_day=EVERY_DAY,
        now=now,
        hooks=hooks if caller.may("sites.edit") else [],
        hook_example=HOOK_EXAMPLE.format(base=base, site=site.key),
        may_export=caller.may("metrics.export"),
    )


def _names(caller: Caller) -> dict[str, dict[str, str]]:
    """What the values of filters are called that are words of ours."""
    text = translations.translations(caller.language).gettext
    fields = {"kind": "KINDS", "source": "CHANGE_SOURCES"}
    return {field: {value: text(name) for value, name in WORDS[table].items()} for field, table in fields.items()}


class FilterLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Where the links of the page's filters lead."""

    site: str
    wanted: ChangeFilter

    def without(self, gone: tuple[str, str]) -> str:
        return self._at("/changes", [pair for pair in self.wanted.conditions if pair != gone] + self.wanted.period)

    def over(self, days: int) -> str:
        """The same filters over the last so many days."""
        return self._at("/changes", [*self.wanted.conditions, ("days", str(days))])

    @property
    def all_days(self) -> str:
        """The same filters over the days that are usual."""
        return self._at("/changes", self.wanted.conditions)

    @property
    def unfiltered(self) -> str:
        return self._at("/changes", self.wanted.period)

    @property
    def file(self) -> str:
        return self._at("/changes/export", self.wanted.conditions + self.wanted.period)

    def _at(self, path: str, parts: list[tuple[str, str]]) -> str:
        return f"{path}?{urlencode([('site', self.site), *parts])}"


@get_part("/changes/export", may=("metrics.export", "changes.read"))
def export(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None, days: int = DAYS,
    format: str = "csv",
) -> Response[Any]:  # fmt: skip
    """The changes of the page as a file: those that its filters leave, all of them."""
    chosen = site_for(ctx, caller, site)
    changes = store.matching(ctx.database, chosen, _wanted(request.query_params, days), clock.now(), store.SEARCHED)
    text, names = translations.translations(caller.language).gettext, _names(caller)
    rows = (
        [c.at.astimezone(chosen.tz).isoformat(timespec="seconds"), names["kind"][c.kind], c.title, c.author,
         c.scope, names["source"].get(c.source, c.source), c.note, c.url]
        for c in changes
    )  # fmt: skip
    return exported(ctx, caller, chosen, "changes", format, list(map(text, HEADS)), rows)


HOOK_EXAMPLE = """curl -X POST "{base}/api/changes?site={site}" \\
  -H "Authorization: Bearer $TANDEM_TOKEN" -H "Content-Type: application/json" \\
  -d '{{"kind": "deploy", "title": "Released 2.4", "id": "release-2.4"}}'"""
"""What a pipeline runs where no webhook fits."""


@post_form("/changes", may="changes.add")
def add(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    at = _local_moment(data.get("at", ""), chosen)
    texts = {name: short_text(data.get(name, ""), name, most) for name, most in LONGEST.items()}
    change = Change(
        at=at, kind=data.get("kind", ""), title=texts["title"], author=texts["author"] or caller.name,
        scope=texts["scope"], note=texts["note"], url=texts["url"],
    )  # fmt: skip
    store.add(ctx.database, chosen, change, by=caller.user_id)
    return _page(request, ctx, caller, chosen, _showing(change, _wanted_before(request), chosen))


def _showing(change: Change, wanted: ChangeFilter, site: Site) -> ChangeFilter:
    """The filters of the page, if they show this change: what was noted is seen."""
    for one in (wanted, ChangeFilter()):
        since, until = one.span(site.tz, clock.now())
        if one.has(change) and since <= change.at < until:
            return one
    return ChangeFilter(days=EVERY_DAY)


def _local_moment(text: str, site: Site) -> datetime:
    if not text:
        return clock.now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError("“%(value)s” is not a date and time.", "Choose day and time.", value=text[:40]).at(
            "at"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=site.tz)


@post_form("/changes/{change_id:int}/remove", may="changes.add")
def remove(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, change_id: int, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    store.remove(ctx.database, chosen, change_id, by=caller.user_id)
    return _page(request, ctx, caller, chosen, _wanted_before(request), just=change_id)


@post_form("/changes/{change_id:int}/restore", may="changes.add")
def restore(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, change_id: int, site: str | None = None
) -> Response[str]:
    """Undo a removal."""
    chosen = site_for(ctx, caller, site)
    store.restore(ctx.database, chosen, change_id, by=caller.user_id)
    return _page(request, ctx, caller, chosen, _wanted_before(request))


@get("/api/changes", may="changes.read", sync_to_thread=True, tags=["changes"])
def api_changes(
    ctx: Context, caller: Caller, site: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> list[ChangeOut]:
    """The change log of a site, newest first; the last 30 days unless asked otherwise."""
    until = _zoned(until) or clock.now()
    since = _zoned(since) or until - timedelta(days=30)
    return [shown(c) for c in store.between(ctx.database, site_for(ctx, caller, site), since, until)]


def _zoned(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise UserError("The time has no time zone.", "Use the format 2026-11-22T14:30:00+01:00.")
    if moment is not None and not 1971 <= moment.year <= 2200:
        raise UserError("The year must be between 1971 and 2200.", "Choose another day.")
    return moment


@post("/api/changes", may="changes.add", sync_to_thread=True, tags=["changes"])
def api_add(ctx: Context, caller: Caller, data: ChangeIn, site: str | None = None) -> ChangeOut:
    """Add a change. With an `id` of yours, sending it again does not add it twice."""
    change = Change(
        at=data.at or clock.now(),
        kind=data.kind,
        title=data.title,
        author=data.author or caller.name,
        scope=data.scope,
        note=data.note,
        url=data.url,
        source="api",
        external_id=data.id,
    )
    return shown(store.add(ctx.database, site_for(ctx, caller, site), change, by=caller.user_id))


@delete("/api/changes/{change_id:int}", may="changes.add", sync_to_thread=True, tags=["changes"])
def api_remove(ctx: Context, caller: Caller, change_id: int, site: str | None = None) -> None:
    """Take a change out of the log. For 30 days, it can be put back on the page."""
    store.remove(ctx.database, site_for(ctx, caller, site), change_id, by=caller.user_id)


# ── webhooks ──


def _knows(ctx: Context, request: Request[Any, Any, Any]) -> None:
    """Refuse what cannot be a webhook of this site before its body is read."""
    site = _site(ctx, str(request.path_params["key"]))
    if "/gitlab/" in request.url.path:
        _must_match(request.headers.get("x-gitlab-token", ""), hook_secret(ctx, site, "gitlab"))
    elif len(request.headers.get("x-hub-signature-256", "")) != SIGNATURE_LENGTH:
        _must_match("", "sha256=")


@post_form(
    "/hooks/github/{key:str}", may=ANYONE, lane=Lane.ENTRY, knows=_knows, status_code=202,
    request_max_body_size=LARGEST_BODY,
)  # fmt: skip
def github(request: Request[Any, Any, Any], ctx: Context, key: str, body: bytes) -> dict[str, Any]:
    """GitHub tells of deployments and releases, signed with X-Hub-Signature-256."""
    site = _site(ctx, key)
    expected = "sha256=" + hmac.new(hook_secret(ctx, site, "github").encode(), body, hashlib.sha256).hexdigest()
    _must_match(request.headers.get("x-hub-signature-256", ""), expected)
    return _kept(ctx, site, from_github(request.headers.get("x-github-event", ""), _json(body)))


@post_form(
    "/hooks/gitlab/{key:str}", may=ANYONE, lane=Lane.ENTRY, knows=_knows, status_code=202,
    request_max_body_size=LARGEST_BODY,
)  # fmt: skip
def gitlab(request: Request[Any, Any, Any], ctx: Context, key: str, body: bytes) -> dict[str, Any]:
    """GitLab tells of deployments and releases, with the secret in X-Gitlab-Token."""
    site = _site(ctx, key)
    _must_match(request.headers.get("x-gitlab-token", ""), hook_secret(ctx, site, "gitlab"))
    return _kept(ctx, site, from_gitlab(request.headers.get("x-gitlab-event", ""), _json(body)))


def _site(ctx: Context, key: str) -> Site:
    site = ctx.sites().get(key)
    if site is None:
        raise UserError("There is no such site.", "Copy the address from the Changes page.", status=404)
    return site


def _must_match(stated: str, expected: str) -> None:
    if not hmac.compare_digest(stated.encode(), expected.encode()):
        raise UserError("The signature does not match.", "Copy the secret from the Changes page.", status=403)


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except NO_JSON as error:
        raise UserError("The body is not a JSON object.", "Choose application/json as the content type.") from error


def _kept(ctx: Context, site: Site, change: Change | None) -> dict[str, Any]:
    if change is None:
        return {"kept": False, "why": "Only successful deployments and published releases are changes."}
    return {"kept": True, "id": store.add(ctx.database, site, change).id}


ROUTES = [page, export, add, remove, restore, api_changes, api_add, api_remove, github, gitlab]
