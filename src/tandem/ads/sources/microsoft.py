"""Microsoft Advertising: a keyword report is asked for, waited for, and read as the zipped CSV that it is."""

import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tandem.ads.model import AdDay
from tandem.ads.sources.api import AdAccount, AdApi, address, granted, secret
from tandem.ads.sources.report import AdHints, AdReport
from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http, value_at
from tandem.connections.model import Field
from tandem.imports.archives import UnreadableFile, unpacked_into

NAME, BASE = "Microsoft Advertising", "https://reporting.api.bingads.microsoft.com"
TOKENS = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
SUBMIT, POLL = "/Reporting/v13/GenerateReport/Submit", "/Reporting/v13/GenerateReport/Poll"
COLUMNS = (
    "TimePeriod", "AccountId", "CampaignName", "CampaignId", "CampaignType", "AdGroupName", "AdGroupId", "Keyword",
    "KeywordId", "Impressions", "Clicks", "Spend", "Conversions", "CurrencyCode",
)  # fmt: skip
MOST_TURNS, WAIT_S = 60, 10.0


def days(account: AdAccount, first: date, last: date) -> Iterator[list[AdDay]]:
    """Rows by keyword."""
    form = {
        "grant_type": "refresh_token", "scope": "https://ads.microsoft.com/msads.manage offline_access",
        **{n: account.setting(n) for n in ("client_id", "client_secret", "refresh_token")},
    }  # fmt: skip
    token = granted(account, NAME, account.setting("token_address", TOKENS), form)
    headers = {
        "authorization": f"Bearer {token}", "DeveloperToken": account.setting("developer_token"),
        "CustomerId": account.setting("customer_id"), "CustomerAccountId": account.setting("account_id"),
    }  # fmt: skip
    with account.open(account.setting("address", BASE), headers) as http:
        asked = http.post(SUBMIT, json={"ReportRequest": _request(account, first, last)}).json()
        where = _waited_for(account, http, str(value_at(NAME, asked, "ReportRequestId")))
    if not where:
        return  # nothing happened on these days
    with tempfile.TemporaryDirectory(prefix="tandem-report-") as folder:
        report = AdReport(_downloaded(account, where, Path(folder)), AdHints(system="microsoft"), last)
        yield from report.batches()
        if [p for p in report.problems if p.code != "empty"]:
            raise SourceError(NAME, f"sent a report that cannot be read: {report.problems[0].said('report')}")


def _request(account: AdAccount, first: date, last: date) -> dict[str, Any]:
    def of(on: date) -> dict[str, int]:
        return {"Day": on.day, "Month": on.month, "Year": on.year}

    return {
        "Type": "KeywordPerformanceReportRequest", "Format": "Csv", "FormatVersion": "2.0", "Aggregation": "Daily",
        "ExcludeReportFooter": True, "ExcludeReportHeader": True, "Columns": list(COLUMNS),
        "Scope": {"AccountIds": [int(account.setting("account_id"))]},
        "Time": {"CustomDateRangeStart": of(first), "CustomDateRangeEnd": of(last)},
    }  # fmt: skip


def _waited_for(account: AdAccount, http: Http, number: str) -> str:
    for _ in range(MOST_TURNS):
        status = value_at(NAME, http.post(POLL, json={"ReportRequestId": number}).json(), "ReportRequestStatus")
        if status.get("Status") == "Success":
            return str(status.get("ReportDownloadUrl") or "")
        if status.get("Status") == "Error":
            raise SourceError(NAME, "could not create the report")
        account.sleep(WAIT_S)
    raise SourceError(NAME, "has not finished the report. Tandem will try again later")


def _downloaded(account: AdAccount, where: str, folder: Path) -> Path:
    parts, packed = urlsplit(where), folder / "report.zip"
    with account.open(f"{parts.scheme}://{parts.netloc}", {}) as http:
        http.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, into=packed)
    target = folder / "report.csv"
    try:
        unpacked_into(packed, target)
    except (UnreadableFile, UserError) as error:
        raise SourceError(NAME, "sent an archive that cannot be read") from error
    return target


API = AdApi(
    system="microsoft",
    label=NAME,
    level="keyword",
    settles=30,
    at_once=31,
    account="account_id",
    fields=(
        Field(name="account_id", label="Account ID"),
        Field(name="customer_id", label="Customer ID"),
        secret("developer_token", "Developer token"),
        Field(name="client_id", label="OAuth client ID"),
        secret("client_secret", "OAuth client secret"),
        secret("refresh_token", "OAuth refresh token"),
        address(BASE),
        Field(name="token_address", label="Address for tokens", is_required=False, default=TOKENS, is_address=True),
    ),
    days=days,
)
