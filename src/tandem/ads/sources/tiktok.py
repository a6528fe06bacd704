"""TikTok: the integrated report by ad and day, page by page; errors come with status 200 and a code."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from tandem.ads.model import AdDay
from tandem.ads.sources.api import Account, Api, address, day, decimal, secret, whole
from tandem.base.errors import SourceError
from tandem.base.http import found
from tandem.connections.model import Field

NAME, BASE, PATH = "TikTok", "https://business-api.tiktok.com", "/open_api/v1.3/report/integrated/get/"
METRICS = (
    "campaign_id", "campaign_name", "adgroup_id", "adgroup_name", "ad_name", "spend", "impressions", "clicks",
    "conversion", "currency",
)  # fmt: skip
TOO_FAST = (40100, 50002)
PAGE, TRIES = 1000, 4


def days(account: Account, first: date, last: date) -> Iterator[list[AdDay]]:
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
            yield [_row(item, advertiser) for item in found(NAME, data, "list")]
            pages, page = int(found(NAME, data, "page_info", "total_page")), page + 1


def _asked(account: Account, ask: Any) -> Any:
    for turn in range(TRIES):
        reply = ask()
        code = found(NAME, reply, "code")
        if code == 0:
            return found(NAME, reply, "data")
        if code not in TOO_FAST:
            raise SourceError(NAME, f"rejected the request with code {code}")
        account.sleep(2.0**turn)
    raise SourceError(NAME, "reports too many requests")


def _row(item: Any, advertiser: str) -> AdDay:
    of, told = found(NAME, item, "dimensions"), found(NAME, item, "metrics")
    return AdDay(
        on=day(NAME, found(NAME, of, "stat_time_day")),
        account=advertiser,
        campaign=str(told.get("campaign_name", "")),
        campaign_id=str(told.get("campaign_id", "")),
        ad_group=str(told.get("adgroup_name", "")),
        ad_group_id=str(told.get("adgroup_id", "")),
        ad=str(told.get("ad_name", "")),
        ad_id=str(of.get("ad_id", "")),
        impressions=whole(NAME, told.get("impressions")),
        clicks=whole(NAME, told.get("clicks")),
        cost=decimal(NAME, told.get("spend")),
        currency=str(found(NAME, told, "currency")),
        platform_conversions=decimal(NAME, told.get("conversion")),
    )


def _json(names: tuple[str, ...]) -> str:
    return msgspec.json.encode(names).decode()


API = Api(
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
