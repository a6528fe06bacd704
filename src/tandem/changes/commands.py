"""Commands about the change log."""

import os
from datetime import UTC
from typing import Annotated

import typer

from tandem.core.commands import SiteKey, group, quiet_settings

APP = typer.Typer()
changes = group(APP, "change", "The change log: what somebody did to a site.")


@changes.command("add")
def add_change(
    title: Annotated[str, typer.Argument(help="In a few words what was done.")],
    kind: Annotated[
        str, typer.Option(help="deploy, campaign, content, price, robots, outage, tool or other.")
    ] = "deploy",
    site: SiteKey = "",
    at: Annotated[str, typer.Option(help="When, like 2026-11-22T14:30 in the site's time; now if left out.")] = "",
    author: Annotated[str, typer.Option(help="Who did it; the user of this machine if left out.")] = "",
    scope: Annotated[str, typer.Option(help="What it touched: paths, a service, a channel.")] = "",
    note: Annotated[str, typer.Option(help="More about it.")] = "",
    url: Annotated[str, typer.Option(help="Where more can be read.")] = "",
    known_as: Annotated[str, typer.Option("--id", help="Your name for it; the same one twice is kept once.")] = "",
) -> None:
    """Add a change to the change log."""
    from tandem.base import clock
    from tandem.changes import store
    from tandem.changes.model import Change
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        when = lookups.moment(at, chosen) if at else clock.now()
        who = author or os.environ.get("USER", "")
        change = Change(
            at=when, kind=kind, title=title, author=who, scope=scope, note=note, url=url, source="cli",
            external_id=known_as or None,
        )  # fmt: skip
        stored = store.add(database, chosen, change)
    kept_at = stored.at.astimezone(UTC)
    typer.echo(f"Change {stored.id} of {chosen.key}: {stored.title} ({stored.kind}, {kept_at:%Y-%m-%d %H:%M} UTC).")
