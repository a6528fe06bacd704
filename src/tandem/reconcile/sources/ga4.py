"""Google Analytics 4: the Data API v1beta (runReport) with a service account; it says when it sampled or withheld."""

import base64
import time
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tandem.base.errors import SourceError
from tandem.base.http import value_at
from tandem.connections.model import Field
from tandem.reconcile.model.outside import FIGURES, OTHER_ROW, OutsideReport, OutsideRow
from tandem.reconcile.sources.api import AnalyticsAccount, AnalyticsApi, day, decimal
from tandem.reconcile.sources.report import notes_of

NAME, BASE, TOKENS = "Google Analytics 4", "https://analyticsdata.googleapis.com", "https://oauth2.googleapis.com/token"
SCOPE: Final = "https://www.googleapis.com/auth/analytics.readonly"
METRICS: Final = {
    "users": "totalUsers", "sessions": "sessions", "pageviews": "screenPageViews", "conversions": "keyEvents",
    "orders": "ecommercePurchases", "revenue": "purchaseRevenue",
}  # fmt: skip
DIMENSIONS: Final = {"day": (), "channel": ("sessionDefaultChannelGroup",), "source": ("sessionSourceMedium",)}
PAGE: Final = 50_000
MOST_PAGES: Final = 40


def reports(account: AnalyticsAccount, first: date, last: date) -> list[OutsideReport]:
    """The days by themselves, by channel, and by source and medium.

    raises   SourceError, also when a quota is spent: the days are asked for again later
    """
    key = _key(account.setting("key"))
    token = _token(account, key)
    with account.open(account.setting("address", BASE), {"authorization": f"Bearer {token}"}) as http:
        path = f"/v1beta/properties/{account.setting('property').strip()}:runReport"

        def ask(body: dict[str, Any]) -> Any:
            return http.post(path, json=body).json()

        return [_report(account, ask, split, first, last) for split in DIMENSIONS]


def _report(account: AnalyticsAccount, ask: Any, split: str, first: date, last: date) -> OutsideReport:
    rows: list[OutsideRow] = []
    zone = ""
    for reply in _pages(ask, split, first, last):
        facts = reply.get("metadata", {})
        zone = str(facts.get("timeZone", zone))
        rows += [one for row in reply.get("rows", []) for one in _rows(row, facts, split)]
    return OutsideReport(
        system="ga4", account=account.setting("property"), split=split, rows=rows, zone=zone, notes=notes_of(rows),
        attribution="session, last non-direct click",
    )  # fmt: skip


def _pages(ask: Any, split: str, first: date, last: date) -> Iterator[Mapping[str, Any]]:
    """The replies, page by page, until all rows have come."""
    got = 0
    for _ in range(MOST_PAGES):
        reply = ask(
            {
                "dateRanges": [{"startDate": first.isoformat(), "endDate": last.isoformat()}],
                "dimensions": [{"name": name} for name in ("date", *DIMENSIONS[split])],
                "metrics": [{"name": name} for name in METRICS.values()],
                "limit": str(PAGE), "offset": str(got), "keepEmptyRows": False,
            }
        )  # fmt: skip
        if not isinstance(reply, Mapping):
            raise SourceError(NAME, "sent a response that is not an object")
        yield reply
        got += len(reply.get("rows", []))
        if got >= int(reply.get("rowCount", 0) or 0) or not reply.get("rows"):
            return
    raise SourceError(NAME, "has too many rows for one request. Use fewer days")


def _rows(row: Any, facts: Mapping[str, Any], split: str) -> Iterator[OutsideRow]:
    names = [str(value_at(NAME, one, "value")) for one in value_at(NAME, row, "dimensionValues")]
    values = [one.get("value") for one in value_at(NAME, row, "metricValues")]
    if len(values) != len(METRICS) or len(names) != 1 + len(DIMENSIONS[split]):
        raise SourceError(NAME, "sent a row in an unexpected format")
    part = names[1] if len(names) > 1 else ""
    source, _, medium = part.partition(" / ") if split == "source" else ("", "", "")
    for figure, value in zip(METRICS, values, strict=True):
        yield OutsideRow(
            on=day(NAME, names[0]), figure=figure, value=decimal(NAME, value), share=_share(facts),
            channel=part if split == "channel" else "", source=source, medium=medium,
            currency=str(facts.get("currencyCode", "")) if FIGURES[figure].is_money else "",
            is_thresholded=bool(facts.get("subjectToThresholding")), is_other=part == OTHER_ROW,
        )  # fmt: skip


def _share(facts: Mapping[str, Any]) -> Decimal | None:
    """The part of the data that was read, the smallest of all date ranges; None when all of it was."""
    shares = [
        Decimal(str(one.get("samplesReadCount", 0))) / Decimal(str(one["samplingSpaceSize"]))
        for one in facts.get("samplingMetadatas", [])
        if int(one.get("samplingSpaceSize", 0) or 0)
    ]
    smallest = min(shares, default=Decimal(1))
    return smallest if 0 < smallest < 1 else None


# ── who asks ──


def _key(text: str) -> Mapping[str, Any]:
    """The service account's key file.

    raises   SourceError when it is none
    """
    try:
        key = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SourceError(NAME, "cannot be queried: the key is not the JSON file of a service account") from error
    if not isinstance(key, dict) or not {"client_email", "private_key"} <= set(key):
        raise SourceError(NAME, "cannot be queried: the key is not the JSON file of a service account")
    return key


def signed(key: Mapping[str, Any], audience: str, now: int) -> str:
    """A JSON web token that proves who asks (RFC 7523), good for an hour.

    raises   SourceError when the private key cannot be read
    """
    head = {"alg": "RS256", "typ": "JWT", "kid": str(key.get("private_key_id", ""))}
    claim = {"iss": key["client_email"], "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600}
    text = b".".join(_url64(msgspec.json.encode(part)) for part in (head, claim))
    try:
        private = serialization.load_pem_private_key(str(key["private_key"]).encode(), password=None)
    except (ValueError, TypeError) as error:
        raise SourceError(NAME, "cannot be queried: the private key cannot be read") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise SourceError(NAME, "cannot be queried: the key is not an RSA key")
    return (text + b"." + _url64(private.sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _url64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _token(account: AnalyticsAccount, key: Mapping[str, Any]) -> str:
    where = account.setting("token_address", TOKENS)
    scheme, _, rest = where.partition("://")
    host, _, path = rest.partition("/")
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": signed(key, where, int(time.time())),
    }
    with account.open(f"{scheme}://{host}", {}) as http:
        return str(value_at(NAME, http.post(f"/{path}", data=form).json(), "access_token"))


API = AnalyticsApi(
    system="ga4",
    label=NAME,
    settles=3,
    at_once=31,
    account="property",
    note=(
        "Create a service account in Google Cloud, add its e-mail address to the property as a viewer, and paste "
        "its JSON key here."
    ),
    fields=(
        Field(name="property", label="Property ID", hint="Digits, from Admin, Property details."),
        Field(name="key", label="JSON key of the service account", is_secret=True),
        Field(name="address", label="Address of the API", is_required=False, default=BASE, is_address=True),
        Field(name="token_address", label="Address for tokens", is_required=False, default=TOKENS, is_address=True),
    ),
    reports=reports,
)  # fmt: skip
