"""The APIs of analytics systems against recorded replies over a local stub: proof, paging, limits, sampling."""

import base64
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tandem.accounts.model import Site
from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.reconcile import jobs, store
from tandem.reconcile.model.outside import OutsideReport
from tandem.reconcile.sources import ga4
from tandem.reconcile.sources.api import AnalyticsAccount, AnalyticsApi
from tandem.reconcile.sources.metrika import API as METRIKA
from tests.connections.stub import Asked, Reply, outside

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 2)
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = json.dumps({
    "type": "service_account", "client_email": "tandem@fern.iam.example", "private_key_id": "k1",
    "private_key": PRIVATE.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode(),
})  # fmt: skip
Answer = Callable[[Asked], Reply]


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(body).encode(), (("Content-Type", "application/json"), *headers.items()))


def asked_of(
    api: AnalyticsApi, answer: Answer, **settings: str
) -> tuple[list[OutsideReport], list[Asked], list[float]]:
    """The reports of two days, what was asked for them, and the waits."""
    waits: list[float] = []
    with outside(answer) as stub:
        given = {"address": stub.url, "token_address": f"{stub.url}/token", "key": KEY, "property": "77",
                 "token": "secret", "counter": "5", **settings}  # fmt: skip
        opened = lambda base, headers: Http(  # noqa: E731
            api.label, base, headers=headers, allowed="127.0.0.1", per_second=1000, sleep=waits.append
        )
        return api.reports(AnalyticsAccount(settings=given, open=opened), FIRST, LAST), stub.asked, waits


def google_rows(rows: list[tuple[str, ...]], **metadata: Any) -> dict[str, Any]:
    """A reply of runReport: day, part, then the six figures."""
    width = len(rows[0]) - 6 if rows else 1
    return {
        "dimensionHeaders": [{"name": "date"}], "rowCount": len(rows), "kind": "analyticsData#runReport",
        "rows": [
            {"dimensionValues": [{"value": v} for v in row[:width]],
             "metricValues": [{"value": v} for v in row[width:]]}
            for row in rows
        ],
        "metadata": {"currencyCode": "EUR", "timeZone": "America/New_York", **metadata},
    }  # fmt: skip


def google(asked: Asked) -> Reply:
    if asked.path == "/token":
        return reply({"access_token": "at", "expires_in": 3599})
    names = [d["name"] for d in json.loads(asked.body)["dimensions"]]
    figures = ("90", "120", "300", "4", "2", "99.5")
    if names == ["date"]:
        return reply(google_rows([("20261001", *figures), ("20261002", *figures)]))
    if names[1] == "sessionSourceMedium":
        return reply(google_rows([("20261001", "google / cpc", *figures)]))
    other = ("20261002", "(other)", "5", "6", "7", "0", "0", "0")
    sampled = [{"samplesReadCount": "250000", "samplingSpaceSize": "1000000"}]
    return reply(
        google_rows([("20261001", "Organic Search", *figures), other], samplingMetadatas=sampled,
                    subjectToThresholding=True, dataLossFromOtherRow=True)
    )  # fmt: skip


def test_ga4_is_asked_with_a_signed_proof_and_tells_sampling_and_thresholding() -> None:
    (days, channels, sources), asked, _ = asked_of(ga4.API, google)
    token = parse_qs(asked[0].body.decode())
    assert token["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claim, signature = (base64.urlsafe_b64decode(p + "==") for p in token["assertion"][0].split("."))
    signed = token["assertion"][0].rpartition(".")[0].encode()
    PRIVATE.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert json.loads(claim)["scope"].endswith("analytics.readonly")
    assert json.loads(claim)["exp"] - json.loads(claim)["iat"] == 3600
    assert asked[1].path == "/v1beta/properties/77:runReport"
    assert asked[1].headers["authorization"] == "Bearer at"
    assert json.loads(asked[1].body)["dateRanges"] == [{"startDate": "2026-10-01", "endDate": "2026-10-02"}]
    assert (days.split, days.zone, days.account) == ("day", "America/New_York", "77")
    revenue = next(row for row in days.rows if row.figure == "revenue")
    assert (revenue.value, revenue.currency, revenue.on) == (Decimal("99.5"), "EUR", FIRST)
    assert {row.share for row in days.rows} == {None}
    assert {row.share for row in channels.rows} == {Decimal("0.25")}
    assert all(row.is_thresholded for row in channels.rows)
    assert {row.channel for row in channels.rows if row.is_other} == {"(other)"}
    assert {n.code for n in channels.notes} == {"is_sampled", "is_thresholded", "has_other"}
    assert {(row.source, row.medium) for row in sources.rows} == {("google", "cpc")}


def test_ga4_is_asked_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ga4, "PAGE", 1)
    rows = [("20261001", "1", "1", "1", "0", "0", "0"), ("20261002", "2", "2", "2", "0", "0", "0")]

    def answer(asked: Asked) -> Reply:
        if asked.path == "/token":
            return reply({"access_token": "at"})
        body = json.loads(asked.body)
        if len(body["dimensions"]) > 1:
            return reply({"rowCount": 0, "metadata": {}})
        return reply({**google_rows([rows[int(body["offset"])]]), "rowCount": 2})

    (days, *_), _, _ = asked_of(ga4.API, answer)
    assert [(row.on.day, row.value) for row in days.rows if row.figure == "sessions"] == [(1, 1), (2, 2)]


def test_a_spent_quota_is_waited_for_and_then_given_up() -> None:
    quota = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Exhausted property tokens per hour."}}
    left = [2]

    def answer(asked: Asked) -> Reply:
        if asked.path == "/token":
            return reply({"access_token": "at"})
        left[0] -= 1
        return reply(quota, 429, **{"Retry-After": "7"}) if left[0] >= 0 else google(asked)

    reports, _, waits = asked_of(ga4.API, answer)
    assert [w for w in waits if w == 7] == [7, 7]
    assert len(reports) == 3
    left[0] = 10**6
    with pytest.raises(SourceError, match="answered 429, 5 times in a row"):
        asked_of(ga4.API, answer)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": "{}"}, "not the JSON file of a service account"),
        ({"key": "nonsense"}, "not the JSON file of a service account"),
        ({"key": '{"client_email": "a", "private_key": "b"}'}, "private key cannot be read"),
    ],
)
def test_a_wrong_key_is_told(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        asked_of(ga4.API, google, **settings)


@pytest.mark.parametrize("body", [[], {"rows": [{}]}, {"rows": [{"dimensionValues": [], "metricValues": []}]}])
def test_a_reply_of_another_form_is_told(body: Any) -> None:
    def answer(asked: Asked) -> Reply:
        return reply({"access_token": "at"} if asked.path == "/token" else body)

    with pytest.raises(SourceError, match="sent a"):
        asked_of(ga4.API, answer)


def metrika(asked: Asked, **more: Any) -> Reply:
    query = {k: v[0] for k, v in parse_qs(urlsplit(asked.path).query).items()}
    count = len(query["metrics"].split(","))
    values = [float(i + 1) for i in range(count)]
    dimensions = [[{"name": "2026-10-01"}], [{"name": "2026-10-02"}]]
    if "lastsign" in query["dimensions"]:
        dimensions = [[{"name": "2026-10-01"}, {"id": "ad", "name": "Ad traffic"}],
                      [{"name": "2026-10-01"}, {"id": None, "name": None}]]  # fmt: skip
    data = [{"dimensions": d, "metrics": values} for d in dimensions]
    start = int(query["offset"]) - 1
    return reply({"data": data[start : start + int(query["limit"])], "total_rows": 2, "sampled": False, **more})


def test_metrica_is_asked_for_full_accuracy() -> None:
    (days, channels), asked, _ = asked_of(METRIKA, metrika, currency="EUR", zone="Europe/Moscow")
    query = {k: v[0] for k, v in parse_qs(urlsplit(asked[0].path).query).items()}
    assert (query["accuracy"], query["ids"], query["date1"]) == ("full", "5", "2026-10-01")
    assert asked[0].headers["authorization"] == "OAuth secret"
    assert "ym:s:ecommerceEURConvertedRevenue" in query["metrics"]
    assert days.zone == "Europe/Moscow"
    assert [(r.figure, r.value, r.currency) for r in days.rows if r.on == FIRST][-1] == ("revenue", 5, "EUR")
    assert {row.channel for row in channels.rows} == {"Ad traffic", "Not known"}
    assert {row.share for row in days.rows} == {None}


def test_metrica_tells_which_part_of_the_data_it_read() -> None:
    (days, _), _, _ = asked_of(METRIKA, lambda a: metrika(a, sampled=True, sample_share=0.1))
    assert {row.share for row in days.rows} == {Decimal("0.1")}
    (days, _), _, _ = asked_of(METRIKA, lambda a: metrika(a, sampled=True, sample_size=1, sample_space=4))
    assert {row.share for row in days.rows} == {Decimal("0.25")}
    (days, _), _, _ = asked_of(METRIKA, lambda a: metrika(a, contains_sensitive_data=True))
    assert all(row.is_thresholded for row in days.rows)


def test_metrica_must_send_all_rows_it_announces() -> None:
    with pytest.raises(SourceError, match="fewer rows"):
        asked_of(METRIKA, lambda a: reply({"data": [], "total_rows": 3}))
    with pytest.raises(SourceError, match="rejected the credentials"):
        asked_of(METRIKA, lambda a: reply({"message": "Invalid oauth_token"}, 403))


def test_a_connection_fetches_days_once_and_replaces_what_was_restated(
    ctx: Context, site: Site, today: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = ["120"]

    def answer(asked: Asked) -> Reply:
        if asked.path == "/token":
            return reply({"access_token": "at"})
        body = json.loads(asked.body)
        first = body["dateRanges"][0]["startDate"].replace("-", "")
        if len(body["dimensions"]) > 1:
            return reply({"rowCount": 0})
        return reply(google_rows([(first, "1", sessions[0], "1", "0", "0", "0")]))

    monkeypatch.setattr(ctx, "config", msgspec.structs.replace(ctx.config, reach="127.0.0.1"))
    with outside(answer) as stub:
        given = {"property": "77", "key": KEY, "address": stub.url, "token_address": f"{stub.url}/token"}
        held = connections.add(ctx, site, ctx.systems["reconcile", "ga4"], "GA4 of Fern", given)
        polled = jobs.poll(ctx, site, held)
        assert (polled.rows, polled.is_more) == (31 * 6, True)
        while polled.is_more:
            held = msgspec.structs.replace(held, cursor=polled.cursor)
            polled = jobs.poll(ctx, site, held)
        assert polled.cursor == {"next": "2026-11-20"}
        held = msgspec.structs.replace(held, cursor=polled.cursor)
        polled = jobs.poll(ctx, site, held)  # the last days again
        count = len(store.counting(ctx.database, site))
        held = msgspec.structs.replace(held, cursor=polled.cursor)
        assert jobs.poll(ctx, site, held).rows == 0  # the same figures change nothing
        assert len(store.counting(ctx.database, site)) == count
        sessions[0] = "121"
        assert jobs.poll(ctx, site, held).rows > 0
    shown = store.figures(
        ctx.runner, ctx.database, site, "ga4:77", "sessions", "day", date(2026, 11, 15), date(2026, 11, 20)
    )
    assert {row.on.day: row.value for row in shown}[17] == 121


def test_a_currency_without_a_rate_takes_nothing(ctx: Context, site: Site, today: Any) -> None:
    row = ga4._rows(  # a reply in a currency that there is no rate for
        {"dimensionValues": [{"value": "20261001"}], "metricValues": [{"value": "1"}] * 6},
        {"currencyCode": "PLN"}, "day",
    )  # fmt: skip
    told = OutsideReport(system="ga4", split="day", rows=list(row), account="77")
    with pytest.raises(UserError, match="no exchange rate from PLN to EUR"):
        jobs.take(ctx, site, _connection(), told, FIRST, FIRST)
    assert store.counting(ctx.database, site) == []


def _connection() -> Any:
    class Held(msgspec.Struct):
        id: int = 1
        name: str = "GA4"

    return Held()
