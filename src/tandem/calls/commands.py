"""Commands about calls."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.core.commands import SiteKey, bring_in, chosen_site, group

APP = typer.Typer()
calls = group(APP, "calls", "Call records of a phone system.")


@calls.command("import")
def import_calls(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="Call detail records of Asterisk or FreePBX: Master.csv, or the table cdr.")
    ],
    site: SiteKey = "",
    zone: Annotated[str, typer.Option(help="Time zone of the phone system. Default: the site's.")] = "",
    region: Annotated[str, typer.Option(help="Country of numbers without a country code: two letters.")] = "",
    connection: Annotated[
        str, typer.Option(help="Number of the connection, if a site has several phone systems.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and check the file.")] = False,
) -> None:
    """Import call records of a phone system. Nothing is imported unless the whole file can be read."""
    args = {
        "file": str(file.absolute()), "site": chosen_site(site), "zone": zone, "region": region,
        "connection": connection, "dry_run": dry_run,
    }  # fmt: skip
    bring_in(context, "import_calls", args)
