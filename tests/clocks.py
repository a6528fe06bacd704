"""A machine's clock that a test sets."""

from datetime import datetime, timedelta

import pytest

from tandem.base import clock


def set_clock(patch: pytest.MonkeyPatch, at: datetime) -> None:
    """The clock stands at this moment, until the patch is undone."""
    patch.setattr(clock, "now", lambda: at)
    patch.setattr(clock, "now_ms", lambda: clock.to_ms(at))
    patch.setattr(clock, "now_ns", lambda: clock.to_ms(at) * 1_000_000)


def set_ahead(patch: pytest.MonkeyPatch, days: float = 30) -> datetime:
    """The clock stands so many days ahead, until the patch is undone."""
    at = clock.now() + timedelta(days=days)
    set_clock(patch, at)
    return at
