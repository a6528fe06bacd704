"""What is refused and why, who is who, and what is never written down."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.accounts.model import Site
from tandem.base import clock, crowd
from tandem.base.database import Database
from tandem.base.sender import Proxies, sender_of
from tandem.base.spool import SpoolFull
from tandem.base.vault import Vault
from tandem.collect import counter, store
from tandem.collect.ingest import Ingest, Reply, Salts, Sender
from tandem.collect.model.hit import MAX_URL, Record, WireEvent, split_url
from tandem.collect.sources.places import Place
from tandem.core.slice import NumberLent
from tests.golden.rows import CHROME

ADDRESS = "203.0.113.77"
WHO = Sender(ADDRESS, CHROME)
NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
SITE = Site(
    id=1,
    workspace_id=1,
    key="fern",
    name="Fern",
    hosts=("shop.example",),
    zone="UTC",
    currency="EUR",
    mode="cookie",
    keep_days=100,
)


class Memory:
    """Stands for the spool: keeps what it is told, or is full."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_full = False

    async def append(self, payload: bytes) -> None:
        if self.is_full:
            raise SpoolFull("No space left on device")
        self.written.append(payload)

    @property
    def records(self) -> list[Record]:
        return [msgspec.json.decode(payload, type=Record) for payload in self.written]


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(NOW))


@pytest.fixture
def spool() -> Memory:
    return Memory()


def door_of(spool: Memory, site: Site = SITE, salts: Salts | None = None) -> Ingest:
    known = salts or Salts(NOW.date(), b"t" * 32, b"y" * 32)
    return Ingest(spool, lambda: {site.key: site}, lambda: known, lambda ip: Place("PL", "", ""), Vault("key").seal)


@pytest.fixture
def ingest(spool: Memory) -> Ingest:
    return door_of(spool)


def hit(*events: dict[str, Any], **more: Any) -> bytes:
    return msgspec.json.encode({"s": "fern", "c": clock.to_ms(NOW), "e": list(events) or [event()], **more})


def event(**more: Any) -> dict[str, Any]:
    return {"i": "0123456789abcdef", "k": "pageview", "t": clock.to_ms(NOW), "u": "https://shop.example/?q=1", **more}


def sent(ingest: Ingest, body: bytes, who: Sender = WHO) -> Reply:
    return asyncio.run(ingest.receive(body, who))


# ── one sender ──


def test_one_address_may_send_so_much_in_an_hour_however_many_browsers_it_names(
    spool: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a new browser for each hit one sender filled the store, for only a visitor was limited."""
    moment = [1000.0]
    monkeypatch.setattr(crowd.time, "monotonic", lambda: moment[0])
    ingest = Ingest(
        spool, lambda: {"fern": SITE}, lambda: Salts(NOW.date(), b"t" * 32, b""), lambda ip: Place("PL", "", ""),
        Vault("key").seal, sender_mb=1,
    )  # fmt: skip
    large = hit(*[event(p={str(i): "v" * 400 for i in range(25)})] * 5)
    needed = (1 << 20) // len(large)
    replies = [sent(ingest, large, Sender("198.51.100.7", f"Chrome/{n}")) for n in range(needed + 2)]
    assert [reply.status for reply in replies] == [202] * needed + [429] * 2
    assert [record.refused for record in spool.records[-2:]] == [{"flood": 5}] * 2
    assert sent(ingest, large, Sender("198.51.100.8", "Chrome/1")).status == 202, "nobody else is refused"
    behind_a_proxy = [sent(ingest, large, Sender("10.0.0.2", f"Chrome/{n}")).status for n in range(needed + 2)]
    assert behind_a_proxy == [202] * (needed + 2), "many senders may look like one there"
    moment[0] += 3599
    assert sent(ingest, large, Sender("198.51.100.7", "Chrome/1")).status == 429
    moment[0] += 1
    assert sent(ingest, large, Sender("198.51.100.7", "Chrome/1")).status == 202


# ── refusals ──

LONG = "https://shop.example/" + "x" * 2000
REFUSED = {
    "oversized": (b" " * 65_537, 413, "64 KB"),
    "bad_json": (b"{", 400, "not a valid event"),
    "bad_json: no events": (hit(e=[]), 400, "not a valid event"),
    "bad_json: 51 events": (hit(*[event()] * 51), 400, "<= 50"),
    "bad_json: no UTF-8": (b'{"s":"\xff"}', 400, "not a valid event"),
    "unknown_site": (hit(s="nobody"), 404, "No site has the key “nobody”. Check data-site"),
    "unknown_kind": (hit(event(k="keystroke")), 422, "unknown_kind"),
    "no_id": (hit(event(i="")), 422, "no_id"),
    "no_url": (hit(event(u="")), 422, "no_url"),
    "url_too_long": (hit(event(u=LONG)), 422, "url_too_long"),
    "url_too_long: referrer": (hit(event(r=LONG * 2)), 422, "url_too_long"),
    "property_explosion": (hit(event(p={str(i): 1 for i in range(31)})), 422, "property_explosion"),
    "property_explosion: key": (hit(event(p={"k" * 65: 1})), 422, "property_explosion"),
    "property_explosion: value": (hit(event(p={"k": "v" * 501})), 422, "property_explosion"),
    "bad_value: vital": (hit(event(k="vital", n="LCP", v=-1)), 422, "bad_value"),
    "bad_value: no such vital": (hit(event(k="vital", n="FID", v=1)), 422, "bad_value"),
    "bad_value: amount": (hit(event(k="event", a=1e9)), 422, "bad_value"),
    "bad_value: refund": (hit(event(k="event", a=-9.9e11)), 422, "bad_value"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_why_and_stands_in_the_ledger(ingest: Ingest, spool: Memory, case: str) -> None:
    body, status, words = REFUSED[case]
    reply = sent(ingest, body)
    assert reply.status == status
    assert words in reply.text
    (record,) = spool.records
    assert record.refused == {case.partition(":")[0]: 1}
    assert record.events == []


def test_what_is_at_the_limits_is_taken(ingest: Ingest, spool: Memory) -> None:
    props = {f"{i:064}": "v" * 500 for i in range(30)}
    assert sent(ingest, hit(event(p=props, k="event", n="n", a=-999_999_999.0))) == Reply(202, "ok")
    assert sent(ingest, hit(*[event(i=f"{i:016x}") for i in range(50)])) == Reply(202, "ok")
    assert len(spool.records[1].events) == 50


def test_the_shops_server_may_tell_larger_amounts_than_browsers(ingest: Ingest, spool: Memory) -> None:
    events = [WireEvent(i=str(amount), k="event", t=0, n="purchase", a=amount) for amount in (1e9, 9.9e11, 1e12)]
    told = [(1, Sender("", ""), "", event) for event in events]
    assert asyncio.run(ingest.take_from_server(SITE, told, [])) == [("1000000000000.0", "bad_value")]
    assert [float(e.amount) for record in spool.records for e in record.events] == [1e9, 9.9e11]


def test_good_events_are_taken_beside_refused_ones(ingest: Ingest, spool: Memory) -> None:
    reply = sent(ingest, hit(event(), event(u=""), event(k="x")))
    assert reply == Reply(202, "ok, 2 refused: no_url, unknown_kind")
    assert (len(spool.records[0].events), spool.records[0].refused) == (1, {"no_url": 1, "unknown_kind": 1})


def test_events_keep_their_place_in_the_request(ingest: Ingest, spool: Memory) -> None:
    """Of browsers, and of a server that tells of one visitor as the browser's and as its own."""
    asyncio.run(ingest.receive(hit(event(), event(k="nonsense"), event()), WHO))
    events = [WireEvent(i=name, k="event", t=0, n="order") for name in "abc"]
    senders = (WHO, Sender("", ""), WHO)
    asyncio.run(ingest.take_from_server(SITE, [(7, s, "", e) for s, e in zip(senders, events, strict=True)], []))
    assert [[event.nth for event in record.events] for record in spool.records] == [[0, 2], [0, 2], [1]]


def test_a_clock_over_a_day_off_is_corrected_and_marked(ingest: Ingest, spool: Memory) -> None:
    behind = clock.to_ms(NOW - timedelta(days=3))
    sent(ingest, hit(event(t=behind - 60_000), c=behind))
    (taken,) = spool.records[0].events
    assert taken.at == clock.to_ms(NOW) - 60_000
    assert "clock" in taken.marks


def test_a_retried_hit_is_marked(ingest: Ingest, spool: Memory) -> None:
    sent(ingest, hit(n=2))
    assert spool.records[0].events[0].marks == ["retried"]


def test_a_full_disk_answers_503_and_when_to_come_back(ingest: Ingest, spool: Memory) -> None:
    spool.is_full = True
    for body in (hit(), hit(s="nobody"), b"{"):
        reply = sent(ingest, body)
        assert reply.status == 503
        status, fields, _ = counter.answer_to(reply)
        assert (status, dict(fields.plain)["retry-after"]) == (503, "30")


# ── fuzz ──

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
HEX = st.sampled_from(
    ["-123456789abcdef", "0x123456789abcde", "1_23456789abcdef", " 123456789abcdef", "ffffffffffffffff", "0" * 16]
)
COOKIES = st.builds(
    lambda a, b: f"{a}.{b}", HEX, st.sampled_from(["t6n0b0", "zzzzzzz", "-1", "0", "_1", "", " 9"])
) | st.text(max_size=30)


def is_loadable(record: Record) -> bool:
    """What the loader needs: numbers that fit the columns, times that exist."""
    assert 0 <= record.visitor < 2**64
    assert 0 <= record.before < 2**64
    assert 0 <= record.born < 2**32
    datetime.fromtimestamp(record.born, UTC)
    for taken in record.events:
        assert 0 <= taken.id < 2**64
        assert abs(taken.at - record.received) <= 8 * 86_400_000
        assert 0 <= taken.engaged_ms < 2**32
        assert 0 <= taken.scroll <= 100
    return True


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_are_answered_and_never_break_the_door(body: bytes) -> None:
    spool = Memory()
    assert sent(door_of(spool), body).status in (400, 404)
    assert all(map(is_loadable, spool.records))


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries(
        {}, optional={"c": JSON, "m": st.just("cookie"), "i": COOKIES | JSON, "l": JSON, "w": JSON, "n": JSON}
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "i": HEX | JSON,
            "k": st.sampled_from(["event", "vital", "engage"]) | JSON,
            "t": JSON,
            "u": JSON,
            "r": JSON,
            "n": JSON,
            "p": JSON,
            "x": JSON,
            "d": JSON,
            "v": JSON,
            "a": JSON,
            "y": JSON,
            "f": JSON,
        },
    ),
)
def test_mutated_hits_are_answered_and_whatever_is_taken_can_be_loaded(
    head: dict[str, Any], one: dict[str, Any]
) -> None:
    spool = Memory()
    body = msgspec.json.encode(
        {"s": "fern", "e": [{"i": "a", "k": "pageview", "t": clock.to_ms(NOW), "u": "/", **one}], **head}
    )
    assert sent(door_of(spool), body).status in (202, 400, 422)
    assert all(map(is_loadable, spool.records))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(-(10**30), 10**30), COOKIES)
def test_a_lying_clock_or_cookie_makes_no_moment_that_does_not_exist(sent_at: int, cookie: str) -> None:
    spool = Memory()
    assert sent(door_of(spool), hit(c=sent_at, m="cookie", i=cookie)).status == 202
    assert all(map(is_loadable, spool.records))


# ── who is who ──

COOKIE = "00000000deadbeef.t6n0b0"


def visitor(body: bytes, who: Sender = WHO, mode: str = "cookie", salts: Salts | None = None) -> Record:
    spool = Memory()
    sent(door_of(spool, msgspec.structs.replace(SITE, mode=mode), salts), body, who)
    return spool.records[0]


def test_a_cookie_tells_who_it_is_where_the_site_may_remember() -> None:
    for mode in ("cookie", "consent"):
        assert visitor(hit(m="cookie", i=COOKIE), mode=mode).visitor == 0xDEADBEEF


def test_a_cookieless_site_never_reads_the_cookie() -> None:
    record = visitor(hit(m="cookie", i=COOKIE), mode="cookieless")
    assert (record.visitor != 0xDEADBEEF, record.born) == (True, 0)


def test_global_privacy_control_makes_the_hit_cookieless_even_with_a_cookie() -> None:
    opted_out = WHO._replace(has_opted_out=True)
    record = visitor(hit(m="cookie", i=COOKIE), opted_out)
    assert (record.visitor, record.born) == (visitor(hit()).visitor, 0)


def test_a_young_cookie_after_consent_names_the_id_the_visit_began_under() -> None:
    young = f"00000000deadbeef.{_base36(clock.to_ms(NOW) // 1000 - 60)}"
    old = f"00000000deadbeef.{_base36(clock.to_ms(NOW) // 1000 - 3 * 86_400)}"
    assert visitor(hit(m="cookie", i=young), mode="consent").before == visitor(hit()).visitor
    assert visitor(hit(m="cookie", i=old), mode="consent").before == 0
    assert visitor(hit(m="cookie", i=young), mode="cookie").before == 0


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def test_the_same_person_has_unlinkable_ids_on_two_days_and_two_sites() -> None:
    monday, tuesday = Salts(NOW.date(), b"m" * 32, b""), Salts(NOW.date(), b"t" * 32, b"")
    ids = {visitor(hit(), salts=s).visitor for s in (monday, tuesday)}
    other = msgspec.structs.replace(SITE, id=2)
    spool = Memory()
    sent(door_of(spool, other, monday), hit())
    ids.add(spool.records[0].visitor)
    assert len(ids) == 3


def test_nothing_of_the_address_is_written_down(
    ingest: Ingest, spool: Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    sent(ingest, hit())
    sent(ingest, hit(m="cookie", i=COOKIE))
    sent(ingest, b"{")
    asyncio.run(ingest.pixel("fern", "https://shop.example/", "", WHO, "1" * 16))
    text = b"\n".join(spool.written)
    for trace in (ADDRESS, "203.0.113", hashlib.sha256(ADDRESS.encode()).hexdigest()):
        assert trace.encode() not in text
    out = capsys.readouterr()
    assert ADDRESS not in out.out + out.err
    assert "Chrome" not in out.out + out.err


def test_the_address_leaves_no_trace_on_disk_or_in_logs_of_a_real_spool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tandem.base.spool import Spool

    async def work() -> None:
        spool = Spool(tmp_path)
        ingest = Ingest(
            spool,
            lambda: {"fern": SITE},
            lambda: Salts(NOW.date(), b"s" * 32, b""),
            lambda ip: Place("", "", ""),
            Vault("key").seal,
        )
        await ingest.receive(hit(), WHO)
        spool.close()

    asyncio.run(work())
    assert all(ADDRESS.encode() not in p.read_bytes() for p in tmp_path.iterdir())
    assert ADDRESS not in capsys.readouterr().out


# ── the counter over HTTP ──


def asked(
    ingest: Ingest,
    method: str,
    path: str,
    body: bytes = b"",
    headers: list[tuple[str, str]] | None = None,
    query: str = "",
) -> Any:
    async def work() -> tuple[int, dict[str, str], bytes]:
        out: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            out.append(message)

        raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers or []]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode("latin-1"),
            "headers": raw,
            "client": ("127.0.0.1", 5),
        }
        await counter.asgi(ingest, sender_of(scope, Proxies("127.0.0.0/8")), scope, receive, send)
        fields = {k.decode(): v.decode() for k, v in out[0]["headers"]}
        return out[0]["status"], fields, out[1]["body"]

    return asyncio.run(work())


def test_the_counter_may_be_used_from_any_page(ingest: Ingest) -> None:
    status, headers, _ = asked(ingest, "OPTIONS", "/t/hit")
    assert (status, headers["access-control-allow-origin"]) == (204, "*")
    assert "access-control-allow-credentials" not in headers
    status, headers, _ = asked(ingest, "POST", "/t/hit", hit())
    assert (status, headers["access-control-allow-origin"]) == (202, "*")


def test_the_pixel_counts_a_page_view(ingest: Ingest, spool: Memory) -> None:
    status, headers, body = asked(
        ingest, "GET", "/t/pixel.gif", query="s=fern&u=https%3A%2F%2Fshop.example%2Fa&r=https%3A%2F%2Fwww.google.com%2F"
    )
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "image/gif", "no-store")
    assert body.startswith(b"GIF89a")
    (taken,) = spool.records[0].events
    assert (taken.kind, taken.path, taken.referrer, taken.marks) == (
        "pageview",
        "/a",
        "https://www.google.com/",
        ["pixel"],
    )


@pytest.mark.parametrize("way", ["pixel", "hit"])
def test_an_hour_of_one_address_holds_what_its_hits_take_in_the_spool(
    spool: Memory, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """An agent is spooled with each hit: short addresses under a long agent were as good as free."""
    monkeypatch.setattr(crowd.time, "monotonic", lambda: 1000.0)
    ingest = Ingest(
        spool, lambda: {"fern": SITE}, lambda: Salts(NOW.date(), b"t" * 32, b""), lambda ip: Place("PL", "", ""),
        Vault("key").seal, sender_mb=1,
    )  # fmt: skip
    who = Sender("198.51.100.7", "Mozilla/5.0 " + "x" * 588)
    for nth in range(2500):
        if way == "hit":
            sent(ingest, hit(event()), who)
        else:
            asyncio.run(ingest.pixel("fern", "x", "", who, f"{nth:016x}"))
    taken = [record for record in spool.records if record.events]
    assert len(taken) < 2500, "some were too many"
    size = sum(len(msgspec.json.encode(record)) for record in taken)
    assert 0.6 < size / (1 << 20) < 1.5


def test_the_pixel_without_an_address_counts_the_page_it_stands_on(ingest: Ingest, spool: Memory) -> None:
    asked(ingest, "GET", "/t/pixel.gif", query="s=fern", headers=[("referer", "https://shop.example/b")])
    assert spool.records[0].events[0].path == "/b"


def test_the_pixel_cuts_a_long_address_and_referrer_as_the_script_does(ingest: Ingest, spool: Memory) -> None:
    """A search phrase of a thousand letters in the referrer lost the page view."""
    long = f"s=fern&u=https://shop.example/{'a' * 5000}&r=https://x.example/{'b' * 5000}"
    asked(ingest, "GET", "/t/pixel.gif", query=long)
    (taken,) = spool.records[0].events
    assert (len(taken.path), len(taken.referrer)) == (1000, MAX_URL)


@pytest.mark.parametrize(("url", "path", "query"), [
    ("https://x.example/#/sale?utm_source=a&utm_medium=cpc", "/#/sale", "utm_source=a&utm_medium=cpc"),
    ("https://x.example/?utm_source=q#!/sale?utm_term=b", "/#!/sale", "utm_source=q&utm_term=b"),
    ("https://x.example/sale#utm_source=a", "/sale", "utm_source=a"),
    ("https://x.example/sale#access_token=secret", "/sale", ""),
    ("https://x.example/sale#part", "/sale", ""),
])  # fmt: skip
def test_campaign_tags_behind_the_hash_count(url: str, path: str, query: str) -> None:
    assert split_url(url) == ("x.example", path, query)


def test_the_pixel_of_no_site_is_an_image_too_and_stands_in_the_ledger(ingest: Ingest, spool: Memory) -> None:
    assert asked(ingest, "GET", "/t/pixel.gif", query="s=%ff%00nobody&u=%ff")[0] == 200
    assert spool.records[0].refused == {"unknown_site": 1}


def test_global_privacy_control_is_read_from_its_header(ingest: Ingest, spool: Memory) -> None:
    asked(ingest, "POST", "/t/hit", hit(m="cookie", i=COOKIE), [("sec-gpc", "1")])
    assert spool.records[0].visitor != 0xDEADBEEF


def test_client_hints_are_read_from_their_headers(ingest: Ingest, spool: Memory) -> None:
    sent = {
        "user-agent": CHROME, "sec-ch-ua": '"Brave";v="142", "Not_A Brand";v="99"', "sec-ch-ua-platform": '"Windows"',
        "sec-ch-ua-platform-version": '"15.0.0"',
    }  # fmt: skip
    asked(ingest, "POST", "/t/hit", hit(), list(sent.items()))
    asked(ingest, "POST", "/t/hit", hit(), [("user-agent", CHROME), ("sec-ch-ua-mobile", "?0")])
    assert [record.agent for record in spool.records] == [f"{CHROME} CH(Brave 142; Windows 15)", CHROME]


def test_a_header_the_visitor_sent_beside_the_proxys_own_is_not_believed(ingest: Ingest) -> None:
    """Some proxies add a second X-Forwarded-For instead of extending the visitor's."""
    seen: list[str] = []
    ingest._place_of = lambda ip: [seen.append(ip), Place("", "", "")][1]  # type: ignore[assignment,func-returns-value]
    asked(ingest, "POST", "/t/hit", hit(), [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", ADDRESS)])
    assert seen == [ADDRESS]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/t/hit", 405), ("GET", "/t/x", 404), ("GET", "/t/tandem.js", 200), ("DELETE", "/t/pixel.gif", 404)],
)
def test_other_requests_are_answered_plainly(
    ingest: Ingest, spool: Memory, method: str, path: str, status: int
) -> None:
    assert asked(ingest, method, path)[0] == status
    assert spool.written == []


# ── salts ──

MIDNIGHT = datetime(2026, 11, 11, tzinfo=UTC)


@pytest.fixture
def second(any_database: Database) -> Iterator[Database]:
    """Another collector on the same record store."""
    other = Database(any_database.engine.url.render_as_string(hide_password=False))
    yield other
    other.close()


def test_two_collectors_share_the_days_salt(any_database: Database, second: Database) -> None:
    assert store.salts_of_today(any_database, NOW) == store.salts_of_today(second, NOW)


def test_yesterdays_salt_serves_visits_over_midnight_and_is_deleted_by_six(any_database: Database) -> None:
    yesterday = store.salts_of_today(any_database, NOW).today
    night = store.salts_of_today(any_database, MIDNIGHT + timedelta(minutes=5))
    assert (night.yesterday, night.today != yesterday) == (yesterday, True)
    morning = store.salts_of_today(any_database, MIDNIGHT + timedelta(hours=6))
    assert (morning.yesterday, morning.today) == (b"", night.today)
    with any_database.read() as c:
        assert [bytes(r.salt) for r in c.exec_driver_sql("select salt from salts")] == [night.today]


def test_a_deleted_salt_is_not_left_in_the_files(database: Database, tmp_path: Path) -> None:
    salts = [store.salts_of_today(database, NOW + timedelta(days=i)).today for i in range(4)]
    files = b"".join(p.read_bytes() for p in tmp_path.glob("records.db*"))
    assert salts[3] in files
    for old in salts[:2]:
        assert old not in files


def test_a_visit_over_midnight_names_the_id_it_began_under() -> None:
    before = visitor(hit(), salts=Salts(NOW.date(), b"a" * 32, b""))
    after = visitor(hit(), salts=Salts(MIDNIGHT.date(), b"b" * 32, b"a" * 32))
    assert after.before == before.visitor != after.visitor


# ── poison: one bad event, not the hit ──

GOOD_EVENT = b'{"i":"1","k":"pageview","t":0,"u":"https://shop.example/"}'


@pytest.mark.parametrize(
    "bad",
    [
        b'{"i":"2","k":"event","t":1e30}',
        b'{"i":"2","k":"event","t":0,"v":1e999}',
        b'{"i":"2","k":"event","t":0,"v":1e300}',
        b'{"i":"2","k":"event","t":0,"a":1e13}',
        b'{"i":"2","k":"event","t":0,"a":1' + b"0" * 5000 + b"}",
        b'{"i":"2","k":"event","t":0,"p":{"a":1' + b"0" * 5000 + b"}}",
        b'{"i":"2","k":"event","t":0,"p":{"a":1' + b"0" * 600 + b"}}",
        b'{"i":"2","k":"event","t":0,"p":{"a":[[]]}}',
        b"7",
    ],
)
def test_a_bad_event_is_refused_alone(ingest: Ingest, spool: Memory, bad: bytes) -> None:
    body = b'{"s":"fern","e":[' + GOOD_EVENT + b"," + bad + b"]}"
    reply = asyncio.run(ingest.receive(body, WHO))
    assert reply.status == 202
    (record,) = spool.records
    assert [event.kind for event in record.events] == ["pageview"]
    assert sum(record.refused.values()) == 1


def test_half_characters_are_replaced_and_control_characters_become_spaces(ingest: Ingest, spool: Memory) -> None:
    event = (
        b'{"i":"1","k":"event","t":0,"n":"a\\ud800b \\\\ud800 \\ud83d\\ude00\\u0000","p":{"k\\udc00":"\xed\xa0\x80"}}'
    )
    assert asyncio.run(ingest.receive(b'{"s":"fern","e":[' + event + b"]}", WHO)).status == 202
    (told,) = spool.records[0].events
    assert told.name == "a\ufffdb \\ud800 \U0001f600 "
    assert set(told.props) == {"k\ufffd"}


def test_what_is_nested_too_deeply_is_refused(ingest: Ingest) -> None:
    deep = b'{"s":"fern","zz":' + b"[" * 30_000 + b"]" * 30_000 + b',"e":[]}'
    assert asyncio.run(ingest.receive(deep, WHO)).status == 400
    assert asyncio.run(ingest.number(deep, WHO)).status == 400


def test_a_number_is_answered_with_as_the_page_reads_it(spool: Memory) -> None:
    lent = {"ask": NumberLent(swap={"+48225550100": "+48225550200"}, reveal="at_once"), "tap": None}
    ingest = Ingest(
        spool, lambda: {"fern": SITE}, lambda: Salts(NOW.date(), b"s" * 32, b""), lambda ip: Place("PL", "", ""),
        Vault("key").seal, lambda asked: lent[asked.act],
    )  # fmt: skip
    bodies = [json.dumps({"s": "fern", "k": act, "u": "https://shop.example/"}).encode() for act in lent]
    replies = [asyncio.run(ingest.number(body, WHO)) for body in bodies]
    assert [(reply.status, json.loads(reply.text)) for reply in replies] == [
        (200, {"swap": {"+48225550100": "+48225550200"}, "reveal": "at_once"}), (200, {}),
    ]  # fmt: skip
