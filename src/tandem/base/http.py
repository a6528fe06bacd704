"""Speaking to outside systems: never to private addresses, at their pace, again when they falter."""

import ipaddress
import logging
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from tandem.base.charsets import text_of
from tandem.base.errors import SourceError, UserError
from tandem.base.jobs import rest
from tandem.base.reach import Address, Network, Networks, is_global

TRIES = 5
LONGEST_WAIT_S = 60.0
AGAIN = frozenset({429, 500, 502, 503, 504})
MOST_BYTES = 64 << 20
MOST_INTO_FILE = 512 << 20
BLOCK = 64 << 10
CODINGS = {"identity": 0, "": 0, "gzip": 31, "x-gzip": 31, "deflate": 15}
"""How answers may be compressed, and what zlib calls it."""

logging.getLogger("httpx").setLevel(logging.WARNING)  # its notes hold whole addresses, and some of these hold secrets


class Reach(httpx.HTTPTransport):
    """A transport that resolves a host itself, refuses private addresses, and speaks to the address it has checked.

    A name that points elsewhere the second time it is asked (DNS rebinding) gains nothing: it is asked once.
    """

    def __init__(self, allowed: str = "", **more: Any) -> None:
        super().__init__(**more)
        self._allowed = allowed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            address = may_reach(host, port, self._allowed)
        except OSError as error:
            raise httpx.ConnectError(f"{host} cannot be resolved: {error}") from error
        if address != host:
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=address)  # the Host header keeps the name
        return super().handle_request(request)


def may_reach(host: str, port: int, allowed: str = "") -> str:
    """The address of a host, if it is public or the operator allowed it.

    raises   UserError (403) for a private address; OSError for a name that nobody knows
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]).partition("%")[0] for entry in infos]
    hosts, networks = _allowed(allowed)
    if host.lower() in hosts:
        return addresses[0]
    for address in addresses:
        if not _is_open(ipaddress.ip_address(address), networks):
            raise UserError(
                "%(host)s is a private address, and Tandem does not connect to those.",
                "The operator can allow it in TANDEM_REACH.",
                status=403,
                host=host,
            )
    return addresses[0]


def _is_open(address: Address, networks: Networks) -> bool:
    """Whether an address may be called: it is public or allowed, and so is each IPv4 address that it leads to."""
    return address in networks or all(is_global(one) or one in networks for one in _led_to(address))


WRAPPING = Networks(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")))
"""Addresses that end in the IPv4 address really reached: RFC 6052 (NAT64), RFC 4291 2.5.5.1 (IPv4-compatible), RFC 2765
(IPv4-translated)."""
ISATAP = 0x5EFE
"""Before the IPv4 address at the end of an ISATAP address, behind any prefix (RFC 5214 6.1; 0x200_5EFE where the IPv4
address is a public one)."""


def _led_to(address: Address) -> list[Address]:
    """The address itself, and the IPv4 addresses inside it that a gateway would pass a call on to."""
    if address.version == 4:
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in WRAPPING:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    if int(address) >> 32 & 0xFDFF_FFFF == ISATAP:
        return [address, ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address, *filter(None, [address.sixtofour, *(address.teredo or ())])]


class Http:
    """A client of one outside system.

    base        address that paths are put behind
    per_second  most requests a second
    headers, auth, params    sent with each request
    tries       how often one request is sent before it is given up
    allowed     private hosts and networks that may be reached (TANDEM_REACH)
    most_bytes  longest answer, after unpacking, that is taken into memory
    """

    def __init__(
        self,
        system: str,
        base: str,
        *,
        per_second: float = 5.0,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        allowed: str = "",
        timeout_s: float = 60.0,
        tries: int = TRIES,
        most_bytes: int = MOST_BYTES,
        sleep: Callable[[float], None] = rest,
    ) -> None:
        self.system = system
        self._most_bytes = most_bytes
        self._pace = _Pace(per_second, sleep)
        self._sleep, self._tries = sleep, tries
        self._client = httpx.Client(
            base_url=base.rstrip("/"), headers={"accept-encoding": "gzip", **(headers or {})}, auth=auth,
            params=dict(params or {}), timeout=timeout_s, transport=Reach(allowed), follow_redirects=False,
            trust_env=False,
        )  # fmt: skip

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def within(self, seconds: float) -> Iterator["Http"]:
        """This client for so long, and no longer.

        raises   SourceError in whatever it is asked then, also where an answer drips in
        """
        with self, _cut_off(self._client, seconds):
            yield self

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, into: Path | None = None, **options: Any) -> httpx.Response:
        """The answer, which is a good one (2xx); asked again after 429, 5xx and broken lines, with growing waits.

        into     file that takes the body instead of memory
        options  params, json, data, content, headers: as httpx takes them
        raises   SourceError when the system refuses, or does not answer after five tries
        """
        why = ""
        for turn in range(self._tries):
            self._pace.wait()
            try:
                response = self._once(method, path, into, options)
            except httpx.TransportError as error:
                why, wait = f"does not respond ({type(error).__name__})", _wait(turn)
            except (RuntimeError, ValueError) as error:  # so httpx and ssl speak of what was closed under them
                if not self._client.is_closed:
                    raise
                raise SourceError(self.system, "takes too long") from error
            else:
                if response.is_success:
                    if response.headers.get("x-ratelimit-remaining") == "0" and (pause := _wait_header(response)):
                        self._pace.hold(_wait(0, pause))
                    return response
                if response.status_code not in AGAIN:
                    raise SourceError(self.system, _refused(response))
                why, wait = f"answered {response.status_code}", _wait(turn, _wait_header(response))
            if turn < self._tries - 1:
                self._sleep(wait)
        raise SourceError(self.system, f"{why}, {self._tries} times in a row" if self._tries > 1 else why)

    def _once(self, method: str, path: str, into: Path | None, options: dict[str, Any]) -> httpx.Response:
        with self._client.stream(method, path, **options) as response:
            if into is not None and response.is_success:
                with into.open("wb") as file:
                    for block in _blocks(self.system, response, MOST_INTO_FILE):
                        file.write(block)
                return response
            body = bytearray()
            for block in _blocks(self.system, response, self._most_bytes):
                body += block
            response._content = bytes(body)  # as httpx's own read() leaves it
            return response


def _blocks(system: str, response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body, unpacked in small steps: httpx would make a gigabyte of one block that was packed several times."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in CODINGS:
        raise SourceError(system, "responded with an unsupported compression")
    size, unpacker = 0, zlib.decompressobj(CODINGS[coding]) if CODINGS[coding] else None
    try:
        for packed in response.iter_raw(BLOCK):
            for block in _unpacked(unpacker, packed):
                size += len(block)
                if size > most:
                    raise SourceError(system, "sent more data than Tandem reads")
                yield block
    except zlib.error as error:
        raise SourceError(system, "sent a damaged compressed response") from error
    if unpacker is not None and size and not unpacker.eof:
        raise httpx.RemoteProtocolError("sent an incomplete compressed response")


def _unpacked(unpacker: Any, packed: bytes) -> Iterator[bytes]:
    if unpacker is None:
        yield packed
        return
    while packed and not unpacker.eof:
        yield unpacker.decompress(packed, BLOCK)
        packed = unpacker.unconsumed_tail


@contextmanager
def _cut_off(client: httpx.Client, seconds: float) -> Iterator[None]:
    """Close a client after so long: timeouts hold for each piece of an answer, and headers may drip for ever."""
    watch = threading.Timer(seconds, client.close)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


MOST_HOPS = 5
PAGE_S = 10.0
MOST_OF_A_PAGE = 2 << 20
MOST_OF_A_SCRIPT = 1 << 20
MOST_OF_A_TARGET = 200
HTML = frozenset({"text/html", "application/xhtml+xml"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The statuses that lead on to another address; 300 and 304 do not."""
AGENT = "Mozilla/5.0 (compatible; Tandem site check)"
_looking = threading.BoundedSemaphore(4)


class WebPage(NamedTuple):
    """A page of a site as a browser without scripts gets it; `policies` are its Content-Security-Policy headers."""

    url: str
    status: int
    text: str
    policies: tuple[str, ...]


NO_ANSWER = "it does not respond"


class NoAnswerError(SourceError):
    """Nothing listens at an address, or it breaks off."""

    def __init__(self, system: str) -> None:
        super().__init__(system, NO_ANSWER)


class RedirectError(SourceError):
    """A redirect that cannot be followed; visitors cannot follow it either.

    target   the address that failed, as the redirect names it
    """

    def __init__(self, system: str, what: str, target: str) -> None:
        super().__init__(system, what)
        self.target = target


def fetch_page(url: str, allowed: str = "") -> WebPage:
    """One page of the web, by the rules of `Reach` at each of five redirects; 10 seconds and 2 MB at most, HTML only.

    raises   UserError (403) for a private address; SourceError for what does not answer, or with something else; of
             these NoAnswerError at this address, and RedirectError behind a redirect
    """
    return _looked_at(url, allowed, HTML, MOST_OF_A_PAGE)


def fetch_script(url: str, allowed: str = "") -> WebPage:
    """What a browser gets for the address of a script, whatever kind it has; 1 MB at most, else as `fetch_page`."""
    return _looked_at(url, allowed, None, MOST_OF_A_SCRIPT)


def _looked_at(url: str, allowed: str, kinds: frozenset[str] | None, most: int) -> WebPage:
    host, first = urlsplit(url).netloc, url
    if not _looking.acquire(blocking=False):
        raise UserError("Other sites are being checked right now.", "Try again in a few seconds.", status=503)
    until = time.monotonic() + PAGE_S
    headers = {"user-agent": AGENT, "accept": "text/html" if kinds else "*/*", "accept-encoding": "gzip"}
    client = httpx.Client(
        transport=Reach(allowed), headers=headers, timeout=PAGE_S / 2, follow_redirects=False, trust_env=False,
        event_hooks={"response": [_set_location_aside]},
    )  # fmt: skip
    try:
        with client, _cut_off(client, PAGE_S):
            for _ in range(MOST_HOPS + 1):
                page, onward = _hop(client, url, until, kinds, most)
                if page is not None:
                    return page
                url = onward
        raise SourceError(host, "it redirects endlessly")
    except SourceError as error:
        raise _at_hop(SourceError(host, error.what), first, url) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, RuntimeError, ValueError) as error:
        raise _at_hop(NoAnswerError(host), first, url) from error
    finally:
        _looking.release()


def _at_hop(error: SourceError, first: str, url: str) -> SourceError:
    return error if url == first else RedirectError(error.system, error.what, url[:MOST_OF_A_TARGET])


def _hop(
    client: httpx.Client, url: str, until: float, kinds: frozenset[str] | None, most: int
) -> tuple[WebPage | None, str]:
    """The page at this address, or the address that it leads on to."""
    if not _is_of_the_web(url):
        raise SourceError(url, "that is not the address of a web page")
    parts = urlsplit(url)
    with client.stream("GET", url) as response:
        if response.status_code in REDIRECTS and "location" in response.extensions:
            client.cookies.clear()
            return None, _onward(url, response.extensions["location"])
        if response.status_code in REDIRECTS:
            raise SourceError(parts.netloc, "it redirects without an address to go to (no Location header)")
        content_type = response.headers.get("content-type", "text/html")
        kind = content_type.partition(";")[0].strip().lower()
        if kinds is not None and kind not in kinds:
            raise SourceError(parts.netloc, "it responds with something that is not a web page")
        body = bytearray()
        for block in _blocks(parts.netloc, response, most):
            body += block
            if time.monotonic() > until:
                raise SourceError(parts.netloc, "it takes longer than 10 seconds")
        policies = tuple(response.headers.get_list("content-security-policy"))
        return WebPage(url, response.status_code, text_of(body, content_type), policies), ""


def _set_location_aside(response: httpx.Response) -> None:
    """httpx reads the target of each redirect, and cannot tell one that is no address from a server that is silent."""
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _onward(url: str, location: str) -> str:
    """Where a redirect leads, without user and password; what can be no address stays as it is."""
    try:
        parts = urlsplit(urljoin(url, location))
    except ValueError:
        return location
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else location


def _is_of_the_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_sealed_on_its_way(url: str, allowed: str = "") -> bool:
    """Whether secrets sent there cannot be read on their way: https, or a host that the operator allowed by name."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return True
    hosts, networks = _allowed(allowed)
    host = parts.hostname or ""
    try:
        return host in hosts or any(ipaddress.ip_address(host) in network for network in networks)
    except ValueError:
        return False


def value_at(system: str, reply: Any, *path: str) -> Any:
    """What stands at a path in a reply.

    raises   SourceError when the reply has another form
    """
    for name in path:
        if not isinstance(reply, Mapping) or name not in reply:
            raise SourceError(system, f"sent a reply without “{name}”")
        reply = reply[name]
    return reply


class _Pace:
    """At most so many requests a second, evenly."""

    def __init__(self, per_second: float, sleep: Callable[[float], None]) -> None:
        self._gap, self._sleep, self._next, self._lock = 1 / per_second, sleep, 0.0, threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            pause, self._next = max(0.0, self._next - now), max(now, self._next) + self._gap
        if pause > 0:
            self._sleep(pause)

    def hold(self, seconds: float) -> None:
        """Ask nothing for so long: the system says that its allowance is used up."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


def _wait_header(response: httpx.Response) -> str | None:
    """Seconds that a system tells us to wait, by Retry-After or by the usual name of the end of its window."""
    header = response.headers.get("retry-after") or response.headers.get("x-ratelimit-reset")
    return str(header) if header else None


def _wait(turn: int, stated: str | None = None) -> float:
    """Seconds to wait: what the system says in Retry-After, else 1, 2, 4 … with a little chance in it."""
    if stated and stated.strip().isdigit():
        return min(LONGEST_WAIT_S, float(stated))
    return min(LONGEST_WAIT_S, 2.0**turn * (0.8 + 0.4 * random.random()))


def _refused(response: httpx.Response) -> str:
    """Why a system says no, without its words: those may hold personal data."""
    if response.status_code in (401, 403):
        return f"rejected the credentials ({response.status_code}). Renew them on the Connections page"
    if response.status_code in REDIRECTS:
        return f"redirected to another address ({response.status_code}). Check the address of the connection"
    return f"answered {response.status_code}"


def _allowed(text: str) -> tuple[frozenset[str], Networks]:
    hosts, networks = set[str](), list[Network]()
    for part in (p.strip().lower() for p in text.split(",")):
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            hosts.add(part)
    return frozenset(hosts - {""}), Networks(networks)
