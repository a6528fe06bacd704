"""How many numbers a pool should have: what errors it makes now, what fewer errors cost, and what makes it smaller."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tandem.calls.model.delay import Delay
from tandem.calls.model.pool import (
    DAY_S,
    Array,
    Traffic,
    at_random,
    erlang_b,
    error_of,
    invented,
    judged,
    last_shown,
    least_recently_used,
    most_certain,
    numbers_for,
)

ERRORS = (0.05, 0.10, 0.15, 0.20)
LEAST_VISITS = 300
"""With fewer visits of its own, a pool is advised by invented ones."""
MOST_VISITS = 20_000
CALLERS = 2_000
ASSUMED_A_DAY = 200.0
ASSUMED_REVEAL = 0.30
"""How many visits scroll to the number or ask to see it, until it is measured."""
RANDOM_HOLD_S = 150.0
BLOCKING = 0.05
PAID = ("Paid Search", "Paid Social", "Paid Video", "Paid Shopping", "Paid Other", "Display", "Cross-network")


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The leases of a pool in order of their start: seconds of start and end, paid or not, without a number or not."""

    start: Array
    end: Array
    is_paid: NDArray[np.bool_]
    is_overflow: NDArray[np.bool_]


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers that a share of wrong calls takes: for every visit, and with each saving trick (None: used already)."""

    error: float
    all: int
    paid: int | None
    reveal: int | None
    both: int | None


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A way to share numbers out or to name the caller, and the share of calls that it gives to the wrong visit."""

    name: str
    numbers: int
    error: float


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says of one pool."""

    visits: int
    a_day: float
    is_own: bool
    paid_share: float | None
    delay: Delay
    numbers: int
    by_rule: float | None
    methods: list[Method]
    needs: list[Need]
    erlangs: float
    overflowed: int

    def needed(self, error: float) -> int:
        """Numbers that keep the share of wrong calls at this, without any trick."""
        return next(need.all for need in self.needs if need.error >= error)


def advised(
    past: Past, numbers: int, delay: Delay, is_for_all: bool = True, is_at_once: bool = True, seed: int = 7
) -> Advice:
    """The advice for a pool of `numbers` from its own leases; from invented visits when it has fewer than 300.

    is_for_all, is_at_once   whether the tricks “paid only” and “on scroll or click” are still to be had
    source                   each caller is some visit of the traffic, calling after the delay: callers do not change
                             who gets which number, so as many are drawn as the answer needs to be steady
    """
    rng = np.random.default_rng(seed)
    is_own = past.start.size >= LEAST_VISITS
    start, end, is_paid = _lately(past) if is_own else _made_up(rng, delay)
    traffic = _with_callers(start, end, delay, rng)
    a_day = start.size / max((float(end.max()) - float(start[0])) / DAY_S, 1 / 24)
    share = float(is_paid.mean()) if is_own else None
    tricks = _Tricks(
        all=traffic,
        paid=_only(traffic, is_paid, delay, rng) if is_own and is_for_all and is_paid.any() else None,
        reveal=_thinned(traffic, ASSUMED_REVEAL, delay, rng) if is_at_once else None,
    )
    both = _thinned(tricks.paid, ASSUMED_REVEAL, delay, rng) if tricks.paid and tricks.reveal else None
    erlangs = _busiest(traffic, RANDOM_HOLD_S)
    return Advice(
        visits=start.size, a_day=a_day, is_own=is_own, paid_share=share, delay=delay, numbers=numbers,
        by_rule=error_of(traffic, numbers) if numbers else None,
        methods=_methods(traffic, numbers, erlang_b(erlangs, BLOCKING), delay, rng),
        needs=[
            Need(error=e, all=numbers_for(traffic, e), paid=_for(tricks.paid, e), reveal=_for(tricks.reveal, e),
                 both=_for(both, e))
            for e in ERRORS
        ],
        erlangs=erlangs, overflowed=int(past.is_overflow.sum()),
    )  # fmt: skip


class _Tricks(msgspec.Struct, frozen=True):
    all: Traffic
    paid: Traffic | None
    reveal: Traffic | None


def hours_of_overflow(hours: Sequence[int], is_overflow: Sequence[bool]) -> list[tuple[int, int, int]]:
    """(hour of the day, visits, visits that found every number busy) of the hours in which that happened."""
    visits, lost = np.zeros(24, int), np.zeros(24, int)
    np.add.at(visits, np.asarray(hours, int), 1)
    np.add.at(lost, np.asarray(hours, int), np.asarray(is_overflow, int))
    return [(hour, int(visits[hour]), int(lost[hour])) for hour in range(24) if lost[hour]]


def _lately(past: Past) -> tuple[Array, Array, NDArray[np.bool_]]:
    start, end = past.start[-MOST_VISITS:], past.end[-MOST_VISITS:]
    return start, np.maximum(end, start + 1.0), past.is_paid[-MOST_VISITS:]


def _made_up(rng: np.random.Generator, delay: Delay) -> tuple[Array, Array, NDArray[np.bool_]]:
    traffic = invented(ASSUMED_A_DAY, 28, rng, delay=delay)
    return traffic.start, traffic.end, np.zeros(traffic.start.size, np.bool_)


def _with_callers(start: Array, end: Array, delay: Delay, rng: np.random.Generator) -> Traffic:
    caller = np.sort(rng.integers(0, start.size, CALLERS))
    call = start[caller] + delay.sample(end[caller] - start[caller], rng)
    return Traffic(start, end, caller, call)


def _only(traffic: Traffic, chosen: NDArray[np.bool_], delay: Delay, rng: np.random.Generator) -> Traffic:
    return _with_callers(traffic.start[chosen], traffic.end[chosen], delay, rng)


def _thinned(traffic: Traffic, share: float, delay: Delay, rng: np.random.Generator) -> Traffic | None:
    chosen = rng.random(traffic.start.size) < share
    return _only(traffic, chosen, delay, rng) if chosen.any() else None


def _for(traffic: Traffic | None, error: float) -> int | None:
    return numbers_for(traffic, error) if traffic else None


def _busiest(traffic: Traffic, hold_s: float) -> float:
    """Erlangs in the busiest hour of the day: numbers held at once if every visit held one `hold_s` longer."""
    occupied = np.bincount(
        (traffic.start % DAY_S // 3600).astype(int), traffic.end - traffic.start + hold_s, minlength=24
    )
    days = max(1.0, np.ceil((traffic.start[-1] - traffic.start[0]) / DAY_S))
    return float(occupied.max() / (3600 * days))


def _methods(traffic: Traffic, numbers: int, lines: int, delay: Delay, rng: np.random.Generator) -> list[Method]:
    """Simulated: by the last visit, by the most certain one, with numbers taken at random, and as Erlang sizes it."""
    methods = []
    if numbers:
        lent = least_recently_used(traffic, numbers)
        chance = at_random(traffic, numbers, RANDOM_HOLD_S, rng)
        methods = [
            Method(name="certain", numbers=numbers, error=judged(traffic, lent, most_certain(delay)).error),
            Method(name="last", numbers=numbers, error=judged(traffic, lent, last_shown).error),
            Method(name="random", numbers=numbers, error=judged(traffic, chance, last_shown).error),
        ]
    sized = at_random(traffic, lines, RANDOM_HOLD_S, rng)
    return [*methods, Method(name="erlang", numbers=lines, error=judged(traffic, sized, last_shown).error)]
