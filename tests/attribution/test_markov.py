"""The chain: against removing each value in turn, the supplied exact answers, and its laws."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.attribution.model import markov as chain
from tandem.attribution.model.credits import NOTHING, counted_transitions, together
from tandem.attribution.model.markov import Transitions, markov, steps_of
from tests.attribution import naive

SAMPLE = Path("/work/shared/reference/data/attribution")
VALUES = 4
path = st.tuples(
    st.lists(st.integers(0, VALUES - 1), min_size=1, max_size=7).map(tuple), st.integers(0, 3), st.integers(0, 5)
).filter(lambda p: p[1] + p[2] > 0)
paths = st.lists(path, min_size=1, max_size=15).filter(lambda ps: any(c for _, c, _ in ps))


def packed(told: list[naive.Path], order: int, values: int = VALUES) -> Transitions:
    touches = np.array([v for story, _, _ in told for v in story], dtype=np.int64)
    starts = np.cumsum([0, *(len(story) for story, _, _ in told)])[:-1]
    won, lost = (np.array([p[i] for p in told], dtype=float) for i in (1, 2))
    return steps_of(touches, starts, won, lost, values, order)


@pytest.mark.parametrize("order", [1, 2, 3])
@given(paths)
@settings(max_examples=50, deadline=None)
def test_credit_equals_taking_each_value_away_in_turn(order: int, told: list[naive.Path]) -> None:
    found = markov(packed(told, order))
    assert found.credit == pytest.approx(naive.markov_by_removal(told, VALUES, order), abs=1e-7)
    assert found.credit.sum() == pytest.approx(sum(c for _, c, _ in told))
    assert (found.credit >= -1e-12).all()
    assert found.error == 0.0


@pytest.mark.parametrize("order", [1, 2, 3])
@given(paths)
@settings(max_examples=25, deadline=None)
def test_naming_the_values_otherwise_changes_nothing(order: int, told: list[naive.Path]) -> None:
    turned = [(tuple(VALUES - 1 - v for v in story), c, n) for story, c, n in told]
    assert markov(packed(told, order)).credit[::-1] == pytest.approx(markov(packed(turned, order)).credit, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
@given(paths)
@settings(max_examples=25, deadline=None)
def test_steps_are_those_of_plain_loops_whether_all_that_could_be_have_a_place_or_not(
    order: int, told: list[naive.Path]
) -> None:
    counted: dict[tuple[int, int], float] = {}
    for story, won, lost in told:
        digits = [0] * order + [value + 1 for value in story]
        onto = [*((value, won + lost) for value in story), (VALUES, won)]
        ways = [*zip(range(len(onto)), onto, strict=True), (len(story), (VALUES + 1, lost))]
        for place, (step, weight) in ways:
            state = sum(digit * (VALUES + 1) ** back for back, digit in enumerate(digits[place : place + order][::-1]))
            counted[state, step] = counted.get((state, step), 0) + weight
    for cells in (chain.CELLS, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chain, "CELLS", cells)
            found = packed(told, order)
        steps = zip(found.state.tolist(), found.onto.tolist(), found.weight.tolist(), strict=True)
        assert {(state, onto): weight for state, onto, weight in steps} == {k: w for k, w in counted.items() if w}
        assert len(found.state) == len(set(zip(found.state.tolist(), found.onto.tolist(), strict=True)))


@given(paths, paths)
@settings(max_examples=25, deadline=None)
def test_steps_counted_in_two_parts_are_the_steps_of_all(one: list[naive.Path], other: list[naive.Path]) -> None:
    whole, parts = packed(one + other, 2), together(packed(one, 2), packed(other, 2))
    counted: dict[tuple[int, int], float] = {}
    for state, onto, weight in zip(parts.state.tolist(), parts.onto.tolist(), parts.weight.tolist(), strict=True):
        counted[state, onto] = counted.get((state, onto), 0.0) + weight
    transitions = zip(whole.state.tolist(), whole.onto.tolist(), whole.weight.tolist(), strict=True)
    assert counted == {(state, onto): pytest.approx(weight) for state, onto, weight in transitions}
    assert markov(parts).credit == pytest.approx(markov(whole).credit)


def test_steps_from_the_store_are_the_same_steps() -> None:
    told: list[naive.Path] = [((0, 1, 1), 0.0, 2.0), ((3,), 0.0, 1.0)]
    counted = [  # latest touch, the one before, the next one, times
        (NOTHING, NOTHING, 0, 2), (0, NOTHING, 1, 2), (1, 0, 1, 2), (1, 1, NOTHING, 2),
        (NOTHING, NOTHING, 3, 1), (3, NOTHING, NOTHING, 1),
    ]  # fmt: skip
    columns = [np.array(c, dtype=np.int64) for c in zip(*counted, strict=True)]
    found = counted_transitions(columns[:2], columns[2], columns[3].astype(float), VALUES)
    expected = packed(told, 2)
    assert sorted(zip(found.state.tolist(), found.onto.tolist(), found.weight.tolist(), strict=True)) == sorted(
        zip(expected.state.tolist(), expected.onto.tolist(), expected.weight.tolist(), strict=True)
    )


def test_without_conversions_nobody_gets_anything() -> None:
    assert markov(packed([((0, 1), 0.0, 5.0)], 1)).credit.tolist() == [0.0] * VALUES


def test_wide_splits_take_the_first_order_only() -> None:
    with pytest.raises(ValueError, match="order 2 takes"):
        markov(packed([((0, 70), 1.0, 0.0)], 2, values=80))


def invented(values: int, people: int, stickiness: float, seed: int) -> Transitions:
    """Journeys over many values by popularity; `stickiness` of their touches stay within a kin of fifty."""
    rng = np.random.default_rng(seed)
    lengths = rng.geometric(0.2, people)
    starts = np.cumsum([0, *lengths])[:-1]
    popularity = 1 / np.arange(1, values + 1)
    touches = rng.choice(values, lengths.sum(), p=popularity / popularity.sum())
    kin = np.repeat(rng.integers(0, 50, people), lengths)
    touches = np.where(rng.random(len(touches)) < stickiness, touches // 50 * 50 + kin, touches).clip(0, values - 1)
    won = (rng.random(people) < 0.05).astype(float)
    return steps_of(touches, starts, won, 1 - won, values)


@pytest.mark.parametrize(("stickiness", "within"), [(0.0, 2e-4), (0.5, 5e-3)])
def test_over_thousands_of_values_credit_is_nearly_exact_and_says_how_nearly(
    stickiness: float, within: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    transitions = invented(1500, 60_000, stickiness, seed=3)
    exact = markov(transitions)
    monkeypatch.setattr(chain, "DENSE", 100)
    quick = markov(transitions)
    off = np.abs(quick.credit - exact.credit) / np.maximum(exact.credit, 1.0)
    assert off.max() < within
    assert off.max() < 5 * quick.error < 5e-2
    largest = np.argsort(exact.credit)[::-1][: chain.CHECKED]
    assert quick.credit[largest] == pytest.approx(exact.credit[largest], rel=3 * off.mean() + 1e-9)
    assert quick.credit.sum() == pytest.approx(transitions.conversions)


def test_one_endless_journey_does_not_last_forever() -> None:
    told: list[naive.Path] = [((0, 1) * 400, 0.0, 1.0), ((1,), 1.0, 0.0), ((2, 0), 1.0, 0.0)]
    for order in (1, 2, 3):
        assert markov(packed(told, order)).credit == pytest.approx(
            naive.markov_by_removal(told, VALUES, order), abs=1e-6
        )


@pytest.fixture(scope="module")
def sample() -> tuple[list[naive.Path], list[str]]:
    if not SAMPLE.exists():
        pytest.skip("the sample is not on this machine")
    rows = list(csv.DictReader((SAMPLE / "ca_sample_paths.csv").open()))
    names = sorted({v for row in rows for v in row["path"].split(" > ")})
    place = {name: i for i, name in enumerate(names)}
    return [
        (
            tuple(place[v] for v in row["path"].split(" > ")),
            float(row["total_conversions"]),
            float(row["total_null"]),
        )
        for row in rows
    ], names


@pytest.mark.parametrize("with_nulls", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_sample_gets_the_exact_answers(
    sample: tuple[list[naive.Path], list[str]], order: int, with_nulls: bool
) -> None:
    told, names = sample
    answers = json.loads((SAMPLE / "sample_answers.json").read_text())["runs"]
    expected = answers[f"exact_order{order}_{'null' if with_nulls else 'nonull'}"]["attr"]
    given = [(story, won, lost if with_nulls else 0.0) for story, won, lost in told]
    found = markov(packed(given, order, len(names)))
    assert max(abs(found.credit[names.index(v)] - credit) for v, credit in expected.items()) < 1e-6
