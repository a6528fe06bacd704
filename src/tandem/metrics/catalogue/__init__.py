"""Every figure and dimension of the product, gathered from one file per owning slice."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from tandem.metrics.catalogue import collect
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


FIGURES: Mapping[str, Figure] = gathered([*collect.METRICS, *collect.RATIOS])
DIMENSIONS: Mapping[str, Dimension] = gathered(collect.DIMENSIONS)
