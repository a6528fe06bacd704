"""Remembering what was made, within bounds of bytes and not of entries alone."""

import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache, wraps
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import msgspec
from cachetools import LRUCache

Given = TypeVar("Given")
LONGEST = 400
SAMPLED = 50
"""So many members of a list tell how large all of them are."""


def remembered(most: int, longest: int = LONGEST) -> Callable[[Callable[[str], Given]], Callable[[str], Given]]:
    """Remember what a function of one text gives, for the last `most` texts.

    longest   signs of a text that is worth it: a longer one is a stranger's, or unlike all others, and would only let
              whoever sends very many of them fill the memory
    """

    def remember(function: Callable[[str], Given]) -> Callable[[str], Given]:
        cached = lru_cache(maxsize=most)(function)

        @wraps(function)
        def given(text: str) -> Given:
            return cached(text) if len(text) <= longest else function(text)

        given.remembers = cached.cache_info  # type: ignore[attr-defined]
        return given

    return remember


class _Kept(NamedTuple):
    """What was made, the version of the data it was made of, and about how many bytes it holds."""

    version: Any
    made: Any
    size: int


class Memory:
    """What was made of data, until they change or there is no room: what was asked for longest ago goes first."""

    def __init__(self, most_bytes: int) -> None:
        self._kept: LRUCache[Hashable, _Kept] = LRUCache(most_bytes, getsizeof=lambda kept: kept.size)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Hashable, version: Any, made: Any, largest: float) -> None:
        """Keep what was made of these data, unless it takes more than this part of the room that all have together."""
        size = 1000 + size_of(key) + size_of(made)
        with self._lock:
            self._kept.pop(key, None)  # of older data
            if size <= self._kept.maxsize * largest:
                self._kept[key] = _Kept(version, made, size)

    def recall(self, key: Hashable, version: Any) -> Any:
        """What is kept under this key of these data; None if nothing is."""
        with self._lock:
            entry = self._kept.get(key)
        return entry.made if entry and entry.version == version else None


def size_of(thing: Any, sampled: int = SAMPLED) -> int:
    """About how many bytes a thing holds, by its structure and a sample of its members."""
    size = sys.getsizeof(thing)
    if isinstance(thing, msgspec.Struct):
        return size + sum(size_of(getattr(thing, name), sampled) for name in thing.__struct_fields__)
    if isinstance(thing, Mapping):
        return size + _size_of_many(thing, len(thing), sampled) + _size_of_many(thing.values(), len(thing), sampled)
    if isinstance(thing, (list, tuple, set, frozenset)):
        return size + _size_of_many(thing, len(thing), sampled)
    return size


def _size_of_many(members: Iterable[Any], count: int, sampled: int) -> int:
    """The same of all members, by some of them from the beginning to the end."""
    sample = list(islice(members, 0, None, max(1, count // sampled)))
    inner = max(8, sampled // 2)  # lists of lists of lists take no longer than a list
    return sum(size_of(member, inner) for member in sample) * count // max(1, len(sample))
