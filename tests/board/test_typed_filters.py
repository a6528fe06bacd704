"""A filter is typed in the words that the page shows; what it could not mean is told at its field."""

import html
import re
from collections.abc import Iterator, Sequence
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


CHOICE = re.compile(r'<input type="checkbox" name="value" value="(.*?)"( checked)?><span>(.*?)</span>')


def test_values_are_suggested_by_what_they_are_called(board: TestClient[Any]) -> None:
    def found(by: str, text: str) -> list[tuple[str, str]]:
        return [(value, name) for value, _, name in CHOICE.findall(board.get(asked("values", by=by, text=text)).text)]

    assert found("country", "pol") == [("PL", "Poland")]
    assert found("country", "pl") == [("PL", "Poland")]
    assert found("goal", "purch") == [("1", "Purchase")]
    assert found("campaign", "") == [("(none)", "(none)")], "the empty value has a name"
    assert found("campaign", "Spring") == [("Spring", "“Spring”")], "an open dimension takes what was typed"
    assert found("country", "Atlantis") == []


def test_what_is_ticked_stays_ticked_while_others_are_searched_for(board: TestClient[Any]) -> None:
    page = board.get(f"{asked('values', by='channel', text='paid')}&value=Email&value=Direct").text
    assert CHOICE.findall(page) == [
        ("Email", " checked", "Email"), ("Direct", " checked", "Direct"), ("Paid Search", "", "Paid Search"),
    ]  # fmt: skip


def sent(client: TestClient[Any], query: str, values: Sequence[str], page: str = "traffic") -> str:
    """Where the form leads whose values are these."""
    answer = client.get(f"{asked(page)}&{query}&{urlencode([('value', v) for v in values])}", follow_redirects=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


SEVERAL = (
    ("by=channel&op=is", ("Email", "Paid Search"), "channel:is:Email|Paid Search"),
    ("by=channel&op=is&text=direct", ("Email",), "channel:is:Email|Direct"),
    ("by=channel&op=is&text=email", ("Email",), "channel:is:Email"),
    ("by=country&op=is_not&text=Poland", ("DE", "(not known)"), "country:is_not:DE||PL"),
    ("by=campaign&op=contains&text=b", ("a",), "campaign:contains:a|b"),
    ("by=goal&op=contains", ("1",), "goal:is:1"),
    ("by=country&op=contains", ("DE",), "country:is:DE"),
    ("by=campaign&op=contains_not", ("(none)",), "campaign:is_not:"),
)


@pytest.mark.parametrize(("query", "values", "wanted"), SEVERAL)
def test_a_form_takes_several_values(board: TestClient[Any], query: str, values: tuple[str, ...], wanted: str) -> None:
    assert parse_qs(urlsplit(sent(board, query, values)).query)["f"] == [wanted]


def test_parts_of_names_and_no_name_are_no_one_condition(board: TestClient[Any]) -> None:
    query = asked("traffic", by="campaign", op="contains", value="(none)", text="a")
    answer = board.get(query, headers={"HX-Request": "true"})
    assert answer.status_code == 400 and answer.headers["x-field"] == "value"
    assert "“(none)” cannot be combined with parts of names." in answer.text


def test_several_values_of_a_filter_are_any_of_them(board: TestClient[Any]) -> None:
    page = board.get(sent(board, "by=channel&op=is", ("Email", "Direct"))).text
    assert "Channel <i>is any of</i>" in page and "Largest channel: Email, 1." in page
    page = board.get(sent(board, "by=channel&op=is_not", ("Email", "Direct"))).text
    assert "Channel <i>is none of</i>" in page and "Largest channel: Paid Search, 1." in page


def test_a_chip_gives_up_one_value_or_all(board: TestClient[Any]) -> None:
    page = board.get(asked("traffic", f="channel:is:Email|Direct|SMS")).text
    chip = html.unescape(page.partition('<li class="chip">')[2].partition("</li>")[0])
    links = dict(re.findall(r'href="([^"]*)" aria-label="([^"]*)"', chip))
    left = {label: parse_qs(urlsplit(link).query).get("f") for link, label in links.items()}
    assert left == {
        "Remove “Email”": ["channel:is:Direct|SMS"], "Remove “Direct”": ["channel:is:Email|SMS"],
        "Remove “SMS”": ["channel:is:Email|Direct"], "Remove the filter Channel": None,
    }  # fmt: skip


def test_a_chip_opens_its_filter_to_be_changed(board: TestClient[Any]) -> None:
    both = f"{asked('traffic', f='channel:is:Email')}&f=country:is:DE"
    link = html.unescape(re.findall(r'<a class="text" href="([^"]*)"', board.get(both).text)[0])
    page = board.get(link).text
    assert '<details class="menu bare" id="add-filter" open>' in page
    assert CHOICE.findall(page)[:2] == [("Email", " checked", "Email"), ("Paid Search", "", "Paid Search")]
    again = board.get(f"{link}&by=channel&op=is_not&value=Email&value=Direct", follow_redirects=False)
    query = parse_qs(urlsplit(again.headers["location"]).query)
    assert query["f"] == ["channel:is_not:Email|Direct", "country:is:DE"] and "change" not in query


def test_without_scripts_the_form_shows_the_values_of_what_was_chosen(board: TestClient[Any]) -> None:
    page = board.get(asked("traffic", by="country", op="is_not", value="PL", text="ger", list="1")).text
    assert '<option value="country" selected>' in page and '<option value="is_not" selected>' in page
    assert CHOICE.findall(page) == [("PL", " checked", "Poland"), ("DE", "", "Germany")]
    assert '<button class="button quiet" name="list" value="1">' in page


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
