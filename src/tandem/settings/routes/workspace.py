"""Settings of the workspace: its sites, users and API tokens, and the log of what they did."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Request, Response, get

from tandem.accounts import store
from tandem.accounts.model import Site, User, checked_keep_days
from tandem.accounts.permissions import SCOPES, Role
from tandem.accounts.store import links, second_factor
from tandem.accounts.tag import script_tag
from tandem.base import clock
from tandem.base.currencies import tenders
from tandem.base.errors import UserError
from tandem.core import audit
from tandem.core.auth import Caller, site_for, sites_for
from tandem.core.context import Context
from tandem.core.layout import go_to, render_page
from tandem.core.pages import get_page, post_form
from tandem.settings import letters, regions
from tandem.settings.routes.forms import Asked, Form, link_address


@get_page("/settings", "Settings", icon="settings", group="Settings", may="metrics.read")
def settings(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    return settings_page(request, ctx, caller, site)


def settings_page(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    site: str | None = None,
    secret: str = "",
    link: str = "",
    invited: User | None = None,
    draft: Site | None = None,
    expiring: int = 0,
    is_saved: bool = False,
) -> Response[str]:
    """The page of settings.

    site       its key; the one in the address where it is not said, which all forms of the page keep
    secret     a new token, shown once
    link       a link that `invited` chooses a password by, shown once
    draft      the site as it was sent, where saving it has to be agreed to
    expiring   how many events saving it would delete
    is_saved   whether the site has just been saved
    """
    db, workspace = ctx.database, caller.workspace_id
    chosen = site_for(ctx, caller, site or request.query_params.get("site"))
    return render_page(
        request,
        ctx,
        caller,
        "settings/settings.html",
        site=chosen,
        draft=draft or chosen,
        expiring=expiring,
        is_saved=is_saved,
        kept_since=clock.now() - timedelta(days=(draft or chosen).keep_days),
        keeping_anew=ctx.offers.keeping_anew(),
        people=store.users_of(db, workspace) if caller.may("people.edit") else [],
        tokens=store.tokens_of(db, workspace) if caller.may("tokens.edit") else [],
        entries=[(e, audit.details(e)) for e in store.audit_log(db, workspace, 50)] if caller.may("audit.read") else [],
        audit_acts=audit.ACTS,
        audit_fields=audit.FIELDS,
        roles=list(Role),
        scopes=list(SCOPES),
        secret=secret,
        link=link,
        invited=invited,
        link_until=clock.now() + links.HOLDS[links.RESET if invited and invited.has_password else links.INVITE],
        script_tag=script_tag(ctx.config.base_url, chosen),
        own_script_tag=script_tag(f"https://{chosen.hosts[0]}", chosen),
        zones=regions.zones(caller.language),
        currencies=tenders(caller.language),
        nginx_hint=NGINX_HINT.format(base=ctx.config.base_url),
    )


LOADED_WITHIN_S = 10.0
NGINX_HINT = """location /t/ {{
    proxy_pass {base};
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}}"""


@post_form("/settings/sites", may="sites.edit")
def add_site(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form) -> Response[str]:
    made = store.add_site(
        ctx.database,
        caller.workspace_id,
        data.get("key", ""),
        data.get("name", ""),
        [data.get("hosts", data.get("host", ""))],
        data.get("zone") or "UTC",
        data.get("currency") or "EUR",
        data.get("mode", "cookieless"),
        by=caller.user_id,
    )
    ctx.forget_sites()
    return go_to(f"/start?site={made.key}")


@post_form("/settings/sites/{key:str}", may="sites.edit")
def change_site(request: Request[Any, Any, Any], ctx: Context, caller: Caller, key: str, data: Form) -> Response[str]:
    changes: dict[str, Any] = {k: data[k] for k in ("name", "zone", "currency", "mode") if k in data}
    if "hosts" in data:
        changes["hosts"] = [data["hosts"]]
    if "keep_days" in data:
        changes["keep_days"] = _whole(data["keep_days"], "keep_days")
    site = site_for(ctx, caller, key)
    _must_be_free(ctx, site, changes)
    if "keep_days" not in changes:
        store.change_site(ctx.database, site, by=caller.user_id, **changes)
        ctx.forget_sites()
        return settings_page(request, ctx, caller, key, is_saved=True)
    checked_keep_days(changes["keep_days"])
    expiring = ctx.offers.expiring(site, changes["keep_days"])
    if expiring and data.get("agreed") != str(changes["keep_days"]):
        draft = msgspec.structs.replace(site, **changes)
        return settings_page(request, ctx, caller, key, draft=draft, expiring=expiring)
    _change_with_stored(ctx, caller, site, changes, expiring)
    return settings_page(request, ctx, caller, key, is_saved=True)


def _must_be_free(ctx: Context, site: Site, changes: dict[str, Any]) -> None:
    """Refuse another zone or currency where amounts are stored by the present one: they would only be labelled anew."""
    for field in ("zone", "currency"):
        if changes.get(field, getattr(site, field)) != getattr(site, field):
            for one in ctx.slices:
                if (reason := one.fixes(ctx, site, field)) is not None:
                    raise reason.at(field)


def _change_with_stored(ctx: Context, caller: Caller, site: Site, changes: dict[str, Any], expiring: int) -> None:
    """Change the site, and for how long what is stored of it is kept."""
    # A batch that is being loaded was made with the former days: it must be stored before those days are changed.
    if not ctx.loading.acquire(timeout=LOADED_WITHIN_S):
        raise UserError("Events are being stored or backed up right now.", "Save again in a few minutes.", 409).at(
            "keep_days"
        )
    try:
        store.change_site(ctx.database, site, by=caller.user_id, expired=expiring, **changes)
        # What was stored may have other days than the site: a change before this one may have failed at that.
        if expiring or not ctx.offers.is_kept_for(site, changes["keep_days"]):
            ctx.offers.keep_for(site, changes["keep_days"])
    finally:
        ctx.loading.release()
    ctx.forget_sites()
    ctx.look_again()


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UserError("%(name)s is not a whole number.", "Use digits only.", name=name).at(name) from error


@post_form("/settings/people", may="people.edit")
def invite(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    """Invite somebody: they choose their own password by a link, which is shown, and sent where e-mail is set up."""
    role = data.get("role") or Role.VIEWER
    user = store.add_user(
        ctx.database, caller.workspace_id, data.get("email", ""), data.get("name", ""), role, None,
        caller.language, caller.user_id,
    )  # fmt: skip
    return _with_link(request, ctx, caller, user)


@post_form("/settings/people/{person_id:int}/link", may="people.edit")
def new_link(request: Asked, ctx: Context, caller: Caller, person_id: int) -> Response[str]:
    """A new link for somebody who lost theirs, or their password."""
    return _with_link(request, ctx, caller, _colleague(ctx, caller, person_id))


@post_form("/settings/people/{person_id:int}", may="people.edit")
def change_user(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, person_id: int, data: Form
) -> Response[str]:
    users = [p for p in store.users_of(ctx.database, caller.workspace_id) if p.id == person_id]
    if not users:
        raise UserError("There is no such user.", "Reload the page.", status=404)
    role = data.get("role")
    if role is not None and role not in set(Role):
        raise UserError("“%(value)s” is not a role.", "Choose one of %(choices)s.", value=role, choices=", ".join(Role))
    is_active = data["is_active"] == "1" if "is_active" in data else None
    store.change_user(ctx.database, users[0], role=role, is_active=is_active, by=caller.user_id)
    return settings_page(request, ctx, caller)


@post_form("/settings/people/{person_id:int}/two-factor-off", may="people.edit")
def colleague_two_factor_off(request: Asked, ctx: Context, caller: Caller, person_id: int) -> Response[str]:
    """For somebody who lost the phone and the recovery codes."""
    user = _colleague(ctx, caller, person_id)
    second_factor.switch_off(ctx.database, user, caller.user_id)
    letters.send(ctx, user, "two_factor_off")
    return settings_page(request, ctx, caller)


def _colleague(ctx: Context, caller: Caller, person_id: int) -> User:
    user = store.active_user(ctx.database, person_id)
    if user is None or user.workspace_id != caller.workspace_id:
        raise UserError("There is no such user.", "Reload the page.", status=404)
    return user


def _with_link(request: Asked, ctx: Context, caller: Caller, user: User) -> Response[str]:
    kind = links.RESET if user.has_password else links.INVITE
    link = link_address(ctx, links.make(ctx.database, user, kind, caller.user_id))
    company = store.workspace_name(ctx.database, caller.workspace_id)
    letters.send(ctx, user, kind, links.HOLDS[kind], link=link, by=caller.name, company=company)
    return settings_page(request, ctx, caller, link=link, invited=user)


@post_form("/settings/tokens", may="tokens.edit")
def make_token(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form) -> Response[str]:
    assert caller.user is not None
    scopes = [s for s in SCOPES if data.get(s)]
    site = site_for(ctx, caller, data["site"]) if data.get("site") else None
    days = _whole(data["days"], "days") if data.get("days") else None
    _, secret = store.make_token(ctx.database, caller.user, data.get("name", ""), scopes, site, days)
    return settings_page(request, ctx, caller, secret=secret)


@post_form("/settings/tokens/{token_id:int}/revoke", may="tokens.edit")
def revoke_token(request: Request[Any, Any, Any], ctx: Context, caller: Caller, token_id: int) -> Response[str]:
    assert caller.user is not None
    store.revoke_token(ctx.database, caller.user, token_id)
    return settings_page(request, ctx, caller)


class SiteOut(msgspec.Struct, frozen=True):
    """A site as the API shows it."""

    key: str
    name: str
    hosts: list[str]
    zone: str
    currency: str
    mode: str


@get("/api/sites", may="metrics.read", sync_to_thread=True, tags=["sites"])
def api_sites(ctx: Context, caller: Caller) -> list[SiteOut]:
    """The sites this token may see."""
    return [SiteOut(s.key, s.name, list(s.hosts), s.zone, s.currency, s.mode) for s in sites_for(ctx, caller)]


ROUTES = [
    settings,
    add_site,
    change_site,
    invite,
    new_link,
    change_user,
    colleague_two_factor_off,
    make_token,
    revoke_token,
    api_sites,
]
