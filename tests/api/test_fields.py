"""A form that is refused says at which field, in every area: page.js puts the sentence there, and the focus."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.app import make_app
from tandem.core.auth import COOKIE, csrf_of
from tandem.core.context import Context

GOAL, PLACE = {"name": "Thanks", "kind": "page", "match": "/thanks"}, {"zone": "UTC", "currency": "EUR"}


@pytest.fixture
def client(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    with TestClient(make_app(ctx, runs_jobs=False), base_url="http://testserver.local") as client:
        signed_in = accounts.sign_in(ctx.database, "ola@fern.example", "a long password")
        assert signed_in is not None
        client.cookies.set(COOKIE, signed_in[1])
        client.headers.update({"x-csrf": csrf_of(ctx, signed_in[1]), "hx-request": "true"})
        yield client


@pytest.mark.parametrize(
    ("address", "data", "field"),
    [
        ("/goals", GOAL | {"name": " "}, "name"),
        ("/goals", GOAL | {"match": "thanks"}, "match"),
        ("/goals", GOAL | {"match": " "}, "match"),
        ("/changes", {"title": " ", "kind": "deploy"}, "title"),
        ("/changes", {"title": "New", "kind": "deploy", "url": "ftp://x"}, "url"),
        ("/changes", {"title": "New", "kind": "deploy", "at": "1066-10-14T09:00"}, "at"),
        ("/settings/sites/fern", {"hosts": "not a host"}, "host"),
        ("/settings/sites/fern", {"keep_days": "0"}, "keep_days"),
        ("/settings/sites/fern", {"keep_days": "x"}, "keep_days"),
        ("/settings/tokens", {"name": " ", "metrics:read": "1"}, "name"),
        ("/settings/tokens", {"name": "T", "metrics:read": "1", "days": "99999"}, "days"),
        ("/settings/people", {"name": "Ola", "email": "ola@fern.example"}, "email"),
        ("/calls/pools", {"name": " "}, "name"),
        ("/money/reports", {"name": " "}, "name"),
    ],
)  # fmt: skip
def test_the_field_is_named(client: TestClient[Any], address: str, data: dict[str, str], field: str) -> None:
    refused = client.post(address, data=data)
    assert (refused.status_code, refused.headers.get("x-field")) == (400, field), refused.text


LONG = "x" * 100_000
CHANGE, STATIC = {"title": "New", "kind": "deploy"}, {"source": "billboard", "number": "+48225550000"}
CONNECTION = {"area": "crm", "system": "webhook", "secret": "a secret of the shop"}


@pytest.mark.parametrize(
    ("address", "data", "field"),
    [
        ("/goals", GOAL, "name"),
        ("/goals", GOAL, "match"),
        *(("/changes", CHANGE, field) for field in ("title", "author", "scope", "note", "url")),
        ("/settings/sites", PLACE | {"hosts": "new.example"}, "name"),
        ("/settings/sites/fern", {}, "name"),
        ("/settings/tokens", {"metrics:read": "1"}, "name"),
        ("/settings/people", {"email": "new@fern.example", "role": "viewer"}, "name"),
        ("/account", {}, "name"),
        ("/connections", CONNECTION, "name"),
        ("/connections", CONNECTION, "secret"),
        ("/calls/pools", {}, "name"),
        ("/calls/pools", {"name": "Paid"}, "channel"),
        *(("/calls/numbers", STATIC, field) for field in ("label", "source", "campaign", "channel")),
        ("/money/reports", {}, "name"),
    ],
)
def test_a_text_without_end_is_refused_at_its_field(
    client: TestClient[Any], address: str, data: dict[str, str], field: str
) -> None:
    """A goal's name was kept with 100,000 signs, which every page then held; others were cut without a word."""
    refused = client.post(f"{address}?site=fern", data=data | {field: LONG})
    assert (refused.status_code, refused.headers.get("x-field")) == (400, field), refused.text[:2000]
    assert LONG[:1000] not in refused.text


def test_a_site_of_hosts_without_end_is_refused_at_its_field(client: TestClient[Any]) -> None:
    hosts = " ".join(f"shop{n}.example" for n in range(600))
    refused = client.post("/settings/sites/fern", data={"hosts": hosts})
    assert (refused.status_code, refused.headers.get("x-field")) == (400, "host"), refused.text


@pytest.mark.parametrize("area", ["reconciliation", "ads"])
def test_an_account_without_end_is_refused_at_its_field(client: TestClient[Any], area: str) -> None:
    refused = client.post(
        f"/{area}/import?site=fern", files={"file": ("a.csv", b"Day,Cost\n2026-11-01,1\n")}, data={"account": LONG}
    )
    assert (refused.status_code, refused.headers.get("x-field")) == (400, "account"), refused.text[:2000]


@pytest.mark.parametrize("area", ["reconciliation", "ads", "calls", "deals"])
def test_a_file_that_cannot_be_read_is_told_where_it_was_chosen(client: TestClient[Any], area: str) -> None:
    refused = client.post(f"/{area}/import", files={"file": ("", b"")})
    assert (refused.status_code, refused.headers.get("x-field")) == (400, "file"), refused.text
