"""A filter is typed in the words that the page shows; what it could not mean is told at its field."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.board.routes import ROUTES
from tandem.collect.model.rules import load_rules
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.metrics import members
from tandem.metrics.address import address_of
from tandem.metrics.catalogue.collect import CHANNELS
from tests.attribution.shop import START, Visit, put
from tests.inside import opened_by_admin

AT = START + timedelta(days=50)
GOALS = {"1": "Purchase", "2": "Cart"}


@pytest.fixture
def board(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    ctx.slices = ()  # visits are put past the collector, which would have known of hits
    ctx.offers.goal_names = lambda _: GOALS
    put(ctx.warehouse, [Visit(1, AT, "Email", goals=((1, 1, 0),)), Visit(2, AT, "Paid Search", country="DE")])
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def asked(page: str, **query: str) -> str:
    return f"/{page}?{urlencode({'period': '2026-10-11..2026-11-09', 'lens': 'marketing', **query})}"


def typed(client: TestClient[Any], by: str, value: str, op: str = "is") -> Any:
    return client.get(asked("traffic", by=by, op=op, value=value), headers={"HX-Request": "true"})


def meant(client: TestClient[Any], by: str, value: str, op: str = "is") -> str:
    answer = typed(client, by, value, op)
    assert answer.status_code == 200, answer.text
    return parse_qs(urlsplit(answer.headers["HX-Redirect"]).query)["f"][0]


TYPED = (
    ("country", "Poland", "country:is:PL"),
    ("country", "pl", "country:is:PL"),
    ("country", "PL", "country:is:PL"),
    ("country", "france", "country:is:FR"),
    ("goal", "purchase", "goal:is:1"),
    ("goal", "2", "goal:is:2"),
    ("device", "Phone", "device:is:mobile"),
    ("device", "MOBILE", "device:is:mobile"),
    ("channel", "paid search", "channel:is:Paid Search"),
    ("channel", "SMS", "channel:is:SMS"),
    ("loyalty", "New", "loyalty:is:new"),
    ("loyalty", "returning visitors", "loyalty:is:returning"),
    ("language", "German", "language:is:de"),
    ("campaign", "Autumn|sale", "campaign:is:Autumn\\|sale"),
    ("source", "EMAIL", "source:is:email"),
    ("campaign", "(none)", "campaign:is:"),
    ("country", "(not known)", "country:is:"),
)


def test_a_filter_is_understood_in_the_words_of_the_page(board: TestClient[Any]) -> None:
    assert [meant(board, by, value) for by, value, _ in TYPED] == [wanted for *_, wanted in TYPED]


def test_a_filter_by_name_finds_what_it_names(board: TestClient[Any]) -> None:
    page = board.get(asked("traffic", by="country", op="is", value="Poland")).text
    assert "Country <i>is</i> Poland" in page and "Largest channel: Email, 1." in page
    by_address = board.get(asked("traffic", f="country:is:poland")).text
    assert "Largest channel: Email, 1." in by_address, "an address that somebody wrote by hand"


def test_a_part_of_a_name_means_whatever_is_called_so(board: TestClient[Any]) -> None:
    assert meant(board, "country", "germ", "contains") == "country:is:DE"
    assert meant(board, "channel", "Paid S", "contains_not") == "channel:is_not:Paid Shopping|Paid Search|Paid Social"
    assert meant(board, "campaign", "Autumn", "contains") == "campaign:contains:Autumn"


def test_a_language_is_meant_wherever_it_is_spoken(monkeypatch: pytest.MonkeyPatch, board: TestClient[Any]) -> None:
    monkeypatch.setattr(members, "seen_names", lambda *_: {"pl-pl": "Polish (Poland)", "en-gb": "English (UK)"})
    assert meant(board, "language", "polish") == "language:is:pl|pl-pl"
    assert meant(board, "language", "Polish (Poland)") == "language:is:pl-pl"


def test_a_name_is_read_in_the_language_of_the_reader(ctx: Context, site: Site, board: TestClient[Any]) -> None:
    caller = Caller(workspace_id=1, user=None, token=None, csrf="", language="pl", theme="auto")
    address = address_of({}, [], site, "marketing", AT)
    polish = msgspec.structs.replace(address, reader=caller)
    for by, name, value in (
        ("country", "niemcy", "DE"),
        ("device", "telefon", "mobile"),
        ("channel", "E-mail", "Email"),
    ):
        typed = msgspec.structs.replace(polish, where=(Filter(by, "is", (name,)),))
        assert members.understood(ctx, typed).where == (Filter(by, "is", (value,)),)


REFUSED = (
    ("country", "Polnad", "Enter a name as shown in the tables."),
    ("device", "Fridge", "Use one of Desktop, Phone, "),
    ("goal", "Sale", "Use one of Purchase, Cart."),
    ("goal", "9", "Use one of Purchase, Cart."),
)


def test_what_a_dimension_cannot_be_is_refused_at_its_field(board: TestClient[Any]) -> None:
    for by, value, hint in REFUSED:
        answer = typed(board, by, value)
        assert answer.status_code == 400 and answer.headers["x-field"] == "value"
        assert f"has no value “{value}”." in answer.text and hint in answer.text


def test_a_filter_without_a_value_is_refused_at_its_field(board: TestClient[Any]) -> None:
    for by in ("channel", "campaign"):
        answer = typed(board, by, " ")
        assert answer.status_code == 400 and answer.headers["x-field"] == "value"
        assert "The filter has no value." in answer.text


def test_values_are_suggested_by_what_they_are_called(board: TestClient[Any]) -> None:
    def found(by: str, text: str) -> list[tuple[str, str]]:
        page = board.get(asked("values", by=by, value=text)).text
        return re.findall(r'<option value="(.*?)">(.*?)</option>', page)

    assert found("country", "pol") == [("PL", "Poland")]
    assert found("country", "pl") == [("PL", "Poland")]
    assert found("goal", "purch") == [("1", "Purchase")]
    assert found("campaign", "") == [("(none)", "(none)")], "a browser offers no empty value"


def test_old_links_and_programs_are_refused_nothing(board: TestClient[Any]) -> None:
    for f in (
        "country:is:PL",
        "country:is:Nowhere",
        "channel:is:",
        "device:is:fridge",
        "goal:is:99",
        "country:contains:P",
    ):
        assert board.get(asked("traffic", f=f)).status_code == 200
        assert board.get(asked("api/metrics", site="fern", metrics="collect.visits", f=f)).status_code == 200


def test_the_channels_are_those_of_the_rules() -> None:
    assert set(CHANNELS) == {channel.name for channel in load_rules().channels} | {"No visit"}
