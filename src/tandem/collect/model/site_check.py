"""What keeps a page from being counted, read from its HTML and its policies, as a browser would take them."""

import re
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from tandem.base.reach import is_local


class SiteProblem(msgspec.Struct, frozen=True):
    """Something that the check found: what it is, what mends it, and whether the page is counted all the same."""

    what: str
    hint: str
    values: dict[str, str] = {}
    is_harmless: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong with a page, and the address of the script that its tag loads, if that can be asked for."""

    problems: list[SiteProblem]
    script: str = ""


class Tag(msgspec.Struct, frozen=True):
    """One script tag of the counter in a page."""

    src: str
    key: str
    kind: str
    nonce: str
    is_in_head: bool


class _Reader(HTMLParser):
    """Finds the counter's tags, policies in the page itself, and whether something else brings scripts in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Tag] = []
        self.policies: list[str] = []
        self.base, self.inline = "", ""
        self.has_manager = self.is_inside = self.has_picture_in_head = False
        self._is_in_head = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "body":
            self._is_in_head = False
        elif tag == "base" and not self.base:
            self.base = attributes.get("href", "")
        elif tag == "meta" and attributes.get("http-equiv", "").lower() == "content-security-policy":
            self.policies.append(attributes.get("content", ""))
        elif tag == "script":
            self._script(attributes)
        elif tag == "img" and self._is_in_head and _split(attributes.get("src", "")).path.endswith("/t/pixel.gif"):
            self.has_picture_in_head = True

    def _script(self, attributes: dict[str, str]) -> None:
        self.is_inside = "src" not in attributes
        src = attributes.get("src") or attributes.get("data-src") or attributes.get("data-cookieblock-src", "")
        self.has_manager |= "googletagmanager.com/gtm" in src
        if _split(src).path.endswith("/t/tandem.js") or ("tandem" in src and "data-site" in attributes):
            kind = attributes.get("type", "").strip().lower() if attributes.get("src") else "text/plain"
            self.tags.append(
                Tag(src, attributes.get("data-site", ""), kind, attributes.get("nonce", ""), self._is_in_head)
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "head":
            self._is_in_head = False
        self.is_inside &= tag != "script"

    def handle_data(self, data: str) -> None:
        if self.is_inside:
            self.inline += data
            self.has_manager |= "googletagmanager.com/gtm" in data


SCRIPTS = frozenset({"", "text/javascript", "application/javascript", "module"})


def verdict_of(url: str, status: int, text: str, policies: Sequence[str], key: str, own: Sequence[str] = ()) -> Verdict:
    """What is wrong with the counter on this page, the gravest first; nothing when it should count.

    url       where the page was found in the end
    policies  its Content-Security-Policy headers
    key       of the site
    own       addresses of this Tandem, the one to name first; without one, a tag may load the counter from anywhere
    """
    if status >= 300:
        problem = SiteProblem(
            "The start page responds with status %(status)s.",
            "Open %(url)s in a private window. Some servers block automated requests. In that case only a "
            "visit can show whether it works.",
            {"status": str(status), "url": url},
        )
        return Verdict([problem])
    page = _Reader()
    page.feed(text)
    page.close()
    if not page.tags:
        return Verdict([_no_tag(page, url)])
    problems = [
        problem for tag in page.tags[:1] for problem in _of_tag(tag, page, url, [*policies, *page.policies], key, own)
    ]
    if len(page.tags) > 1:
        problems.append(
            SiteProblem(
                "The tag is on the page %(count)s times.", "Keep one. Only the first one is used.",
                {"count": str(len(page.tags))}, is_harmless=len({tag.key for tag in page.tags}) == 1,
            )
        )  # fmt: skip
    if page.has_picture_in_head:
        problems.append(
            SiteProblem(
                "The picture for visitors without JavaScript is in the head. For them, what stands behind it is in the "
                "body.",
                "Move the <noscript> with the picture right before </body>, or remove it.", is_harmless=True,
            )
        )  # fmt: skip
    problems.sort(key=lambda problem: problem.is_harmless)
    return Verdict(problems, _script_of(page.tags[0], page, url))


def _script_of(tag: Tag, page: _Reader, url: str) -> str:
    """Where browsers load the counter from; nothing where visitors of a public page cannot reach it anyway."""
    address = _joined(_joined(url, page.base), tag.src)
    src = _split(address)
    if src.scheme not in ("http", "https") or not src.hostname or _is_hidden(src, urlsplit(url)):
        return ""
    return address


def _is_hidden(src: SplitResult, here: SplitResult) -> bool:
    """Whether a public page loads something from a private address."""
    return is_local(src.hostname or "localhost") and not is_local(here.hostname or "")


MARKS = ("tandem", "/hit")
"""What is in the counter of every version, however it was packed on its way, and in no page that a server sends."""


def problem_of_script(url: str, status: int, text: str) -> SiteProblem | None:
    """What is wrong with what came from the address of the script."""
    if status >= 300:
        return SiteProblem(
            "%(url)s, which the tag loads the counter from, responds with status %(status)s.",
            "Copy the tag from this page again. If the site itself serves the counter, it must pass everything under "
            "/t/ on to Tandem.",
            {"url": url, "status": str(status)},
        )
    if text.lstrip().startswith("<") or not all(mark in text for mark in MARKS):
        return SiteProblem(
            "The tag loads %(url)s, but that is not the counter.",
            "Copy the tag from this page again. If the site itself serves the counter, it must pass everything under "
            "/t/ on to Tandem.",
            {"url": url},
        )
    return None


def _no_tag(page: _Reader, url: str) -> SiteProblem:
    if "/t/tandem.js" in page.inline:
        return SiteProblem(
            "The counter is loaded by a script, which this check cannot run.",
            "Open the page in a browser. The visit appears here.", is_harmless=True,
        )  # fmt: skip
    if page.has_manager:
        return SiteProblem(
            "The page has no tag of its own. It has Google Tag Manager, which this check cannot look into.",
            "Make sure that the tag is published there, then open the page in a browser. The visit appears here.",
        )
    return SiteProblem(
        "No tag was found on %(url)s.",
        "Put it into the head of the template shared by all pages. Publish, then empty the site's cache.",
        {"url": url},
    )


def _of_tag(
    tag: Tag, page: _Reader, url: str, policies: list[str], key: str, own: Sequence[str]
) -> Iterable[SiteProblem]:
    src = _split(_joined(_joined(url, page.base), tag.src))
    here = urlsplit(url)
    if tag.key != key:
        yield SiteProblem(
            "The tag names the site “%(given)s”, but the key of this site is “%(key)s”.",
            "Copy the tag from this page again.", {"given": tag.key[:60], "key": key},
        )  # fmt: skip
    if tag.kind not in SCRIPTS:
        yield SiteProblem(
            "The tag waits for consent (type=\"%(kind)s\"), so visits before consent are not counted.",
            "Treat it as strictly necessary: without cookies it stores nothing on the device.", {"kind": tag.kind[:40]},
        )  # fmt: skip
    is_hidden = _is_hidden(src, here)
    if src.hostname and is_hidden:
        yield SiteProblem(
            "The tag loads the counter from %(host)s, an address that visitors cannot reach.",
            "Set TANDEM_URL to the public address of Tandem, restart it, and copy the tag again.",
            {"host": src.netloc},
        )
    elif src.hostname and own and not any(_is_same(src, _split(address)) for address in own):
        yield _elsewhere(src, here, own[0])
    if here.scheme == "https" and src.scheme == "http" and not is_hidden:
        yield SiteProblem(
            "The page uses https, but the tag loads the counter over http. Browsers block that.",
            "Serve Tandem over https, set TANDEM_URL to that address, and copy the tag again.",
        )
    for directive, address in (("script-src", src), ("connect-src", src._replace(path="/t/hit", query=""))):
        if any(not _allows(policy, directive, address, here, tag.nonce) for policy in policies):
            yield SiteProblem(
                "The page's Content-Security-Policy blocks the counter (%(directive)s).",
                "Add %(origin)s to %(directive)s of the policy.",
                {"directive": directive, "origin": f"{src.scheme}://{src.netloc}"},
            )
    if not tag.is_in_head:
        yield SiteProblem(
            "The tag is in the body: short visits may be missed.", "Move it into the head.", is_harmless=True
        )


def _is_same(one: SplitResult, other: SplitResult) -> bool:
    """Whether two addresses lead to the same server, by whichever scheme."""
    usual = (80, 443)
    ports = [_port(one), _port(other)]
    return one.hostname == other.hostname and (ports[0] == ports[1] or all(port in usual for port in ports))


def _elsewhere(src: SplitResult, here: SplitResult, own: str) -> SiteProblem:
    """The tag names another server than this one; the site's own may pass hits on."""
    host, site = src.hostname or "", (here.hostname or "").removeprefix("www.")
    values = {"host": src.netloc, "own": _split(own).netloc}
    if host == site or host.endswith(f".{site}"):
        return SiteProblem(
            "The tag loads the counter from %(host)s, the site's own address; this Tandem is %(own)s.",
            "This is right if the site passes everything under /t/ on to this Tandem.", values, is_harmless=True,
        )  # fmt: skip
    return SiteProblem(
        "The tag loads the counter from %(host)s; this Tandem is %(own)s.", "Copy the tag from this page again.", values
    )


# ── Content-Security-Policy, level 3, as far as sources of scripts and requests go ──


def _allows(policy: str, directive: str, address: SplitResult, page: SplitResult, nonce: str) -> bool:
    rules: dict[str, list[str]] = {}
    for part in policy.split(";"):
        name, *sources = part.split() or [""]
        rules.setdefault(name.lower(), sources)
    named = ("script-src-elem", "script-src") if directive == "script-src" else (directive,)
    ruling = [name for name in (*named, "default-src") if name in rules]
    if not ruling:
        return True
    sources = rules[ruling[0]]
    if directive == "script-src":
        if nonce and f"'nonce-{nonce}'" in sources:
            return True
        if "'strict-dynamic'" in sources:
            return False
    return any(_matches(source, address, page) for source in sources)


_SOURCE = re.compile(r"^(?:([a-z][a-z0-9+.-]*)://)?(\*|[^/:]+)(?::(\d+|\*))?(/.*)?$", re.IGNORECASE)


def _matches(source: str, address: SplitResult, page: SplitResult) -> bool:
    if source == "*":
        return address.scheme in ("http", "https")
    if source.lower() == "'self'":
        return (address.hostname, _port(address)) == (page.hostname, _port(page)) and address.scheme == page.scheme
    if source.endswith(":"):
        return address.scheme == source[:-1].lower() or (source.lower(), address.scheme) == ("http:", "https")
    match = _SOURCE.match(source)
    if source.startswith("'") or not match:
        return False
    scheme, host, port, path = match.groups()
    scheme = (scheme or page.scheme).lower()
    is_scheme = address.scheme == scheme or (scheme, address.scheme) == ("http", "https")
    is_host = _is_host(host.lower(), address.hostname or "")
    is_port = port == "*" or (port.lstrip("0") if port else str(_usual(address.scheme))) == str(_port(address))
    is_path = not path or path == "/" or (address.path.startswith(path) if path.endswith("/") else address.path == path)
    return is_scheme and is_host and is_port and is_path


def _is_host(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _usual(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _port(address: SplitResult) -> int:
    try:
        return address.port or _usual(address.scheme)
    except ValueError:  # no port that there is
        return 0


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # as http://[x
        return urlsplit("")


def _joined(url: str, other: str) -> str:
    try:
        return urljoin(url, other)
    except ValueError:
        return url


CPU_S, MEMORY, MOST_OUTPUT = 3, 512 << 20, 64 << 10
"""What reading one page may cost, and how long its answer may be."""


def _main() -> None:
    """Judge the page on stdin, in a process of its own: a stranger's page can be made to take its reader minutes."""
    import resource
    import sys

    for kind, most in ((resource.RLIMIT_CPU, CPU_S), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, 0)):
        resource.setrlimit(kind, (most, most))
    encoded = msgspec.json.encode(verdict_of(*msgspec.json.decode(sys.stdin.buffer.read())))
    if len(encoded) > MOST_OUTPUT:
        raise SystemExit(1)
    sys.stdout.buffer.write(encoded)


if __name__ == "__main__":
    _main()
