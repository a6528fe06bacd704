"""Every figure and dimension of the product, gathered from one file per owning slice."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from tandem.metrics.catalogue import ads, attribution, calls, collect, crm, findings
from tandem.metrics.metric import AnyMetric, Dimension, PublishedView, Ratio, Unit

MONEY = "money.read"
"""Amounts ask for it by their unit, whoever owns them: no file of the catalogue can forget it."""
Entry = TypeVar("Entry", PublishedView, Dimension, AnyMetric)


def gathered(entries: Iterable[Entry]) -> Mapping[str, Entry]:
    """Entries by id.

    raises   ValueError when two files define the same id: one meaning, one place
    """
    by_id: dict[str, Entry] = {}
    for entry in entries:
        if entry.id in by_id:
            raise ValueError(f"{entry.id} is defined twice")
        by_id[entry.id] = entry
    return MappingProxyType(by_id)


def _of(owner: Any) -> list[AnyMetric]:
    """One file's figures, each with a permission and a side: its own, or that of the file."""
    return [
        msgspec.structs.replace(
            metric, permission=metric.permission or owner.PERMISSION, side=metric.side or owner.SIDE
        )
        for metric in (*owner.METRICS, *owner.RATIOS, *owner.ESTIMATES)
    ]


def needed(metrics: Iterable[str]) -> frozenset[str]:
    """What a reader of these figures must be allowed: for amounts money too, for a ratio what its parts ask for."""
    asked = set()
    for metric in (METRICS[name] for name in metrics if name in METRICS):
        asked.add(metric.permission)
        if metric.unit is Unit.MONEY:
            asked.add(MONEY)
        if isinstance(metric, Ratio):
            asked |= needed((metric.top, metric.bottom))
    return frozenset(asked)


OWNERS = (collect, calls, crm, ads, attribution, findings)
VIEWS: Mapping[str, PublishedView] = gathered([view for owner in OWNERS for view in owner.VIEWS])
METRICS: Mapping[str, AnyMetric] = gathered([metric for owner in OWNERS for metric in _of(owner)])
DIMENSIONS: Mapping[str, Dimension] = gathered([entry for owner in OWNERS for entry in owner.DIMENSIONS])
