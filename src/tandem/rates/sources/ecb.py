"""The European Central Bank: reference rates of about thirty currencies against the euro, on working days."""

import io
from datetime import date

from tandem.base.errors import SourceError, UserError
from tandem.imports.archives import UnreadableFile, unpacked_bytes
from tandem.imports.text import NotText, parsed
from tandem.imports.xml import element_of
from tandem.rates.model import Rate, rate_of

NAME = "ecb"
BASE = "https://www.ecb.europa.eu"
DAILY, RECENT = "/stats/eurofxref/eurofxref-daily.xml", "/stats/eurofxref/eurofxref-hist-90d.xml"
MOST_BYTES = 16 << 20
"""Of a file of rates, unpacked; the whole history has less than two million."""
WHOLE = "/stats/eurofxref/eurofxref-hist.zip"


def rates_in(content: bytes) -> list[Rate]:
    """The rates of one published file: XML of a day or of 90 days, CSV of the whole history, or that inside a zip.

    raises   SourceError when it is none of these
    """
    if content[:2] == b"PK":
        return _from_csv(_unzipped(content))
    if content.lstrip()[:1] == b"<":
        return _from_xml(content)
    return _from_csv(content)


def _unzipped(content: bytes) -> bytes:
    try:
        return unpacked_bytes(content, MOST_BYTES)
    except UnreadableFile as error:
        raise SourceError("European Central Bank", "the rate archive is damaged") from error
    except UserError as error:
        raise SourceError("European Central Bank", error.what.rstrip(".")) from error  # goes on in a sentence


def _from_xml(content: bytes) -> list[Rate]:
    try:
        root = element_of(content)
        days = [e for e in root.iter() if e.get("time")]
        rates = [
            rate_of(date.fromisoformat(day.attrib["time"]), cube.attrib["currency"], cube.attrib["rate"].strip(), NAME)
            for day in days
            for cube in day
        ]
    except (UnreadableFile, KeyError, ValueError) as error:
        raise SourceError("European Central Bank", f"the XML of rates cannot be read: {error}") from error
    return rates


def _from_csv(content: bytes) -> list[Rate]:
    if len(content) > MOST_BYTES:
        raise SourceError("European Central Bank", "the rate file is too large")
    try:
        rows = parsed(io.StringIO(content.decode("utf-8-sig", "replace")), ",")
        header = [name.strip() for name in next(rows, (0, []))[1]]
        if header[:1] != ["Date"]:
            raise SourceError("European Central Bank", "the rate file does not start with Date")
        return [rate for line, row in rows if row and row[0] for rate in _of_line(line, header, row)]
    except (NotText, UserError, ValueError) as error:
        raise SourceError("European Central Bank", f"the CSV of rates cannot be read: {error}") from error


def _of_line(line: int, header: list[str], row: list[str]) -> list[Rate]:
    try:
        return [
            rate_of(date.fromisoformat(row[0]), currency, value.strip(), NAME)
            for currency, value in zip(header[1:], row[1:], strict=False)
            if len(currency) == 3 and value.strip() not in ("", "N/A")
        ]
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from error
