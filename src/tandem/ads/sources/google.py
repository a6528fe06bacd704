"""Google Ads: keywords by day, and what each campaign cost beyond them (Performance Max and display have none)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi, address, day, decimal, granted, secret, whole
from tandem.base.http import value_at
from tandem.connections.model import Field

NAME, BASE, TOKENS = "Google Ads", "https://googleads.googleapis.com", "https://oauth2.googleapis.com/token"
VERSION = "v23"
MILLION = Decimal(1_000_000)
_SHARED = (
    "segments.date, customer.currency_code, campaign.id, campaign.name, campaign.advertising_channel_type, "
    "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions"
)
_KEYWORDS = (
    f"SELECT {_SHARED}, ad_group.id, ad_group.name, ad_group_criterion.criterion_id, ad_group_criterion.keyword.text "
    "FROM keyword_view WHERE segments.date BETWEEN '{first}' AND '{last}'"
)
_CAMPAIGNS = f"SELECT {_SHARED} FROM campaign WHERE segments.date BETWEEN '{{first}}' AND '{{last}}'"
Key = tuple[date, str]


def days(account: AdAccount, first: date, last: date) -> Iterator[list[AdDay]]:
    """Keyword rows, then one row a campaign and day for what its keywords do not account for."""
    keyword_sums: dict[Key, list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), Decimal(0)])
    for rows in _asked(account, _KEYWORDS, first, last):
        for row in rows:
            for i, value in enumerate((row.impressions, row.clicks, row.cost, row.platform_conversions)):
                keyword_sums[row.on, row.campaign_id][i] += value
        yield rows
    for rows in _asked(account, _CAMPAIGNS, first, last):
        yield [rest for row in rows if (rest := _rest(row, keyword_sums[row.on, row.campaign_id])) is not None]


def _rest(row: AdDay, keyword_sums: list[Any]) -> AdDay | None:
    campaign_sums: tuple[Any, ...] = (row.impressions, row.clicks, row.cost, row.platform_conversions)
    rest = [
        max(of_all - of_keywords, 0 * of_all) for of_all, of_keywords in zip(campaign_sums, keyword_sums, strict=True)
    ]
    if not any(rest[:3]):
        return None
    return AdDay(
        on=row.on, account=row.account, campaign=row.campaign, campaign_id=row.campaign_id, kind=row.kind,
        currency=row.currency, impressions=rest[0], clicks=rest[1], cost=rest[2], platform_conversions=rest[3],
    )  # fmt: skip


def _asked(account: AdAccount, query: str, first: date, last: date) -> Iterator[list[AdDay]]:
    customer = account.setting("customer_id").replace("-", "").strip()
    form = {
        "grant_type": "refresh_token",
        **{n: account.setting(n) for n in ("client_id", "client_secret", "refresh_token")},
    }
    token = granted(account, NAME, account.setting("token_address", TOKENS), form)
    headers = {"authorization": f"Bearer {token}", "developer-token": account.setting("developer_token")}
    if manager := account.setting("login_customer_id").replace("-", "").strip():
        headers["login-customer-id"] = manager
    with account.open(account.setting("address", BASE), headers) as http:
        reply = http.post(
            f"/{VERSION}/customers/{customer}/googleAds:searchStream",
            json={"query": query.format(first=first.isoformat(), last=last.isoformat())},
        ).json()
    for part in reply if isinstance(reply, list) else [reply]:
        yield [_row(result, account.setting("customer_id")) for result in part.get("results", [])]


def _row(result: Any, customer: str) -> AdDay:
    campaign, metrics = value_at(NAME, result, "campaign"), value_at(NAME, result, "metrics")
    group, criterion = result.get("adGroup", {}), result.get("adGroupCriterion", {})
    return AdDay(
        on=day(NAME, value_at(NAME, result, "segments", "date")),
        account=customer,
        campaign=str(value_at(NAME, campaign, "name")),
        campaign_id=str(value_at(NAME, campaign, "id")),
        kind=str(campaign.get("advertisingChannelType", "")),
        ad_group=str(group.get("name", "")),
        ad_group_id=str(group.get("id", "")),
        term=str(criterion.get("keyword", {}).get("text", "")),
        term_id=str(criterion.get("criterionId", "")),
        impressions=whole(NAME, metrics.get("impressions")),
        clicks=whole(NAME, metrics.get("clicks")),
        cost=decimal(NAME, metrics.get("costMicros")) / MILLION,
        currency=str(value_at(NAME, result, "customer", "currencyCode")),
        platform_conversions=decimal(NAME, metrics.get("conversions")),
    )


API = AdApi(
    system="google",
    label=NAME,
    level="keyword",
    settles=30,
    at_once=31,
    account="customer_id",
    fields=(
        Field(name="customer_id", label="Customer ID", hint="Ten digits, shown at the top right of Google Ads."),
        secret("developer_token", "Developer token"),
        Field(name="client_id", label="OAuth client ID"),
        secret("client_secret", "OAuth client secret"),
        secret("refresh_token", "OAuth refresh token"),
        Field(name="login_customer_id", label="Manager account ID", is_required=False),
        address(BASE),
        Field(name="token_address", label="Address for tokens", is_required=False, default=TOKENS, is_address=True),
    ),
    days=days,
)
