"""All models side by side over the same journeys."""

import numpy as np

from tandem.attribution.model.interval import like
from tandem.attribution.model.journey import SHARES, Credit, Floats, Ints, Journeys, credit_of, pairs_of
from tandem.attribution.model.markov import Markov, Steps, markov, steps_of

NOTHING = -1
"""In steps that were counted elsewhere: no touch, so before the journey began, or after it ended."""


def by_all_models(journeys: Journeys, lost: Steps) -> tuple[dict[str, Credit], Markov]:
    """Credit by model; each model's conversions sum to those of the journeys, and so does its money.

    lost   the steps of journeys that ended without a conversion, over the same values; its order is the chain's
    """
    pairs = pairs_of(journeys)
    found = {name: credit_of(journeys, pairs, shares(journeys)) for name, shares in SHARES.items()}
    chain = markov(together(won_steps(journeys, lost.order), lost))
    equal = found["shapley"]
    total = journeys.weight.sum()
    part = chain.credit / total if total else chain.credit
    squares = like(chain.credit, equal.conversions, equal.squares)
    return found | {"markov": Credit(chain.credit, squares, part * journeys.worth.sum())}, chain


def won_steps(journeys: Journeys, order: int) -> Steps:
    """The steps of journeys that ended in a conversion."""
    none = np.zeros(len(journeys.starts))
    return steps_of(journeys.value, journeys.starts, journeys.weight, none, journeys.values, order)


def tail_steps(journeys: Journeys, order: int) -> Steps:
    """The steps of journeys that people went on to after their last conversion, and that ended in nothing."""
    ones = np.ones(len(journeys.starts))
    return steps_of(journeys.value, journeys.starts, 0 * ones, ones, journeys.values, order)


def lost_steps(back: list[Ints], onto: Ints, weight: Floats, values: int) -> Steps:
    """The steps of journeys that ended in nothing, from what was counted in the event store.

    back   the last touch before the step, the one before that …, one array for each order; NOTHING where there is none
    """
    base, state = values + 1, np.zeros(len(onto), dtype=np.int64)
    for power, digits in enumerate(back):
        state += (digits + 1) * base**power
    return Steps(values, len(back), state, np.where(onto == NOTHING, values + 1, onto), weight)


def together(one: Steps, other: Steps) -> Steps:
    """The steps of both; a step that both hold stands there twice."""
    parts = zip((one.state, one.onto, one.weight), (other.state, other.onto, other.weight), strict=True)
    return Steps(one.values, one.order, *(np.concatenate(both) for both in parts))
