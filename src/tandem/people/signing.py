"""The secrets that servers of sites sign with, at hand where hits are taken."""

import threading

from tandem.base import clock
from tandem.core.context import Context
from tandem.people.store.signing import valid_secrets

FRESH_MS = 5_000


class FreshSecrets:
    """The valid secrets of each site, read again every few seconds."""

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._read_at = ctx, 0
        self._lock, self._of = threading.Lock(), dict[int, list[str]]()

    def __call__(self, site: int) -> list[str]:
        now = clock.now_ms()
        with self._lock:
            if not 0 <= now - self._read_at <= FRESH_MS:
                self._of, self._read_at = valid_secrets(self._ctx), now
            return self._of.get(site, [])
