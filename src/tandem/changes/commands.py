"""Commands about the change log."""

import os
from datetime import UTC
from typing import Annotated

import typer

from tandem.core.commands import SiteKey, group, quiet_settings

APP = typer.Typer()
changes = group(APP, "change", "The change log of a site.")


@changes.command("add")
def add_change(
    title: Annotated[str, typer.Argument(help="The change in a few words.")],
    kind: Annotated[
        str, typer.Option(help="deploy, campaign, content, price, robots, outage, tool or other.")
    ] = "deploy",
    site: SiteKey = "",
    at: Annotated[
        str, typer.Option(help="When, for example 2026-11-22T14:30 in the site's time zone. Default: now.")
    ] = "",
    author: Annotated[str, typer.Option(help="Author of the change. Default: the user of this machine.")] = "",
    scope: Annotated[str, typer.Option(help="What it affects: paths, a service, a channel.")] = "",
    note: Annotated[str, typer.Option(help="Details.")] = "",
    url: Annotated[str, typer.Option(help="Link to more information.")] = "",
    known_as: Annotated[
        str, typer.Option("--id", help="Your own ID of the change. A change with the same ID is stored only once.")
    ] = "",
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
