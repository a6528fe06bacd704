"""The check of a site: what it says of a page, and that it can be led to no private address."""

import gzip
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import http
from tandem.base.config import Config
from tandem.base.errors import SourceError, UserError
from tandem.base.http import WebPage
from tandem.collect import counter, start
from tandem.collect.model import site_check
from tandem.collect.model.site_check import SiteProblem, Verdict, verdict_of
from tandem.core.context import Context
from tests.inside import opened_by_admin

TAG = '<script defer src="https://tandem.example/t/tandem.js" data-site="shop"></script>'
PICTURE = '<noscript><img src="https://tandem.example/t/pixel.gif?s=shop" alt=""></noscript>'
PAGE = "<html><head>{}</head><body>{}</body></html>"
GOOD = PAGE.format(TAG, "")
COUNTER = counter.script("/t/tandem.js").decode()
CSP = "script-src 'self' {}; connect-src {}"


def problems_of(*given: Any) -> list[SiteProblem]:
    return verdict_of(*given).problems


def said(text: str, *policies: str, url: str = "https://shop.example/", status: int = 200) -> list[str]:
    return [p.what % p.values if p.values else p.what for p in problems_of(url, status, text, policies, "shop")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PAGE.format("", ""), ["No tag was found"]),
        (PAGE.format("<!-- " + TAG + " -->", ""), ["No tag was found"]),
        (PAGE.format('<script src="https://www.googletagmanager.com/gtm.js?id=GTM-1"></script>', ""), ["Tag Manager"]),
        (
            PAGE.format('<script>s.src = "https://tandem.example/t/tandem.js"</script>', ""),
            ["The counter is loaded by a script"],
        ),
        (PAGE.format(TAG.replace('"shop"', '"other"'), ""), ["names the site “other”"]),
        (PAGE.format(TAG.replace("defer", 'type="text/plain"'), ""), ["waits for consent"]),
        (PAGE.format("", TAG), ["is in the body"]),
        (PAGE.format(TAG, TAG), ["2 times"]),
        (PAGE.format(TAG + PICTURE, ""), ["is in the head. For them"]),
        (PAGE.format(TAG, PICTURE), []),
        (PAGE.format(TAG.replace("https:", "http:"), ""), ["over http"]),
        (PAGE.format(TAG.replace("https://tandem.example", "http://localhost:8080"), ""), ["cannot reach"]),
        (PAGE.format(TAG.replace("https://tandem.example", "http://tandem:8080"), ""), ["cannot reach"]),
        (PAGE.format(TAG.replace("https://tandem.example", "http://10.0.0.5"), ""), ["cannot reach"]),
    ],
)
def test_what_is_wrong_is_said(text: str, words: list[str]) -> None:
    told = said(text)
    assert len(told) == len(words) and all(word in what for word, what in zip(words, told, strict=True)), told


@pytest.mark.parametrize(
    ("src", "words"),
    [
        ("https://old.example/t/tandem.js", ["from old.example; this Tandem is tandem.example", "again", "False"]),
        ("https://tandem.example:8443/t/tandem.js", ["from tandem.example:8443; this Tandem is", "again", "False"]),
        ("/t/tandem.js", ["from www.shop.example, the site's own address; this Tandem is tandem", "passes", "True"]),
        ("https://t.shop.example/t/tandem.js", ["from t.shop.example, the site's own", "passes", "True"]),
        ("https://tandem.example/t/tandem.js", []),
        ("//TANDEM.example:443/t/tandem.js", []),
        ("https://stats.example/t/tandem.js", []),  # as the page with the tag is served
    ],
)
def test_a_tag_of_another_server_is_told(src: str, words: list[str]) -> None:
    page = PAGE.format(TAG.replace("https://tandem.example/t/tandem.js", src), "")
    own = ["https://tandem.example", "http://stats.example/"]
    told = [
        part
        for one in problems_of("https://www.shop.example/", 200, page, [], "shop", own)
        for part in (one.what % one.values, one.hint, str(one.is_harmless))
    ]
    assert len(told) == len(words) and all(word in part for word, part in zip(words, told, strict=True)), told


def test_a_page_that_is_right_is_told_nothing() -> None:
    assert said(GOOD) == []
    assert said(PAGE.format(TAG.replace("https://tandem.example", ""), "")) == [], "the counter on the own host"
    assert said(GOOD, status=503) == ["The start page responds with status 503."]


@pytest.mark.parametrize(
    ("policy", "blocked"),
    [
        (CSP.format("https://tandem.example", "https://tandem.example"), []),
        (CSP.format("tandem.example", "*"), []),
        (CSP.format("https:", "https:"), []),
        (CSP.format("https://*.example", "https://*.example/t/"), []),
        (CSP.format("https://tandem.example/t/tandem.js", "https://tandem.example/t/hit"), []),
        (CSP.format("", "'self'"), ["script-src", "connect-src"]),
        (CSP.format("https://*.tandem.example", "https://tandem.example:8443"), ["script-src", "connect-src"]),
        (CSP.format("'nonce-abc' 'strict-dynamic' https:", "*"), ["script-src"]),
        ("default-src 'self'", ["script-src", "connect-src"]),
        ("default-src 'none'; script-src-elem https://tandem.example; connect-src *", []),
        ("img-src 'self'", []),
    ],
)
def test_policies_are_read_as_browsers_read_them(policy: str, blocked: list[str]) -> None:
    assert [what.partition("(")[2].rstrip(").") for what in said(GOOD, policy)] == blocked
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    assert len(said(PAGE.format(meta + TAG, ""))) == len(blocked), "the same in the page itself"
    assert len(said(GOOD, "default-src *", policy)) == len(blocked), "every policy must allow it"


def test_a_tag_with_the_nonce_of_the_policy_may_load() -> None:
    page = PAGE.format(TAG.replace("defer", 'defer nonce="abc"'), "")
    assert said(page, "script-src 'nonce-abc' 'strict-dynamic'") == []


# ── fetching ──


class Answer(BaseHTTPRequestHandler):
    """Answers by path: pages, redirects, what is no page, and what never ends."""

    def do_GET(self) -> None:
        kind, _, rest = self.path[1:].partition("/")
        if kind == "to":
            self.send_response(302)
            self.send_header("location", rest.replace("PORT", str(self.server.server_address[1])))
            self.end_headers()
        elif kind == "round":
            self.send_response(301)
            self.send_header("location", f"/round/{rest}x")
            self.end_headers()
        elif kind == "bare":
            self.send_response(int(rest.partition("/")[0]))
            self.end_headers()
        elif kind == "in":
            self._send(
                GOOD.replace("<body>", "<body>\\ud800").encode(), **{"content-type": f"text/html; charset={rest}"}
            )
        elif kind == "big":
            self._send(gzip.compress(b"x" * (3 << 20)), **{"content-encoding": "gzip"})
        elif kind == "image":
            self._send(b"x", **{"content-type": "image/png"})
        elif kind == "t":
            self._send(COUNTER.encode(), **{"content-type": "text/javascript"})
        elif kind == "none":
            self.send_error(404)
        elif kind == "drip":
            self.send_response(200)
            for _ in range(40):
                self.wfile.write(b"x-a: b\r\n")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self._send(GOOD.encode(), **{"content-security-policy": "default-src *"})

    def _send(self, body: bytes, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"content-type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def stub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()


HERE = "127.0.0.1"


def test_a_page_is_fetched_with_its_policies_through_redirects(stub: str) -> None:
    page = http.fetch_page(f"http://{stub}/to//to//page", HERE)
    assert (page.url, page.status, page.text, page.policies) == (f"http://{stub}/page", 200, GOOD, ("default-src *",))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("round/", "redirects endlessly"), ("big", "more data than"), ("image", "not a web page"),
        ("to/ftp://127.0.0.1/", "not the address of a web"), ("to/file:///etc/passwd", "not the address of a web"),
        ("bare/302", "no Location header"), ("to//bare/307", "no Location header"),
    ],
)  # fmt: skip
def test_what_is_no_page_is_left(stub: str, path: str, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        http.fetch_page(f"http://{stub}/{path}", HERE)


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://[::bad", "not the address"), ("javascript:alert(1)", "not the address"),
        ("mailto:", "not the address"), ("https:ru", "not the address"),
        ("http://127.0.0.1:99999/", "not the address"), ("http://exa mple/", "does not respond"),
        ("http://127.0.0.1:1/", "does not respond"), ("https://127.0.0.1:PORT/", "does not respond"),
    ],
)  # fmt: skip
def test_a_redirect_that_nobody_can_follow_is_told_with_its_target(
    ctx: Context, site: Site, stub: str, location: str, why: str
) -> None:
    """The site's own host was said not to respond, and the check to be blocked."""
    ctx.config = msgspec.structs.replace(ctx.config, reach=HERE)
    with pytest.raises(http.RedirectError) as told:
        http.fetch_page(f"http://{stub}/to/{location}", HERE)
    problem = start._of_redirect(told.value)
    target = location.replace("PORT", stub.partition(":")[2]).replace(" ", "%20")
    assert (problem.what % problem.values).startswith(f"{stub} redirects to {target}: ") and why in told.value.what
    assert "Visitors are redirected there too" in problem.hint


def test_a_site_whose_redirect_fails_is_not_asked_by_http(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()

    def refused(url: str, _: str) -> WebPage:
        asked.append(url)
        raise http.RedirectError("shop.example", http.NO_ANSWER, "https://dead.example/")

    monkeypatch.setattr(start, "fetch_page", refused)
    with pytest.raises(http.RedirectError):
        start._fetched("shop.example", "")
    assert asked == ["https://shop.example/"]


@pytest.mark.parametrize("charset", ["nonsense", "utf8mb4", "unicode_escape", "punycode", "hex", "windows-1251"])
def test_a_page_in_an_odd_encoding_is_read_as_browsers_read_it(stub: str, charset: str) -> None:
    """Unknown encodings were a mistake of ours, and Python's own took minutes or made half characters."""
    page = http.fetch_page(f"http://{stub}/in/{charset}", HERE)
    assert "\\ud800" in page.text, "as it was sent"
    assert start._judged(page, "shop", ["https://tandem.example"]) == verdict_of(*page, "shop")


def test_a_page_that_is_neither_there_nor_elsewhere_is_told_by_its_status(stub: str) -> None:
    assert said("", status=http.fetch_page(f"http://{stub}/bare/304", HERE).status) == [
        "The start page responds with status 304."
    ]


def test_headers_that_never_end_are_cut_off(stub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAGE_S", 1.0)
    began = time.monotonic()
    with pytest.raises(SourceError):
        http.fetch_page(f"http://{stub}/drip", HERE)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"],
)
def test_private_addresses_are_never_called(stub: str, host: str) -> None:
    port = stub.partition(":")[2]
    with pytest.raises((UserError, SourceError)) as told:
        http.fetch_page(f"http://{host}:{port}/", "")
    assert isinstance(told.value, UserError) and told.value.status == 403


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://[::1]:PORT/", "http://10.1.2.3/"])
def test_a_redirect_leads_to_no_private_address(stub: str, target: str) -> None:
    with pytest.raises(UserError) as told:
        http.fetch_page(f"http://{stub}/to/{target}", "127.0.0.1/32")
    assert told.value.status == 403


def test_a_name_that_changes_its_address_gains_nothing(stub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the address that was checked is the one that is called, however often the name changes."""
    asked = list[str]()
    real = http.socket.getaddrinfo

    def rebinding(host: str, port: int, *more: Any, **named: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *more, **named)
        asked.append(host)
        return real("10.1.2.3" if len(asked) > 1 else "127.0.0.1", port, *more, **named)

    monkeypatch.setattr(http.socket, "getaddrinfo", rebinding)
    assert http.fetch_page(f"http://rebind.example:{stub.partition(':')[2]}/", HERE).text == GOOD
    assert len(asked) == 1
    with pytest.raises(UserError):
        http.fetch_page(f"http://rebind.example:{stub.partition(':')[2]}/", HERE)


def test_a_page_made_to_keep_its_reader_busy_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "READ_WITHIN_S", 2.0)
    page = WebPage(url="https://shop.example/", status=200, text="<a " * 100_000, policies=())
    (problem,) = start._judged(page, "shop").problems
    assert problem.what == "Reading the start page takes too long."


def test_a_busy_page_costs_seconds_of_one_core_and_no_more() -> None:
    """It could take the ten seconds of the clock, twenty times in five minutes."""
    page = WebPage(url="https://shop.example/", status=200, text="<a " * 500_000, policies=())
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert start._judged(page, "shop") == Verdict([start.TOO_LONG])
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < site_check.CPU_S + 1


def test_a_reader_that_takes_too_much_memory_or_says_too_much_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    long = WebPage(url="https://shop.example/" + "x" * 100_000, status=404, text="", policies=())
    assert start._judged(long, "shop") == Verdict([start.TOO_LONG]), "its answer names the address twice"
    monkeypatch.setattr(start.site_check, "__file__", str(_greedy()))
    assert start._judged(long, "shop") == Verdict([start.TOO_LONG])


def _greedy() -> Path:
    """The reader, but its first page takes a gigabyte."""
    text = Path(site_check.__file__).read_text()
    found = Path(tempfile.mkdtemp()) / "greedy.py"
    found.write_text(
        text.replace("    page = _Reader()", "    bytes(1 << 30)\n    page = _Reader()").replace(
            "status >= 400", "False"
        )
    )
    return found


def test_hostile_pages_count_against_a_small_limit_and_others_do_not(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [start.TOO_LONG]
    monkeypatch.setattr(start, "_checked", lambda *_: ("shop.example", found))
    for _ in range(start.HOSTILE[0]):
        assert start.judged_within(ctx, site, 1) == ("shop.example", found)
    with pytest.raises(UserError) as told:
        start.judged_within(ctx, site, 1)
    assert told.value.status == 429
    found = []
    for _ in range(5):
        assert start.judged_within(ctx, site, 2) == ("shop.example", [])


def test_a_page_is_judged_in_its_own_process_as_it_is_in_ours() -> None:
    page = WebPage(url="https://shop.example/", status=200, text=GOOD, policies=())
    assert start._judged(page, "shop") == verdict_of(page.url, page.status, page.text, page.policies, "shop")


@pytest.mark.parametrize("odd", ['<script src="http://[x"></script>', '<base href="http://[">'])
def test_addresses_that_are_none_do_not_end_the_check(odd: str) -> None:
    page = f'<head>{odd}<script defer src="https://t.example/t/tandem.js" data-site="fern"></script></head>'
    policy = ["script-src t.example:" + "9" * 5000]
    assert isinstance(problems_of("https://fern.example/", 200, page, policy, "fern"), list)


def test_the_check_names_hosts_in_their_own_letters(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    accounts.change_site(ctx.database, site, hosts=["xn--e1afmkfd.xn--p1ai"])
    ctx.forget_sites()
    ctx.config = msgspec.structs.replace(ctx.config, url="https://tandem.example")
    at, text = "https://xn--e1afmkfd.xn--p1ai/", PAGE.format("", "")

    def silent(url: str, allowed: str) -> WebPage:
        raise SourceError("xn--e1afmkfd.xn--p1ai", "it does not respond")

    with opened_by_admin(ctx, site, start.ROUTES) as browser:
        monkeypatch.setattr(start, "fetch_page", silent)
        monkeypatch.setattr(start, "fetch_script", lambda url, _: WebPage(url, 200, COUNTER, ()))
        assert "Tandem could not open пример.рф: it does not respond." in browser.post("/start/check").text
        monkeypatch.setattr(start, "fetch_page", lambda url, _: WebPage(at, 200, text, ()))
        assert "No tag was found on https://пример.рф/." in browser.post("/start/check").text
        tagged = PAGE.format(TAG.replace('"shop"', f'"{site.key}"'), "")
        monkeypatch.setattr(start, "fetch_page", lambda url, _: WebPage(at, 200, tagged, ()))
        assert "https://пример.рф/: no problems found." in browser.post("/start/check").text
        foreign = tagged.replace("tandem.example", "xn--maana-pta.example")
        monkeypatch.setattr(start, "fetch_page", lambda url, _: WebPage(at, 200, foreign, ("script-src 'self'",)))
        assert "Add https://xn--maana-pta.example to script-src" in browser.post("/start/check").text, "to be copied"


# ── the script of the tag ──


def test_a_script_that_is_the_counter_is_told_nothing() -> None:
    assert site_check.problem_of_script("https://t.example/t/tandem.js", 200, COUNTER) is None
    source = (counter.STATIC / "tandem.src.js").read_text("utf-8")
    assert site_check.problem_of_script("https://t.example/t/tandem.js", 200, source) is None


@pytest.mark.parametrize(
    ("src", "words"),
    [
        ("http://HERE/t/tandem.js", []),
        ("/t/tandem.js", []),
        ("http://HERE/to//t/tandem.js", []),
        ("/page/t/tandem.js", ["HERE/page/t/tandem.js, but that is not the counter"]),
        ("/image/t/tandem.js", ["that is not the counter"]),
        ("/none/t/tandem.js", ["which the tag loads the counter from, responds with status 404"]),
        ("/round/t/tandem.js", ["it redirects endlessly"]),
        ("/bare/302/t/tandem.js", ["does not load from HERE: it redirects without an address to go to"]),
        ("/bare/304/t/tandem.js", ["which the tag loads the counter from, responds with status 304"]),
        ("/in/nonsense/t/tandem.js", ["that is not the counter"]),
        (
            "http://127.0.0.1:1/t/tandem.js",
            ["from 127.0.0.1:1, the site's own address", "does not load from 127.0.0.1:1"],
        ),
        ("http://10.0.0.5/t/tandem.js", ["from 10.0.0.5; this Tandem is", "from 10.0.0.5 could not be checked"]),
    ],
)
def test_the_script_of_the_tag_must_be_the_counter(
    ctx: Context, site: Site, stub: str, monkeypatch: pytest.MonkeyPatch, src: str, words: list[str]
) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach=HERE, url=f"http://{stub}")
    tag = TAG.replace("https://tandem.example/t/tandem.js", src.replace("HERE", stub)).replace('"shop"', '"fern"')
    page = WebPage(f"http://{stub}/", 200, PAGE.format(tag, ""), ())
    monkeypatch.setattr(start, "fetch_page", lambda url, _: page)
    own = start._own_addresses(ctx.config, "http://localhost:8080/")
    told = sorted(p.what % p.values for p in start._checked(ctx, site, own)[1])
    assert len(told) == len(words), told
    for what in words:
        assert any(what.replace("HERE", stub) in one for one in told), told


@pytest.mark.parametrize(
    ("url", "asked", "own"),
    [
        ("http://localhost:8080", "http://localhost:8080/", ["http://localhost:8080"]),
        ("https://t.example", "http://localhost:8080/", ["https://t.example"]),
        ("", "https://t.example/", ["https://t.example/"]),
        ("", "http://localhost:8080/", []),
    ],
)
def test_a_private_address_of_tandem_counts_where_the_operator_named_it(url: str, asked: str, own: list[str]) -> None:
    assert start._own_addresses(Config(url=url), asked) == own


@pytest.mark.parametrize(
    ("src", "asked", "is_doubted"),
    [
        ("http://HERE/t/tandem.js", "http://127.0.0.1:8080/", True),
        ("http://HERE/t/tandem.js", "http://HERE/", False),
        ("http://HERE/t/tandem.js", "http://localhost:PORT/", False),
        ("http://HERE/t/tandem.js", "https://t.example/", False),  # told as a problem
        ("https://t.example/t/tandem.js", "http://127.0.0.1:8080/", True),
    ],
)
def test_a_tag_that_may_lead_elsewhere_is_no_clean_verdict(
    ctx: Context, site: Site, stub: str, monkeypatch: pytest.MonkeyPatch, src: str, asked: str, is_doubted: bool
) -> None:
    """A Tandem at 127.0.0.1 found no problem in the tag of another one."""
    src, asked = (text.replace("HERE", stub).replace("PORT", stub.partition(":")[2]) for text in (src, asked))
    tag = TAG.replace("https://tandem.example/t/tandem.js", src).replace('"shop"', '"fern"')
    monkeypatch.setattr(start, "fetch_page", lambda url, _: WebPage(f"http://{stub}/", 200, PAGE.format(tag, ""), ()))
    monkeypatch.setattr(start, "fetch_script", lambda url, _: WebPage(url, 200, COUNTER, ()))
    problems = start._checked(ctx, site, start._own_addresses(ctx.config, asked), asked)[1]
    assert any("Whether that is this Tandem is not known" in p.what for p in problems) == is_doubted
    assert bool(problems) == (asked not in (f"http://{stub}/", f"http://localhost:{stub.partition(':')[2]}/"))
