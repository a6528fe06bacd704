"""Ranges: exact for whole conversions, and as wide as resampling the journeys finds them."""

import numpy as np
import pytest

from tandem.attribution.model.interval import interval, like
from tandem.attribution.model.journey import SHARES, Journeys, credit_of, pairs_of
from tandem.attribution.model.markov import markov, steps_of


def test_whole_conversions_get_the_exact_poisson_range() -> None:
    low, high = interval(np.array([0.0, 1.0, 10.0]), np.array([0.0, 1.0, 10.0]))
    # the low end of Garwood's table exactly; the high end too, as one more conversion is added to credit and squares
    assert low == pytest.approx([0.0, 0.0253, 4.7954], abs=1e-3)
    assert high == pytest.approx([3.6889, 5.5716, 18.3904], abs=1e-3)


def test_a_range_holds_its_credit_and_narrows_with_more_conversions() -> None:
    credit = np.array([3.0, 30.0, 300.0, 3000.0])
    low, high = interval(credit, credit / 2)
    assert (low < credit).all()
    assert (credit < high).all()
    assert (np.diff((high - low) / credit) < 0).all()


def invented(seed: int) -> Journeys:
    rng = np.random.default_rng(seed)
    lengths = rng.geometric(0.4, 400)
    starts = np.cumsum([0, *lengths])[:-1]
    value = rng.choice(5, lengths.sum(), p=[0.5, 0.25, 0.15, 0.07, 0.03])
    size = len(lengths)
    ones = np.ones(size)
    return Journeys(5, value, value == 4, np.zeros(len(value)), starts, starts, ones, ones, np.ones(size, dtype=bool))


@pytest.mark.parametrize("model", ["linear", "last", "shapley"])
def test_a_range_is_as_wide_as_resampling_the_journeys_finds_it(model: str) -> None:
    journeys, rng = invented(5), np.random.default_rng(6)
    credit = credit_of(journeys, pairs_of(journeys), SHARES[model](journeys))
    low, high = interval(credit.conversions, credit.sum_of_squares)
    shares = SHARES[model](journeys)
    drawn = [
        credit_of(
            journeys._replace(weight=rng.poisson(1.0, len(journeys.starts)).astype(float)), pairs_of(journeys), shares
        ).conversions
        for _ in range(600)
    ]
    width = np.quantile(drawn, 0.975, axis=0) - np.quantile(drawn, 0.025, axis=0)
    assert (high - low) / width == pytest.approx(np.ones(5), rel=0.3)


def test_the_range_of_the_chain_is_not_narrower_than_resampling_finds_it() -> None:
    journeys, rng = invented(7), np.random.default_rng(8)
    equal = credit_of(journeys, pairs_of(journeys), SHARES["shapley"](journeys))

    def chain(weight: np.ndarray, nulls: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return markov(steps_of(journeys.value, journeys.starts, weight, nulls, 5)).credit

    lost = np.random.default_rng(9).integers(0, 4, len(journeys.starts)).astype(float)
    credit = chain(journeys.weight, lost)
    low, high = interval(credit, like(credit, equal.conversions, equal.sum_of_squares))
    drawn = [chain(rng.poisson(journeys.weight).astype(float), rng.poisson(lost).astype(float)) for _ in range(400)]
    width = np.quantile(drawn, 0.975, axis=0) - np.quantile(drawn, 0.025, axis=0)
    assert ((high - low) / width > 0.7).all()
    assert ((high - low) / width < 1.8).all()
