"""The European Central Bank: reference rates of about thirty currencies against the euro, on working days."""

import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from xml.etree.ElementTree import Element

from tandem.base.errors import SourceError, UserError
from tandem.imports.archives import UnreadableFile, unpacked_bytes
from tandem.imports.text import NotText, parsed
from tandem.imports.xml import element_of
from tandem.rates.model import Rate, rate_of

Observation = Mapping[str, str]
NAME = "ecb"
BASE = "https://www.ecb.europa.eu"
DAILY, RECENT = "/stats/eurofxref/eurofxref-daily.xml", "/stats/eurofxref/eurofxref-hist-90d.xml"
MOST_BYTES = 16 << 20
"""Of a file of rates, unpacked; the whole history has less than two million."""
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WHOLE = "/stats/eurofxref/eurofxref-hist.zip"


def rates_in(content: bytes) -> list[Rate]:
    """The rates of one published file, plain or inside a zip.

    XML of a day or of 90 days, CSV of a day or of the whole history, and what the data portal gives (SDMX 2.1, as XML
    of either kind or as CSV), of which daily rates against the euro count.

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
        series = [e for e in root.iter() if _local(e.tag) == "Series"]
        if series:
            return _daily([one for e in series for one in _observations(e)])
        days = [e for e in root.iter() if e.get("time")]
        return [
            rate_of(date.fromisoformat(day.attrib["time"]), cube.attrib["currency"], cube.attrib["rate"].strip(), NAME)
            for day in days
            for cube in day
        ]
    except (UnreadableFile, KeyError, ValueError) as error:
        raise SourceError("European Central Bank", f"the XML of rates cannot be read: {error}") from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _observations(series: Element) -> Iterator[Observation]:
    """What a series of SDMX tells: its key in attributes (structure specific) or in elements of their own (generic)."""
    key = dict(series.attrib)
    for part in series:
        if _local(part.tag) == "SeriesKey":
            key |= {value.attrib["id"]: value.attrib["value"] for value in part}
    for part in series:
        if _local(part.tag) == "Obs":
            values = {_local(child.tag): child.get("value", "") for child in part}
            yield {
                "TIME_PERIOD": values.get("ObsDimension", ""), "OBS_VALUE": values.get("ObsValue", ""),
                **key, **part.attrib,
            }  # fmt: skip


def _daily(observations: Iterable[Observation]) -> list[Rate]:
    """Daily reference rates against the euro; averages of months and rates against others are none."""
    rates = [
        rate_of(date.fromisoformat(one["TIME_PERIOD"]), one["CURRENCY"], one["OBS_VALUE"], NAME)
        for one in observations
        if (one["FREQ"], one["CURRENCY_DENOM"]) == ("D", "EUR") and one["OBS_VALUE"] not in ("", "NaN")
    ]
    if not rates:
        raise SourceError("European Central Bank", "the file has no daily rates against the euro")
    return rates


def _from_csv(content: bytes) -> list[Rate]:
    if len(content) > MOST_BYTES:
        raise SourceError("European Central Bank", "the rate file is too large")
    try:
        rows = parsed(io.StringIO(content.decode("utf-8-sig", "replace")), ",")
        header = [name.strip() for name in next(rows, (0, []))[1]]
        if "TIME_PERIOD" in header:
            return _daily(dict(zip(header, row, strict=False)) for _, row in rows if row)
        if header[:1] != ["Date"]:
            raise SourceError("European Central Bank", "the rate file does not start with Date")
        return [rate for line, row in rows if row and row[0] for rate in _of_line(line, header, row)]
    except (NotText, UserError, KeyError, ValueError) as error:
        raise SourceError("European Central Bank", f"the CSV of rates cannot be read: {error}") from error


def _of_line(line: int, header: list[str], row: list[str]) -> list[Rate]:
    try:
        on = _day(row[0].strip())
        return [
            rate_of(on, currency, value.strip(), NAME)
            for currency, value in zip(header[1:], row[1:], strict=False)
            if len(currency) == 3 and value.strip() not in ("", "N/A")
        ]
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from error


def _day(text: str) -> date:
    """2026-11-27 in the history, 27 November 2026 in the file of a day, whatever language this machine speaks."""
    number, _, rest = text.partition(" ")
    month, _, year = rest.partition(" ")
    if month in MONTHS:
        return date(int(year), MONTHS.index(month) + 1, int(number))
    return date.fromisoformat(text)
