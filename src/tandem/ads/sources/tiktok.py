"""TikTok: the integrated report by ad and day, page by page; errors come with status 200 and a code."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi, address, day, decimal, secret, whole
from tandem.base.errors import SourceError
from tandem.base.http import value_at
from tandem.connections.model import Field

NAME, BASE, PATH = "TikTok", "https://business-api.tiktok.com", "/open_api/v1.3/report/integrated/get/"
METRICS = (
    "campaign_id", "campaign_name", "adgroup_id", "adgroup_name", "ad_name", "spend", "impressions", "clicks",
    "conversion", "currency",
)  # fmt: skip
TOO_FAST = (40100, 50002)
PAGE, TRIES = 1000, 4


def days(account: AdAccount, first: date, last: date) -> Iterator[list[AdDay]]:
    """Rows by ad."""
    advertiser = account.setting("advertiser_id")
    params: dict[str, str | int] = {
        "advertiser_id": advertiser, "report_type": "BASIC", "data_level": "AUCTION_AD", "page_size": PAGE,
        "dimensions": _json(("ad_id", "stat_time_day")), "metrics": _json(METRICS),
        "start_date": first.isoformat(), "end_date": last.isoformat(),
    }  # fmt: skip
    with account.open(account.setting("address", BASE), {"Access-Token": account.setting("token")}) as http:
        page = pages = 1
        while page <= pages:
            data = _asked(account, lambda page=page: http.get(PATH, params={**params, "page": page}).json())
            yield [_row(item, advertiser) for item in value_at(NAME, data, "list")]
            pages, page = int(value_at(NAME, data, "page_info", "total_page")), page + 1


def _asked(account: AdAccount, ask: Any) -> Any:
    for turn in range(TRIES):
        reply = ask()
        code = value_at(NAME, reply, "code")
        if code == 0:
            return value_at(NAME, reply, "data")
        if code not in TOO_FAST:
            raise SourceError(NAME, f"rejected the request with code {code}")
        account.sleep(2.0**turn)
    raise SourceError(NAME, "reports too many requests")


def _row(item: Any, advertiser: str) -> AdDay:
    of, metrics = value_at(NAME, item, "dimensions"), value_at(NAME, item, "metrics")
    return AdDay(
        on=day(NAME, value_at(NAME, of, "stat_time_day")),
        account=advertiser,
        campaign=str(metrics.get("campaign_name", "")),
        campaign_id=str(metrics.get("campaign_id", "")),
        ad_group=str(metrics.get("adgroup_name", "")),
        ad_group_id=str(metrics.get("adgroup_id", "")),
        ad=str(metrics.get("ad_name", "")),
        ad_id=str(of.get("ad_id", "")),
        impressions=whole(NAME, metrics.get("impressions")),
        clicks=whole(NAME, metrics.get("clicks")),
        cost=decimal(NAME, metrics.get("spend")),
        currency=str(value_at(NAME, metrics, "currency")),
        platform_conversions=decimal(NAME, metrics.get("conversion")),
    )


def _json(names: tuple[str, ...]) -> str:
    return msgspec.json.encode(names).decode()


API = AdApi(
    system="tiktok",
    label=NAME,
    level="ad",
    settles=14,
    at_once=30,
    account="advertiser_id",
    fields=(
        Field(name="advertiser_id", label="Advertiser ID"),
        secret("token", "Access token"),
        address(BASE),
    ),
    days=days,
)
