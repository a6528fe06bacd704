"""Sign-in, first set-up, and the settings of people, sites and tokens."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from tandem.accounts import audit, first_code, regions, store, tries
from tandem.accounts.first_steps import put_away
from tandem.accounts.frame import framed
from tandem.accounts.guard import COOKIE, Caller, check_origin, sender_address, site_for
from tandem.accounts.house import House
from tandem.accounts.model import Person
from tandem.accounts.permissions import SCOPES, Role
from tandem.accounts.sessions import cookie, first_factor_passed, limits, local, signed_in
from tandem.accounts.tag import script_tag
from tandem.base import web
from tandem.base.errors import UserError
from tandem.base.sender import household

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
NO_MATCH = "Address and password do not belong together."


@get("/", sync_to_thread=True, include_in_schema=False)
def start(house: House) -> Redirect:
    return Redirect("/board" if store.is_set_up(house.database) else "/set-up")


@get("/sign-in", sync_to_thread=True, include_in_schema=False)
def sign_in_form(request: Request[Any, Any, Any], house: House, next: str = "/") -> Response[Any]:
    if not store.is_set_up(house.database):
        return Redirect("/set-up")
    return _sign_in_page(request, house, local(next))


def _sign_in_page(
    request: Request[Any, Any, Any], house: House, onward: str, failed: str = "", email: str = "", status: int = 200
) -> Response[str]:
    demo = house.parts.get("demo_sign_ins", [])
    openid = house.settings.oidc_name if house.settings.oidc_issuer else ""
    language = web.language_of(request)
    facts = {"next": onward, "failed": failed, "email": email, "demo": demo, "openid": openid}
    return web.page("accounts/sign_in.html", language, status, **facts)


@post("/sign-in", sync_to_thread=True, include_in_schema=False)
def sign_in(request: Request[Any, Any, Any], house: House, data: Form) -> Response[Any]:
    check_origin(request)
    email, onward = data.get("email", "").strip().lower(), local(data.get("next", "/"))
    counted = limits(house, request, email)
    tries.take(house.database, *counted)
    person = store.check_password(house.database, email, data.get("password", ""))
    if person is None:
        return _sign_in_page(request, house, onward, NO_MATCH, email, 401)
    tries.give_back(house.database, *counted)
    return first_factor_passed(house, request, person, onward)


@post("/sign-out", sync_to_thread=True, include_in_schema=False)
def sign_out(request: Request[Any, Any, Any], house: House, caller: Caller) -> Response[Any]:
    store.sign_out(house.database, request.cookies.get(COOKIE, ""))
    return Response(None, status_code=200, headers={"hx-redirect": "/sign-in"}, cookies=[cookie(house, "", 0)])


# ── first set-up ──


@get("/set-up", sync_to_thread=True, include_in_schema=False)
def set_up_form(request: Request[Any, Any, Any], house: House, code: str = "") -> Response[Any]:
    if store.is_set_up(house.database):
        return Redirect("/sign-in")
    return _set_up_page(request, {"code": code})


def _set_up_page(
    request: Request[Any, Any, Any], given: dict[str, str], problem: tuple[str, ...] | None = None, status: int = 200
) -> Response[str]:
    """The form; a password is never written into it."""
    language = web.language_of(request)
    zone, currency = regions.guessed(request.headers.get("accept-language", ""))
    given = {"zone": zone, "currency": currency} | {k: v for k, v in given.items() if k != "password"}
    lists = {"zones": regions.zones(language), "currencies": regions.currencies(language)}
    return web.page("accounts/set_up.html", language, status, problem=problem, given=given, **lists)


@post("/set-up", sync_to_thread=True, include_in_schema=False)
def set_up(request: Request[Any, Any, Any], house: House, data: Form) -> Response[Any]:
    check_origin(request)
    if store.is_set_up(house.database):
        raise store.IS_SET_UP
    try:
        _check_code(request, house, data.get("code", ""))
        person = store.set_up(
            house.database,
            data.get("company", ""),
            data.get("email", ""),
            data.get("name", ""),
            data.get("password", ""),
            data.get("key", ""),
            [data.get("host", "")],
            data.get("zone") or "UTC",
            data.get("currency") or "EUR",
            language=web.language_of(request),
        )
    except UserError as error:
        if error.status != 400 or request.headers.get("hx-request"):  # the browser keeps the form, and shows this in it
            raise
        language = web.language_of(request)
        problem = tuple(web.said(language, sentence, error.values) for sentence in error.sentences)
        return _set_up_page(request, data, problem, 400)
    house.forget_sites()
    first_code.announced(house)
    response = signed_in(house, request, person, "/start")
    if request.headers.get("hx-request"):
        response.status_code = 200
        response.headers = {"hx-redirect": "/start"}
    return response


def _check_code(request: Request[Any, Any, Any], house: House, given: str) -> None:
    tries.take(house.database, tries.Limit(f"set-up:{household(sender_address(request, house))}", 20, 300))
    if not first_code.is_code(house, given):
        raise UserError(
            "The set-up code is not right.",
            "The server printed it when it started; it also stands in the file “set-up-code” of its data folder.",
        ).at("code")


# ── settings ──


@get("/settings", sync_to_thread=True, include_in_schema=False)
def settings(request: Request[Any, Any, Any], house: House, caller: Caller, site: str | None = None) -> Response[str]:
    caller.must("figures.read")
    return settings_page(request, house, caller, site)


def settings_page(
    request: Request[Any, Any, Any],
    house: House,
    caller: Caller,
    site: str | None = None,
    secret: str = "",
    link: str = "",
    invited: Person | None = None,
) -> Response[str]:
    """The page of settings; `secret` is a new token, `link` one that `invited` chooses a password by, shown once."""
    db, workspace = house.database, caller.workspace_id
    chosen = site_for(house, caller, site)
    return framed(
        request,
        house,
        caller,
        "accounts/settings.html",
        site=chosen,
        people=store.people_of(db, workspace) if caller.may("people.edit") else [],
        tokens=store.tokens_of(db, workspace) if caller.may("tokens.edit") else [],
        entries=[(e, audit.details(e)) for e in store.audit_log(db, workspace, 50)] if caller.may("audit.read") else [],
        audit_acts=audit.ACTS,
        audit_fields=audit.FIELDS,
        audit_ways=audit.WAYS,
        roles=list(Role),
        scopes=list(SCOPES),
        secret=secret,
        link=link,
        invited=invited,
        script_tag=script_tag(house.settings.base_url, chosen),
        own_script_tag=script_tag(f"https://{chosen.hosts[0]}", chosen),
        zones=regions.zones(caller.language),
        currencies=regions.currencies(caller.language),
        nginx_hint=NGINX_HINT.format(base=house.settings.base_url),
    )


NGINX_HINT = """location /t/ {{
    proxy_pass {base};
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
}}"""


@post("/settings/sites", sync_to_thread=True, include_in_schema=False)
def add_site(request: Request[Any, Any, Any], house: House, caller: Caller, data: Form) -> Response[str]:
    caller.must("sites.edit")
    made = store.add_site(
        house.database,
        caller.workspace_id,
        data.get("key", ""),
        data.get("name", ""),
        [data.get("hosts", data.get("host", ""))],
        data.get("zone") or "UTC",
        data.get("currency") or "EUR",
        data.get("mode", "cookieless"),
        by=caller.person_id,
    )
    house.forget_sites()
    return settings_page(request, house, caller, made.key)


@post("/start/put-away", sync_to_thread=True, include_in_schema=False)
def put_first_steps_away(house: House, caller: Caller, site: str | None = None) -> Response[str]:
    """Show whoever is signed in the first steps of a site no more."""
    caller.must("figures.read")
    if caller.person is not None:
        put_away(house.database, caller.person, site_for(house, caller, site))
    return Response("", media_type="text/html", status_code=200)


@post("/settings/sites/{key:str}", sync_to_thread=True, include_in_schema=False)
def change_site(request: Request[Any, Any, Any], house: House, caller: Caller, key: str, data: Form) -> Response[str]:
    caller.must("sites.edit")
    given: dict[str, Any] = {k: data[k] for k in ("name", "zone", "currency", "mode") if k in data}
    if "hosts" in data:
        given["hosts"] = [data["hosts"]]
    if "keep_days" in data:
        given["keep_days"] = _whole(data["keep_days"], "keep_days")
    store.change_site(house.database, site_for(house, caller, key), by=caller.person_id, **given)
    house.forget_sites()
    return settings_page(request, house, caller, key)


def _whole(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UserError("%(name)s is not a whole number.", "Write digits only.", name=name) from error


@post("/settings/people/{person_id:int}", sync_to_thread=True, include_in_schema=False)
def change_person(
    request: Request[Any, Any, Any], house: House, caller: Caller, person_id: int, data: Form
) -> Response[str]:
    caller.must("people.edit")
    found = [p for p in store.people_of(house.database, caller.workspace_id) if p.id == person_id]
    if not found:
        raise UserError("There is no such person here.", "Load the page again.", status=404)
    role = data.get("role")
    if role is not None and role not in set(Role):
        raise UserError("“%(value)s” is not a role.", "Choose one of %(choices)s.", value=role, choices=", ".join(Role))
    is_active = data["is_active"] == "1" if "is_active" in data else None
    store.change_person(house.database, found[0], role=role, is_active=is_active, by=caller.person_id)
    return settings_page(request, house, caller)


@post("/settings/me", sync_to_thread=True, include_in_schema=False)
def change_me(house: House, caller: Caller, data: Form) -> Response[Any]:
    """Language and theme of the person who is signed in."""
    language, theme = data.get("language"), data.get("theme")
    cookies = []
    if caller.person is not None:
        language = language if language in web.LANGUAGES else None
        theme = theme if theme in ("auto", "light", "dark") else None
        store.change_person(house.database, caller.person, language=language, theme=theme)
        if language:
            cookies = [Cookie(key="tandem_language", value=language, max_age=31_536_000, samesite="lax", path="/")]
    return Response(None, status_code=200, headers={"hx-refresh": "true"}, cookies=cookies)


@post("/settings/tokens", sync_to_thread=True, include_in_schema=False)
def make_token(request: Request[Any, Any, Any], house: House, caller: Caller, data: Form) -> Response[str]:
    caller.must("tokens.edit")
    assert caller.person is not None
    scopes = [s for s in SCOPES if data.get(s)]
    site = site_for(house, caller, data["site"]) if data.get("site") else None
    days = _whole(data["days"], "days") if data.get("days") else None
    _, secret = store.make_token(house.database, caller.person, data.get("name", ""), scopes, site, days)
    return settings_page(request, house, caller, secret=secret)


@post("/settings/tokens/{token_id:int}/revoke", sync_to_thread=True, include_in_schema=False)
def revoke_token(request: Request[Any, Any, Any], house: House, caller: Caller, token_id: int) -> Response[str]:
    caller.must("tokens.edit")
    assert caller.person is not None
    store.revoke_token(house.database, caller.person, token_id)
    return settings_page(request, house, caller)


class SiteOut(msgspec.Struct, frozen=True):
    """A site as the API shows it."""

    key: str
    name: str
    hosts: list[str]
    zone: str
    currency: str
    mode: str


@get("/api/sites", sync_to_thread=True, tags=["sites"])
def api_sites(house: House, caller: Caller) -> list[SiteOut]:
    """The sites this token may see."""
    caller.must("figures.read")
    bound = caller.token.site_id if caller.token else None
    sites = [s for s in house.sites().values() if s.workspace_id == caller.workspace_id and bound in (None, s.id)]
    return [SiteOut(s.key, s.name, list(s.hosts), s.zone, s.currency, s.mode) for s in sites]


ROUTES = [
    start,
    sign_in_form,
    sign_in,
    sign_out,
    set_up_form,
    set_up,
    settings,
    add_site,
    put_first_steps_away,
    change_site,
    change_person,
    change_me,
    make_token,
    revoke_token,
    api_sites,
]
