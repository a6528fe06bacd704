"""Commands about what ads cost."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.core.commands import SiteKey, bring_in, chosen_site, group

APP = typer.Typer()
ads = group(APP, "ads", "What ads cost.")


@ads.command("import")
def import_ads(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A report by day, as the ad system exported it: CSV, TSV or XLSX.")],
    site: SiteKey = "",
    system: Annotated[
        str, typer.Option(help="google, yandex, meta, vk, tiktok or microsoft; found out if left out.")
    ] = "",
    account: Annotated[str, typer.Option(help="Name of the account, where a site has several of one system.")] = "",
    currency: Annotated[str, typer.Option(help="Currency of the cost, where the file does not say it.")] = "",
    order: Annotated[str, typer.Option(help="dmy or mdy, where dates can be read two ways.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check it only.")] = False,
    force: Annotated[bool, typer.Option(help="Replace days also where they are known more finely.")] = False,
) -> None:
    """Bring in a report of an ad system; nothing of it counts unless all of it can be read."""
    args = {
        "file": str(file.absolute()), "site": chosen_site(site), "system": system, "account": account,
        "currency": currency, "order": order, "dry_run": dry_run, "force": force,
    }  # fmt: skip
    bring_in(context, "import_ads", args)
