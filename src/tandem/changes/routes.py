"""The change log: page, API and signed webhooks."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.errors import NO_JSON, UserError
from tandem.base.texts import short_text
from tandem.base.threads import Lane
from tandem.changes import store
from tandem.changes.model import KINDS, LONGEST, Change, from_github, from_gitlab
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import ANYONE, LARGEST_BODY, get_page, post_form

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
DAYS, EVERY_DAY = 120, 84_000
"""How far back the page looks, and what reaches back to the first year that a change may have."""
LAST = datetime(2201, 1, 2, tzinfo=UTC)
"""Behind whatever may be planned."""
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
    return _page(request, ctx, caller, site_for(ctx, caller, site), min(max(days, 1), EVERY_DAY))


def _page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, days: int = DAYS, just: int = 0
) -> Response[str]:
    """The page; `just` is the change that has just been removed."""
    now, base = clock.now(), ctx.config.base_url
    entries = store.between(ctx.database, site, now - timedelta(days=days), LAST)
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
        by_day=[(day, list(changes)) for day, changes in groupby(entries, lambda c: c.at.astimezone(site.tz).date())],
        kinds=KINDS,
        removed=store.removed(ctx.database, site) if caller.may("changes.add") else [],
        just_removed=just,
        days=days,
        every_day=EVERY_DAY,
        now=now,
        hooks=hooks if caller.may("sites.edit") else [],
        hook_example=HOOK_EXAMPLE.format(base=base, site=site.key),
    )


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
    is_old = clock.now() - at > timedelta(days=DAYS)
    return _page(request, ctx, caller, chosen, EVERY_DAY if is_old else DAYS)  # what was noted is seen


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
    return _page(request, ctx, caller, chosen, just=change_id)


@post_form("/changes/{change_id:int}/restore", may="changes.add")
def restore(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, change_id: int, site: str | None = None
) -> Response[str]:
    """Undo a removal."""
    chosen = site_for(ctx, caller, site)
    store.restore(ctx.database, chosen, change_id, by=caller.user_id)
    return _page(request, ctx, caller, chosen)


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


ROUTES = [page, add, remove, restore, api_changes, api_add, api_remove, github, gitlab]
