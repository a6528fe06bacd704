"""What a stranger or a user can do to a running product: each attack of the security page, bounded in count and time.

`make bench NAME=attack`. The last line is JSON:

    loader_stopped         1 if honest hits sent after the poison are not in the store within the time a loader needs
    rss_growth_mb          how much more memory the server holds after all attacks than before, once it is idle
    rss_peak_mb            the same while they last
    pages_answer_s         the slowest answer of a page while connections that never end, floods and files last
    foreign_revenue_lost   orders of the shop's server that ids sent by a stranger kept out of the revenue
    people_merged          strangers' claims that made one person of two
    stops_s                seconds until the server has ended that is told to stop beside bodies that never do
    numbers_taken          phone numbers of a pool of twelve that one sender holds with two hundred browsers
    long_visit_cpu_s       CPU time of one more batch of a visit of 100,000 facts, the bound for a visitor lifted
    long_visit_rss_mb      how much more memory it takes than any other small batch
    two_ids_cpu_s          CPU time of a batch of 80,000 hits of one browser under two ids, the bound lifted
"""

import io
import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

from bench.load import BROWSER
from bench.long_visit import long_visit
from bench.servers import Running
from bench.two_ids import two_ids
from tandem.accounts import store as accounts
from tandem.app import close_context, open_context
from tandem.base.config import Config
from tandem.calls import store as calls
from tandem.people import store as people
from tandem.people.model.identifier import Link, email, phone

EMAIL, PASSWORD = "bench@shop.example", "a long password"
ANNA, BORIS = ("+48600100200", "anna@shop.example"), ("+48600100300", "boris@shop.example")
CONNECTIONS = 1_100
LARGE_BODY, LARGE_BODIES = 4_190_000, 500
BOARDS = 150
LOADED_WITHIN_S = 60.0
ORDERS = 20
NUMBERS = 12


class Client:
    """One sender; the server believes its proxies on this machine, so each may have an address of its own."""

    def __init__(self, port: int, address: str, agent: str = BROWSER) -> None:
        self.base, self.headers = f"http://127.0.0.1:{port}", {"X-Forwarded-For": address, "User-Agent": agent}

    def send(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.base + path, body, self.headers | named)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def hit(self, *events: dict[str, Any]) -> int:
        body = {"s": "bench", "c": int(time.time() * 1000), "e": [{"t": int(time.time() * 1000), **e} for e in events]}
        return self.send("/t/hit", json.dumps(body).encode())[0]


class Watch:
    """Looks at memory and at a page all the time, from a thread of its own."""

    def __init__(self, server: Running) -> None:
        self._server, self._client = server, Client(server.port, "198.51.100.99")
        self.slowest_s, self.peak_mb = 0.0, 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._is_over.wait(0.2):
            began = time.monotonic()
            with suppress(OSError):  # no answer is the slowest of all: its time counts too
                self._client.send("/sign-in")
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            self.peak_mb = max(self.peak_mb, self._server.rss_mb())

    @contextmanager
    def on(self) -> Iterator["Watch"]:
        self._thread.start()
        yield self
        self._is_over.set()
        self._thread.join()


def poison(port: int) -> None:
    """Values that once overflowed the engine, or could: amounts, numbers, depth, halves of characters."""
    stranger = Client(port, "203.0.113.10")
    amounts = [9.9e11, -9.9e11, 1e30, 1e308, 123456789012345.678]
    for n, amount in enumerate(amounts * 6):
        stranger.hit({"i": f"p{n}", "k": "event", "n": "purchase", "u": "https://shop.example/", "a": amount})
    for value in ("1e400", "-1e400", "1" * 5000, "[" * 5000, '"\\ud83d"', '"\\u0000"', "null", "true"):
        event = f'{{"i":"q","k":"vital","n":"LCP","t":{value},"u":"https://shop.example/","v":{value}}}'
        stranger.send("/t/hit", f'{{"s":"bench","c":{value},"e":[{event}]}}'.encode())
    for t in (0, -(10**18), 2**63 - 1, 8_700_000_000_000):
        stranger.hit({"i": f"t{t}", "k": "pageview", "t": t, "u": "https://shop.example/"})


def flood(port: int, hits: int = 4_000) -> None:
    """One visitor sends 58 KB a hit, all in one visit."""
    stranger = Client(port, "203.0.113.11")
    props = {f"k{i}": "x" * 480 for i in range(23)}
    for n in range(hits):
        events = [
            {"i": f"f{n}-{i}", "k": "event", "n": "e", "u": "https://shop.example/", "p": props} for i in range(5)
        ]
        stranger.hit(*events)


def many_browsers(port: int, hits: int = 3_000) -> None:
    """One sender names another of forty browsers with each hit of 57 KB: each is a visitor of its own."""
    random, letters = Random(1), "abcdefghijklmnopqrstuvwxyz0123456789"
    for n in range(hits):
        props = {f"k{i}": "".join(random.choices(letters, k=20)) * 24 for i in range(23)}
        events = [
            {"i": f"b{n}-{i}", "k": "event", "n": "e", "u": "https://shop.example/", "p": props} for i in range(5)
        ]
        Client(port, "203.0.113.14", BROWSER.replace("129", str(100 + n % 40))).hit(*events)


def long_texts(port: int) -> None:
    """Forms, queries, claims and landing pages, each another one: nothing of them is worth remembering."""
    stranger = Client(port, "203.0.113.15")
    for n in range(100):
        with suppress(OSError):  # refused by its size before it is sent whole
            stranger.send("/forgot", f"email={n}&pad=".encode() + b"x" * 4_000_000)
        with suppress(OSError):
            stranger.send("/sign-in", f"email={n}".encode() + b"&1=1" * 900_000)
    for n in range(1_200):
        stranger.send("/sign-in?" + f"n{n}=1&" * 1_000)
    for n in range(300):
        phones = [
            {"i": f"p{n}-{i}", "k": "identify", "p": {"phone": f"{n}-{i}" + "\U0001f600" * 480}} for i in range(25)
        ]
        Client(port, f"203.0.113.{n % 200}").hit(*phones)
        url = f"https://shop.example/?utm_campaign={n}" + "y" * 1_900
        Client(port, f"203.0.113.{n % 200}").hit({"i": f"l{n}", "k": "pageview", "u": url, "r": url})


def never_ending(port: int, seconds: float = 12.0) -> None:
    """Connections that send nothing, half of their headers, or half of a body; four kinds, one after the other."""
    kinds = (
        b"",
        b"GET /board HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"POST /t/hit HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nemail=",
    )
    for begun in kinds:
        with ExitStack() as stack:
            for _ in range(CONNECTIONS):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
                connection.sendall(begun)
            time.sleep(seconds / len(kinds))


def unfinished(port: int, stack: ExitStack, path: str, count: int) -> None:
    """Webhooks of a stranger of which all but the last kilobyte comes, then nothing more."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256={'0' * 64}\r\n"
    for _ in range(count):
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        with suppress(OSError):  # refused before it is sent whole
            connection.sendall(f"{head}Content-Length: {LARGE_BODY}\r\n\r\n".encode())
            connection.sendall(bytes(LARGE_BODY - 1_000))


def large_bodies(port: int) -> None:
    """To a site that there is not, and to one that there is: its key stands in every page of it."""
    with ExitStack() as stack:
        unfinished(port, stack, "/hooks/github/nosite", LARGE_BODIES)
        unfinished(port, stack, "/hooks/github/bench", LARGE_BODIES)
        time.sleep(3)


def stops_s(server: Running) -> float:
    """How long the server takes to end while three bodies are never finished."""
    with ExitStack() as stack:
        unfinished(server.port, stack, "/hooks/github/bench", 3)
        time.sleep(1)
        began = time.monotonic()
        server.stop()
        return time.monotonic() - began


def two_cells() -> bytes:
    """A workbook of 1.5 KB whose two cells stand in the first and in the last place of a sheet."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kinds}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type='
        f'"{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" Type='
        f'"{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{rows}</sheetData></worksheet>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def signed_in(port: int) -> Client:
    """Somebody of the workspace, who may send files and ask wide questions."""
    line = Client(port, "203.0.113.20")
    opener = urllib.request.build_opener(_Stays())
    form = urllib.parse.urlencode({"email": EMAIL, "password": PASSWORD}).encode()
    with opener.open(urllib.request.Request(f"{line.base}/sign-in", form, line.headers), timeout=60) as answer:
        line.headers["Cookie"] = "; ".join(c.partition(";")[0] for c in answer.headers.get_all("set-cookie") or [])
    page = line.send("/settings")[1].decode()
    line.headers["X-CSRF"] = page.partition('"X-CSRF": "')[2][:32]
    return line


class _Stays(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        return fp


def files(insider: Client) -> None:
    """The workbook that once took the store down, and a large file of deals."""
    status = _upload(insider, "/ads/import?site=bench", "ads.xlsx", two_cells())
    assert status == 400, f"the workbook was answered {status}, so it did not reach the reader"
    note = b"x" * 920
    rows = b"".join(b"%d,2026-11-01 10:00,Paid,+48600%06d,%s\n" % (n, n, note) for n in range(60_000))
    for name, content in (("cells.csv", long_cells()), ("word.csv", long_word())):
        status = _upload(insider, "/ads/import?site=bench", name, content)
        assert status < 500, f"{name} answered with {status}"
    deals = b"id,created_at,stage,phone,note\n" + rows
    status = _upload(insider, "/deals/import?site=bench", "deals.csv", deals)
    assert status == 200, f"the deals were answered {status}"


def long_cells() -> bytes:
    """A table in valid columns whose names are as long as cells may be, of letters that take four bytes each."""
    head = b"Day,Campaign,Impressions,Clicks,Cost,Currency\n"
    name = ("\N{COLLISION SYMBOL}" + "x" * 900_000).encode()
    return head + b"".join(b"2026-11-01,%d %s,1,1,1,EUR\n" % (nth, name) for nth in range(60))


def long_word() -> bytes:
    """A table that is no UTF-8, with one plain word as long as a line may be: its encoding is told by its words."""
    return b"Day;Campaign;\xff\n" + b"a" * 1_000_000 + b"\n"


def _upload(insider: Client, path: str, name: str, content: bytes, **fields: str) -> int:
    mark = "attackattack"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()
    ]
    parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode())
    body = b"".join([*parts, content, f"\r\n--{mark}--\r\n".encode()])
    return insider.send(path, body, Content_Type=f"multipart/form-data; boundary={mark}")[0]


def wide_questions(insider: Client) -> None:
    """Twelve questions whose answers have as many rows as there are pages."""
    for days in range(12):
        asked = f"metrics=collect.pageviews&by=page,hour&period=2026-11-01..2026-11-{10 + days}&most=1"
        status, _ = insider.send(f"/api/metrics?site=bench&{asked}")
        assert status == 200, f"a wide question was answered {status}"


def many_questions(insider: Client) -> None:
    """One user asks for 150 boards at once, each with filters that nothing is remembered for."""
    asked = "period=2026-08-01..2026-11-20&f=page:contains:n&f=source:contains_not:random"
    with ThreadPoolExecutor(BOARDS) as pool:
        statuses = list(pool.map(lambda n: insider.send(f"/board?site=bench&{asked}{n}")[0], range(BOARDS)))
    assert set(statuses) <= {200, 503}, f"boards were answered {set(statuses)}"


def foreign_orders(port: int, token: str) -> int:
    """Ids of orders are guessed and sent to the counter first; how many orders of the server are then missing."""
    stranger = Client(port, "203.0.113.12")
    for n in range(ORDERS):
        stranger.hit({"i": f"ORDER-{n}", "k": "event", "n": "x", "u": "https://shop.example/"})
    time.sleep(5)
    url = "https://shop.example/thanks"
    events = [
        event
        for n in range(ORDERS)
        for event in (
            {"id": f"VIEW-{n}", "visitor": f"buyer-{n}", "kind": "pageview", "url": url},
            {"id": f"ORDER-{n}", "visitor": f"buyer-{n}", "kind": "event", "name": "purchase", "url": url,
             "amount": 10.0, "currency": "EUR"},
        )
    ]  # fmt: skip
    shop = Client(port, "203.0.113.30")
    shop.headers["Authorization"] = f"Bearer {token}"
    asked = "/api/metrics?site=bench&metrics=collect.orders&period=7d"
    before = _metric(shop, asked)  # poisoned purchases whose amounts could be cut to what a column holds
    shop.send("/api/events?site=bench", json.dumps({"events": events}).encode(), Content_Type="application/json")
    return ORDERS - int(_eventually(lambda: _metric(shop, asked) - before, lambda found: found >= ORDERS))


def _metric(client: Client, asked: str) -> float:
    status, body = client.send(asked)
    rows = json.loads(body)["rows"] if status == 200 else []
    return float(next(iter(rows[0]["metrics"].values())) or 0) if rows else 0.0


def _eventually(ask: Callable[[], float], is_enough: Callable[[float], bool]) -> float:
    until = time.monotonic() + LOADED_WITHIN_S
    while not is_enough(found := ask()) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def claims(port: int) -> None:
    """Strangers say that Anna's phone and Boris's address are one person's, and that a phone is everybody's."""
    for n in range(30):
        stranger = Client(port, f"203.0.114.{n}")
        stranger.hit({"i": f"c{n}", "k": "identify", "p": {"phone": ANNA[0], "email": BORIS[1]}})


def numbers(port: int) -> int:
    """How many numbers of the pool one sender holds."""
    seen = set()
    for n in range(200):
        stranger = Client(port, "203.0.113.13", BROWSER.replace("129", str(100 + n)))
        body = json.dumps({"s": "bench", "k": "ask", "u": "https://shop.example/"}).encode()
        seen |= set(json.loads(stranger.send("/t/number", body)[1]).get("swap", {}).values())
    return len(seen)


def prepared(server: Running) -> str:
    """A pool of numbers, a token of the shop's server, and two people who are known by records of the CRM's kind."""
    ctx = open_context(Config(data=str(server.folder)))
    site = ctx.sites()["bench"]
    for at, (number, address) in enumerate((ANNA, BORIS)):
        people.record(ctx, site, [_known(number, address, at)])
    people.stitch_new(ctx, site)
    pool = calls.add_pool(ctx, site, "All", ["+48225550000"])
    calls.add_numbers(ctx, site, [f"+482255501{n:02d}" for n in range(NUMBERS)], pool)
    person = accounts.users_of(ctx.database, site.workspace_id)[0]
    secret = accounts.make_token(ctx.database, person, "shop", ["events:write", "metrics:read"])[1]
    close_context(ctx)
    return secret


def _known(number: str, address: str, nth: int) -> Link:
    a, b = phone(number), email(address)
    assert a is not None and b is not None
    return Link(a=a, b=b, at=datetime.now(UTC), source="crm", ref=f"deal-{nth}")


def merged(server: Running) -> int:
    """1 if Anna and Boris have become one."""
    ctx = open_context(Config(data=str(server.folder)))
    site = ctx.sites()["bench"]
    found = [phone(ANNA[0]), email(BORIS[1])]
    persons = {people.person_of(ctx, site, people.key_of(ctx, site, each)) for each in found if each is not None}
    close_context(ctx)
    return int(len(persons) < 2)


def main() -> None:
    empty = Running("serve")
    empty.stop()
    try:
        token = prepared(empty)
        server = Running("serve", folder=empty.folder)
        try:
            _attacked(server, token)
        finally:
            if server.process.poll() is None:
                server.kill()
    finally:
        empty.clear()


def _attacked(server: Running, token: str) -> None:
    insider = signed_in(server.port)
    before = server.rss_mb()
    with Watch(server).on() as watch:
        for name, attack in (
            ("poison", lambda: poison(server.port)), ("flood", lambda: flood(server.port)),
            ("many browsers", lambda: many_browsers(server.port)), ("long texts", lambda: long_texts(server.port)),
            ("connections", lambda: never_ending(server.port)), ("large bodies", lambda: large_bodies(server.port)),
            ("many questions", lambda: many_questions(insider)), ("files", lambda: files(insider)),
            ("large queries", lambda: wide_questions(insider)), ("claims", lambda: claims(server.port)),
        ):  # fmt: skip
            began = time.monotonic()
            attack()
            told = f"{server.rss_mb() - before:+.0f} MB, slowest page {watch.slowest_s:.2f} s"
            print(f"{name}: {time.monotonic() - began:.1f} s, {told}")
    lost = foreign_orders(server.port, token)
    taken = numbers(server.port)
    is_stopped = not _honest_hits_arrive(server.port, token)
    time.sleep(10)
    growth = server.rss_mb() - before
    stopped_s = stops_s(server)
    result = {
        "loader_stopped": int(is_stopped), "rss_growth_mb": round(growth), "rss_peak_mb": round(watch.peak_mb - before),
        "pages_answer_s": round(watch.slowest_s, 2), "foreign_revenue_lost": lost, "people_merged": merged(server),
        "stops_s": round(stopped_s, 1), "numbers_taken": taken, **long_visit(), **two_ids(),
    }  # fmt: skip
    print(json.dumps(result))


def _honest_hits_arrive(port: int, token: str) -> bool:
    asker = Client(port, "203.0.113.31")
    asker.headers["Authorization"] = f"Bearer {token}"
    asked = f"/api/metrics?site=bench&metrics=collect.pageviews&period=today&f={urllib.parse.quote('page:is:/honest')}"
    for n in range(50):
        Client(port, f"198.51.100.{n}").hit({"i": f"h{n}", "k": "pageview", "u": "https://shop.example/honest"})
    return _eventually(lambda: _metric(asker, asked), lambda found: found >= 50) >= 50


if __name__ == "__main__":
    main()
