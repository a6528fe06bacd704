"""Commands about calls."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.core.commands import SiteKey, bring_in, chosen_site, group

APP = typer.Typer()
calls = group(APP, "calls", "Calls that an exchange wrote down.")


@calls.command("import")
def import_calls(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Call detail records of Asterisk or FreePBX: Master.csv, or table cdr.")],
    site: SiteKey = "",
    zone: Annotated[str, typer.Option(help="Time zone of the exchange; the site's, if left out.")] = "",
    region: Annotated[str, typer.Option(help="Country of numbers without a country code: two letters.")] = "",
    connection: Annotated[str, typer.Option(help="Number of the connection, where a site has several exchanges.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check it only.")] = False,
) -> None:
    """Bring in calls that an exchange wrote down; nothing of the file is kept unless all of it can be read."""
    args = {
        "file": str(file.absolute()), "site": chosen_site(site), "zone": zone, "region": region,
        "connection": connection, "dry_run": dry_run,
    }  # fmt: skip
    bring_in(context, "import_calls", args)
