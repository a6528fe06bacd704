"""Files that are out to stop the product, each built in an instant and small on the wire."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
OPEN = "urn:oasis:names:tc:opendocument:xmlns"
MB = 1 << 20


def book(sheet: str, strings: str = f'<sst xmlns="{MAIN}"/>') -> dict[str, bytes]:
    """The parts of a workbook with one sheet."""
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{CONTENT}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r" Type="{REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="a" Type="{REL}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="b" Type="{REL}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
        "xl/sharedStrings.xml": strings,
    }
    return {name: text.encode() for name, text in parts.items()}


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def sheet(rows: str, dimension: str = "") -> str:
    claimed = f'<dimension ref="{dimension}"/>' if dimension else ""
    return f'<worksheet xmlns="{MAIN}">{claimed}<sheetData>{rows}</sheetData></worksheet>'


def cell(at: str, value: str = "1") -> str:
    return f'<c r="{at}"><v>{value}</v></c>'


def deflated(megabytes: int, before: bytes = b"", fill: bytes = b"0") -> bytes:
    """So many megabytes of one byte, packed: the same packed block again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(fill * MB) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + block * megabytes + packer.flush()


def with_raw_member(archive: bytes, name: str, packed: bytes, claimed: int) -> bytes:
    """The archive and one member more, whose claimed size may be a lie."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        members = [(m.filename, old.read(m)) for m in old.infolist()]
    out, directory = io.BytesIO(), b""
    files = [(n, deflated_whole(body), len(body), zlib.crc32(body)) for n, body in members if n != name]
    for n, body, size, crc in [(name, packed, claimed, 0), *files]:
        facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(body), size & 0xFFFFFFFF, len(n), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + facts
        directory += struct.pack("<HHHII", 0, 0, 0, 0, out.tell()) + n.encode()
        out.write(b"PK\x03\x04" + facts + n.encode() + body)
    at, count = out.tell(), len(files) + 1
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), at, 0)
    return out.getvalue() + directory + b"PK\x05\x06" + end


def deflated_whole(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def false_xls(rows: int = 65_535, columns: int = 255) -> bytes:
    """An XLS whose dimension record claims more than is there, and two cells at its far ends."""

    def record(kind: int, body: bytes) -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    begin = struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0x600)
    numbers = [(0, 0), (rows, columns)]
    page = record(0x809, begin) + record(0x200, struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 0xFFFF, 0))
    page += b"".join(record(0x203, struct.pack("<HHHd", *at, 0, 1.0)) for at in numbers) + record(0xA, b"")
    globals_ = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0x600))
    bound = record(0x85, struct.pack("<IHBB", len(globals_) + 13 + 4, 0, 1, 0) + b"S") + record(0xA, b"")
    stream = (globals_ + bound + page).ljust(4096, b"\0")
    fat = struct.pack("<128I", 0xFFFFFFFD, 0xFFFFFFFE, *range(3, 10), 0xFFFFFFFE, *[0xFFFFFFFF] * 118)
    return _ole_head() + fat + _ole_names() + stream


def _ole_head() -> bytes:
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    return head.ljust(512, b"\xff")


def _ole_names() -> bytes:
    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        links = struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, child)
        return text.ljust(64, b"\0") + struct.pack("<HBB", len(text), kind, 1) + links + bytes(36) + struct.pack(
            "<IQ", start, size)  # fmt: skip

    return entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry("Workbook", 2, 0xFFFFFFFF, 2, 4096) + bytes(256)


def ods(rows: str) -> bytes:
    """An OpenDocument sheet."""
    names = " ".join(f'xmlns:{name}="{OPEN}:{name}:1.0"' for name in ("office", "table", "text"))
    table = f'<table:table table:name="S">{rows}</table:table>'
    body = f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body>"
    return zipped({
        "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": f'<m:manifest xmlns:m="{OPEN}:manifest:1.0"/>'.encode(),
        "content.xml": f"<office:document-content {names}>{body}</office:document-content>".encode(),
    })  # fmt: skip


def many(what: str, times: int = 4_000_000_000) -> str:
    """A cell that stands for many."""
    facts = f'table:number-{what}-repeated="{times}" office:value-type="float" office:value="1"'
    return f"<table:table-cell {facts}><text:p>1</text:p></table:table-cell>"


TWO_CELLS = zipped(book(sheet(
    f'<row r="1">{cell("A1")}</row><row r="1048576">{cell("XFD1048576")}</row>', "A1:XFD1048576")))  # fmt: skip
_LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
_PLAIN = zipped(book(sheet(f'<row r="1">{cell("A1")}</row>')))

SPREADSHEETS: dict[str, Callable[[], bytes]] = {
    "two cells": lambda: TWO_CELLS,
    "a column too far": lambda: zipped(book(sheet("".join(
        f'<row r="{r}">{cell(f"{c}{r}")}</row>' for r, c in ((1, "A"), (40_000, "XFD")))))),
    "a cell in a row of ten digits": lambda: zipped(book(sheet(f'<row r="1">{cell("AAAAAAA99999999999")}</row>'))),
    "a cell in the last row that a number can name": lambda: zipped(book(sheet(
        f'<row r="4294967295">{cell("A4294967295")}</row>'))),
    "a cell one column too far": lambda: zipped(book(sheet(f'<row r="1">{cell("XFE1")}</row>'))),
    "a cell one row too far": lambda: zipped(book(sheet(f'<row r="1048577">{cell("A1048577")}</row>'))),
    "a wide row below a million empty ones": lambda: zipped(book(sheet(
        f'<row r="1048576">{cell("A1048576")}{cell("XFD1048576")}</row>'))),
    "a shared string of 2 GB": lambda: with_raw_member(
        _PLAIN, "xl/sharedStrings.xml", deflated(2048, f'<sst xmlns="{MAIN}"><si><t>'.encode()), 2048 * MB),
    "a sheet of 2 GB that claims 100 bytes": lambda: with_raw_member(
        _PLAIN, "xl/worksheets/sheet1.xml",
        deflated(2048, f'<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c t="str"><v>'.encode()), 100),
    "half a workbook": lambda: TWO_CELLS[:700],
    "no workbook at all": lambda: zipped({"a.txt": b"x"}),
    "many sheets": lambda: zipped(book(sheet("")) | {"xl/workbook.xml": (
        f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>'
        + "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="a"/>' for n in range(1, 5000))
        + "</sheets></workbook>").encode()}),
    "a broken XLS": lambda: b"\xd0\xcf\x11\xe0" + b"\xff" * 4096,
}  # fmt: skip
"""Each is refused."""
HARMLESS: dict[str, Callable[[], bytes]] = {
    "a false dimension": lambda: zipped(book(sheet(f'<row r="1">{cell("A1")}</row>', "A1:XFD1048576"))),
    "entities in entities": lambda: zipped(book(
        f'<!DOCTYPE x [<!ENTITY l0 "lol">{_LOL}]>' + sheet(f'<row r="1">{cell("A1", "&l9;")}</row>'))),
    "deep XML": lambda: zipped(book(sheet("<x>" * 300_000))),
    "an XLS with a false dimension": false_xls,
    "a cell repeated four billion times": lambda: ods(f"<table:table-row>{many('columns')}</table:table-row>"),
    "a row repeated a million times, and its cells a thousand": lambda: ods(
        f'<table:table-row table:number-rows-repeated="1000000">{many("columns", 1000)}</table:table-row>'),
    "empty rows without end above a cell": lambda: ods(
        '<table:table-row table:number-rows-repeated="4000000000"><table:table-cell/></table:table-row>'
        f"<table:table-row>{many('columns', 1)}</table:table-row>"),
}  # fmt: skip
"""These may be read or refused; what counts is that it takes no memory and no time."""
TEXTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "a quote that never ends": (lambda: b'Day,Campaign\n1,"' + b"x,\n" * 3 * MB, "line 2"),
    "a record over many lines": (lambda: b'Day,Campaign\n1,"a' + b'\n","b' * 2 * MB, "line 2"),
    "one line of 20 MB": (lambda: b"Day,Campaign\n" + b"x" * 20 * MB, "Line 2 is longer"),
    "a million columns": (lambda: b"Day,Campaign\n" + b"," * (MB - 10) + b"\n", "16,384 columns"),
    "a million columns in UTF-16": (lambda: ("Day,Campaign\n" + "," * 2 * MB).encode("utf-16-le"), "longer than 1 MB"),
    "a quote left open": (lambda: b'id,created_at,title\n1,2026-11-02,"Sofa\n2,2026-11-03,plain\n', "line 2 is never"),
}  # fmt: skip
ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "zeros in a gzip": (lambda: gzip.compress(b"")[:10] + deflated(2048) + bytes(8), "unpacked archive is larger"),
    "zeros in a zip": (lambda: with_raw_member(zipped({}), "a.csv", deflated(2048), 2048 * MB), "archive is larger"),
    "a zip that lies": (lambda: with_raw_member(zipped({}), "a.csv", deflated(2048), 4), ""),
    "a zip in a zip": (lambda: zipped({"a.csv": zipped({"a.csv": b"x"})}), "another archive"),
    "many members": (lambda: zipped({f"{n}": b"" for n in range(1001)}), "1,000 files"),
    "nothing": (lambda: zipped({}), "empty"),
}  # fmt: skip
