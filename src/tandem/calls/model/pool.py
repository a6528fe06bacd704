"""How many numbers a pool needs: the quantile rule, and the simulation that checks it."""

import heapq
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tandem.calls.model.delay import Delay

Array = NDArray[np.float64]
DAY_S = 86_400.0
HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 12, 12, 12, 12, 12, 11, 11, 10, 9, 7, 5, 3], float)
"""How visits spread over a day, when a site has no history of its own."""


class Traffic(NamedTuple):
    """Visits that take a number: start and end in seconds, in order of start; which of them call, and when."""

    start: Array
    end: Array
    caller: NDArray[np.int64]
    call: Array


class PoolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool of this size did: calls given to the wrong visit (share of calls), and numbers busy on average."""

    numbers: int
    error: float
    busy: float
    calls: int


def invented(
    visits_a_day: float, days: int, rng: np.random.Generator, call_share: float = 0.02, delay: Delay | None = None
) -> Traffic:
    """Traffic as in the published simulations: Poisson arrivals with a daily profile, log-normal stays, few callers.

    source   shared reference “money”: dwell median 75 s, sigma 1.15; callers stay 1.8 times as long and 20 s more
    """
    count = rng.poisson(visits_a_day * days)
    profile = np.cumsum(HOURS / HOURS.sum())
    hour = np.searchsorted(profile, rng.random(count))
    start = np.sort(rng.integers(0, days, count) * DAY_S + (hour + rng.random(count)) * 3600)
    dwell = 75 * np.exp(rng.normal(0, 1.15, count))
    caller = np.flatnonzero(rng.random(count) < call_share)
    dwell[caller] = dwell[caller] * 1.8 + 20
    call = start[caller] + (delay or Delay()).sample(dwell[caller], rng)
    return Traffic(start, start + dwell, caller, call)


class Lease(NamedTuple):
    """A number shown to a visit."""

    visit: int
    start: float
    end: float


Names = Callable[[list[Lease], float], int]
"""Names the visit that a call on a number came from, given its leases so far and the moment of the call."""


def last_shown(leases: list[Lease], call: float) -> int:
    """The visit that was shown the number last."""
    for lease in reversed(leases):
        if lease.start <= call:
            return lease.visit
    return -1


def most_certain(delay: Delay, most: int = 40) -> Names:
    """The visit that is the most certain caller by the density of the delay."""

    def name(leases: list[Lease], call: float) -> int:
        shown = [lease for lease in leases[-most:] if lease.start <= call]
        if not shown:
            return -1
        ends = np.array([lease.end for lease in shown])
        dwell = ends - np.array([lease.start for lease in shown])
        return shown[int(np.argmax(delay.density(call - ends, dwell)))].visit

    return name


def least_recently_used(traffic: Traffic, numbers: int) -> list[list[Lease]]:
    """Leases by number: each visit takes the number that has been idle longest; if none is idle, the longest held."""
    idle = [(-1.0, n) for n in range(numbers)]
    taken_at = [-1.0] * numbers
    leases: list[list[Lease]] = [[] for _ in range(numbers)]
    for visit, (start, end) in enumerate(zip(traffic.start.tolist(), traffic.end.tolist(), strict=True)):
        free_at, number = idle[0]
        # A number that has been idle for long is the safest to show to somebody else: late callers of its last visit
        # have mostly called by then.
        if free_at <= start:
            heapq.heapreplace(idle, (end, number))
        else:
            # All are busy: whoever has been shown theirs for the longest is the likeliest not to call any more.
            number = min(range(numbers), key=taken_at.__getitem__)
            idle[next(i for i, (_, n) in enumerate(idle) if n == number)] = (end, number)
            heapq.heapify(idle)
        taken_at[number] = start
        leases[number].append(Lease(visit, start, end))
    return leases


def at_random(traffic: Traffic, numbers: int, hold_s: float, rng: np.random.Generator) -> list[list[Lease]]:
    """Leases by number: each visit takes any number that nobody holds; a number is held `hold_s` after its visit."""
    free = list(range(numbers))
    busy: list[tuple[float, int]] = []
    leases: list[list[Lease]] = [[] for _ in range(numbers)]
    chance = rng.random(traffic.start.size)
    for visit, (start, end) in enumerate(zip(traffic.start.tolist(), traffic.end.tolist(), strict=True)):
        while busy and busy[0][0] <= start:
            free.append(heapq.heappop(busy)[1])
        if free:
            place = int(chance[visit] * len(free))
            number, free[place] = free[place], free[-1]
            free.pop()
        else:
            number = heapq.heappop(busy)[1]
        heapq.heappush(busy, (end + hold_s, number))
        leases[number].append(Lease(visit, start, end))
    return leases


def judged(traffic: Traffic, leases: list[list[Lease]], name: Names) -> PoolResult:
    """How often the rule `name` gives a call to the wrong visit."""
    where = np.empty(traffic.start.size, np.int64)
    for number, of_number in enumerate(leases):
        where[[lease.visit for lease in of_number]] = number
    wrong = 0
    for visit, call in zip(traffic.caller.tolist(), traffic.call.tolist(), strict=True):
        of_number = leases[where[visit]]
        wrong += name(of_number[: _until(of_number, call)], call) != visit
    calls = max(1, traffic.caller.size)
    return PoolResult(numbers=len(leases), error=wrong / calls, busy=busy_numbers(traffic), calls=traffic.caller.size)


def _until(leases: list[Lease], call: float) -> int:
    low, high = 0, len(leases)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if leases[middle].start <= call else (low, middle)
    return low


def busy_numbers(traffic: Traffic) -> float:
    """How many numbers others are shown at the moment a caller leaves: the mean over callers."""
    return float(_busy_at_end(traffic).mean()) if traffic.caller.size else 0.0


def _busy_at_end(traffic: Traffic) -> NDArray[np.int64]:
    ends = np.sort(traffic.end)
    at = traffic.end[traffic.caller]
    return np.searchsorted(traffic.start, at, "right") - np.searchsorted(ends, at, "right")


def issued_before_call(traffic: Traffic) -> NDArray[np.int64]:
    """K: for each caller, how many visits took a number between the caller's last activity and the call."""
    end = np.minimum(traffic.end[traffic.caller], traffic.call)
    return np.searchsorted(traffic.start, traffic.call, "right") - np.searchsorted(traffic.start, end, "right")


def _too_small(traffic: Traffic) -> NDArray[np.int64]:
    """For each caller, the largest pool in which their number goes to somebody else before they call.

    The least recently used number is issued last: once its visit ends, all numbers that are idle then go first, and
    those that become idle later go after it. So K new visits reach it if K is at least the pool less the busy numbers.
    """
    # Who calls while still on the page holds the number: no pool is too small for them.
    late = traffic.call > traffic.end[traffic.caller]
    return np.where(late, issued_before_call(traffic) + _busy_at_end(traffic), 0)


def numbers_for(traffic: Traffic, error: float) -> int:
    """The smallest pool that keeps the share of wrong calls at `error`: the (1 − error) quantile of busy numbers + K.

    source   the published rule takes the mean of the busy numbers; counting them caller by caller makes it exact as
             long as the pool is never empty
    """
    if not traffic.caller.size:
        return 1
    return 1 + int(np.quantile(_too_small(traffic), 1 - error, method="inverted_cdf"))


def error_of(traffic: Traffic, numbers: int) -> float:
    """The share of wrong calls that the rule predicts for a pool of this size."""
    return float((_too_small(traffic) >= numbers).mean()) if traffic.caller.size else 0.0


def erlang_b(erlangs: float, blocking: float) -> int:
    """The number of lines at which this share of arrivals finds all busy.

    source   Erlang 1917, by the recurrence B(n) = aB(n−1) / (n + aB(n−1)). It sizes blocking, not error
    """
    lost, lines = 1.0, 0
    while lost > blocking:
        lines += 1
        lost = erlangs * lost / (lines + erlangs * lost)
    return lines
