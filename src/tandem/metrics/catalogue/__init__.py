"""Every figure and dimension of the product, gathered from one file per owning slice."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from tandem.metrics.catalogue import ads, calls, collect, crm
from tandem.metrics.metric import Dimension, Figure

Entry = TypeVar("Entry", Dimension, Figure)


def gathered(entries: Iterable[Entry]) -> Mapping[str, Entry]:
    """Entries by id.

    raises   ValueError when two files define the same id: one meaning, one place
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.id in found:
            raise ValueError(f"{entry.id} is defined twice")
        found[entry.id] = entry
    return MappingProxyType(found)


OF_VISITS = frozenset(collect.OF_VISITS)
OWNERS = (collect, calls, crm, ads)
FIGURES: Mapping[str, Figure] = gathered(
    [entry for owner in OWNERS for entry in (*owner.METRICS, *owner.RATIOS, *owner.ESTIMATES)]
)
DIMENSIONS: Mapping[str, Dimension] = gathered([entry for owner in OWNERS for entry in owner.DIMENSIONS])
