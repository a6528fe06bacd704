"""Strangers' texts: read in the encodings that browsers know, and by no other codec of Python."""

import pytest

from tandem.base.charsets import codec_of, text_of


@pytest.mark.parametrize(
    "name",
    [
        "punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7", "hex", "zip", "rot13", "nonsense",
        "utf8mb4", "", "cp037", "../x",
    ],
)  # fmt: skip
def test_what_browsers_do_not_know_is_utf_8(name: str) -> None:
    """Two megabytes of punycode would take Python minutes that nothing can end."""
    assert codec_of(b"", f"text/html; charset={name}") == ("utf-8", 0)
    assert codec_of(b"", f"text/html; charset*={name}''a") == ("utf-8", 0)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/html", "ż".encode(), "ż"),
        ("", b"a\xff", "a\ufffd"),
        ("text/html; charset=UTF-8", "ж".encode(), "ж"),
        ('text/html;charset="Windows-1251"', "ж".encode("cp1251"), "ж"),
        ("text/html; a=b; Charset = cp1250", "ż".encode("cp1250"), "ż"),
        ("text/html; charset=ISO-8859-2", "ż".encode("iso8859-2"), "ż"),
        ("text/html; charset=iso_8859-1", b"\x80", "€"),  # as browsers have it
        ("text/html; charset=us-ascii", b"\xe9", "é"),
        ("text/html; charset=koi8-r", "ж".encode("koi8-r"), "ж"),
        ("text/html; charset=KOI8-U", "ї".encode("koi8-u"), "ї"),
        ("text/html; charset=GBK", "中".encode("gb18030"), "中"),
        ("text/html; charset=big5", "中".encode("big5"), "中"),
        ("text/html; charset=Shift_JIS", "日".encode("cp932"), "日"),
        ("text/html; charset=euc-jp", "日".encode("euc_jp"), "日"),
        ("text/html; charset=euc-kr", "한".encode("cp949"), "한"),
        ("text/html; charset=utf-16", "ж".encode("utf-16-le"), "ж"),
        ("text/html; charset=utf-16", b"\x00\xd8", "\ufffd"),  # half a character
        ("text/html; charset=koi8-r", "\ufeffж".encode(), "ж"),  # its mark says more than its header
        ("text/html; charset=koi8-r", b"\xfe\xff" + "ж".encode("utf-16-be"), "ж"),
    ],
)
def test_a_text_is_read_as_browsers_read_it(content_type: str, body: bytes, text: str) -> None:
    assert text_of(body, content_type) == text
