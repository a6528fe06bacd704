"""The same rules once more, as plain loops over plain lists: a second opinion."""

from collections import defaultdict
from itertools import combinations
from math import factorial
from typing import NamedTuple

import numpy as np

Path = tuple[tuple[int, ...], float, float]
"""Values in order, conversions, times it ended in nothing."""


class Touch(NamedTuple):
    value: int
    age_s: float
    is_direct: bool


def shares(model: str, touches: list[Touch]) -> list[float]:
    """What each touch of one journey gets of its conversion."""
    n = len(touches)
    if model == "first":
        return [1.0] + [0.0] * (n - 1)
    if model == "last":
        return [0.0] * (n - 1) + [1.0]
    if model == "last_non_direct":
        places = [i for i, t in enumerate(touches) if not t.is_direct]
        chosen = places[-1] if places else n - 1
        return [1.0 if i == chosen else 0.0 for i in range(n)]
    if model == "linear":
        return [1 / n] * n
    if model == "time_decay":
        weights = [0.5 ** (t.age_s / 604_800) for t in touches]
        return [w / sum(weights) for w in weights]
    if model == "position":
        if n == 1:
            return [1.0]
        if n == 2:
            return [0.5, 0.5]
        return [0.4] + [0.2 / (n - 2)] * (n - 2) + [0.4]
    assert model == "shapley"
    seen: set[int] = set()
    distinct = len({t.value for t in touches})
    found = []
    for t in touches:
        found.append(0.0 if t.value in seen else 1 / distinct)
        seen.add(t.value)
    return found


def shapley_by_coalitions(paths: list[Path], values: int) -> list[float]:
    """The Shapley value from its definition: v(S) = conversions of paths that lie wholly inside S."""

    def worth(coalition: frozenset[int]) -> float:
        return sum(c for touches, c, _ in paths if set(touches) <= coalition)

    found = []
    for i in range(values):
        others = [v for v in range(values) if v != i]
        total = 0.0
        for size in range(values):
            weight = factorial(size) * factorial(values - size - 1) / factorial(values)
            for chosen in combinations(others, size):
                coalition = frozenset(chosen)
                total += weight * (worth(coalition | {i}) - worth(coalition))
        found.append(total)
    return found


def markov_by_removal(paths: list[Path], values: int, order: int) -> list[float]:
    """Markov credit by solving the chain anew for each value taken away; equal states in a row collapse."""
    counts: dict[tuple[object, object], float] = defaultdict(float)
    for touches, won, lost in paths:
        grams = [touches[i : i + order] for i in range(max(1, len(touches) - order + 1))]
        grams = [g for i, g in enumerate(grams) if i == 0 or g != grams[i - 1]]
        state: object = "start"
        for gram in grams:
            counts[state, gram] += won + lost
            state = gram
        counts[state, "won"] += won
        counts[state, "lost"] += lost
    states = sorted({s for pair, n in counts.items() if n for s in pair} - {"won", "lost"}, key=str)

    def chance(removed: int) -> float:
        kept = [s for s in states if s == "start" or removed not in s]  # type: ignore[operator]
        place = {s: i for i, s in enumerate(kept)}
        total = {s: sum(n for (a, _), n in counts.items() if a == s) for s in kept}
        chain, wins = np.eye(len(kept)), np.zeros(len(kept))
        for (a, b), n in counts.items():
            if a in place and n:
                if b in place:
                    chain[place[a], place[b]] -= n / total[a]
                elif b == "won":
                    wins[place[a]] += n / total[a]
        return float(np.linalg.solve(chain, wins)[place["start"]])

    whole = chance(-1)
    effects = [1 - chance(v) / whole for v in range(values)]
    total = sum(won for _, won, _ in paths)
    return [total * e / sum(effects) for e in effects]
