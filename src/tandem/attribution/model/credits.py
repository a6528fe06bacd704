"""All models side by side over the same journeys."""

import numpy as np

from tandem.attribution.model.interval import like
from tandem.attribution.model.journey import SHARES, Credit, Floats, Ints, Journeys, credit_of, pairs_of
from tandem.attribution.model.markov import Markov, Steps, markov, steps_of, summed
from tandem.attribution.model.stories import Cut

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


def lost_steps(walked: Steps, cut: Cut) -> Steps:
    """The steps of journeys that ended in nothing.

    walked   the steps of everybody, as if nobody had converted
    cut      the stories of those who did: their steps without regard to that are taken out of all, and what they did
             after their last conversion goes in instead
    """
    steps = together(walked, _steps_to_nothing(cut.tails, walked.order), _steps_to_nothing(cut.whole, walked.order, -1))
    # A visit that came between asking for the one and for the other must not leave less than none of a step.
    is_left = steps.weight > 0
    return steps._replace(state=steps.state[is_left], onto=steps.onto[is_left], weight=steps.weight[is_left])


def _steps_to_nothing(journeys: Journeys, order: int, weight: int = 1) -> Steps:
    none = np.zeros(len(journeys.starts))
    return steps_of(journeys.value, journeys.starts, none, none + weight, journeys.values, order)


def counted_steps(back: list[Ints], onto: Ints, weight: Floats, values: int) -> Steps:
    """Steps as they were counted in the event store, where none of them led to a conversion.

    back   the last touch before the step, the one before that …, one array for each order; NOTHING where there is none
    """
    base, state = values + 1, np.zeros(len(onto), dtype=np.int64)
    for power, digits in enumerate(back):
        state += (digits + 1) * base**power
    return Steps(values, len(back), state, np.where(onto == NOTHING, values + 1, onto), weight)


def together(*parts: Steps) -> Steps:
    """The steps of all parts, each once; what sums to no weight at all is left out."""
    columns = zip(*((steps.state, steps.onto, steps.weight) for steps in parts), strict=True)
    return summed(Steps(parts[0].values, parts[0].order, *(np.concatenate(column) for column in columns)))
