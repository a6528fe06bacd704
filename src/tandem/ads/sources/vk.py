"""VK Ads (myTarget): ads with their groups and campaigns, and their statistics by day, fifty ads at a time."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi, address, day, decimal, secret, whole
from tandem.base.http import Http, value_at
from tandem.connections.model import Field

NAME, BASE = "VK Ads", "https://ads.vk.com"
PAGE, AT_ONCE = 200, 50
Things = dict[str, dict[str, Any]]


def days(account: AdAccount, first: date, last: date) -> Iterator[list[AdDay]]:
    """Rows by ad, in the account's currency."""
    headers = {"authorization": f"Bearer {account.setting('token')}"}
    with account.open(account.setting("address", BASE), headers) as http:
        plans = _all(http, "ad_plans", "id,name")
        groups = _all(http, "ad_groups", "id,name,ad_plan_id")
        banners = _all(http, "banners", "id,name,ad_group_id")
        ids = list(banners)
        for i in range(0, len(ids), AT_ONCE):
            params = {
                "id": ",".join(ids[i : i + AT_ONCE]), "date_from": first.isoformat(), "date_to": last.isoformat(),
                "metrics": "base",
            }  # fmt: skip
            reply = http.get("/api/v2/statistics/banners/day.json", params=params).json()
            yield [
                _row(row, banners.get(str(item["id"]), {}), groups, plans, account)
                for item in value_at(NAME, reply, "items")
                for row in item.get("rows", [])
                if any(row.get("base", {}).get(name) not in (0, "0", None) for name in ("shows", "clicks", "spent"))
            ]


def _all(http: Http, what: str, fields: str) -> Things:
    things: Things = {}
    offset = 0
    while True:
        params: dict[str, str | int] = {"fields": fields, "limit": PAGE, "offset": offset}
        reply = http.get(f"/api/v2/{what}.json", params=params).json()
        items = value_at(NAME, reply, "items")
        things |= {str(item["id"]): item for item in items}
        offset += PAGE
        if not items or offset >= int(reply.get("count", 0)):
            return things


def _row(row: Any, banner: dict[str, Any], groups: Things, plans: Things, account: AdAccount) -> AdDay:
    base = value_at(NAME, row, "base")
    group = groups.get(str(banner.get("ad_group_id", "")), {})
    plan = plans.get(str(group.get("ad_plan_id", "")), {})
    return AdDay(
        on=day(NAME, value_at(NAME, row, "date")),
        account=account.setting("account"),
        campaign=str(plan.get("name") or plan.get("id") or group.get("ad_plan_id") or ""),
        campaign_id=str(plan.get("id") or group.get("ad_plan_id") or ""),
        ad_group=str(group.get("name", "")),
        ad_group_id=str(group.get("id", "")),
        ad=str(banner.get("name", "")),
        ad_id=str(banner.get("id", "")),
        impressions=whole(NAME, base.get("shows")),
        clicks=whole(NAME, base.get("clicks")),
        cost=decimal(NAME, base.get("spent")),
        currency=account.setting("currency", "RUB").upper(),
        platform_conversions=decimal(NAME, base.get("goals")),
    )


API = AdApi(
    system="vk",
    label=NAME,
    level="ad",
    settles=7,
    at_once=31,
    account="account",
    fields=(
        Field(name="account", label="Name of the account"),
        secret("token", "Access token"),
        Field(name="currency", label="Currency of the account", default="RUB"),
        address(BASE),
    ),
    days=days,
)
