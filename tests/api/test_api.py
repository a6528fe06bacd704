"""The API: events from servers, figures, changes, exports, webhooks, and the document that describes it."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance
from sqlalchemy import update

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.accounts.tables import api_tokens
from tandem.base import clock
from tandem.collect.model.hit import event_id
from tandem.collect.routes import _visitor
from tests.served import Running, eventually

REPLIES = Path(__file__).parents[1] / "changes" / "replies"


def event(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "visitor": "customer 7",
        "name": "order",
        "user_agent": "Mozilla/5.0 (X11) Firefox/130.0",
        **more,
    }


def sent(running: Running, *events: dict[str, Any], token: str = "events:write", site: str = "fern") -> Any:
    with running.as_program(token) as program:
        return program.post("/api/events", params={"site": site}, json={"events": list(events)})


def stored(running: Running, site: str) -> dict[str, int]:
    """What the ledger of today says."""
    with running.as_program("all") as program:
        days = program.get("/api/ingestion", params={"site": site}).json()
    return {
        "stored": sum(d["stored"] for d in days),
        "duplicates": sum(d["duplicates"] for d in days),
        "balance": sum(d["balance"] for d in days),
        "refused": sum(sum(d["refused"].values()) for d in days),
    }


# ── events ──


def test_events_of_a_server_count_once_however_often_they_are_sent(running: Running) -> None:
    events = [event(f"order-{i}", kind="pageview", url=f"https://oak.example/{i}") for i in range(1000)]
    for _ in range(2):
        answer = sent(running, *events, token="oak", site="oak")
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1000, "refused": {}})
    wanted = {"stored": 1000, "duplicates": 1000, "balance": 0, "refused": 0}
    eventually(lambda: stored(running, "oak") == wanted)
    # The ledger comes before the visits: they are derived a moment later.
    eventually(lambda: pages_and_visitors(running) == {"collect.pageviews": 1000, "collect.visitors": 1})


def pages_and_visitors(running: Running) -> dict[str, int]:
    asked = {"metrics": "collect.pageviews,collect.visitors", "period": "7d"}
    with running.as_program("oak") as program:
        metrics: dict[str, int] = program.get("/api/metrics", params=asked).json()["rows"][0]["metrics"]
    return metrics


def test_what_a_server_tells_without_naming_a_browser_is_no_robots(running: Running) -> None:
    """It confirms an order that the browser told an hour ago, and tells of one that no browser told."""

    def orders() -> tuple[float, float]:
        with running.as_program("oak") as program:
            asked = {"site": "oak", "metrics": "collect.orders,collect.revenue", "period": "7d"}
            metrics = program.get("/api/metrics", params=asked).json()["rows"][0]["metrics"]
            return metrics["collect.orders"], metrics["collect.revenue"]

    count, revenue = orders()
    now, browser_id = clock.now_ms(), "00c0ffee00c0ffee.t5zk9a"
    hit = {
        "s": "oak", "c": now, "m": "cookie", "i": browser_id, "l": "en", "w": 1440, "n": 0,
        "e": [
            {"i": f"{number:016x}", "k": kind, "t": now - 3_600_000, "u": "https://oak.example/", "r": "", **more}
            for number, kind, more in ((0xA1, "pageview", {}), (0xA2, "event", {"n": "order", "a": 500, "y": "EUR"}))
        ],
    }  # fmt: skip
    with running.as_nobody() as browser:
        agent = {"user-agent": "Mozilla/5.0 (X11) Firefox/130.0", "x-forwarded-for": "81.2.69.142"}
        assert browser.post("/t/hit", json=hit, headers=agent).status_code == 202
    eventually(lambda: orders() == (count + 1, revenue + 500))
    order = {"name": "order", "currency": "EUR"}
    confirmed = {"id": f"{0xA2:016x}", "visitor": browser_id, "amount": 500, **order}
    alone = {"id": "told alone", "visitor": "customer 9", "amount": 70, **order}
    assert sent(running, confirmed, alone, token="oak", site="oak").json() == {"accepted": 2, "refused": {}}
    eventually(lambda: orders() == (count + 2, revenue + 570))


def test_an_order_may_come_without_a_visitor_and_nothing_else_may(running: Running) -> None:
    """One by phone was refused, though the money was there."""

    def orders() -> tuple[float, float]:
        with running.as_program("oak") as program:
            asked = {"metrics": "collect.orders,collect.revenue", "period": "7d", "by": "channel"}
            rows = program.get("/api/metrics", params=asked).json()["rows"]
        alone = next((row["metrics"] for row in rows if "No visit" in str(row)), {})
        return alone.get("collect.orders", 0), alone.get("collect.revenue", 0)

    count, revenue = orders()
    ordered = [{"id": f"by phone {n}", "name": "order", "amount": 40, "currency": "EUR"} for n in range(2)]
    others = [
        {"id": "viewed", "kind": "pageview", "url": "https://oak.example/"}, {"id": "nothing", "name": "order"},
        {"id": "somebody", "kind": "identify", "visitor": " ", "props": {"login": "anna"}},
    ]  # fmt: skip
    refused = {str(one["id"]): "no_visitor" for one in others}
    for _ in range(2):  # sent again, they count once
        answer = sent(running, *ordered, *others, token="oak", site="oak")
        assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "refused": refused})
    eventually(lambda: orders() == (count + 2, revenue + 80))


def test_nobody_can_name_the_visitor_that_a_customers_number_makes() -> None:
    """It was a hash of what everybody can guess, and a cookie that named it was believed."""
    site = Site(
        id=2, workspace_id=1, key="x", name="X", hosts=(), zone="UTC", currency="EUR", mode="cookie", keep_days=9
    )
    known, guessed = _visitor(b"a secret", site, "42"), _visitor(b"another", site, "42")
    assert known == _visitor(b"a secret", site, "42") != guessed
    assert event_id("2|42") not in (known, guessed)
    assert _visitor(b"a secret", site, "00c0ffee00c0ffee.t5zk9a") == 0x00C0FFEE00C0FFEE, "the browser of a cookie"
    numbers = (
        "4000123412341234",
        "00c0ffee00c0ffee",
        "4000123412341234.1",
        "4000123412341234.t3abc",
        "00C0FFEE00C0FFEE.t5zk9a",
    )
    for text in numbers:
        assert _visitor(b"a secret", site, text) != int(text[:16], 16), f"a customer's number, {text}"
        assert _visitor(b"a secret", site, text) != _visitor(b"another", site, text)


def test_a_strangers_cookie_gets_neither_a_customers_order_nor_their_profile(running: Running) -> None:
    """The shop names its customers by numbers of 16 digits, and a stranger guesses one before and one after."""
    now = clock.now_ms()
    agent = {"user-agent": "Mozilla/5.0 (X11) Firefox/130.0", "x-forwarded-for": "81.2.69.143"}

    def visits(cookie: str, event_id: int) -> None:
        view = {
            "i": f"{event_id:016x}",
            "k": "pageview",
            "t": now,
            "u": "https://oak.example/?utm_source=stranger",
            "r": "",
        }
        hit = {"s": "oak", "c": now, "m": "cookie", "i": cookie, "l": "en", "w": 1440, "n": 0, "e": [view]}
        with running.as_nobody() as browser:
            assert browser.post("/t/hit", json=hit, headers=agent).status_code == 202

    def of_stranger() -> tuple[float, float]:
        asked = {"site": "oak", "metrics": "collect.visits,collect.revenue", "period": "7d", "by": "source"}
        with running.as_program("oak") as program:
            rows = program.get("/api/metrics", params=asked).json()["rows"]
        return next(
            ((r["metrics"]["collect.visits"], r["metrics"]["collect.revenue"]) for r in rows if "stranger" in str(r)),
            (0, 0),
        )

    visits("1000000000000077.t5zk9a", 0xB1)
    visits("4000123412341234.t3abc", 0xB2)
    eventually(lambda: of_stranger() == (2, 0))
    before = stored(running, "oak")["stored"]
    for visitor in ("1000000000000077", "4000123412341234"):
        order = {
            "id": f"of {visitor}",
            "visitor": visitor,
            "kind": "event",
            "name": "order",
            "amount": 77,
            "currency": "EUR",
        }
        known = {"id": f"who {visitor}", "visitor": visitor, "kind": "identify", "props": {"login": "anna77"}}
        assert sent(running, order, known, token="oak", site="oak").json()["accepted"] == 2
    eventually(lambda: stored(running, "oak")["stored"] == before + 4)
    assert of_stranger() == (2, 0)


def test_more_than_a_thousand_events_are_refused(running: Running) -> None:
    answer = sent(running, *[event(str(i)) for i in range(1001)])
    assert answer.status_code == 400
    assert "1,000" in answer.text


def test_each_refused_event_is_named_with_its_reason(running: Running) -> None:
    now = datetime.now(UTC)
    answer = sent(
        running,
        event("good", at=(now - timedelta(days=6)).isoformat()),
        event("old", at=(now - timedelta(days=8)).isoformat()),
        event("future", at=(now + timedelta(hours=1)).isoformat()),
        event("nowhere", at="2026-11-20T12:00:00"),
        event("kind", kind="keystroke"),
        event("props", props={str(i): i for i in range(31)}),
        event("amount", amount=1e13),
    )
    assert answer.status_code == 202
    assert answer.json() == {
        "accepted": 1,
        "refused": {
            "old": "too_old",
            "future": "in_the_future",
            "nowhere": "no_time_zone",
            "kind": "unknown_kind",
            "props": "property_explosion",
            "amount": "bad_value",
        },
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"events": []}',
        b'{"events": [{"visitor": "v"}]}',
        b'{"events": [{"id": "1", "visitor": "v", "more": 1}]}',
        b'{"events": [{"id": "1", "visitor": "v", "at": "soon"}]}',
        b"\xff",
    ],
)
def test_a_body_that_does_not_fit_is_refused(running: Running, body: bytes) -> None:
    with running.as_program("events:write") as program:
        answer = program.post("/api/events", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_program_without_the_scope_or_of_another_workspace_sends_nothing(running: Running) -> None:
    assert sent(running, event("1"), token="metrics:read").status_code == 403
    assert sent(running, event("1"), token="rival").status_code == 404
    assert sent(running, event("1"), token="expired").status_code == 401


# ── changes, exports ──


def test_a_change_sent_twice_with_its_id_is_one(running: Running) -> None:
    with running.as_program("all") as program:
        one = {"title": "Released 2.4", "id": "release-2.4"}
        assert (
            program.post("/api/changes", json=one).json()["id"] == program.post("/api/changes", json=one).json()["id"]
        )


@pytest.mark.parametrize(
    "query",
    [
        "since=0001-01-01T00:00:00Z",
        "until=0001-01-01T00:00:00Z",
        "until=9999-12-31T23:59:59-12:00",
        "since=2026-01-01T00:00:00",
        "since=soon",
    ],
)
def test_moments_at_the_edge_of_time_are_refused_with_a_sentence(running: Running, query: str) -> None:
    with running.as_program("all") as program:
        answer = program.get(f"/api/changes?{query}")
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.parametrize("path", ["/api/changes/" + "9" * 30, "/api/changes/-1"])
def test_a_number_beyond_all_numbers_is_no_bug(running: Running, path: str) -> None:
    with running.as_program("all") as program:
        assert program.delete(path).status_code in (204, 400, 404)


def test_an_export_is_a_file_no_spreadsheet_runs(running: Running) -> None:
    sent(
        running,
        event("formula", kind="pageview", url="https://fern.example/?utm_source==cmd|' /C calc'!A0&utm_medium=x"),
    )
    with running.as_person("admin") as browser:

        def answer() -> Any:
            got = browser.get(
                "/export", params={"metrics": "collect.visits", "by": "source", "period": "7d", "site": "fern"}
            )
            return got if "cmd" in got.text else None

        csv = eventually(answer)
        assert csv.headers["content-disposition"].startswith("attachment")
        assert "'=cmd" in csv.text
        rows = browser.get(
            "/export", params={"figures": "collect.visits", "by": "source", "format": "json", "site": "fern"}
        ).json()
        assert set(rows[0]) == {"source", "collect.visits"}
        assert browser.get("/export", params={"metrics": "collect.visits", "format": "exe"}).status_code == 400


# ── webhooks ──


def secret_of(running: Running, system: str, key: str = "fern") -> str:
    ctx = accounts.secret(running.database, "house")
    return hmac.new(ctx, f"hook:{system}:{key}".encode(), hashlib.sha256).hexdigest()


def delivered(running: Running, name: str, signature: str | None = None, key: str = "fern") -> Any:
    reply = json.loads((REPLIES / f"{name}.json").read_text())
    system, body = name.partition("-")[0], json.dumps(reply["body"]).encode()
    if system == "github":
        right = "sha256=" + hmac.new(secret_of(running, "github").encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-github-event": reply["event"], "x-hub-signature-256": right if signature is None else signature}
    else:
        headers = {
            "x-gitlab-event": reply["event"],
            "x-gitlab-token": secret_of(running, "gitlab") if signature is None else signature,
        }
    with running.as_nobody() as sender:
        return sender.post(
            f"/hooks/{system}/{key}", content=body, headers={"content-type": "application/json", **headers}
        )


@pytest.mark.parametrize(
    "name",
    ["github-deployment-success", "github-release-published", "gitlab-deployment-success", "gitlab-release-created"],
)
def test_a_signed_delivery_is_kept_once(running: Running, name: str) -> None:
    first, again = delivered(running, name), delivered(running, name)
    assert (first.status_code, first.json()["kept"]) == (202, True)
    assert again.json() == first.json()


@pytest.mark.parametrize("name", ["github-ping", "github-deployment-failure", "gitlab-deployment-running"])
def test_what_is_no_change_is_taken_and_not_kept(running: Running, name: str) -> None:
    assert delivered(running, name).json()["kept"] is False


@pytest.mark.parametrize("signature", ["", "sha256=" + "0" * 64, "x", "ż"])
@pytest.mark.parametrize("name", ["github-deployment-success", "gitlab-deployment-success"])
def test_a_wrong_or_missing_signature_is_refused(running: Running, name: str, signature: str) -> None:
    assert delivered(running, name, signature.encode().decode("latin-1").encode("latin-1")).status_code == 403  # type: ignore[arg-type]


def test_the_signature_of_one_site_opens_no_other(running: Running) -> None:
    assert delivered(running, "github-deployment-success", key="oak").status_code == 403
    assert delivered(running, "github-deployment-success", key="nobody").status_code == 404


# ── the document ──


@pytest.mark.parametrize(
    "path", ["/api/events", "/api/metrics", "/api/changes", "/api/changes/{change_id}", "/api/ingestion", "/api/sites"]
)
def test_the_api_does_what_its_document_says(running: Running, path: str) -> None:
    document = schemathesis.openapi.from_url(f"{running.url}/api/openapi.json")
    operations = [found.ok() for found in document.get_all_operations() if found.ok().path == path]
    assert operations
    for operation in operations:

        @settings(
            max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
        )
        @given(operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(
                headers={"authorization": f"Bearer {running.tokens['all']}"},
                checks=[not_a_server_error, content_type_conformance, response_schema_conformance],
            )

        check()


def test_the_document_describes_every_path_that_is_tested_above(running: Running) -> None:
    with running.as_nobody() as stranger:
        paths = stranger.get("/api/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/events",
        "/api/figures",
        "/api/metrics",
        "/api/reception",
        "/api/changes",
        "/api/changes/{change_id}",
        "/api/ingestion",
        "/api/sites",
    }


@pytest.mark.parametrize(("asked", "said"), [
    ("metrics=collect.visits&most=-5", "“most” must be 1 or more."),
    ("metrics=collect.visits&most=0", "“most” must be 1 or more."),
    ("metrics=ads.cost&by=browser", "Ad cost cannot be split by Browser."),
    ("metrics=collect.visits&period=2101-01-01..2101-01-02", "The days must lie between the years 2000 and 2100."),
])  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_with_a_cure(running: Running, asked: str, said: str) -> None:
    with running.as_person("admin") as browser:
        answer = browser.get(f"/api/metrics?site=fern&{asked}")
    assert (answer.status_code, answer.json()["error"]) == (400, said)
    assert answer.json()["hint"]


# ── poison ──

NUMBERS = {
    "deep": '{"events": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "5,000 digits": '{"events": [{"id": "1", "visitor": "v", "url": "/", "amount": 1' + "0" * 5000 + "}]}",
    "1e999": '{"events": [{"id": "1", "visitor": "v", "url": "/", "value": 1e999}]}',
    "half a character": '{"events": [{"id": "\\ud800", "visitor": "v", "url": "/"}]}',
    "year 10000": '{"events": [{"id": "1", "visitor": "v", "at": "10000-01-01T00:00:00Z"}]}',
    "status": '{"events": [{"id": "1", "visitor": "v", "status": 1.5}]}',
}


@pytest.mark.parametrize("name", NUMBERS)
def test_poison_for_the_api_is_refused_and_is_no_bug(running: Running, name: str) -> None:
    with running.as_program("events:write") as program:
        answer = program.post(
            "/api/events?site=fern", content=NUMBERS[name], headers={"content-type": "application/json"}
        )
    assert answer.status_code == 400, answer.text[:300]
    assert answer.json()["error"]


AMOUNTS = ("engaged_ms", "scroll", "value", "amount")


def test_a_bad_event_of_the_api_is_refused_alone(running: Running) -> None:
    bad = [
        {"id": "huge", "visitor": "v", "kind": "event", "name": "purchase", "amount": 1e30},
        {"id": "far", "visitor": "v", "kind": "event", "name": "x", "value": 1e300},
        {"id": "digits", "visitor": "v", "kind": "event", "name": "x", "props": {"n": 10**900}},
        {"id": "early", "visitor": "v", "kind": "event", "name": "x", "at": "0001-01-01T00:00:00+14:00"},
        *({"id": f"no {name}", "visitor": "v", "kind": "event", "name": "x", name: "nan"} for name in AMOUNTS),
    ]
    good = {"id": "fine\u0000", "visitor": "v\u0000", "kind": "event", "name": "nul\u0000", "status": 10**30}
    with running.as_program("events:write") as program:
        answer = program.post("/api/events", params={"site": "fern"}, json={"events": [*bad, good]})
    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "accepted": 1,
        "refused": {"huge": "bad_value", "far": "bad_value", "digits": "property_explosion", "early": "too_old"}
        | {f"no {name}": "bad_value" for name in AMOUNTS},
    }


# ── a stranger at the counter, and the shop's server ──


def test_what_a_stranger_sends_to_the_counter_never_keeps_an_order_of_the_server_out(running: Running) -> None:
    """The ids of the shop's next orders are easily guessed; the counter takes 16 hex digits as they are."""
    guessed = [f"order-{n}" for n in range(900, 910)]
    before = stored(running, "fern")["stored"]
    with running.as_nobody() as stranger:
        for hexed in (False, True):
            ids = [f"{event_id(one):016x}" if hexed else one for one in guessed]
            events = [{"i": one, "k": "event", "t": 0, "n": "x", "u": "https://shop.example/"} for one in ids]
            hit = {"s": "fern", "n": 1, "e": events}
            assert stranger.post("/t/hit", content=json.dumps(hit)).status_code == 202
    eventually(lambda: stored(running, "fern")["stored"] >= before + 10)
    taken = stored(running, "fern")["stored"]
    orders = [event(one, amount=10) for one in guessed]
    assert sent(running, *orders).json()["accepted"] == 10
    eventually(lambda: stored(running, "fern")["stored"] == taken + 10)
    assert sent(running, *orders).json()["accepted"] == 10  # sent again, they count once
    eventually(lambda: stored(running, "fern")["duplicates"] >= 10)
    assert stored(running, "fern")["stored"] == taken + 10


def test_each_refused_event_is_counted_also_where_several_have_one_id(running: Running) -> None:
    with running.as_program("all") as program:
        bad = [{"id": "twice", "visitor": "v", "name": "x", "kind": "nonsense", "at": "2020-01-01T00:00:00Z"}] * 3
        answer = program.post("/api/events", params={"site": "fern"}, json={"events": bad}).json()
    assert answer == {"accepted": 0, "refused": {"twice": "too_old"}}


def test_an_origin_that_is_no_address_is_another_site(running: Running) -> None:
    with running.as_nobody() as nobody:
        for path in ("/sign-in", "/forgot"):
            assert nobody.post(path, data={"email": "a@b.example"}, headers={"origin": "http://["}).status_code == 403


def test_a_refused_export_stands_in_no_audit_log(running: Running) -> None:
    with running.as_person("marketing") as browser:
        asked = {"figures": "collect.visits", "period": "7d", "format": "EVIL"}
        assert browser.get("/export", params=asked).status_code == 400
    with running.as_person("admin") as browser:
        assert "EVIL" not in browser.get("/settings").text


@pytest.mark.parametrize(("bad", "name"), [
    ('{"id": "bad", "visitor": "v", "amount": "x"}', "bad"),
    ('{"id": "bad", "visitor": "v", "name": "\\ud800"}', "bad"),
    ('{"id": "bad", "visitor": "v", "amount": 1' + "0" * 5000 + "}", "bad"),
    ('{"id": "bad", "visitor": "v", "props": {"a": {"b": 1}}}', "bad"),
    ('{"id": "bad", "visitor": "v", "more": 1}', "bad"),
    ('{"id": "bad", "visitor": "v", "at": "soon"}', "bad"),
    ('{"id": "bad", "visitor": "v", "props": ' + "[" * 20_000 + "]" * 20_000 + "}", "bad"),
    ('{"id": "\\ud800", "visitor": "v"}', "#2"),
    ('{"id": 7, "visitor": "v"}', "#2"),
    ('{"id": "", "visitor": "v"}', "#2"),
    ("7", "#2"), ("null", "#2"), ("", "#2"),
])  # fmt: skip
def test_an_event_that_cannot_be_read_is_refused_alone_and_counted(running: Running, bad: str, name: str) -> None:
    """One such event refused all 1,000 of its request."""
    before = stored(running, "fern")
    fine = [json.dumps(event(f"{hashlib.sha256(bad.encode()).hexdigest()}-{n}")) for n in range(2)]
    body = '{"events": [' + ", ".join([fine[0], bad, fine[1]]) + "]}"
    with running.as_program("all") as program:
        answer = program.post(
            "/api/events?site=fern", content=body, headers={"content-type": "application/json"}
        )  # fmt: skip
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "refused": {name: "bad_event"}})
    eventually(lambda: stored(running, "fern")["stored"] >= before["stored"] + 2)
    eventually(lambda: stored(running, "fern")["refused"] > before["refused"])


def test_the_document_says_what_an_event_is(running: Running) -> None:
    with running.as_nobody() as stranger:
        document = stranger.get("/api/openapi.json").json()
    asked = document["paths"]["/api/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    events = document["components"]["schemas"][asked["$ref"].rpartition("/")[2]]["properties"]["events"]
    one = document["components"]["schemas"][events["items"]["$ref"].rpartition("/")[2]]
    assert (events["minItems"], events["maxItems"]) == (1, 1000)
    assert set(one["required"]) == {"id"}
    assert {"amount", "props", "at"} < set(one["properties"])


VARYING = ("rows", "took_ms", "compared")
"""Of an answer: the last one ends now."""


def test_the_former_name_of_ingestion_is_answered_with_a_note(running: Running) -> None:
    with running.as_program("all") as program:
        new, old = (program.get(f"/api/{name}", params={"site": "fern"}) for name in ("ingestion", "reception"))
    assert old.json() == new.json() and old.status_code == 200
    assert "</api/ingestion>" in old.headers["link"] and "deprecation" not in new.headers
    with running.as_person("engineering") as browser:
        moved = browser.get("/reception?site=fern")
        assert (moved.status_code, moved.headers["location"]) == (301, "/ingestion?site=fern")


def test_the_former_name_of_the_api_of_metrics_is_answered_with_a_note(running: Running) -> None:
    sent(running, event("former-name", kind="pageview", url="https://fern.example/former"))
    eventually(lambda: stored(running, "fern")["stored"] > 0)
    asked = {"period": "7d", "site": "fern"}
    with running.as_program("all") as program:
        eventually(lambda: program.get("/api/metrics", params={**asked, "metrics": "collect.visits"}).json()["rows"])
        new = program.get("/api/metrics", params={**asked, "metrics": "collect.visits"})
        old = program.get("/api/figures", params={**asked, "figures": "collect.visits"})
    assert old.headers["deprecation"] == "true" and "/api/metrics" in old.headers["link"]
    assert "deprecation" not in new.headers
    assert [row["figures"] for row in old.json()["rows"]] == [row["metrics"] for row in new.json()["rows"]] != []
    assert {k: v for k, v in old.json().items() if k not in VARYING} == {
        k: v for k, v in new.json().items() if k not in VARYING
    }
    with running.as_person("viewer") as browser:
        moved = browser.get("/figures?site=fern&period=7d")
        assert (moved.status_code, moved.headers["location"]) == (301, "/metrics?site=fern&period=7d")
        assert moved.headers["deprecation"] == "true" and "</metrics>" in moved.headers["link"]
    with running.as_person("admin") as browser:
        asked = {"site": "fern", "period": "7d", "figures": "collect.visits"}
        assert browser.get("/export", params=asked).headers["deprecation"] == "true"


def test_a_token_made_with_the_former_name_of_a_scope_reads_metrics(running: Running) -> None:
    admin = running.people["admin"]
    token, secret = accounts.make_token(running.database, admin, "old", ["figures:read"])
    assert token.scopes == ("metrics:read",)
    with running.database.write() as c:
        c.execute(update(api_tokens).where(api_tokens.c.id == token.id).values(scopes=["figures:read"]))
    with httpx.Client(base_url=running.url, headers={"authorization": f"Bearer {secret}"}) as program:
        answer = program.get("/api/metrics?metrics=collect.visits")
    assert (answer.status_code, answer.headers["deprecation"]) == (200, "true")
    assert "figures:read is now called metrics:read" in answer.headers["warning"] and "link" in answer.headers
