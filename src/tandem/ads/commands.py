"""Commands about what ads cost."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.core.commands import SiteKey, bring_in, chosen_site, group

APP = typer.Typer()
ads = group(APP, "ads", "Ad costs.")


@ads.command("import")
def import_ads(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A daily report as exported by the ad system: CSV, TSV or XLSX.")],
    site: SiteKey = "",
    system: Annotated[
        str, typer.Option(help="google, yandex, meta, vk, tiktok or microsoft. Detected automatically if omitted.")
    ] = "",
    account: Annotated[str, typer.Option(help="Name of the account, if a site has several in one system.")] = "",
    currency: Annotated[str, typer.Option(help="Currency of the cost, if the file does not give it.")] = "",
    order: Annotated[str, typer.Option(help="dmy or mdy, if dates can be read two ways.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only read and check the file.")] = False,
    force: Annotated[bool, typer.Option(help="Also replace days that have more detailed data.")] = False,
) -> None:
    """Import a report of an ad system. Nothing is applied unless the whole file can be read."""
    args = {
        "file": str(file.absolute()), "site": chosen_site(site), "system": system, "account": account,
        "currency": currency, "order": order, "dry_run": dry_run, "force": force,
    }  # fmt: skip
    bring_in(context, "import_ads", args)
