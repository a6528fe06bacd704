"""Texts from strangers, who name an encoding: read as browsers read them, and by nothing else that Python has.

Some of Python's codecs take minutes for two megabytes (punycode), others make half characters (unicode_escape).
"""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

_ISO = {n: f"iso8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)} | {1: "cp1252", 9: "cp1254", 11: "cp874"}
_NAMES = {
    "utf-16-le": "utf16 utf16le ucs2 unicode csunicode iso10646ucs2 unicodefeff", "utf-16-be": "utf16be unicodefffe",
    **{f"cp{page}": f"windows{page} cp{page} xcp{page}" for page in range(1250, 1259)},
    "koi8-r": "koi8r koi8 koi cskoi8r", "koi8-u": "koi8u koi8ru", "cp866": "ibm866 cp866 866 csibm866",
    "cp874": "windows874 dos874 tis620", "mac_roman": "macintosh mac xmacroman csmacintosh",
    "mac_cyrillic": "xmaccyrillic xmacukrainian", "gb18030": "gb18030 gbk xgbk gb2312 gb231280 csgb2312 chinese",
    "big5hkscs": "big5 big5hkscs cnbig5 xxbig5 csbig5", "cp932": "shiftjis sjis xsjis windows31j ms932 csshiftjis",
    "euc_jp": "eucjp xeucjp", "iso2022_jp": "iso2022jp csiso2022jp",
    "cp949": "euckr windows949 ksc5601 ksc56011987 ksc56011989 korean cseuckr",
}  # fmt: skip
_CODECS = {
    **{name: codec for codec, names in _NAMES.items() for name in names.split()},
    **{f"iso8859{n}": codec for n, codec in _ISO.items()},
    **dict.fromkeys(("ascii", "usascii", "latin1", "l1", "ibm819", "cp819"), "cp1252"),
    **{f"latin{n}": f"iso8859-{part}" for n, part in ((2, 2), (3, 3), (4, 4), (6, 10), (9, 15))},
    "latin5": "cp1254", "iso88598i": "iso8859-8", "iso88598e": "iso8859-8", "cyrillic": "iso8859-5",
    "greek": "iso8859-7", "hebrew": "iso8859-8", "arabic": "iso8859-6",
}  # fmt: skip
"""Python's codec by name without hyphens: the encodings of https://encoding.spec.whatwg.org that Python has."""
_MARKS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)


def text_of(body: bytes | bytearray, content_type: str = "") -> str:
    """A text as a browser reads it; what its encoding does not know becomes a replacement character."""
    codec, mark = codec_of(body, content_type)
    return body[mark:].decode(codec, "replace")


def codec_of(body: bytes | bytearray, content_type: str = "") -> tuple[str, int]:
    """The codec that reads a body, and the length of the mark before it: by that mark, else as named, else UTF-8."""
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return codec, len(mark)
    named = _CHARSET.search(content_type)
    return _CODECS.get(re.sub("[-_]", "", named[1].lower()) if named else "", "utf-8"), 0
