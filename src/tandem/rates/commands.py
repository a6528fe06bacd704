"""Commands about exchange rates."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tandem.base.errors import UserError
from tandem.base.texts import quantity
from tandem.core.commands import group, quiet_settings

APP = typer.Typer()
rates = group(APP, "rates", "Exchange rates.")


@rates.command("import")
def import_rates(
    file: Annotated[Path, typer.Argument(help="A file of the European Central Bank (CSV, zip, XML) or XML_daily.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and check the file.")] = False,
) -> None:
    """Import exchange rates from a file, for offline use or for past years."""
    from tandem.core import lookups
    from tandem.rates import store
    from tandem.rates.sources import rates_in
    from tandem.rates.sources.ecb import MOST_BYTES

    config = quiet_settings()  # before the file is read: what is logged of it stays off the output
    if not os.path.isfile(file):  # pathlib raises for a name that is too long
        raise UserError(f"The file {file} does not exist.", "Check the path.")
    if file.stat().st_size > MOST_BYTES:
        raise UserError(f"{file.name} is larger than 16 MB.", "Give a file published by one of the banks.")
    parsed = rates_in(file.read_bytes())
    with lookups.records(config) as database:
        fresh = store.fresh_of(database, parsed) if dry_run else store.keep(database, parsed)
    typer.echo(f"{quantity(len(parsed), 'rate')} read, {fresh:,} of them new.")
    if dry_run:
        typer.echo("Nothing was changed: this was a dry run.")
