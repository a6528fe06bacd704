"""Meta: insights by ad and day, page by page."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi, address, day, decimal, secret, whole
from tandem.base.http import value_at
from tandem.connections.model import Field

NAME, BASE, VERSION = "Meta", "https://graph.facebook.com", "v23.0"
FIELDS = (
    "date_start,date_stop,account_currency,campaign_id,campaign_name,adset_id,adset_name,ad_id,ad_name,impressions,"
    "inline_link_clicks,spend"
)
PAGE = 500


def days(account: AdAccount, first: date, last: date) -> Iterator[list[AdDay]]:
    """Rows by ad; clicks are clicks on links, which lead to the site."""
    number = account.setting("account_id").removeprefix("act_").strip()
    params: dict[str, Any] = {
        "level": "ad", "time_increment": 1, "fields": FIELDS, "limit": PAGE,
        "time_range": msgspec.json.encode({"since": first.isoformat(), "until": last.isoformat()}).decode(),
    }  # fmt: skip
    headers = {"authorization": f"Bearer {account.setting('token')}"}
    with account.open(account.setting("address", BASE), headers) as http:
        while True:
            reply = http.get(f"/{VERSION}/act_{number}/insights", params=params).json()
            yield [_row(row, number) for row in value_at(NAME, reply, "data")]
            paging = reply.get("paging", {})
            after = paging.get("cursors", {}).get("after")
            if not paging.get("next") or not after:
                return
            params = {**params, "after": after}


def _row(row: Any, number: str) -> AdDay:
    return AdDay(
        on=day(NAME, value_at(NAME, row, "date_start")),
        account=number,
        campaign=str(value_at(NAME, row, "campaign_name")),
        campaign_id=str(row.get("campaign_id", "")),
        ad_group=str(row.get("adset_name", "")),
        ad_group_id=str(row.get("adset_id", "")),
        ad=str(row.get("ad_name", "")),
        ad_id=str(row.get("ad_id", "")),
        impressions=whole(NAME, row.get("impressions")),
        clicks=whole(NAME, row.get("inline_link_clicks")),
        cost=decimal(NAME, row.get("spend")),
        currency=str(value_at(NAME, row, "account_currency")),
    )


API = AdApi(
    system="meta",
    label=NAME,
    level="ad",
    settles=28,
    at_once=31,
    account="account_id",
    fields=(
        Field(name="account_id", label="Ad account ID", hint="The digits behind act_."),
        secret("token", "Access token", "Of a system user, with the right ads_read."),
        address(BASE),
    ),
    days=days,
)
