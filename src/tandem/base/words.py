"""Words of ours that stand for ids: whoever owns the ids hands them in, in English; templates translate them."""

from collections.abc import Mapping

WORDS: dict[str, Mapping[str, str]] = {}
"""How ids that people see are called, by the name that templates know them under."""
MEMBERS: dict[tuple[str, str], str] = {}
"""Values that are words of ours, by dimension: all that it can have."""


def hand_in(
    words: Mapping[str, Mapping[str, str]] | None = None, members: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Tell what ids are called; said beside them, where they are defined."""
    WORDS.update(words or {})
    MEMBERS.update(members or {})
