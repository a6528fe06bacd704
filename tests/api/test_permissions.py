"""The permission table, entry by entry, on real routes; tokens; and two workspaces that never meet."""

import html
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from tandem.accounts import store
from tandem.accounts.model import Site
from tandem.accounts.permissions import DEEDS, MAY, SCOPES, Role
from tandem.core.auth import COOKIE, acts_of, guard
from tandem.core.context import Context
from tandem.core.pages import ANYONE, SIGNED_IN
from tests.routes import HANDLERS, Route, declared
from tests.served import Running, eventually

WRITTEN_OUT: dict[str, str] = {
    "metrics.read": "admin marketing engineering executive finance agency viewer",
    "metrics.export": "admin marketing engineering executive finance agency",
    "changes.read": "admin marketing engineering executive finance agency viewer",
    "ingestion.read": "admin marketing engineering executive",
    "audit.read": "admin engineering executive",
    "money.read": "admin marketing engineering executive finance agency",
    "calls.read": "admin marketing engineering executive finance agency",
    "deals.read": "admin marketing engineering executive finance agency",
    "profiles.read": "admin marketing engineering executive",
    "connections.edit": "admin marketing engineering",
    "ads.import": "admin marketing agency finance",
    "calls.edit": "admin marketing",
    "deals.edit": "admin marketing",
    "profiles.edit": "admin marketing",
    "profiles.unmask": "admin marketing",
    "reports.keep": "admin marketing engineering executive finance agency",
    "changes.add": "admin marketing engineering agency",
    "goals.edit": "admin marketing engineering",
    "campaigns.edit": "admin marketing agency",
    "sites.edit": "admin engineering",
    "tokens.edit": "admin engineering",
    "events.send": "admin engineering",
    "rules.heal": "admin engineering",
    "data.erase": "admin engineering",
    "people.edit": "admin",
}
"""The table as it was agreed, so that a slip in it fails here."""

ROUTES = declared()
GUARDED = [route for route in ROUTES if not {ANYONE, SIGNED_IN} & {*route.acts}]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: min(handler.paths))
def test_a_route_says_who_may_enter(handler: Any) -> None:
    acts = acts_of(handler.opt)
    assert acts and ({*acts} <= {*MAY} or acts in ((ANYONE,), (SIGNED_IN,)))


def test_a_route_that_does_not_say_opens_for_nobody(ctx: Context, site: Site) -> None:
    @get("/forgotten", sync_to_thread=False)
    def forgotten() -> str:
        return "open"

    app = Litestar([forgotten], guards=[guard(ctx)])
    with TestClient(app) as client:
        assert client.get("/forgotten").status_code == 500


def test_the_table_is_the_one_that_was_agreed() -> None:
    assert {act: set(MAY[act]) for act in MAY} == {
        act: {Role(r) for r in roles.split()} for act, roles in WRITTEN_OUT.items()
    }


@pytest.fixture(scope="module")
def browsers(running: Running) -> Iterator[dict[str, httpx.Client]]:
    """A browser of somebody of each role, and of nobody ("")."""
    with ExitStack() as stack:
        people = {role.value: stack.enter_context(running.as_person(role)) for role in Role}
        yield people | {"": stack.enter_context(running.as_nobody())}


def entered(browser: httpx.Client, route: Route) -> httpx.Response:
    """The answer to whoever enters a route with nothing in their hands; what it told them is forgotten."""
    cookies = list(browser.cookies.jar)
    answer = browser.request(route.method, route.path, data={} if route.method == "POST" else None)
    browser.cookies.clear()
    for cookie in cookies:
        browser.cookies.jar.set_cookie(cookie)
    return answer


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_route_opens_for_the_roles_of_its_acts_and_no_other(browsers: dict[str, httpx.Client], route: Route) -> None:
    for role in Role:
        answer = entered(browsers[role], route)
        assert answer.status_code < 500, (role, answer.text[:500])
        missing = [act for act in route.acts if role not in WRITTEN_OUT[act].split()]
        assert (answer.status_code == 403) == bool(missing), (role, answer.text[:300])
        if missing:
            assert DEEDS[missing[0]] in html.unescape(answer.text), role


UPLOADS = ["/ads/import", "/calls/import", "/deals/import", "/reconciliation/import"]


@pytest.mark.parametrize("path", UPLOADS)
def test_a_large_file_is_refused_before_it_is_sent(running: Running, path: str) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    for role, status in (("viewer", b"403"), ("", b"30")):
        who = f"Cookie: {COOKIE}={running.cookies[role]}\r\nx-csrf: {running.csrf[role]}\r\n" if role else ""
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{who}Content-Length: 9000000\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n".encode()
            )
            assert line.recv(100).startswith(b"HTTP/1.1 " + status), "nothing more of the file was asked for"


@pytest.mark.parametrize("path", ["/api/events", "/api/changes"])
@pytest.mark.parametrize("who", ["", "Authorization: Bearer tnd_nobody\r\n", f"Cookie: {COOKIE}=nobody\r\n"])
def test_a_program_that_is_nobody_is_told_so_before_its_body_is_read(running: Running, path: str, who: str) -> None:
    """Four megabytes were taken in and parsed first."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{who}Content-Length: 3000000\r\n"
            'Accept: application/json\r\nContent-Type: application/json\r\n\r\n{"events": ['.encode()
        )
        assert line.recv(100).startswith(b"HTTP/1.1 401"), "nothing more of the body was asked for"


def test_whoever_is_nobody_is_refused_whatever_they_send(running: Running) -> None:
    with running.as_nobody() as nobody:
        for body in (b"", b"{", b"\xff", b"[" * 100_000, b"x" * 5_000_000):
            answer = nobody.post("/api/events", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 401, (body[:10], answer.status_code)
            told = answer.headers.get("connection") == "close"
            assert told == bool(body), (
                "the server closes over a body it has not read; the next request must not meet that"
            )


@pytest.mark.parametrize("role", [r.value for r in Role])
def test_the_audit_log_shows_for_its_readers_only(running: Running, role: str) -> None:
    with running.as_person(role) as browser:
        text = browser.get("/settings").text
    assert ("people.signed_in" in text or "signed_in" in text) == (role in WRITTEN_OUT["audit.read"].split())


@pytest.mark.parametrize("route", [route for route in ROUTES if ANYONE not in route.acts], ids=str)
def test_nobody_gets_in_without_signing_in(browsers: dict[str, httpx.Client], route: Route) -> None:
    answer = entered(browsers[""], route)
    if route.path.startswith("/api/"):
        assert answer.status_code == 401
    else:
        assert answer.status_code in (302, 303, 307)
        assert answer.headers["location"].startswith("/sign-in")


# ── tokens ──

CALLS: list[tuple[str, str, str, Any]] = [
    ("GET", "/api/metrics?metrics=collect.visits", "metrics.read", None),
    ("GET", "/api/sites", "metrics.read", None),
    ("GET", "/api/changes", "changes.read", None),
    ("POST", "/api/changes", "changes.add", {"title": "t", "kind": "nonsense"}),
    ("POST", "/api/events", "events.send", {"events": []}),
    ("GET", "/export?metrics=collect.visits", "metrics.export", None),
    ("POST", "/settings/people", "people.edit", None),
    ("POST", "/settings/tokens", "tokens.edit", None),
]


@pytest.mark.parametrize("scope", [*SCOPES, "all"])
@pytest.mark.parametrize(("method", "path", "act", "body"), CALLS, ids=[f"{m} {p}" for m, p, *_ in CALLS])
def test_a_token_may_do_what_its_scopes_say_and_nothing_else(
    running: Running, scope: str, method: str, path: str, act: str, body: Any
) -> None:
    may = act in SCOPES.values() if scope == "all" else SCOPES[scope] == act
    with running.as_program(scope) as program:
        answer = (
            program.request(method, path, json=body) if body is not None else program.request(method, path, data={})
        )
    if path == "/api/events":  # an empty batch is refused before anybody is asked
        assert answer.status_code in (400, 403)
        return
    assert (answer.status_code == 403) == (not may), answer.text


def test_a_token_loses_what_its_maker_lost(running: Running) -> None:
    db = running.database
    maker = store.add_user(
        db, running.people["admin"].workspace_id, "dev@fern.example", "Dev", "engineering", "a long password"
    )
    running.tokens["dev"] = store.make_token(db, maker, "dev", list(SCOPES))[1]
    change = {"title": "t", "kind": "deploy"}
    with running.as_program("dev") as program:
        assert program.post("/api/changes", json=change).status_code == 201
        store.change_user(db, maker, role="viewer")
        assert program.post("/api/changes", json=change).status_code == 403
        assert program.get("/api/changes").status_code == 200, "a viewer may still look"


def test_a_token_has_no_account(running: Running) -> None:
    with running.as_program("all") as program:
        assert program.get("/account").status_code == 403
        assert program.post("/account/password", data={"old": "x", "new": "y"}).status_code == 403


@pytest.mark.parametrize("name", ["expired", "revoked"])
def test_a_token_that_ran_out_or_was_revoked_opens_nothing(running: Running, name: str) -> None:
    with running.as_program(name) as program:
        assert program.get("/api/sites").status_code == 401


def test_a_token_of_one_site_sees_that_site_only(running: Running) -> None:
    with running.as_program("oak") as program:
        assert [s["key"] for s in program.get("/api/sites").json()] == ["oak"]
        assert program.get("/api/metrics?metrics=collect.visits").json()["site"] == "oak"
        for path in (
            "/api/metrics?metrics=collect.visits&site=fern",
            "/api/changes?site=fern",
            "/api/ingestion?site=fern",
        ):
            assert program.get(path).status_code == 404
        one = {"events": [{"id": "1", "visitor": "v", "name": "n"}]}
        assert program.post("/api/events?site=fern", json=one).status_code == 404


def test_a_secret_is_stored_nowhere(running: Running) -> None:
    text = b"".join(p.read_bytes() for p in running.folder.glob("records.db*"))
    for secret in (*running.tokens.values(), *running.cookies.values(), "a long password"):
        assert secret.encode() not in text


def test_an_error_names_what_was_wrong_in_the_readers_language(running: Running) -> None:
    wrong = "/board?site=fern&period=<i>100%(d)s"
    said = {
        "en": "“&lt;i&gt;100%(d)s” is not a period.", "ru": "«&lt;i&gt;100%(d)s» — не период.",
        "pl": "„&lt;i&gt;100%(d)s” nie jest okresem.",
    }  # fmt: skip
    with running.as_person("admin") as browser:
        for language, sentence in said.items():
            browser.cookies.set("tandem_language", language)
            assert sentence in browser.get(wrong).text
        told = browser.get(wrong, headers={"accept": "application/json"}).json()
        assert told["error"] == "“<i>100%(d)s” is not a period."
        assert told["hint"].startswith("Use one of ")


def test_how_far_work_is_tells_only_its_owner_and_stops_only_for_them(running: Running) -> None:
    rows = "".join(f"{n},2026-10-01 10:00,Paid,+48600{n:06d}\n" for n in range(80_000))
    files = {"file": ("deals.csv", f"id,created_at,stage,phone\n{rows}".encode())}
    nothing = {"share": None, "text": "", "can_stop": False}
    with running.as_person("marketing") as mine, running.as_person("admin") as other, ThreadPoolExecutor() as beside:
        assert mine.get("/work/abc").json() == nothing
        sent = beside.submit(
            lambda: mine.post("/deals/import?site=fern", files=files, data={"act": "dry"}, headers={"x-work": "abc"})
        )
        told = eventually(lambda: (found := mine.get("/work/abc").json())["share"] and found)
        assert 0 < told["share"] < 1 and told["can_stop"] and "%" in told["text"]
        assert other.get("/work/abc").json() == nothing
        assert other.post("/work/abc/stop").status_code == 204
        assert mine.post("/work/abc/stop", headers={"x-csrf": ""}).status_code == 403
        assert mine.get("/work/abc").json()["share"], "it still goes on"
        assert mine.post("/work/abc/stop").status_code == 204
        answer = sent.result(30)
        assert answer.status_code == 400 and "The import was cancelled." in answer.text
        assert mine.get("/work/abc").json() == nothing
    with running.as_nobody() as nobody:
        assert nobody.get("/work/abc", follow_redirects=False).status_code in (302, 303, 401)


# ── two workspaces ──


def test_workspaces_see_nothing_of_each_other(running: Running) -> None:
    with running.as_program("all") as ours, running.as_program("rival") as theirs:
        made = ours.post("/api/changes", json={"title": "Secret launch", "kind": "campaign"})
        assert made.status_code == 201
        assert "Secret launch" not in theirs.get("/api/changes").text
        assert [s["key"] for s in theirs.get("/api/sites").json()] == ["rival"]
        for path in (
            "/api/changes?site=fern",
            "/api/metrics?metrics=collect.visits&site=fern",
            "/api/ingestion?site=fern",
        ):
            assert theirs.get(path).status_code == 404
        assert theirs.delete(f"/api/changes/{made.json()['id']}").status_code == 404
        assert "Secret launch" in ours.get("/api/changes").text
    with running.as_person("rival") as boss:
        for path in (
            "/board?site=fern",
            "/traffic?site=fern",
            "/goals?site=fern",
            "/changes?site=fern",
            "/settings?site=fern",
            "/export?metrics=collect.visits&site=fern",
        ):
            assert boss.get(path).status_code == 404, path
        text = boss.get("/settings").text
        assert "fern.example" not in text
        assert boss.post("/settings/sites/fern", data={"name": "Taken over"}).status_code == 404
        ours_admin = running.people["admin"]
        assert boss.post(f"/settings/people/{ours_admin.id}", data={"is_active": "0"}).status_code == 404
        boss.post("/settings/tokens/1/revoke", data={})
    with running.as_program(next(iter(SCOPES))) as program:
        assert program.get("/api/sites").status_code in (200, 403)  # token 1 still holds


def test_a_token_of_one_site_sees_no_other_site_in_the_menu(running: Running) -> None:
    with running.as_program("oak") as program:
        page = program.get("/board").text
    assert "site=oak" in page and "site=fern" not in page
