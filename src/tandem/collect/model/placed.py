"""Events of a batch with their positions in it, by which a judgement names them."""

from collections.abc import Sequence

import msgspec

from tandem.accounts.model import Site
from tandem.collect.model.hit import Record, SpoolEvent


class Placed(msgspec.Struct, gc=False):  # made once an event: a named tuple takes four times as long
    """Events of one record with their positions in the batch."""

    record: Record
    events: list[tuple[int, SpoolEvent]]


def all_placed(records: Sequence[Record]) -> list[Placed]:
    """The records that hold events, with the positions these have in the batch."""
    placeds, place = [], 0
    for record in records:
        if events := record.events:
            here = [(place, events[0])] if len(events) == 1 else list(enumerate(events, place))
            placeds.append(Placed(record, here))
            place += len(events)
    return placeds


def apart(records: Sequence[Record]) -> list[Placed]:
    """Every event by itself; its index is its position in the batch."""
    return [
        Placed(msgspec.structs.replace(p.record, refused={}), [one]) for p in all_placed(records) for one in p.events
    ]


def unit_of(placed: Placed) -> Record:
    """One event in a record of its own, as it could come from a segment."""
    return msgspec.structs.replace(placed.record, events=[event for _, event in placed.events], refused={})


def by_site(placed: Sequence[Placed], sites: dict[int, Site], aside: dict[int, str]) -> dict[int, list[Placed]]:
    """What can be loaded, by site; events of sites taken away meanwhile are left out."""
    groups: dict[int, list[Placed]] = {}
    for one in placed:
        if aside:
            one = Placed(one.record, [event for event in one.events if event[0] not in aside])
        if one.events and one.record.site in sites:
            groups.setdefault(one.record.site, []).append(one)
    return groups
