"""The APIs of ad systems against recorded replies over a local stub: auth, paging, limits, waiting, restated days."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.ads import jobs
from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi
from tandem.base import clock
from tandem.base.errors import SourceError
from tandem.base.http import Http
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.imports import stretch
from tests.ads.conftest import cost_by
from tests.clocks import set_clock
from tests.connections.stub import Asked, Reply, outside

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 2)
OAUTH = {"client_id": "cid", "client_secret": "cs", "refresh_token": "rt", "developer_token": "dev"}
Answer = Callable[[Asked], Reply]


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    text = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Reply(status, text, (("Content-Type", "application/json"), *headers.items()))


def asked_of(
    api: AdApi, answer: Answer, zone: tzinfo = UTC, **settings: str
) -> tuple[list[AdDay], list[Asked], list[float]]:
    """The rows of two days, what was asked for them, and the waits."""
    waits: list[float] = []
    with outside(answer) as stub:
        given = {**OAUTH, "address": stub.url, "token_address": f"{stub.url}/token", "token": "secret", **settings}
        opened = lambda base, headers: Http(  # noqa: E731
            api.label, base, headers=headers, allowed="127.0.0.1", per_second=1000, sleep=waits.append
        )
        account = AdAccount(settings=given, open=opened, sleep=waits.append, zone=zone)
        rows = [row for batch in api.days(account, FIRST, LAST) for row in batch]
        return rows, stub.asked, waits


def query(asked: Asked) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}


# ── Google ──


def google_row(on: str, micros: int, **more: Any) -> dict[str, Any]:
    return {
        "segments": {"date": on}, "customer": {"currencyCode": "PLN"},
        "campaign": {"id": "77", "name": "Brand", "advertisingChannelType": "SEARCH"},
        "metrics": {"impressions": "100", "clicks": "10", "costMicros": str(micros), "conversions": 1.5}, **more,
    }  # fmt: skip


def google(asked: Asked) -> Reply:
    if asked.path == "/token":
        return reply({"access_token": "at", "expires_in": 3599})
    if "keyword_view" in asked.body.decode():
        keyword = {
            "adGroup": {"id": "5", "name": "G"},
            "adGroupCriterion": {"criterionId": "9", "keyword": {"text": "fern"}},
        }
        return reply([{"results": [google_row("2026-10-01", 3_500_000, **keyword)]}, {"results": []}])
    whole, only = google_row("2026-10-01", 3_500_000), google_row("2026-10-02", 1_230_000)
    dearer = google_row("2026-10-01", 9_000_000)
    return reply([{"results": [whole, only]}] if "whole" in asked.path else [{"results": [dearer, only]}])


def test_google_splits_cost_into_keywords_and_the_rest_of_each_campaign() -> None:
    rows, asked, _ = asked_of(jobs.APIS["google"].__class__(**_as_dict("google")), google, customer_id="123-456-7890",
                              login_customer_id="99")  # fmt: skip
    assert [(r.on, r.term, r.cost, r.clicks) for r in rows] == [
        (FIRST, "fern", Decimal("3.5"), 10), (FIRST, "", Decimal("5.5"), 0), (LAST, "", Decimal("1.23"), 10),
    ]  # fmt: skip
    assert rows[0].currency == "PLN"
    call = asked[1]
    assert call.path == "/v23/customers/1234567890/googleAds:searchStream"
    assert (call.headers["authorization"], call.headers["developer-token"]) == ("Bearer at", "dev")
    assert call.headers["login-customer-id"] == "99"
    assert "BETWEEN '2026-10-01' AND '2026-10-02'" in json.loads(call.body)["query"]
    assert b"refresh_token=rt" in asked[0].body


def _as_dict(system: str) -> dict[str, Any]:
    return {name: getattr(jobs.APIS[system], name) for name in AdApi.__struct_fields__}


# ── Yandex ──

TSV = (
    "Date\tCampaignId\tCampaignName\tCampaignType\tAdGroupId\tAdGroupName\tCriterionId\tCriterion\tImpressions\tClicks\tCost\tConversions\n"
    "2026-10-01\t7\tБренд \"А\"\tTEXT_CAMPAIGN\t8\tГруппа\t9\tкупить фикус -дёшево\t100\t3\t45.60\t--\n"
    "2026-10-02\t7\tБренд \"А\"\tTEXT_CAMPAIGN\t8\tГруппа\t--\t--\t10\t0\t0.00\t1\nTotal rows: 2\n"
)  # fmt: skip


def test_yandex_waits_as_long_as_it_is_told_and_reads_the_report() -> None:
    turns = iter([reply("", 201, retryIn="7"), reply("", 202, retryIn="3"), reply(TSV)])
    rows, asked, waits = asked_of(jobs.APIS["yandex"], lambda _: next(turns), login="fern", currency="rub")
    assert [w for w in waits if w in (7, 3)] == [7, 3]
    assert [(r.on, r.campaign, r.term, r.term_id, r.cost, r.currency) for r in rows] == [
        (FIRST, 'Бренд "А"', "купить фикус -дёшево", "9", Decimal("45.60"), "RUB"),
        (LAST, 'Бренд "А"', "", "", Decimal("0.00"), "RUB"),
    ]
    assert {a.headers["client-login"] for a in asked} == {"fern"}
    assert len({json.loads(a.body)["params"]["ReportName"] for a in asked}) == 1


def test_a_report_is_read_in_no_encoding_that_browsers_do_not_know() -> None:
    """Yandex names UTF-8; whoever answers in its place could name one that takes Python minutes."""
    odd = Reply(200, TSV.encode(), (("Content-Type", "text/tab-separated-values; charset=unicode_escape"),))
    rows, _, _ = asked_of(jobs.APIS["yandex"], lambda _: odd, login="fern")
    assert {row.campaign for row in rows} == {'Бренд "А"'}


def test_yandex_is_asked_for_a_new_report_when_the_sites_day_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for at, zone in (("21:30", "Europe/Moscow"), ("20:30", "Europe/Moscow"), ("21:30", "UTC"), ("23:30", "UTC")):
        set_clock(monkeypatch, datetime.fromisoformat(f"2026-10-03T{at}:00+00:00"))
        _, asked, _ = asked_of(jobs.APIS["yandex"], lambda _: reply(TSV), ZoneInfo(zone), login="fern")
        names.append(json.loads(asked[0].body)["params"]["ReportName"])
    assert names[0] != names[1] == names[2] == names[3]


@pytest.mark.parametrize(
    "text", [TSV.replace("Total rows: 2", "Total rows: 3"), TSV.rpartition("Total")[0], "", "x\nTotal rows: 1\n"]
)
def test_yandex_reports_that_were_cut_off_are_not_taken(text: str) -> None:
    with pytest.raises(SourceError):
        asked_of(jobs.APIS["yandex"], lambda _: reply(text), login="fern")


# ── Meta ──


def test_meta_follows_its_pages_and_bears_being_slowed_down() -> None:
    def row(on: str, spend: str) -> dict[str, str]:
        return {"date_start": on, "date_stop": on, "account_currency": "USD", "campaign_id": "1", "campaign_name": "Autumn",  # noqa: E501
                "adset_id": "2", "adset_name": "Wide", "ad_id": "3", "ad_name": "Video", "impressions": "50", "spend": spend}  # fmt: skip  # noqa: E501

    pages = {"": {"data": [row("2026-10-01", "1.20")], "paging": {"cursors": {"after": "XX"}, "next": "https://elsewhere"}},
             "XX": {"data": [row("2026-10-02", "0.80")], "paging": {"cursors": {"after": "YY"}}}}  # fmt: skip
    slow = iter([reply({}, 429, **{"Retry-After": "4"})])
    rows, asked, waits = asked_of(
        jobs.APIS["meta"], lambda a: next(slow, None) or reply(pages[query(a).get("after", "")]), account_id="act_55"
    )
    assert [(r.on, r.cost, r.clicks, r.ad) for r in rows] == [
        (FIRST, Decimal("1.20"), 0, "Video"), (LAST, Decimal("0.80"), 0, "Video"),
    ]  # fmt: skip
    assert 4.0 in waits
    assert len(asked) == 3
    assert urlsplit(asked[0].path).path == "/v23.0/act_55/insights"
    assert "secret" not in asked[0].path


# ── VK ──


def test_vk_joins_names_to_statistics_fifty_ads_at_a_time() -> None:
    banners = [{"id": n, "name": f"Ad {n}", "ad_group_id": 20} for n in range(1, 121)]

    def answer(asked: Asked) -> Reply:
        path, told = urlsplit(asked.path).path, query(asked)
        if path.endswith("day.json"):
            base = {"shows": 10, "clicks": 1, "spent": "2.50", "goals": 0}
            idle = {"shows": 0, "clicks": 0, "spent": "0", "goals": 0}
            items = [{"id": int(i), "rows": [{"date": "2026-10-01", "base": base}, {"date": "2026-10-02", "base": idle}]}  # noqa: E501
                     for i in told["id"].split(",")]  # fmt: skip
            return reply({"items": items})
        whole = {"/api/v2/ad_plans.json": [{"id": 30, "name": "Осень"}],
                 "/api/v2/ad_groups.json": [{"id": 20, "name": "Группа", "ad_plan_id": 30}], "/api/v2/banners.json": banners}[path]  # fmt: skip  # noqa: E501
        offset = int(told["offset"])
        return reply({"count": len(whole), "items": whole[offset : offset + 200]})

    rows, asked, _ = asked_of(jobs.APIS["vk"], answer, account="main")
    assert len(rows) == 120
    assert {(r.on, r.campaign, r.campaign_id, r.ad_group, r.cost, r.currency) for r in rows} == {
        (FIRST, "Осень", "30", "Группа", Decimal("2.50"), "RUB")
    }
    assert [len(query(a)["id"].split(",")) for a in asked if "day.json" in a.path] == [50, 50, 20]


# ── TikTok ──


def tiktok_page(page: int, pages: int) -> dict[str, Any]:
    metrics = {"campaign_id": "1", "campaign_name": "Spark", "adgroup_id": "2", "adgroup_name": "Young", "ad_name": "A",
               "spend": "3.10", "impressions": "9", "clicks": "2", "conversion": "0", "currency": "EUR"}  # fmt: skip
    rows = [{"dimensions": {"ad_id": str(page), "stat_time_day": "2026-10-01 00:00:00"}, "metrics": metrics}]
    return {"code": 0, "message": "OK", "data": {"list": rows, "page_info": {"page": page, "total_page": pages}}}


def test_tiktok_pages_and_asks_again_when_it_was_too_fast() -> None:
    turns = iter([reply({"code": 40100, "message": "Too many requests"})])
    rows, asked, waits = asked_of(
        jobs.APIS["tiktok"],
        lambda a: next(turns, None) or reply(tiktok_page(int(query(a)["page"]), 3)),
        advertiser_id="8",
    )
    assert [(r.on, r.ad_id, r.cost, r.account) for r in rows] == [
        (FIRST, str(n), Decimal("3.10"), "8") for n in (1, 2, 3)
    ]
    assert asked[0].headers["access-token"] == "secret"
    assert 1.0 in waits


@pytest.mark.parametrize(
    "body", [{"code": 40001, "message": "no right"}, {"data": {}}, {"code": 0, "data": {"list": [{}]}}]
)
def test_tiktok_refusals_and_strange_replies_are_told(body: Any) -> None:
    with pytest.raises(SourceError, match="TikTok"):
        asked_of(jobs.APIS["tiktok"], lambda _: reply(body), advertiser_id="8")


# ── Microsoft ──


def microsoft(where: list[str], statuses: list[str]) -> Answer:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        text = (
            "TimePeriod,AccountId,CampaignName,CampaignId,AdGroupName,Keyword,Impressions,Clicks,Spend,CurrencyCode\n"
        )
        archive.writestr("report.csv", "\ufeff" + text + '2026-10-01,44,Brand,7,G,fern,"1,000",5,6.70,USD\n')
    turns = iter(statuses)

    def answer(asked: Asked) -> Reply:
        if asked.path == "/token":
            return reply({"access_token": "at"})
        if asked.path.endswith("Submit"):
            return reply({"ReportRequestId": "r1"})
        if asked.path.endswith("Poll"):
            status = next(turns)
            url = f"{where[0]}/download?sig=x" if status == "Success" else None
            return reply({"ReportRequestStatus": {"Status": status, "ReportDownloadUrl": url}})
        return reply(packed.getvalue())

    return answer


def test_microsoft_waits_for_its_report_and_unpacks_it() -> None:
    where: list[str] = []
    answer = microsoft(where, ["Pending", "InProgress", "Success"])

    def with_address(asked: Asked) -> Reply:
        where.append(f"http://{asked.headers['host']}")
        return answer(asked)

    rows, asked, waits = asked_of(jobs.APIS["microsoft"], with_address, account_id="44", customer_id="5")
    assert [(r.on, r.term, r.impressions, r.cost, r.currency, r.account) for r in rows] == [
        (FIRST, "fern", 1000, Decimal("6.70"), "USD", "44")
    ]
    assert [w for w in waits if w == 10.0] == [10.0, 10.0]
    assert "authorization" not in asked[-1].headers  # the report lies on another host: no credentials go there


def test_microsoft_tells_when_the_report_fails() -> None:
    with pytest.raises(SourceError, match="could not create"):
        asked_of(jobs.APIS["microsoft"], microsoft([""], ["Error"]), account_id="44")


# ── all of them ──


@pytest.mark.parametrize("system", jobs.APIS)
def test_refused_credentials_are_told_without_the_systems_words(system: str) -> None:
    with pytest.raises(SourceError, match="rejected the credentials") as told:
        asked_of(
            jobs.APIS[system], lambda _: reply({"error": "mail of a person"}, 401), account_id="1", customer_id="1"
        )
    assert "mail of a person" not in str(told.value)


@pytest.mark.parametrize("system", jobs.APIS)
def test_a_system_that_is_down_is_asked_five_times(system: str) -> None:
    with pytest.raises(SourceError, match="5 times"):
        asked_of(jobs.APIS[system], lambda _: reply({}, 503), account_id="1", customer_id="1")


def test_a_poll_goes_on_where_it_was_and_asks_for_unsettled_days_again(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretch, "HISTORY_DAYS", 40)
    spend, asked = {"value": "1.00"}, list[tuple[str, str]]()
    yesterday = clock.now().astimezone(site.tz).date() - timedelta(days=1)

    def answer(request: Asked) -> Reply:
        told = msgspec.json.decode(query(request)["time_range"])
        asked.append((told["since"], told["until"]))
        first, last = date.fromisoformat(told["since"]), date.fromisoformat(told["until"])
        days = [(first + timedelta(days=i)).isoformat() for i in range((last - first).days + 1)]
        rows = [{"date_start": on, "account_currency": "EUR", "campaign_name": "A", "spend": spend["value"], "impressions": "1",  # noqa: E501
                 "inline_link_clicks": "1", "ad_id": "3"} for on in days]  # fmt: skip
        return reply({"data": rows, "paging": {}})

    with outside(answer) as stub:
        ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
        system = next(s for s in jobs.SYSTEMS if s.id == "meta")
        given = {"account_id": "55", "token": "t", "address": stub.url}
        held = connections.add(ctx, site, system, "Meta", given)
        told = jobs.poll(ctx, site, held)
        assert (told.rows, told.is_more) == (31, True)
        held = msgspec.structs.replace(held, cursor=told.cursor)
        told = jobs.poll(ctx, site, held)
        assert (told.rows, told.is_more) == (9, False)
        assert asked == [(str(yesterday - timedelta(days=39)), str(yesterday - timedelta(days=9))),
                         (str(yesterday - timedelta(days=8)), str(yesterday))]  # fmt: skip
        assert sum(cost_by(ctx, site).values()) == 40
        held, spend["value"] = msgspec.structs.replace(held, cursor=told.cursor), "2.00"
        again = jobs.poll(ctx, site, held)
        assert again.rows == 28  # Meta's days settle for 28 days
        assert sum(cost_by(ctx, site).values()) == 40 + 28
        assert jobs.poll(ctx, site, held).rows == 0
