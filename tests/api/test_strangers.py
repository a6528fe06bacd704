"""Cross-site requests, sign-in, first set-up, headers: what a stranger may try."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import _multipart
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.accounts.store.tries import TryLimit, take
from tandem.app import make_app
from tandem.base import framework
from tandem.base.pages import SAFE_HEADERS
from tandem.core.auth import COOKIE
from tandem.core.context import Context
from tandem.settings import sessions
from tests.served import PASSWORD, Running, started

PAGES = (
    "/board",
    "/traffic",
    "/realtime",
    "/metrics",
    "/goals",
    "/ingestion",
    "/changes",
    "/settings",
    "/account",
    "/no-such-page",
)


# ── cross-site ──


@pytest.mark.parametrize(
    "headers",
    [
        {"x-csrf": ""},
        {"x-csrf": "0" * 32},
        {"x-csrf": "ż".encode()},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_change_needs_our_pages_proof_and_our_origin(running: Running, headers: dict[str, Any]) -> None:
    with running.as_person("admin") as browser:
        answer = browser.post("/settings/me", data={"language": "en"}, headers=headers)
        assert answer.status_code == 403
        assert browser.post("/settings/me", data={"language": "en"}, headers={"origin": running.url}).status_code == 200


def test_without_scripts_a_short_form_carries_the_proof_as_a_field(running: Running) -> None:
    with running.as_person("admin") as browser:
        del browser.headers["x-csrf"]

        def status(proof: str, **more: str) -> int:
            return browser.post("/settings/me", data={"language": "en", "csrf": proof, **more}).status_code

        own = running.csrf["admin"]
        assert [status(own), status(""), status(running.csrf["viewer"]), status("ż")] == [200, 403, 403, 403]
        assert status(own, padding="x" * 5000) == 403, "nobody's long form is read before it is known to be ours"
        answer = browser.post("/settings/me", json={"csrf": own})
        assert answer.status_code == 403


def test_another_persons_proof_is_none(running: Running) -> None:
    with running.as_person("admin") as browser:
        assert browser.post("/settings/me", data={}, headers={"x-csrf": running.csrf["viewer"]}).status_code == 403


def test_settings_that_do_not_fit_change_nothing(running: Running) -> None:
    with running.as_person("viewer") as browser:
        assert browser.post("/settings/me", data={"language": "xx", "theme": "neon"}).status_code == 200
        assert browser.post("/settings/me", data={}).status_code == 200


# ── sizes ──


def test_nothing_that_is_sent_is_remembered(ctx: Context, site: Site) -> None:
    """Forms, queries and cookies of strangers were kept, a thousand of each: gigabytes, and passwords among them."""
    with TestClient(make_app(ctx, runs_jobs=False)) as client:
        for n in range(3):
            query = client.get(f"/sign-in?next=/{n}", headers={"cookie": f"a={n}"})
            form = client.post("/sign-in", data={"email": f"{n}@fern.example", "password": PASSWORD})
            assert query.status_code < 400 and form.status_code < 500
    assert [parser.cache_info().currsize for parser in framework._PARSERS] == [0] * 4


@pytest.mark.parametrize("charset", ["nonsense", "punycode", "unicode_escape"])
def test_a_field_of_an_upload_names_no_encoding(charset: str) -> None:
    """Two megabytes of punycode would take Python minutes that nothing can end, and an unknown name was a 500."""
    head = f'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset={charset}\r\n\r\n'

    async def stream() -> AsyncGenerator[bytes, None]:
        yield head.encode() + "ż-a".encode() + b"\r\n--x--\r\n"

    assert asyncio.run(_multipart.parse_multipart_form(stream(), b"x")) == {"a": "ż-a"}


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/code", "/forgot", "/set-up", "/link/x"])
def test_a_strangers_form_is_short(running: Running, path: str) -> None:
    """Taking four megabytes of small fields apart kept everybody waiting for seconds."""
    form = "&".join(f"{n}=1" for n in range(4_000))
    with running.as_nobody() as stranger:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert stranger.post(path, content=form, headers=headers).status_code == 413


def test_an_address_is_not_endless(running: Running) -> None:
    with running.as_nobody() as stranger:
        refused = stranger.get("/sign-in?" + "a=1&" * 3_000)
        assert refused.status_code == 414 and "The address is too long." in refused.text and 'href="/"' in refused.text
        russian = stranger.get("/sign-in?" + "a=1&" * 3_000, headers={"accept-language": "ru"})
        assert 'lang="ru"' in russian.text and "The address is too long." not in russian.text
        told = stranger.get("/api/sites?" + "a=1&" * 3_000)
        assert (told.status_code, told.json()["error"]) == (414, "The address is too long.")
        assert SAFE_HEADERS.items() <= {name.title(): value for name, value in refused.headers.items()}.items()
        page = "https://fern.example/" + "ж" * 900
        assert stranger.get("/t/pixel.gif", params={"s": "fern", "u": page, "r": page}).status_code == 200
        assert stranger.get("/" + "a" * 3_000).status_code == 414


@pytest.mark.parametrize("name", ["%00", "a" * 300, "../app.py", "%2e%2e/app.py", "css/%00", ""])
def test_a_file_that_is_not_ours_is_not_found(running: Running, name: str) -> None:
    with running.as_nobody() as stranger:
        assert stranger.get(f"/static/{name}").status_code == 404


# ── signing in ──


@pytest.mark.parametrize("path", ["/link/used", "/sign-in/openid"])
def test_who_cannot_enter_by_an_address_is_led_to_signing_in(running: Running, path: str) -> None:
    with running.as_nobody() as stranger:
        refused = stranger.get(path)
        assert refused.status_code in (404, 410)
        assert 'href="/sign-in"' in refused.text and 'href="/forgot"' in refused.text
    with running.as_person("viewer") as browser:
        refused = browser.get(path).text
        assert "Go to the board" in refused and 'href="/sign-in"' not in refused


def test_signing_in_gives_a_cookie_no_script_can_read(running: Running) -> None:
    with running.as_nobody() as browser:
        answer = browser.post(
            "/sign-in", data={"email": "Viewer@Fern.example ", "password": PASSWORD, "next": "/goals"}
        )
    assert (answer.status_code, answer.headers["location"]) == (303, "/goals")
    cookie = answer.headers["set-cookie"].lower()
    for flag in ("httponly", "samesite=lax", "path=/"):
        assert flag in cookie
    assert "secure" not in cookie  # this server is plain http; see the next test


def test_the_cookie_is_secure_where_the_address_is() -> None:
    class Context:
        class config:
            base_url = "https://tandem.example"

    assert sessions.cookie(Context(), "x", 1).secure is True  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "onward",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http://[",
        "//[",
        "/%0d%0aset-cookie:x=1\r\nx: y",
        " //evil.example",
        "evil.example",
    ],
)
def test_signing_in_never_leads_elsewhere(running: Running, onward: str) -> None:
    with running.as_nobody() as browser:
        form = browser.get("/sign-in", params={"next": onward})
        assert form.status_code == 200
        answer = browser.post("/sign-in", data={"email": "viewer@fern.example", "password": PASSWORD, "next": onward})
    assert answer.status_code == 303
    onward_to = httpx.URL(running.url).join(answer.headers["location"])
    assert str(onward_to).startswith(running.url + "/")
    assert "set-cookie:x" not in str(answer.headers).lower().replace(" ", "")


def test_signing_out_ends_it(running: Running) -> None:
    with running.as_nobody() as browser:
        browser.post("/sign-in", data={"email": "finance@fern.example", "password": PASSWORD})
        cookie = browser.cookies["tandem_sign_in"]
    import hashlib
    import hmac

    from tandem.accounts import store

    proof = hmac.new(store.secret(running.database, "house"), b"csrf:" + cookie.encode(), hashlib.sha256).hexdigest()[
        :32
    ]
    with httpx.Client(base_url=running.url, cookies={"tandem_sign_in": cookie}) as browser:
        assert browser.get("/goals").status_code == 200
        assert browser.post("/sign-out", headers={"x-csrf": proof}).status_code == 200
    with httpx.Client(base_url=running.url, cookies={"tandem_sign_in": cookie}) as browser:
        assert browser.get("/goals").status_code in (302, 307)


def test_guessing_is_slowed_for_the_account_and_its_sender_and_for_nobody_else(running: Running) -> None:
    guesser, other = {"x-forwarded-for": "198.51.100.7"}, {"x-forwarded-for": "203.0.113.8"}
    good = {"email": "agency@fern.example", "password": PASSWORD}
    with running.as_nobody() as browser:
        statuses = [
            browser.post("/sign-in", data={**good, "password": f"guess {i}"}, headers=guesser).status_code
            for i in range(9)
        ]
        assert statuses == [401] * 8 + [429]
        assert browser.post("/sign-in", data=good, headers=guesser).status_code == 429
        assert browser.post("/sign-in", data=good, headers=other).status_code == 303
        elsewhere = {"email": "finance@fern.example", "password": PASSWORD}
        assert browser.post("/sign-in", data=elsewhere, headers=guesser).status_code == 303, "a shared office goes on"


def test_sixty_guesses_at_once_pass_no_more_often_than_sixty_in_a_row(running: Running) -> None:
    def guess(number: int) -> int:
        with running.as_nobody() as browser:
            data = {"email": "engineering@fern.example", "password": f"guess {number}"}
            return browser.post("/sign-in", data=data, headers={"x-forwarded-for": "198.51.100.60"}).status_code

    with ThreadPoolExecutor(60) as pool:
        statuses = Counter(pool.map(guess, range(60)))
    assert statuses == {401: 8, 429: 52}


def test_nobody_elsewhere_locks_out_a_browser_that_has_signed_in_before(running: Running) -> None:
    good = {"email": "executive@fern.example", "password": PASSWORD}
    with running.as_nobody() as mine, running.as_nobody() as botnet:
        assert mine.post("/sign-in", data=good, headers={"x-forwarded-for": "203.0.113.9"}).status_code == 303
        mine.cookies.delete(COOKIE)
        for _ in range(40):  # as many strangers have failed by now
            take(running.database, TryLimit("account:executive@fern.example", 40, 3600))
        statuses = [
            botnet.post("/sign-in", data={**good, "password": "guess"}, headers={"x-forwarded-for": f"198.51.100.{i}"})
            for _ in range(4)
            for i in range(3)
        ]
        assert Counter(s.status_code for s in statuses) == {401: 9, 429: 3}, "two each, and a pace that all share"
        assert "Somebody keeps trying" in statuses[-1].text
        assert botnet.post("/sign-in", data=good, headers={"x-forwarded-for": "192.0.2.1"}).status_code == 303
        assert mine.post("/sign-in", data=good, headers={"x-forwarded-for": "203.0.113.9"}).status_code == 303
        forged = {"tandem_device": "A" * 22 + "0" * 32}
        with httpx.Client(base_url=running.url, cookies=forged) as stranger:
            wrong = {**good, "password": "guess"}
            assert [stranger.post("/sign-in", data=wrong).status_code for _ in range(3)] == [401, 401, 429]


def test_set_up_happens_once(running: Running) -> None:
    with running.as_nobody() as browser:
        assert browser.get("/set-up").headers["location"].startswith("/sign-in")
        given = {
            "company": "Evil",
            "email": "e@e.example",
            "name": "E",
            "password": PASSWORD,
            "key": "evil",
            "host": "e.example",
        }
        assert browser.post("/set-up", data=given).status_code == 409
        assert browser.post("/set-up", data=given, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_a_fresh_server_is_set_up_in_the_browser(tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir()
    process, url = started(folder)
    try:
        with httpx.Client(base_url=url, timeout=30) as browser:
            assert browser.get("/", follow_redirects=True).url.path == "/set-up"
            given = {
                "company": "Fern",
                "email": "a@fern.example",
                "name": "A",
                "password": "short",
                "key": "fern",
                "host": "fern.example",
            }
            for code in ("", "AAAA-BBBB-CCCC"):
                stranger = browser.post("/set-up", data={**given, "password": PASSWORD, "code": code})
                assert (stranger.status_code, "set-up code is wrong" in stranger.text) == (400, True)
            file = folder / "set-up-code"
            assert file.stat().st_mode & 0o777 == 0o600
            code = file.read_text().strip()
            assert f"/set-up?code={code}" in (tmp_path / "fresh.log").read_text(), "the operator is told"
            given["code"] = code.lower().replace("-", " ")
            refused = browser.post("/set-up", data=given)
            assert (refused.status_code, "too short" in refused.text) == (400, True)
            made = browser.post("/set-up", data={**given, "password": PASSWORD})
            assert browser.get("/start").text.count("data-site=&#34;fern&#34;") >= 1
            assert (made.status_code, made.headers["location"]) == (303, "/start")
            assert browser.get("/settings").status_code == 200
            assert not file.exists()
            assert browser.post("/set-up", data={**given, "password": PASSWORD}).status_code == 409
    finally:
        process.terminate()
        assert process.wait(30) == 0


# ── pages ──


class Inline(HTMLParser):
    """Finds whatever the policy would refuse to run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        given = dict(attrs)
        is_data = given.get("type") in ("application/json", "text/x-template")
        if (tag == "script" and not given.get("src") and not is_data) or tag == "style":
            self.found.append(f"<{tag}>")
        self.found += [
            f"{tag} {n}" for n, v in attrs if n.startswith("on") or n == "style" or str(v).startswith("javascript:")
        ]
        self.found += [
            f"{tag} {n}={v}"
            for n, v in attrs
            if n.startswith("hx-on") or (n in ("hx-vals", "hx-headers") and str(v).startswith("js:"))
        ]
        address = given.get("src") or (given.get("href") if tag == "link" else "") or ""
        if address.startswith(("http:", "https:", "//")) and tag != "a":
            self.found.append(f"{tag} {address}")


@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/forgot"])
def test_a_page_sends_every_safe_header_and_nothing_inline(running: Running, path: str) -> None:
    with running.as_nobody() if path in ("/sign-in", "/forgot") else running.as_person("admin") as browser:
        answer = browser.get(path, headers={"accept": "text/html"})
    assert answer.status_code == (404 if path == "/no-such-page" else 200), answer.text[:400]
    for name, value in SAFE_HEADERS.items():
        assert answer.headers[name] == value
    assert "unsafe" not in answer.headers["content-security-policy"]
    parser = Inline()
    parser.feed(answer.text)
    assert parser.found == []


def test_what_is_private_is_stored_by_no_browser_and_files_for_a_year(running: Running) -> None:
    with running.as_program("all") as program, running.as_person("admin") as browser:
        assert program.get("/api/sites").headers["cache-control"] == "no-store"
        page = browser.get("/settings")
        assert page.headers["cache-control"] == "no-store"
        style = re.search(r'href="(/static/tandem[^"]+)"', page.text)
        assert style is not None
        assert "max-age=31536000" in browser.get(style[1]).headers["cache-control"]


def test_stores_and_keys_are_for_their_owner_only(scratch: Path) -> None:
    """Those that a server itself has made: on a folder that is not there yet, not on a copy."""
    folder = scratch / "for-the-owner"
    process, _ = started(folder)
    try:
        for path in (folder, *folder.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, path
        assert (folder / "records.db-wal").exists()
        assert (folder / "events").is_dir()
    finally:
        process.terminate()
        process.wait(30)


def test_what_people_write_is_shown_as_text(running: Running) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    with running.as_person("admin") as browser:
        browser.post("/changes", data={"kind": "other", "title": evil, "note": evil, "author": evil, "scope": evil})
        browser.post("/goals", data={"name": evil, "kind": "event", "match": evil})
        for path in (
            "/changes",
            "/goals",
            "/board",
            "/traffic?f=" + httpx.QueryParams({"x": "page:is:" + evil})["x"].replace("&", "%26"),
        ):
            text = browser.get(path).text
            assert not re.search(r"<script>alert|<img src=x", text), path


def test_errors_tell_no_trace(running: Running) -> None:
    with running.as_person("admin") as browser:
        for path in ("/traffic?period=nonsense", "/api/metrics?metrics=nope", "/board?f=nonsense", "/explain/nope"):
            answer = browser.get(path)
            assert answer.status_code in (400, 404)
            assert "Traceback" not in answer.text


ENDED = "Your session has ended. Sign in to go on."


def test_a_session_that_has_ended_is_told_and_a_first_visit_is_not(running: Running) -> None:
    """Somebody in the middle of their work was thrown to the form without a word."""
    with running.as_nobody() as browser:
        here = {"referer": f"{running.url}/board?site=fern"}
        cases: list[tuple[dict[str, str], bool]] = [
            ({}, False), ({"referer": f"{running.url}/sign-in"}, False), ({"referer": f"{running.url}/nowhere"}, False),
            ({"referer": "https://elsewhere.example/board"}, False), (here, True),
            ({"cookie": f"{COOKIE}=over"}, True), ({"hx-request": "true", "hx-current-url": here["referer"]}, True),
        ]  # fmt: skip
        for headers, is_told in cases:
            answer = browser.get("/goals", headers=headers)
            form = browser.get(answer.headers.get("hx-redirect") or answer.headers["location"]).text
            assert (ENDED in form) == is_told, headers
            assert 'name="next" value="/' in form
