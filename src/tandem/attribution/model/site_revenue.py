"""From the money on this page to the revenue on Traffic: every part of the difference, to the cent."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

Why = Literal["refunds", "credited_alone", "ordered_alone", "both", "filters"]
CENT = Decimal("0.01")


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Money of people with such conversions alone, with orders on the site alone, and with both."""

    credited_alone: Decimal
    ordered_alone: Decimal
    credited_of_both: Decimal
    ordered_of_both: Decimal

    @property
    def parts(self) -> dict[Why, Decimal]:
        """What leads from the money of the conversions to that of the orders."""
        return {
            "credited_alone": -self.credited_alone,
            "ordered_alone": self.ordered_alone,
            "both": self.ordered_of_both - self.credited_of_both,
        }


class Part(NamedTuple):
    """One reason, and what it adds to the revenue on Traffic."""

    why: Why
    money: Decimal


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """This page's money, the parts, and their sum: the revenue on Traffic. All in whole cents."""

    here: Decimal
    parts: list[Part]
    there: Decimal


def bridge(here: Decimal, there: Decimal, parts: dict[Why, Decimal]) -> Bridge | None:
    """The parts between two sums; None where both are the same.

    What the parts leave over comes from filters: without any, they are all of the difference.
    """
    here, there = _cents(here), _cents(there)
    if here == there:
        return None
    left = there - here - sum(parts.values())
    return Bridge(here=here, there=there, parts=_rounded([*parts.items(), ("filters", left)], there - here))


def _rounded(parts: Iterable[tuple[Why, Decimal]], whole: Decimal) -> list[Part]:
    """The parts in cents; what rounding leaves over is the largest's, so that they sum to the whole."""
    rounded = [Part(why, _cents(money)) for why, money in parts]
    rest = whole - sum(money for _, money in rounded)
    largest = max(range(len(rounded)), key=lambda i: abs(rounded[i].money))
    rounded[largest] = Part(rounded[largest].why, rounded[largest].money + rest)
    return [part for part in rounded if part.money]


def _cents(money: Decimal) -> Decimal:
    return money.quantize(CENT)
