"""All models side by side over the same journeys."""

import numpy as np

from tandem.attribution.model.interval import like
from tandem.attribution.model.journey import SHARES, Floats, Ints, Journeys, ValueCredit, credit_of, pairs_of
from tandem.attribution.model.markov import Markov, Transitions, markov, steps_of, summed
from tandem.attribution.model.touchpoints import Cut

NOTHING = -1
"""In steps that were counted elsewhere: no touch, so before the journey began, or after it ended."""


def by_all_models(journeys: Journeys, lost: Transitions) -> tuple[dict[str, ValueCredit], Markov]:
    """Credit by model; each model's conversions sum to those of the journeys, and so does its money.

    lost   the steps of journeys that ended without a conversion, over the same values; its order is the chain's
    """
    pairs = pairs_of(journeys)
    credits = {name: credit_of(journeys, pairs, shares(journeys)) for name, shares in SHARES.items()}
    chain = markov(together(won_transitions(journeys, lost.order), lost))
    equal = credits["shapley"]
    total = journeys.weight.sum()
    part = chain.credit / total if total else chain.credit
    sum_of_squares = like(chain.credit, equal.conversions, equal.sum_of_squares)
    return credits | {"markov": ValueCredit(chain.credit, sum_of_squares, part * journeys.worth.sum())}, chain


def won_transitions(journeys: Journeys, order: int) -> Transitions:
    """The steps of journeys that ended in a conversion."""
    none = np.zeros(len(journeys.starts))
    return steps_of(journeys.value, journeys.starts, journeys.weight, none, journeys.values, order)


def lost_transitions(walked: Transitions, cut: Cut) -> Transitions:
    """The steps of journeys that ended in nothing.

    walked   the steps of everybody, as if nobody had converted
    cut      the touchpoints of those who did: their steps without regard to that are taken out of all, and what
             they did after their last conversion goes in instead
    """
    transitions = together(
        walked, _steps_to_nothing(cut.tails, walked.order), _steps_to_nothing(cut.whole, walked.order, -1)
    )
    # A visit that came between asking for the one and for the other must not leave less than none of a step.
    is_left = transitions.weight > 0
    return transitions._replace(
        state=transitions.state[is_left], onto=transitions.onto[is_left], weight=transitions.weight[is_left]
    )


def _steps_to_nothing(journeys: Journeys, order: int, weight: int = 1) -> Transitions:
    none = np.zeros(len(journeys.starts))
    return steps_of(journeys.value, journeys.starts, none, none + weight, journeys.values, order)


def counted_transitions(back: list[Ints], onto: Ints, weight: Floats, values: int) -> Transitions:
    """Steps as they were counted in the event store, where none of them led to a conversion.

    back   the last touch before the step, the one before that …, one array for each order; NOTHING where there is none
    """
    base, state = values + 1, np.zeros(len(onto), dtype=np.int64)
    for power, digits in enumerate(back):
        state += (digits + 1) * base**power
    return Transitions(values, len(back), state, np.where(onto == NOTHING, values + 1, onto), weight)


def together(*parts: Transitions) -> Transitions:
    """The steps of all parts, each once; what sums to no weight at all is left out."""
    columns = zip(*((transitions.state, transitions.onto, transitions.weight) for transitions in parts), strict=True)
    return summed(Transitions(parts[0].values, parts[0].order, *(np.concatenate(column) for column in columns)))
