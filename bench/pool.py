"""Whose call was it: numbers saved by lending the least recently used one and by weighing what is known of the caller.

`python -m bench.pool` simulates the published traffic (calls.model.pool.invented) at 1,000 and 5,000 visits a day:

    random    any number that nobody has held for 150 s; a call is given to the visit that was shown the number last
    lru       the least recently used number; the same rule
    posterior the least recently used number; a call is given to the most certain visit, where TAPPED of the calls made
              during a visit begin with a tap on a tel: link and KNOWN of all callers have called or written before

numbers_saved_share   the smallest share of numbers saved by `posterior` at the error that `random` reaches, over both
                      volumes and all sizes of the random pool below; lru_saved_share the same without what is known
adviser_error_points  the largest difference between the error that the adviser's rule predicts for a pool of least
                      recently used numbers and the simulated one, in percentage points, for pools of at least 2.5
                      times the numbers busy at once
"""

import json
import sys
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from tandem.calls.model.delay import Delay
from tandem.calls.model.pool import (
    Lease,
    Traffic,
    at_random,
    busy_numbers,
    erlang_b,
    error_of,
    invented,
    judged,
    last_shown,
    least_recently_used,
    numbers_for,
)
from tandem.calls.model.posterior import Candidate, posterior

HOLD_S = 150.0
TAPPED, KNOWN = 0.35, 0.2
SIZES = {1_000: (20, 40, 80), 5_000: (80, 160, 320)}
CALLS = 3_000


def weighed(traffic: Traffic, rng: np.random.Generator) -> Callable[[list[Lease], float], int]:
    """The most certain visit, with what is known of the caller besides the number."""
    delay = Delay()
    during = traffic.call <= traffic.end[traffic.caller]
    tapped = {int(v) for v in traffic.caller[during & (rng.random(during.size) < TAPPED)]}
    known = {int(v) for v in traffic.caller[rng.random(during.size) < KNOWN]}
    calls = dict(zip(traffic.caller.tolist(), traffic.call.tolist(), strict=True))

    def name(leases: list[Lease], call: float) -> int:
        candidates = [
            Candidate(
                visit=lease.visit, visitor=lease.visit, shown_s=lease.start, ended_s=lease.end,
                clicked_s=calls[lease.visit] - 5 if lease.visit in tapped else None,
                # the caller's phone is known to belong to this visitor and to no other
                is_known_caller=lease.visit in known and calls[lease.visit] == call,
            )
            for lease in leases[-400:]
        ]  # fmt: skip
        found = posterior(call, candidates, delay)
        return found[0].visit if found else -1

    return name


def sizes_until(most: int) -> list[int]:
    return sorted({round(4 * 1.3**i) for i in range(60) if 4 * 1.3**i <= most})


def needed(errors: dict[int, float], wanted: float) -> float:
    """The smallest pool that reaches this error, between simulated sizes on a line in log numbers."""
    sizes = sorted(errors)
    for small, large in pairwise(sizes):
        if errors[large] <= wanted:
            if errors[small] <= wanted:
                return small
            share = (errors[small] - wanted) / max(errors[small] - errors[large], 1e-9)
            return float(np.exp(np.log(small) + share * (np.log(large) - np.log(small))))
    return float(sizes[-1])


def measured(visits: int, sizes: tuple[int, ...], seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    traffic = invented(visits, round(CALLS / (visits * 0.02)), rng)
    choose = weighed(traffic, rng)
    random = {n: judged(traffic, at_random(traffic, n, HOLD_S, rng), last_shown).error for n in sizes}
    lru, best, gap = dict[int, float](), dict[int, float](), 0.0
    for n in sizes_until(max(sizes)):
        leases = least_recently_used(traffic, n)
        lru[n] = judged(traffic, leases, last_shown).error
        best[n] = judged(traffic, leases, choose).error
        if n >= 2.5 * busy_numbers(traffic):
            gap = max(gap, abs(error_of(traffic, n) - lru[n]))
        print(f"{visits}/day, {n} numbers: lru {lru[n]:.1%}, posterior {best[n]:.1%}", flush=True)
    return {
        "random": {n: round(e, 4) for n, e in random.items()},
        "saved": {n: round(1 - needed(best, e) / n, 3) for n, e in random.items()},
        "lru_saved": {n: round(1 - needed(lru, e) / n, 3) for n, e in random.items()},
        "gap_points": round(100 * gap, 2),
        "for_15_percent": numbers_for(traffic, 0.15),
        "erlang_b": erlang_b(visits * 225 * 1.7 / 86_400, 0.01),
    }


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    found = {visits: measured(visits, sizes, seed) for visits, sizes in SIZES.items()}

    def least(name: str) -> float:
        return min(min(one[name].values()) for one in found.values())  # type: ignore[attr-defined]

    print(json.dumps({
        "numbers_saved_share": least("saved"), "lru_saved_share": least("lru_saved"),
        "adviser_error_points": max(one["gap_points"] for one in found.values()),  # type: ignore[type-var]
        "by_volume": found,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
