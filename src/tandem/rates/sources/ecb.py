"""The European Central Bank: reference rates of about thirty currencies against the euro, on working days."""

import csv
import io
import zipfile
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from tandem.base.errors import SourceError
from tandem.rates.model import Rate

NAME = "ecb"
BASE = "https://www.ecb.europa.eu"
DAILY, RECENT = "/stats/eurofxref/eurofxref-daily.xml", "/stats/eurofxref/eurofxref-hist-90d.xml"
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
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0])
    except (zipfile.BadZipFile, IndexError) as error:
        raise SourceError("European Central Bank", "the archive of rates is damaged") from error


def _from_xml(content: bytes) -> list[Rate]:
    refuse_entities(content, "European Central Bank")
    try:
        root = ElementTree.fromstring(content)
        days = [e for e in root.iter() if e.get("time")]
        found = [
            _rate(date.fromisoformat(day.attrib["time"]), cube.attrib["currency"], cube.attrib["rate"])
            for day in days
            for cube in day
        ]
    except (ElementTree.ParseError, KeyError, ValueError, InvalidOperation) as error:
        raise SourceError("European Central Bank", f"the XML of rates cannot be read: {error}") from error
    return found


def _from_csv(content: bytes) -> list[Rate]:
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace")))
    header = [name.strip() for name in next(rows, [])]
    if header[:1] != ["Date"]:
        raise SourceError("European Central Bank", "the file of rates does not begin with Date")
    try:
        return [
            _rate(date.fromisoformat(row[0]), currency, value)
            for row in rows
            if row and row[0]
            for currency, value in zip(header[1:], row[1:], strict=False)
            if len(currency) == 3 and value.strip() not in ("", "N/A")
        ]
    except (ValueError, InvalidOperation) as error:
        raise SourceError("European Central Bank", f"the CSV of rates cannot be read: {error}") from error


def _rate(on: date, currency: str, value: str) -> Rate:
    per_eur = Decimal(value.strip())
    if not per_eur > 0:
        raise ValueError(f"{currency} of {on} is not above 0")
    return Rate(on=on, currency=currency, per_eur=per_eur, source=NAME)


def refuse_entities(content: bytes, system: str) -> None:
    """Banks declare no entities; a file that does would only be out to fill the memory."""
    if b"<!ENTITY" in content[:4000].upper():
        raise SourceError(system, "the XML declares entities")
