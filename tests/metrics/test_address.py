"""Every view is a link: what the address says comes back from it unchanged."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.core.query import Filter
from tandem.metrics.address import MOST_FILTERS, OPS, Address, View, address_of, filter_of, spelt, written
from tandem.metrics.asked import fitting, one_of
from tandem.metrics.catalogue import DIMENSIONS

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SITE = Site(
    id=1, workspace_id=1, key="fern", name="Fern", hosts=("f",), zone="UTC", currency="EUR", mode="cookie", keep_days=9
)
SPLITS = sorted(d.id for d in DIMENSIONS.values() if not d.is_time)
filters = st.builds(
    Filter,
    st.sampled_from(SPLITS),
    st.sampled_from(OPS),
    st.lists(st.text(max_size=12), min_size=1, max_size=3).map(tuple),
).map(spelt)


def read(query: str) -> Address:
    pairs = parse_qsl(query, keep_blank_values=True)
    return address_of(
        dict(p for p in pairs if p[0] != "f"), [v for k, v in pairs if k == "f"], SITE, dict(pairs)["lens"], NOW
    )


def address(*where: Filter, query: str = "lens=marketing") -> Address:
    return msgspec.structs.replace(read(query), where=where)


@given(filters)
def test_a_filter_comes_back_as_it_was_written(one: Filter) -> None:
    assert filter_of(written(one)) == one


@settings(max_examples=60, deadline=None)
@given(
    st.lists(filters, max_size=4, unique=True),
    st.sampled_from(["previous", "year", "none"]),
    st.booleans(),
    st.sampled_from(["7d", "2026-01-01..2026-01-31"]),
)
def test_a_link_reproduces_the_view(where: list[Filter], compare: str, bots: bool, period: str) -> None:
    asked = address(*where, query=f"lens=executive&compare={compare}&period={period}" + ("&bots=1" if bots else ""))
    assert read(asked.query()) == asked


@pytest.mark.parametrize("by", ["page", "entry", "exit"])
def test_a_path_is_filtered_by_as_it_is_kept_however_it_was_typed(by: str) -> None:
    typed = "/каталог|/%D0%BA%d0%b0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3|http://localhost:8519/каталог?x=1|/a%2fb||app"
    kept = ("/каталог", "/каталог", "/каталог", "/a%2Fb", "", "app")
    assert filter_of(f"{by}:is:{typed}") == Filter(by, "is", kept)
    assert filter_of(f"{by}:contains:%D0%BA%D0%B0|а б|%") == Filter(by, "contains", ("ка", "а%20б", "%"))
    assert filter_of("campaign:is:%D0%BA") == Filter("campaign", "is", ("%D0%BA",)), "no path"


def test_drilling_down_replaces_the_filter_of_the_same_split() -> None:
    asked = address(Filter("channel", "is", ("Direct",)), Filter("country", "is", ("PL",)))
    shown = View(path="/traffic", address=asked, keep={})
    assert set(read(shown.narrowed("channel", "Email").partition("?")[2]).where) == {
        Filter("country", "is", ("PL",)),
        Filter("channel", "is", ("Email",)),
    }
    assert read(shown.without(asked.where[0]).partition("?")[2]).where == (asked.where[1],)


def test_filters_that_a_page_cannot_apply_are_carried_and_can_be_taken_away() -> None:
    asked = fitting(
        address(Filter("channel", "is", ("Direct",)), Filter("source", "is", ("/a|b",))), one_of({"channel"})
    )
    assert (asked.where, asked.unfit) == ((Filter("channel", "is", ("Direct",)),), (Filter("source", "is", ("/a|b",)),))
    shown = View(path="/money", address=asked, keep={})
    assert set(read(shown.link().partition("?")[2]).where) == {*asked.where, *asked.unfit}
    assert read(shown.without(asked.unfit[0]).partition("?")[2]).where == asked.where
    assert read(shown.unfiltered.partition("?")[2]).where == ()


def test_an_empty_value_can_be_filtered() -> None:
    assert filter_of("campaign:is:") == Filter("campaign", "is", ("",))


@pytest.mark.parametrize(
    "text", ["", "channel", "channel:is", "nope:is:x", "channel:like:x", "day:is:2026-01-01", "channel::"]
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    if text == "channel:is":
        assert filter_of(text).values == ("",)
        return
    with pytest.raises(UserError):
        filter_of(text)


def test_too_many_filters_and_unknown_comparisons_are_refused() -> None:
    with pytest.raises(UserError, match="too many"):
        address_of({}, ["channel:is:x"] * (MOST_FILTERS + 1), SITE, "marketing", NOW)
    with pytest.raises(UserError, match="comparison"):
        address_of({"compare": "moon"}, [], SITE, "marketing", NOW)


@pytest.mark.parametrize(("text", "wanted"), [("1", True), ("true", True), ("", False), ("0", False), ("false", False)])
def test_yes_and_no_are_read_as_programs_write_them(text: str, wanted: bool) -> None:
    assert address_of({"bots": text}, [], SITE, "marketing", NOW).with_bots is wanted


def test_what_is_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(UserError, match="neither yes nor no"):
        address_of({"bots": "maybe"}, [], SITE, "marketing", NOW)


def test_the_log_that_a_page_leads_to_holds_the_days_that_it_shows() -> None:
    """Marks of a year led to a log of the last 120 days."""
    shown = View(path="/traffic", address=address(query="lens=marketing&period=2026-01-01..2026-03-31"), keep={})
    path, _, query = shown.log.partition("?")
    assert path == "/changes" and {("first", "2026-01-01"), ("last", "2026-03-31")} < set(parse_qsl(query))
