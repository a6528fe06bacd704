"""The small shop of the invented company Fern & Oak, served beside Tandem as a real site with the counter installed."""

import http.client
import json
import re
import secrets
import sys
import threading
import time
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tandem.people.model.proof import sign

FOLDER = Path(__file__).with_name("shop")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".pdf": "application/pdf"}
PAGES = {
    "/": "home",
    "/cart": "cart",
    "/checkout": "checkout",
    "/thank-you": "thank-you",
    "/search": "search",
    "/finder": "finder",
    "/finder/care": "finder",
    "/finder/match": "finder",
    "/contact": "contact",
    "/journal/repotting-without-drama": "journal",
}
MOST_ORDERS = 1_000
CATEGORIES = ("plants", "pots-and-tools")
AFTER_POST = {"/checkout": "/thank-you", "/contact": "/contact?sent=1", "/letters": "/?joined=1"}
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"}

Product = dict[str, Any]


class Server(ThreadingHTTPServer):
    """A thread per connection; a visitor who leaves in mid-answer is not worth a word."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Shop:
    """The shop's server: `start()` serves in a background thread, `stop()` ends it, `url` says where it is."""

    def __init__(self, tandem_url: str, port: int, site_key: str, mode: str = "consent", secret: str = "") -> None:
        self.tandem = urlsplit(tandem_url)
        self.secret = secret
        self._orders: dict[str, str] = {}
        self.site_key = site_key
        self.mode = mode
        self.products: list[Product] = json.loads((FOLDER / "products.json").read_text("utf-8"))
        handler = type("ShopDoor", (ShopHandler,), {"shop": self})
        self.server = Server(("127.0.0.1", port), handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.1,), name="shop", daemon=True)

    def start(self) -> "Shop":
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self.server.shutdown()
            self._thread.join()
        self.server.server_close()

    @cached_property
    def templates(self) -> Environment:
        loader = FileSystemLoader([FOLDER, FOLDER / "pages"])
        return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)

    def addresses(self) -> list[str]:
        """Every page that a visitor can reach by links."""
        products = [f"/{p['category']}/{p['slug']}" for p in self.products]
        return [*PAGES, *(f"/{name}" for name in CATEGORIES), *products]

    def order(self, cookies: str) -> None:
        """Note that this browser has ordered. What was typed is not read: it would prove nothing."""
        if self.secret and (browser := browser_of(cookies)):
            while len(self._orders) >= MOST_ORDERS:
                self._orders.pop(next(iter(self._orders)), None)
            self._orders[browser] = f"shop:{secrets.token_hex(6)}"

    def proof(self, cookies: str) -> dict[str, str]:
        """What the page tells Tandem of the order that this browser made, signed; empty without an order."""
        browser, at = browser_of(cookies), int(time.time())
        number = self._orders.get(browser, "")
        if not number:
            return {}
        return {"crm": number, "at": str(at), "proof": sign(self.secret, self.site_key, at, browser, {"crm": number})}

    def page(self, path: str, asked: dict[str, list[str]], host: str, cookies: str = "") -> tuple[HTTPStatus, str]:
        """The status and the HTML of a path; a path that is not there gets the 404 page."""
        phrase = " ".join(asked.get("q", [""])[0].split())
        product = next((p for p in self.products if path == f"/{p['category']}/{p['slug']}"), None)
        category = path[1:] if path[1:] in CATEGORIES else ""
        name = "product" if product else "category" if category else PAGES.get(path, "missing")
        html = self.templates.get_template(f"{name}.html").render(
            products=self.products,
            product=product,
            category=category,
            phrase=phrase if name == "search" else "",
            found=self._matching(phrase) if name == "search" else [],
            sent="sent" in asked,
            path=path,
            address=f"http://{host}{path}",
            site_key=self.site_key,
            mode=self.mode,
            proof=self.proof(cookies) if name == "thank-you" else {},
        )
        return (HTTPStatus.NOT_FOUND if name == "missing" else HTTPStatus.OK), html

    def _matching(self, phrase: str) -> list[Product]:
        words = phrase.lower().split()
        return [p for p in self.products if words and all(word in json.dumps(p).lower() for word in words)]

    def sitemap(self, host: str) -> str:
        rows = "".join(Markup("<url><loc>http://{}{}</loc></url>\n").format(host, path) for path in self.addresses())
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n'
        )


class ShopHandler(BaseHTTPRequestHandler):
    """One connection: pages, files, and everything below /t/ handed on to Tandem, as a production proxy would."""

    shop: Shop
    protocol_version = "HTTP/1.1"
    server_version = "FernAndOak"
    sys_version = ""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        path = address.path
        if path.startswith("/t/"):
            return self._forward()
        if len(path) > 1 and path.endswith("/"):
            return self._redirect(path.rstrip("/") or "/", HTTPStatus.PERMANENT_REDIRECT)
        if path.startswith("/assets/") or path == "/care-guide.pdf":
            return self._file(path)
        host = self.headers.get("Host", f"127.0.0.1:{self.shop.port}")
        if path == "/robots.txt":
            text = f"User-agent: *\nDisallow: /cart\nDisallow: /checkout\nSitemap: http://{host}/sitemap.xml\n"
            return self._answer(HTTPStatus.OK, text.encode(), "text/plain; charset=utf-8")
        if path == "/sitemap.xml":
            return self._answer(HTTPStatus.OK, self.shop.sitemap(host).encode(), "application/xml")
        status, html = self.shop.page(path, parse_qs(address.query), host, self.headers.get("Cookie", ""))
        return self._answer(status, html.encode(), "text/html; charset=utf-8")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        if self.path.startswith("/t/"):
            return self._forward()
        self._body()  # a demonstration keeps nothing of what people type
        if self.path == "/checkout":
            self.shop.order(self.headers.get("Cookie", ""))
        target = AFTER_POST.get(self.path)
        if target:
            return self._redirect(target, HTTPStatus.SEE_OTHER)
        return self._answer(HTTPStatus.METHOD_NOT_ALLOWED, b"This page takes no forms.\n", "text/plain")

    def do_OPTIONS(self) -> None:
        self._forward()

    def _file(self, path: str) -> None:
        file = FOLDER / "assets" / Path(path).name
        if not file.is_file():
            return self._answer(HTTPStatus.NOT_FOUND, b"No such file.\n", "text/plain")
        return self._answer(HTTPStatus.OK, file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

    def _forward(self) -> None:
        body = self._body()
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
        seen = self.headers.get("X-Forwarded-For")
        headers["X-Forwarded-For"] = f"{seen}, {self.client_address[0]}" if seen else self.client_address[0]
        headers["X-Forwarded-Host"] = self.headers.get("Host", "")
        headers["X-Forwarded-Proto"] = "http"
        tandem = self.shop.tandem
        secure = tandem.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(tandem.hostname or "127.0.0.1", tandem.port or (443 if secure else 80), timeout=10)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            return self._answer(HTTPStatus.BAD_GATEWAY, b"Tandem does not answer.\n", "text/plain")
        finally:
            connection.close()
        answer_headers = {
            name: value for name, value in answer.getheaders() if name.lower() not in {*HOP_HEADERS, "date", "server"}
        }
        return self._answer(answer.status, content, answer_headers.pop("Content-Type", ""), answer_headers)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _redirect(self, target: str, status: HTTPStatus) -> None:
        self._answer(status, b"", "text/plain", {"Location": target})

    def _answer(self, status: int, body: bytes, kind: str, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Cache-Control": "no-cache", **(extra or {})}
        if kind.startswith("text/html"):
            headers |= {"Content-Security-Policy": CSP, "Referrer-Policy": "strict-origin-when-cross-origin"}
        headers |= {"X-Content-Type-Options": "nosniff"}
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != HTTPStatus.NO_CONTENT:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the demo's console belongs to Tandem."""


def browser_of(cookies: str) -> str:
    """The browser's id from its cookies, as far as it is signed; empty without one."""
    match = re.search(r"(?:^|; )_tdm=([0-9a-f]{16})\.", cookies)
    return match[1] if match else ""


def serve_shop(tandem_url: str, port: int, site_key: str, mode: str = "consent", secret: str = "") -> Shop:
    """The shop on 127.0.0.1:`port` (0 picks a free one), not yet started.

    mode    what the script tag asks for: cookieless, cookie or consent
    secret  with which it signs whose order it was; without one it signs nothing
    raises  OSError when the port is taken
    """
    return Shop(tandem_url, port, site_key, mode, secret)
