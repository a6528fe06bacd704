"""A difference taken apart: theirs less ours is the sum of computed reasons, and what remains is unexplained.

Each reason is what our figure changes by when one more of their rules is applied to it, in one fixed order. So they
add up by construction, whatever the rules do to each other. Last come two that cannot be recounted, because they
happened in the other system: rows that it withheld or put together, and the error of its sampling. Each explains at
most as much as it can have caused.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec

RECOUNTED: Final = ("zone", "bots", "consent", "repeats", "attribution")
REASONS: Final = (*RECOUNTED, "rows", "sampling")
"""In the order in which they are applied."""

Z95: Final = Decimal("1.96")
NOTHING: Final = Decimal(0)
_PLACES: Final = Decimal("0.0001")
Key = tuple[date, str]
Counted = Mapping[Key, Decimal]


class TheirValue(msgspec.Struct, frozen=True, kw_only=True):
    """What the other system said of a day and a part; `share` is the part of the data it read, if it sampled."""

    value: Decimal
    share: Decimal | None = None
    is_thresholded: bool = False
    is_other: bool = False


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One day and part: theirs - ours = sum of reasons + unexplained, exactly.

    noise   how far sampling alone may have moved their figure, in 95 of 100 cases
    """

    on: date
    part: str
    theirs: Decimal
    ours: Decimal
    reasons: dict[str, Decimal]
    unexplained: Decimal
    noise: Decimal = NOTHING
    is_sampled: bool = False
    is_thresholded: bool = False

    @property
    def difference(self) -> Decimal:
        return self.theirs - self.ours

    @property
    def share(self) -> Decimal:
        """The unexplained part of the larger of both figures (0 to 1)."""
        return share_of(self.unexplained, self.theirs, self.ours)


class CellSum(msgspec.Struct, frozen=True, kw_only=True):
    """Several cells added up: a day, a part, or all."""

    key: str
    on: date | None
    theirs: Decimal
    ours: Decimal
    reasons: dict[str, Decimal]
    unexplained: Decimal
    noise: Decimal
    is_sampled: bool
    is_thresholded: bool

    @property
    def difference(self) -> Decimal:
        return self.theirs - self.ours

    @property
    def share(self) -> Decimal:
        return share_of(self.unexplained, self.theirs, self.ours)


def share_of(unexplained: Decimal, theirs: Decimal, ours: Decimal) -> Decimal:
    """A difference as part of the larger of both figures; 0 where both are 0."""
    larger = max(abs(theirs), abs(ours))
    return abs(unexplained) / larger if larger else NOTHING


def noise_of(theirs: TheirValue, sum_of_squares: Decimal | None) -> Decimal:
    """Half the width of the interval in which the unsampled figure lies in 95 of 100 cases.

    Each unit is read with chance `share` and stands for 1 / share units, so the variance of an estimated count n is
    n (1 - share) / share; of a sum, the sum of squares takes the place of n.

    sum_of_squares   for sums of money: of our amounts; None for counts
    """
    if theirs.share is None or theirs.share >= 1 or theirs.share <= 0:
        return NOTHING
    units = abs(theirs.value) if sum_of_squares is None else sum_of_squares
    return (Z95 * (units * (1 - theirs.share) / theirs.share).sqrt()).quantize(_PLACES, ROUND_HALF_EVEN)


def compared(
    theirs: Mapping[Key, TheirValue],
    steps: Sequence[tuple[str, Counted]],
    ours: Counted,
    sum_of_squares: Counted | None = None,
    withheld: Mapping[date, Decimal] | None = None,
) -> list[Cell]:
    """All days that the other system tells of, with each part that either side knows.

    steps     reason and our figure after it, each with all rules before it applied as well
    withheld  what their total of a day holds beyond its rows
    """
    days = {on for on, _ in theirs}
    counted_keys = [key for counted in (ours, *(c for _, c in steps)) for key, value in counted.items() if value]
    keys = sorted({*theirs, *(key for key in counted_keys if key[0] in days)})
    rests: dict[Key, Decimal] = {}
    reasons: dict[Key, dict[str, Decimal]] = {}
    for key in keys:
        before, one = ours.get(key, NOTHING), theirs.get(key, _NOTHING_REPORTED)
        effects: dict[str, Decimal] = {}
        for reason, counted in steps:
            after = counted.get(key, NOTHING)
            effects[reason] = effects.get(reason, NOTHING) + after - before
            before = after
        reasons[key], rests[key] = effects, one.value - before
    lost = _lost_rows(theirs, rests, withheld or {})
    cells = []
    for key in keys:
        one = theirs.get(key, _NOTHING_REPORTED)
        rest = rests[key] - lost.get(key, NOTHING)
        noise = noise_of(one, None if sum_of_squares is None else sum_of_squares.get(key, NOTHING))
        by_chance = max(-noise, min(noise, rest))
        reasons[key] |= {"rows": lost.get(key, NOTHING), "sampling": by_chance}
        cells.append(
            Cell(
                on=key[0], part=key[1], theirs=one.value, ours=ours.get(key, NOTHING), unexplained=rest - by_chance,
                reasons={name: reasons[key].get(name, NOTHING) for name in REASONS}, noise=noise,
                is_sampled=one.share is not None and one.share < 1, is_thresholded=one.is_thresholded,
            )
        )  # fmt: skip
    return cells


_NOTHING_REPORTED = TheirValue(value=NOTHING)


def _lost_rows(
    theirs: Mapping[Key, TheirValue], rests: Mapping[Key, Decimal], withheld: Mapping[date, Decimal]
) -> dict[Key, Decimal]:
    """What the row “(other)” and withheld rows explain: all of that row, and shortages up to its size.

    A shortage larger than that is shared out in proportion; what is left of it stays unexplained.
    """
    pools: dict[date, Decimal] = defaultdict(Decimal)
    for on, amount in withheld.items():
        pools[on] += max(NOTHING, amount)
    lost: dict[Key, Decimal] = {}
    short: dict[date, Decimal] = defaultdict(Decimal)
    for key, rest in rests.items():
        if key in theirs and theirs[key].is_other:
            lost[key] = rest
            pools[key[0]] += max(NOTHING, rest)
        elif rest < 0:
            short[key[0]] -= rest
    for key, rest in rests.items():
        pool = pools.get(key[0], NOTHING)
        if rest < 0 and pool and key not in lost:
            all_short = short[key[0]]
            part = rest if pool >= all_short else (rest * pool / all_short).quantize(_PLACES, ROUND_HALF_EVEN)
            lost[key] = part
    return lost


def added(cells: Iterable[Cell], by: str) -> list[CellSum]:
    """Cells added up by `day`, by `part`, or all together (`all`)."""
    groups: dict[tuple[date | None, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[(cell.on, "") if by == "day" else (None, cell.part if by == "part" else "")].append(cell)
    return [_line(on, key, group) for (on, key), group in groups.items()]


def _line(on: date | None, key: str, cells: list[Cell]) -> CellSum:
    return CellSum(
        key=key,
        on=on,
        theirs=sum((c.theirs for c in cells), NOTHING),
        ours=sum((c.ours for c in cells), NOTHING),
        reasons={name: sum((c.reasons[name] for c in cells), NOTHING) for name in REASONS},
        unexplained=sum((c.unexplained for c in cells), NOTHING),
        noise=sum((c.noise * c.noise for c in cells), NOTHING).sqrt().quantize(_PLACES),
        is_sampled=any(c.is_sampled for c in cells),
        is_thresholded=any(c.is_thresholded for c in cells),
    )
