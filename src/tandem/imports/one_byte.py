"""Which of the three one-byte encodings that spreadsheets of Europe save in a text has: told by its words.

Each of them gives some letter for nearly every byte, so none ever fails. Words tell them apart: those of one language
have letters of one script, and Latin ones are mostly plain letters with a few marked ones between them.
"""

import re
from itertools import islice
from typing import IO

MOST_WORDS = 2_000
BLOCK, LONGEST_WORD = 256 << 10, 64
# TRAP: an expression that asks for a marked letter itself is tried from each letter of a long plain word.
_WORDS = re.compile(rb"[A-Za-z\x80-\xff]+")
_POLISH = re.compile(r"[ąłżźśĄŁŻŹŚ]|ń(?![aeiouyóąę])|[ćę]$")
"""Letters that windows-1252 has signs for, or others that its languages do not have at such a place."""


def one_byte_encoding(file: IO[bytes], otherwise: str) -> str:
    """windows-1250 (Polish), 1251 (Cyrillic) or 1252 (Western), by their names in Python.

    otherwise   where words do not tell
    """
    words = _marked_words(file)
    cyrillic = sum(_fits_cyrillic(word.decode("cp1251", "replace")) for word in words)
    in_polish = [word.decode("cp1250", "replace") for word in words]
    in_western = [word.decode("cp1252", "replace") for word in words]
    latin = sum(max(_fits_latin(a), _fits_latin(b)) for a, b in zip(in_polish, in_western, strict=True))
    if cyrillic == latin:
        return otherwise
    if cyrillic > latin:
        return "cp1251"
    polish, western = (sum(map(_fits_latin, each)) for each in (in_polish, in_western))
    is_polish = any(_POLISH.search(_bare(word)) for word in in_polish if _fits_latin(word) > 0)
    return "cp1250" if is_polish and polish >= western else "cp1252"


def _marked_words(file: IO[bytes]) -> set[bytes]:
    """Some of the words with a byte beyond ASCII, from the beginning of the file."""
    words = set[bytes]()
    while len(words) < MOST_WORDS and (block := file.read(BLOCK)):
        marked = (word[0][:LONGEST_WORD] for word in _WORDS.finditer(block))
        words.update(islice((word for word in marked if not word.isascii()), MOST_WORDS))
    return words


def _bare(word: str) -> str:
    """Without quotation marks and dashes around it."""
    letters = [at for at, sign in enumerate(word) if sign.isalpha()]
    return word[letters[0] : letters[-1] + 1] if letters else ""


def _fits_cyrillic(word: str) -> int:
    bare = _bare(word)
    if not bare or (len(bare) == 1 and bare.lower() not in "абвжикосуя"):  # a sign, as € or ™, in another encoding
        return 0
    return 1 if all("Ѐ" <= sign <= "ӿ" for sign in bare) else -1


def _fits_latin(word: str) -> int:
    bare = _bare(word)
    if not bare:
        return 0
    plain = sum(sign.isascii() for sign in bare)
    return 1 if bare.isalpha() and 2 * plain >= len(bare) else -1
