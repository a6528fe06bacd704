"""The board's pure rules: order, verdicts, sparklines, and links that keep the state."""

from datetime import UTC, datetime

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.board.model import (
    BOARD_METRICS,
    GROUPS,
    HEADLINES,
    ORDER,
    QUESTIONS,
    SALES,
    TABLE_GROUPS,
    TABLES,
    Tile,
    deciding,
    headline,
    outcome,
    sparkline,
)
from tandem.core.auth import LENSES
from tandem.core.query import Filter
from tandem.metrics.address import View, address_of
from tandem.metrics.catalogue import DIMENSIONS, METRICS
from tandem.metrics.verdict import Compared

SITE = Site(
    id=1,
    workspace_id=1,
    key="shop",
    name="Shop",
    hosts=("shop.example",),
    zone="Europe/Warsaw",
    currency="EUR",
    mode="cookieless",
    keep_days=400,
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def view(*filters: str, **query: str) -> View:
    return View(
        path="/traffic", address=address_of(query, list(filters), SITE, "marketing", NOW), keep={"from": "sources"}
    )


def tile(metric: str, value: float | None, before: float | None, is_clear: bool = True) -> Tile:
    line = sparkline([], [], is_partial=False)
    went = Compared(metric=METRICS[metric], value=value, before=before, is_clear=is_clear)
    return Tile(metric=METRICS[metric], value=value, compared=went, trend=[], line=line)


def test_both_sides_share_their_groups_and_each_lens_has_its_words() -> None:
    assert set(ORDER) == set(HEADLINES) == set(QUESTIONS) == set(LENSES)
    assert set(ORDER["marketing"]) == set(ORDER["engineering"]) == set(GROUPS) - set(ORDER["executive"])
    for name, group in GROUPS.items():
        assert set(group.meaning) == {lens for lens, order in ORDER.items() if name in order}
    assert sum(len(GROUPS[name].metrics) for name in ORDER["executive"]) == 6
    assert {f for metrics in HEADLINES.values() for f in metrics} <= set(BOARD_METRICS)


def test_groups_without_metrics_say_what_to_do() -> None:
    assert all(group.metrics or group.missing for group in GROUPS.values())
    assert all(group.instead and group.instead_query for group in GROUPS.values() if group.missing)


def test_tables_ask_only_what_the_catalogue_knows() -> None:
    for table in TABLES.values():
        assert table.by in DIMENSIONS
        assert set(table.metrics) <= set(METRICS)
        assert table.group in TABLE_GROUPS
        assert not table.drill or TABLES[table.drill].group == table.group


@pytest.mark.parametrize(
    ("change", "good", "verdict"),
    [
        (0.1, "up", "good"),
        (0.1, "down", "bad"),
        (-0.1, "down", "good"),
        (-0.1, "up", "bad"),
        (0.1, "neither", "neutral"),
        (0.004, "up", "neutral"),
        (None, "up", "neutral"),
    ],
)
def test_good_and_bad_come_from_the_metric_and_not_from_the_sign(change: float | None, good: str, verdict: str) -> None:
    metric = msgspec.structs.replace(METRICS["collect.visits"], good=good)
    value = None if change is None else 1000 * (1 + change)
    assert Compared(metric=metric, value=value, before=1000, is_clear=True).verdict == verdict
    assert Compared(metric=metric, value=value, before=1000).verdict == "neutral", "chance is neither good nor bad"


@pytest.mark.parametrize(
    ("visits", "errors", "said"),
    [
        ((120, 100), (0.01, 0.02), "better"),
        ((80, 100), (0.03, 0.02), "worse"),
        ((120, 100), (0.03, 0.02), "mixed"),
        ((100, 100), (0.02, 0.02), "same"),
        ((100, None), (0.02, None), "alone"),
        ((0, 0), (None, None), "none"),
    ],
)
def test_the_outcome_of_a_few_metrics(visits: tuple[float, float], errors: tuple[float, float], said: str) -> None:
    assert outcome([tile("collect.visits", *visits), tile("collect.error_rate", *errors)]) == said


def test_nothing_is_claimed_of_changes_that_chance_may_bring() -> None:
    steady, unclear = tile("collect.error_rate", 0.02, 0.02), tile("collect.visits", 1, 2, is_clear=False)
    assert outcome([unclear]) == outcome([unclear, steady]) == "alone", "not even that nothing changed"
    assert outcome([unclear, tile("collect.error_rate", 0.03, 0.02)]) == "worse"


STEADY = dict.fromkeys(BOARD_METRICS, (1000.0, 1000.0))
BUSY = STEADY | {"collect.visits": (1180.0, 1000.0), "collect.conversion_rate": (0.03, 0.04)}


@pytest.mark.parametrize(
    ("lens", "changed", "said", "named"),
    [
        *((lens, {}, "same", "") for lens in LENSES),
        ("engineering", {"collect.inp_p75": (226, 200)}, "worse", "collect.inp_p75"),
        ("engineering", {"collect.ttfb_p75": (226, 200), "collect.cls_p75": (0.1, 0.2)}, "mixed", "collect.cls_p75"),
        ("engineering", {"collect.error_rate": (0.01, 0.02)}, "better", "collect.error_rate"),
        ("marketing", {"collect.orders": (12, 10)}, "better", "collect.orders"),
        ("marketing", {"collect.conversions": (0, 10)}, "worse", "collect.conversions"),
        ("marketing", {"collect.inp_p75": (226, 200)}, "same", ""),
        ("executive", {"collect.lcp_p75": (1.0, 2.0)}, "same", ""),
        ("executive", {"collect.ttfb_p75": (226, 200)}, "worse", "collect.ttfb_p75"),
        ("executive", {"collect.revenue": (12, 10), "collect.inp_p75": (226, 200)}, "mixed", "collect.inp_p75"),
    ],
)
def test_the_verdict_answers_the_question_of_the_lens(
    lens: str, changed: dict[str, tuple[float, float]], said: str, named: str
) -> None:
    """More visits made a slower site "Better than before"."""
    tiles = {f: tile(f, *values) for f, values in (BUSY | changed).items()}
    assert outcome(deciding(tiles, lens), has_data=True) == said
    shown = [t.metric.id for t in headline(tiles, lens)]
    assert {*HEADLINES[lens]} <= {*shown} and named in (*shown, "")
    bearing = [t.metric.id for t in deciding(tiles, lens) if t.compared.verdict != "neutral"]
    assert shown[: len(bearing)] == bearing, "what bears the verdict is named first"


def test_sales_that_ended_are_worse() -> None:
    tiles = {f: tile(f, 0, 10) for f in SALES}
    assert outcome(deciding(tiles, "marketing"), has_data=True) == "worse"


def test_a_sparkline_of_amounts_stands_on_zero() -> None:
    line = sparkline([(0, 0), (1, 10)], [], is_partial=False)
    assert line.path == "M0.0 26.0 L100.0 3.0"
    assert line.area.endswith("Z")


def test_a_sparkline_of_a_share_shows_its_own_range() -> None:
    line = sparkline([(0, 0.50), (1, 0.51)], [], is_partial=False, from_zero=False)
    assert line.path == "M0.0 14.5 L100.0 3.0"
    assert line.area == ""


def test_days_without_data_are_gaps() -> None:
    line = sparkline([(0, 5), (1, None), (2, 5), (3, 5)], [], is_partial=False)
    assert line.path.count("M") == 2


def test_the_step_that_is_not_over_is_apart() -> None:
    line = sparkline([(0, 4), (1, 4), (2, 2)], [(1, "Deploy")], is_partial=True)
    assert line.unfinished.startswith("M50.0")
    assert line.marks == [(50.0, "Deploy")]


@pytest.mark.parametrize("points", [[], [(0, None)], [(0, 0)], [(0, 0), (1, 0)], [(0, -3), (1, 2)]])
def test_a_sparkline_of_little_is_drawn_without_complaint(points: list[tuple[int, float | None]]) -> None:
    line = sparkline(points, [], is_partial=True)
    assert "nan" not in line.path + line.area


def test_a_link_keeps_all_of_the_state_but_what_it_changes() -> None:
    link = view("channel:is:Direct", period="7d", bots="1").link(compare="year")
    assert link == (
        "/traffic?site=shop&period=7d&bots=1&lens=marketing&f=channel%3Ais%3ADirect&from=sources&compare=year"
    )


def test_narrowing_replaces_the_filter_of_the_same_dimension() -> None:
    narrowed = view("channel:is:Direct", "device:is:mobile").narrowed("channel", "Email | news")
    assert "Direct" not in narrowed
    assert "device%3Ais%3Amobile" in narrowed
    assert "channel%3Ais%3AEmail+%5C%7C+news" in narrowed


def test_one_filter_is_taken_away_and_the_others_stay() -> None:
    link = view("channel:is:Direct", "device:is:mobile").without(Filter("channel", "is", ("Direct",)))
    assert "channel" not in link
    assert "device" in link


def test_hidden_fields_hold_the_whole_state() -> None:
    assert ("f", "channel:is:Direct") in view("channel:is:Direct").hidden
    assert ("from", "sources") in view().hidden
