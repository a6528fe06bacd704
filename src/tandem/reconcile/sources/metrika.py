"""Yandex Metrica: the reporting API (stat/v1/data), asked for full accuracy; says which part of the data it read."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tandem.base.errors import SourceError
from tandem.base.http import value_at
from tandem.connections.model import Field
from tandem.reconcile.model.outside import FIGURES, OutsideReport, OutsideRow
from tandem.reconcile.sources.api import AnalyticsAccount, AnalyticsApi, day, decimal
from tandem.reconcile.sources.report import class_of, notes_of

NAME, BASE, PATH = "Yandex Metrica", "https://api-metrika.yandex.net", "/stat/v1/data"
METRICS: Final = {
    "users": "ym:s:users", "sessions": "ym:s:visits", "pageviews": "ym:s:pageviews",
    "conversions": "ym:s:sumGoalReachesAny",
}  # fmt: skip
DIMENSIONS: Final = {"day": (), "channel": ("ym:s:lastsignTrafficSource",)}
CURRENCIES: Final = ("RUB", "USD", "EUR", "BYN")
PAGE: Final = 10_000
MOST_PAGES: Final = 40


def reports(account: AnalyticsAccount, first: date, last: date) -> list[OutsideReport]:
    """The days by themselves, and by kind of traffic (last significant source).

    raises   SourceError
    """
    headers = {"authorization": f"OAuth {account.setting('token')}"}
    with account.open(account.setting("address", BASE), headers) as http:

        def ask(params: dict[str, str]) -> Any:
            return http.get(PATH, params=params).json()

        return [_report(account, ask, split, first, last) for split in DIMENSIONS]


def _metrics(account: AnalyticsAccount) -> dict[str, str]:
    """What is asked for; revenue where the counter's currency is told."""
    currency = account.setting("currency").upper()
    return METRICS | ({"revenue": f"ym:s:ecommerce{currency}ConvertedRevenue"} if currency in CURRENCIES else {})


def _report(account: AnalyticsAccount, ask: Any, split: str, first: date, last: date) -> OutsideReport:
    metrics, rows = _metrics(account), list[OutsideRow]()
    lines, total = 0, 1
    for _ in range(MOST_PAGES):
        reply = ask(
            {
                "ids": account.setting("counter").strip(), "date1": first.isoformat(), "date2": last.isoformat(),
                "metrics": ",".join(metrics.values()), "dimensions": ",".join(("ym:s:date", *DIMENSIONS[split])),
                "accuracy": "full", "limit": str(PAGE), "offset": str(lines + 1), "lang": "en",
                "sort": "ym:s:date",
            }
        )  # fmt: skip
        page = value_at(NAME, reply, "data")
        lines, total = lines + len(page), int(reply.get("total_rows", 0) or 0)
        rows += [one for line in page for one in _rows(line, reply, metrics, account)]
        if lines >= total or not page:
            break
    if lines < total:
        raise SourceError(NAME, "sent fewer rows than it announced")
    return OutsideReport(
        system="metrika", account=account.setting("counter"), split=split, rows=rows, zone=account.setting("zone"),
        attribution="last significant source", notes=notes_of(rows),
    )  # fmt: skip


def _rows(
    line: Any, reply: Mapping[str, Any], metrics: Mapping[str, str], account: AnalyticsAccount
) -> list[OutsideRow]:
    names = value_at(NAME, line, "dimensions")
    values = value_at(NAME, line, "metrics")
    if len(values) != len(metrics):
        raise SourceError(NAME, "sent a row in an unexpected format")
    part = ""
    if len(names) > 1:
        part = class_of("metrika", str(names[1].get("name") or "")) or "Not known"
    return [
        OutsideRow(
            on=day(NAME, value_at(NAME, names[0], "name")), figure=figure, value=decimal(NAME, value), channel=part,
            share=_share(reply), is_thresholded=bool(reply.get("contains_sensitive_data")),
            currency=account.setting("currency").upper() if FIGURES[figure].is_money else "",
        )
        for figure, value in zip(metrics, values, strict=True)
    ]  # fmt: skip


def _share(reply: Mapping[str, Any]) -> Decimal | None:
    """The part of the data that was read; None when all of it was."""
    if not reply.get("sampled"):
        return None
    share = Decimal(str(reply.get("sample_share") or 0))
    if not share and reply.get("sample_space"):
        share = Decimal(str(reply.get("sample_size") or 0)) / Decimal(str(reply["sample_space"]))
    return share if 0 < share < 1 else None


API = AnalyticsApi(
    system="metrika",
    label=NAME,
    settles=3,
    at_once=31,
    account="counter",
    fields=(
        Field(name="counter", label="Counter number"),
        Field(name="token", label="OAuth token", is_secret=True),
        Field(name="zone", label="Time zone of the counter", hint=(
            "For example Europe/Moscow, as in the counter's settings."
        ),
              is_required=False),
        Field(name="currency", label="Currency of the counter", hint=(
            "RUB, USD, EUR or BYN. If empty, revenue is not fetched."
        ),
              is_required=False),
        Field(name="address", label="Address of the API", is_required=False, default=BASE, is_address=True),
    ),
    reports=reports,
)  # fmt: skip
