"""Remembering what a function gave for a text, within bounds of bytes and not of entries alone."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

Given = TypeVar("Given")
LONGEST = 400


def remembered(most: int, longest: int = LONGEST) -> Callable[[Callable[[str], Given]], Callable[[str], Given]]:
    """Remember what a function of one text gives, for the last `most` texts.

    longest   signs of a text that is worth it: a longer one is a stranger's, or unlike all others, and would only let
              whoever sends very many of them fill the memory
    """

    def remember(function: Callable[[str], Given]) -> Callable[[str], Given]:
        kept = lru_cache(maxsize=most)(function)

        @wraps(function)
        def given(text: str) -> Given:
            return kept(text) if len(text) <= longest else function(text)

        given.remembers = kept.cache_info  # type: ignore[attr-defined]
        return given

    return remember
