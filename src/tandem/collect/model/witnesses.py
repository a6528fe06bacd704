"""Whose clock is wrong: the clocks of browsers tell whether the machine's was right when their hits were received."""

from collections.abc import Iterable

from tandem.collect.model.hit import DAY_MS, Record

MOST_VISITORS = 10_000
OWN_TIME = frozenset({"api", "pixel"})
"""Marks of events that were dated by our own clock, or may have been."""


class Witnesses:
    """Browsers whose clock agreed with the machine's to the day, and those whose clock did not."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._agreeing, self._differing = set[tuple[int, int]](), set[tuple[int, int]]()
        self.hear(records)

    def hear(self, records: Iterable[Record]) -> None:
        for record in records:
            if (agrees := _agrees(record)) is not None:
                visitors = self._agreeing if agrees else self._differing
                if len(visitors) < MOST_VISITORS:
                    visitors.add((record.site, record.visitor))

    @property
    def were_heard(self) -> bool:
        return bool(self._agreeing or self._differing)

    @property
    def say_right(self) -> bool:
        """Whether the machine's clock was right by most of them."""
        return len(self._agreeing) > len(self._differing)

    @property
    def say_wrong(self) -> bool:
        """Whether the machine's clock was wrong by most of them."""
        return len(self._differing) > len(self._agreeing)


def is_right_now(then: Witnesses, now: Witnesses) -> bool:
    """Whether the clock is right today, so that hits which seem to come from a later day were dated by a wrong one.

    then   who sent those hits
    now    who has sent hits since, dated today: they know better
    """
    return now.say_right if now.were_heard else then.say_wrong


def _agrees(record: Record) -> bool | None:
    """Whether a browser's clock showed the same day as ours when its hit was received; None when it does not tell."""
    for event in record.events:
        if OWN_TIME.isdisjoint(event.marks):
            if "clock" in event.marks:
                return False
            if abs(record.received - event.at) < DAY_MS:
                return True
    return None
