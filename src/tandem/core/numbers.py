"""Numbers that an address carries."""

from tandem.base.errors import UserError


def whole_number(text: str | None, otherwise: int, most: int = 10**9) -> int:
    """The number that somebody asked for, at most `most`; `otherwise` where nobody said.

    raises   UserError for what is no whole number
    """
    if not text:
        return otherwise
    if not (text.isascii() and text.isdecimal()) or len(text) > 12:
        raise UserError("“%(value)s” is not a whole number.", "Use digits only.", value=text[:40])
    return min(int(text), most)
