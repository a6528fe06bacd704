"""Yandex Direct: the Reports service, which makes reports in its own time (201, 202 and retryIn)."""

import csv
import hashlib
import io
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi, address, day, decimal, secret, whole
from tandem.base import clock
from tandem.base.charsets import text_of
from tandem.base.errors import SourceError
from tandem.connections.model import Field

NAME, BASE, PATH = "Yandex Direct", "https://api.direct.yandex.com", "/json/v5/reports"
FIELDS = (
    "Date", "CampaignId", "CampaignName", "CampaignType", "AdGroupId", "AdGroupName", "CriterionId", "Criterion",
    "Impressions", "Clicks", "Cost", "Conversions",
)  # fmt: skip
MOST_TURNS, LONGEST_WAIT_S, BATCH = 60, 60.0, 5_000


def days(account: AdAccount, first: date, last: date) -> Iterator[list[AdDay]]:
    """Rows by condition of display, in the account's currency. A report is asked for by its name until it is ready."""
    text = _report(account, first, last)
    lines = text.splitlines()
    if not lines or not lines[-1].startswith("Total rows:"):
        raise SourceError(NAME, "sent an incomplete report")
    rows = list(csv.DictReader(io.StringIO("\n".join(lines[:-1])), delimiter="\t", quoting=csv.QUOTE_NONE))
    if len(rows) != int("".join(c for c in lines[-1] if c.isdigit()) or -1):
        raise SourceError(NAME, "sent fewer rows than it announced")
    made = (_row(row, account) for row in rows)
    while batch := list(islice(made, BATCH)):
        yield batch


def _report(account: AdAccount, first: date, last: date) -> str:
    has_vat = account.setting("vat", "YES").upper()
    today = clock.now().astimezone(account.zone).date()  # a report keeps its name, and what it said, for a day
    query = f"{first}:{last}:{has_vat}:{account.setting('login')}:{today}"
    params = {
        "SelectionCriteria": {"DateFrom": first.isoformat(), "DateTo": last.isoformat()},
        "FieldNames": list(FIELDS), "ReportName": f"tandem-{hashlib.sha256(query.encode()).hexdigest()[:20]}",
        "ReportType": "CUSTOM_REPORT", "DateRangeType": "CUSTOM_DATE", "Format": "TSV", "IncludeVAT": has_vat,
        "IncludeDiscount": "NO",
    }  # fmt: skip
    headers = {
        "authorization": f"Bearer {account.setting('token')}", "accept-language": "en", "returnMoneyInMicros": "false",
        "skipReportHeader": "true", "processingMode": "auto",
    }  # fmt: skip
    if login := account.setting("login"):
        headers["Client-Login"] = login
    with account.open(account.setting("address", BASE), headers) as http:
        for _ in range(MOST_TURNS):
            reply = http.post(PATH, json={"params": params})
            if reply.status_code == 200:
                return text_of(reply.content, reply.headers.get("content-type", ""))
            account.sleep(min(LONGEST_WAIT_S, float(reply.headers.get("retryIn", "5") or 5)))
    raise SourceError(NAME, "has not finished the report. Tandem will try again later")


def _row(row: dict[str, Any], account: AdAccount) -> AdDay:
    try:
        return AdDay(
            on=day(NAME, row["Date"]),
            account=account.setting("login"),
            campaign=row["CampaignName"],
            campaign_id=row["CampaignId"],
            kind=row["CampaignType"],
            ad_group=row["AdGroupName"],
            ad_group_id=row["AdGroupId"],
            term="" if row["Criterion"] == "--" else row["Criterion"],
            term_id="" if row["CriterionId"] == "--" else row["CriterionId"],
            impressions=whole(NAME, row["Impressions"]),
            clicks=whole(NAME, row["Clicks"]),
            cost=decimal(NAME, row["Cost"]),
            currency=account.setting("currency", "RUB").upper(),
            platform_conversions=decimal(NAME, row["Conversions"]),
        )
    except KeyError as error:
        raise SourceError(NAME, f"sent a report without the column {error}") from error


API = AdApi(
    system="yandex",
    label=NAME,
    level="keyword",
    settles=7,
    at_once=90,
    account="login",
    fields=(
        secret("token", "OAuth token"),
        Field(name="login", label="Client login", hint="Login of the advertiser.", is_required=True),
        Field(name="currency", label="Currency of the account", default="RUB"),
        Field(name="vat", label="Cost with VAT (YES or NO)", default="YES"),
        address(BASE),
    ),
    days=days,
)
