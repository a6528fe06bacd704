"""Host names as people write them."""

import idna


def own_letters(host: str) -> str:
    """A host in its own letters, as its owner writes it: xn--80aswg.xn--p1ai is сайт.рф. What is none stays."""
    return ".".join(map(_label, host.split("."))) if "xn--" in host else host


def _label(label: str) -> str:
    try:
        return idna.decode(label) if label.startswith("xn--") else label
    except (idna.IDNAError, UnicodeError):
        return label
