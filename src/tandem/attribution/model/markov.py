"""Markov attribution: what would be lost if a channel were taken away, computed exactly, without simulation.

Paths become a chain of states: a state is the last `order` touches, a path begins before its first touch and ends in a
conversion or in nothing. Taking a channel away turns every state that holds it into an end without conversion. The
share of conversions lost by that (the removal effect) is the channel's claim; claims are scaled to sum to conversions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.attribution.model.journey import sums as _sums

if TYPE_CHECKING:  # loaded where a chain needs it: it takes a fifth of a second
    from scipy import sparse

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DENSE = 2000
"""Up to this many values order 1 is one dense inverse; beyond, see `_returns`."""
WIDEST = 60
"""Orders 2 and 3 take up to this many values: states grow with their power."""
CELLS = 1 << 22
"""Up to so many steps that there could be, each has its place."""
CHECKED = 8
"""Beyond DENSE, this many of the largest claims are solved exactly, and tell how good the others are."""
LEFT = 1e-13
"""Iterations end when less than this share of all paths is still on its way, which bounds what is left out."""


class Transitions(NamedTuple):
    """How often paths went on from a state to a next touch, a conversion or nothing.

    A state is a number of `order` digits in base `values + 1`, the latest touch last; digit 0 is "before the path
    began", digit v + 1 is value v. `onto` is the next touch's value, `values` for a conversion, `values + 1` for none.
    """

    values: int
    order: int
    state: Ints
    onto: Ints
    weight: Floats

    @property
    def conversions(self) -> float:
        return float(self.weight[self.onto == self.values].sum())

    def among(self, used: Ints) -> Transitions:
        """The same steps where `used`, sorted, are all values that occur: they become 0, 1, 2 …"""
        digit = np.append(0, used + 1)
        state = np.zeros_like(self.state)
        for power in range(self.order):
            values = self.state // (self.values + 1) ** power % (self.values + 1)
            state += np.searchsorted(digit, values) * len(digit) ** power
        onto = np.searchsorted(np.append(used, [self.values, self.values + 1]), self.onto)
        return Transitions(len(used), self.order, state, onto, self.weight)


class Markov(NamedTuple):
    """Credit by value, summing to conversions, and the share of them that would be lost without each value.

    error   0 where all is exact; beyond DENSE values the largest relative difference that the quick rule for all
            but the largest claims showed where it was checked
    """

    credit: Floats
    effect: Floats
    error: float = 0.0


def steps_of(
    touches: Ints, starts: Ints, conversions: Floats, nulls: Floats, values: int, order: int = 1
) -> Transitions:
    """The steps of many paths.

    touches      values of all paths, one path after the other
    starts       where each path starts in `touches`; paths are not empty
    conversions  how many conversions each path brought; `nulls`: how many times it was gone without one
    """
    base = values + 1  # digit 0 is "before the path began", so value v is digit v + 1
    ends = np.append(starts, len(touches))[1:]
    digits = touches + 1
    before = np.zeros(len(touches), np.int64)
    # All paths lie in one array: the touch `back` places earlier is a shift of it, but for those that would reach into
    # the path before, where there is no touch.
    for back in range(1, order + 1):
        digit = np.zeros_like(digits)
        digit[back:] = digits[:-back]
        for nth in range(back):
            digit[(starts + nth)[starts + nth < ends]] = 0
        before += digit * base ** (back - 1)
    last = before[ends - 1] % base ** (order - 1) * base + digits[ends - 1]
    # Each touch is a step onto it, whether its path converted or not; only the step that leaves the path tells them
    # apart, and a path that did both in different visits leaves twice.
    return _summed(values, order, [
        (before, touches, np.repeat(conversions + nulls, ends - starts)),
        (last, np.full(len(last), values), conversions),
        (last, np.full(len(last), values + 1), nulls),
    ])  # fmt: skip


def summed(transitions: Transitions) -> Transitions:
    """Each step once, with the sum of its weights; those that come to 0 are left out."""
    values, order, *steps = transitions
    return _summed(values, order, [tuple(steps)])  # type: ignore[list-item]


def _summed(values: int, order: int, parts: list[tuple[Ints, Ints, Floats]]) -> Transitions:
    """The same for the states, next touches and weights of several parts."""
    width, states = values + 2, (values + 1) ** order
    if states * width <= CELLS:  # one sum for each step that there could be: nothing is sorted, little is touched
        cells = np.zeros(states * width)
        for state, onto, weight in parts:
            cells += np.bincount(state * width + onto, weight, len(cells))
        steps = np.flatnonzero(cells)
        return Transitions(values, order, steps // width, steps % width, cells[steps])
    from scipy import sparse

    state, onto, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    table = sparse.coo_array((weight, (state, onto)), shape=(states, width)).tocsr()
    table.sum_duplicates()
    table.eliminate_zeros()
    once = table.tocoo()
    return Transitions(values, order, once.row.astype(np.int64), once.col.astype(np.int64), once.data)


def markov(transitions: Transitions) -> Markov:
    """Credit by removal effect.

    source   Anderl, Becker, von Wangenheim, Schumann 2016, with the exact absorption probabilities instead of a
             simulation; checked against the supplied answers and against removing each value in turn
    raises   ValueError for order 2 or 3 over more than WIDEST values
    """
    if transitions.order > 1 and transitions.values > WIDEST:
        raise ValueError(f"order {transitions.order} takes {WIDEST} values at most")
    if not transitions.conversions:
        return Markov(np.zeros(transitions.values), np.zeros(transitions.values))
    links, wins, states = _chain(transitions)
    error = 0.0
    # Of order 1 a value is one state, and what is lost without it follows from one solution of the whole chain. Of
    # higher orders a value stands in many states, and each has to be taken away by itself.
    if transitions.order > 1:
        effect = _effects_by_removal(_matrix(links, len(states)), wins, states, transitions)
    elif transitions.values <= DENSE:
        effect = _effects_by_inverse(links, wins, states, transitions.values)
    else:
        effect, error = _effects_of_many(_matrix(links, len(states)), wins, states, transitions.values)
    # Removal effects overlap (one path needs several channels), so they sum to more than all conversions: scaled.
    return Markov(transitions.conversions * effect / effect.sum(), effect, error)


class _Links(NamedTuple):
    """The chances of going from one state to another, by their places; each pair once."""

    chance: Floats
    here: Ints
    there: Ints


def _matrix(links: _Links, states: int) -> sparse.csr_array:
    from scipy import sparse

    return sparse.coo_array((links.chance, (links.here, links.there)), shape=(states, states)).tocsr()


def _chain(transitions: Transitions) -> tuple[_Links, Floats, Ints]:
    """Chances of going from state to state, of converting from each, and the states; the first is the beginning.

    A step back to the same state changes nothing about where paths end, so it is left out.
    """
    base = transitions.values + 1
    goes_on = transitions.onto < transitions.values
    # The oldest digit falls off, the new touch is put on: a queue of `order` touches as one number.
    after = (transitions.state * base + transitions.onto + 1) % base**transitions.order
    is_still = goes_on & (after == transitions.state)
    # Of all states that there could be (20 values cubed: 9,261) hardly any occur: those that do are numbered densely.
    states, here, there = _numbered(transitions.state, after[goes_on], base**transitions.order)
    total = _sums(here, np.where(is_still, 0.0, transitions.weight), len(states))
    share = transitions.weight / np.where(total > 0, total, 1.0)[here]
    moved = ~is_still[goes_on]
    links = _Links(share[goes_on][moved], here[goes_on][moved], there[moved])
    has_won = transitions.onto == transitions.values
    return links, _sums(here[has_won], share[has_won], len(states)), states


def _numbered(left: Ints, right: Ints, space: int) -> tuple[Ints, Ints, Ints]:
    """All states in order, and the place of each of the two lists' states among them."""
    if space > max(4 * len(left), 1_000_000):
        states, places = np.unique(np.concatenate([left, right]), return_inverse=True)
        return states, places[: len(left)], places[len(left) :]
    is_there = np.zeros(space, dtype=bool)
    is_there[left] = is_there[right] = True
    number = np.cumsum(is_there) - 1
    return np.flatnonzero(is_there), number[left], number[right]


def _effects_by_inverse(links: _Links, wins: Floats, states: Ints, values: int) -> Floats:
    """Order 1: one inverse holds the visits of every state and the chance of converting from it."""
    # (I - Q)⁻¹ is the fundamental matrix of an absorbing chain: row i tells how often a path from i is in each state.
    stays = np.eye(len(states))
    stays[links.here, links.there] -= links.chance
    visits = np.linalg.inv(stays)
    chance = visits @ wins
    effect = np.zeros(values)
    # A conversion needs v if its path is ever in v: the chance to get there, visits[0, v] / visits[v, v] (returns do
    # not count twice), times the chance to convert from there. That is what removing v would lose.
    effect[states[1:] - 1] = (visits[0] * chance / np.diagonal(visits))[1:] / chance[0]
    return effect


def _effects_by_removal(chain: sparse.csr_array, wins: Floats, states: Ints, transitions: Transitions) -> Floats:
    """Orders 2 and 3: all paths walk on at once, once for each value taken away, until none is left."""
    base, digits = transitions.values + 1, states.copy()
    is_open = np.ones((len(states), transitions.values + 1))  # the last column takes nothing away
    for _ in range(transitions.order):
        values = digits % base
        rows = np.flatnonzero(values)
        is_open[rows, values[rows] - 1] = 0.0
        digits //= base
    # Column v is the world without value v: mass that walks into one of its states is lost. Each round takes every
    # path one touch further, and what converts on the way is counted.
    forth = chain.T.tocsr()
    mass = np.zeros_like(is_open)
    mass[0] = 1.0
    won = np.zeros(transitions.values + 1)
    while mass[:, -1].sum() > LEFT:
        won += wins @ mass
        mass = (forth @ mass) * is_open
    return np.asarray(np.clip(1.0 - won[:-1] / won[-1], 0.0, 1.0))


# ── order 1 over thousands of values ──


class _Solver(NamedTuple):
    """Solves (I - Q) x = b where Q is close to pace ⊗ share, as paths over many values are: popularity rules.

    Without that part little is left to iterate over; what the short iteration leaves open is walked to its end.
    """

    chain: sparse.csr_array
    pace: Floats
    share: Floats
    paced: Floats  # (I - E)⁻¹ pace

    def solved(self, b: Floats) -> Floats:
        """x for one b, or for each column of several."""
        # Sherman and Morrison: a matrix plus a product of two vectors is solved by solving for the matrix alone, twice.
        rest = _rest(self.chain, self.pace, self.share, b)
        solution = rest + np.multiply.outer(self.paced, _dot(self.share, rest)) / (1.0 - _dot(self.share, self.paced))
        # What is left of b, walked to its end: each round part of it leaves the chain.
        step = b + self.chain @ solution - solution
        end = LEFT * np.abs(b).sum()
        while np.abs(step).sum() > end:
            solution += step
            step = self.chain @ step
        return np.asarray(solution)


def _dot(share: Floats, x: Floats) -> Floats:
    """The same as share @ x. TRAP: that starts threads which go on spinning, and take longer than the sum itself."""
    return np.asarray(np.einsum("i,i...->...", share, x))


def _rest(chain: sparse.csr_array, pace: Floats, share: Floats, b: Floats) -> Floats:
    """(I - E)⁻¹ b nearly, where E = Q - pace ⊗ share."""
    total, step = b.copy(), b
    for _ in range(12):
        step = chain @ step - np.multiply.outer(pace, _dot(share, step))
        total += step
    return total


def _solver(chain: sparse.csr_array, pace: Floats, share: Floats) -> _Solver:
    return _Solver(chain, pace, share, _rest(chain, pace, share, pace))


def _effects_of_many(chain: sparse.csr_array, wins: Floats, states: Ints, values: int) -> tuple[Floats, float]:
    """Order 1 where an inverse would take hours: visits and chances are solved exactly, returns nearly so."""
    forth = chain.T.tocsr()
    pace, share = np.asarray(chain @ np.ones(len(states))), _popularity(forth)
    ahead, behind = _solver(chain, pace, share), _solver(forth, share, pace)
    visits = behind.solved(_unit(0, len(states)))
    chance = ahead.solved(wins)
    returns = _returns(chain, forth, ahead, behind)
    claims = visits * chance / returns
    # The largest claims are what people look at, and where long circles matter most: these are solved exactly, and
    # their difference tells how good the quick rule is for all the others.
    largest = np.argsort(claims[1:])[::-1][:CHECKED] + 1
    each = np.arange(len(largest))
    units = np.zeros((len(states), len(largest)))
    units[largest, each] = 1.0
    exact = ahead.solved(units)[largest, each]
    error = float(np.max(np.abs(returns[largest] / exact - 1.0)))
    claims[largest] = (visits * chance)[largest] / exact
    effect = np.zeros(values)
    effect[states[1:] - 1] = claims[1:] / chance[0]
    return effect, error


def _popularity(forth: sparse.csr_array) -> Floats:
    """How often each state is gone on to, as shares: any start will do, a few steps bring it close."""
    share = np.full(forth.shape[0], 1.0)
    for _ in range(6):
        share = forth @ share
        share /= share.sum()
    return share


def _unit(place: int, length: int) -> Floats:
    vector = np.zeros(length)
    vector[place] = 1.0
    return vector


def _returns(chain: sparse.csr_array, forth: sparse.csr_array, ahead: _Solver, behind: _Solver) -> Floats:
    """How often a path is in each state once it has been there: the diagonal of (I - Q)⁻¹.

    Q is parted into what popularity alone would give, pace ⊗ share, and the rest E. The first part's returns are exact
    by the rule of Sherman and Morrison; those of E are taken to the second power, which holds every way there and
    straight back. What is left out are longer circles beyond popularity.
    """
    pace, share = ahead.pace, ahead.share
    onward, back = ahead.solved(pace), behind.solved(share)
    straight = np.asarray(chain.multiply(forth).sum(axis=1)).ravel()
    rest = 1.0 - pace * share + straight - pace * (forth @ share) - share * (chain @ pace)
    rest += pace * share * _dot(share, pace)
    return np.asarray(rest + onward * back / (1.0 + _dot(share, onward)))
