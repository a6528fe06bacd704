"""Who publishes exchange rates; each file turns what was published into rates and stores nothing."""

from tandem.base.errors import SourceError, UserError
from tandem.rates.model import Rate


def rates_in(content: bytes) -> list[Rate]:
    """The rates of a file of either bank, whichever it is.

    raises   UserError when it is neither
    """
    from tandem.rates.sources import cbr, ecb

    try:
        return cbr.rates_in(content) if b"<ValCurs" in content[:500] else ecb.rates_in(content)
    except SourceError as error:
        raise UserError(
            "This is not an exchange rate file: %(why)s.",
            "Import a file as it is published: eurofxref of the European Central Bank (CSV, zip or XML), "
            "a series EXR of its data portal (CSV or XML), or XML_daily of the Central Bank of Russia.",
            why=error.what,
        ) from error
