"""Texts that people type, kept only as far as they fit or refused at their field; and amounts in English."""

import unicodedata

from tandem.base.errors import UserError

LONGEST_NAME = 200
"""Of whatever people name: its column takes no more, and no page has room for it."""


def short_text(text: str, field: str, most: int = LONGEST_NAME) -> str:
    """The text of a form's field, without spaces around it.

    raises   UserError at this field when it is longer than what is kept
    """
    text = text.strip()
    if len(text) > most:
        raise UserError("The text has more than %(most)s characters.", "Shorten it.", most=most).at(field)
    return text


def quantity(count: int, one: str, many: str = "") -> str:
    """How many there are, in English, for the command line and logs: 1 site, 1,200 sites."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def visible(text: str) -> str:
    """The text without the signs that nobody sees, which are copied along with others: zero-width spaces, marks of
    direction, soft hyphens (Unicode's category Cf)."""
    return text if text.isascii() else "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
