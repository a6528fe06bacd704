"""Commands about goals and derived visits."""

from typing import Annotated

import typer

from tandem.base.errors import UserError
from tandem.core.commands import SiteKey, carried_out, group, print_table, quiet_settings

APP = typer.Typer()
goals = group(APP, "goal", "Goals: what a site wants its visitors to do.")


@APP.command("heal", hidden=True)  # its name before 0.3, answered until 0.4
@APP.command()
def rebuild(
    context: typer.Context,
    site: Annotated[str, typer.Option(help="Key of a site; without it, all sites.")] = "",
    again: Annotated[bool, typer.Option(help="Derive everything again, even where nothing has changed.")] = False,
) -> None:
    """Derive visits again with the newest rules and goals; goes on where it was stopped."""
    done = carried_out(context, "rebuild", {"site": site, "again": again})
    for key, how in done["sites"].items():
        typer.echo(f"{key}: {how}.")


@goals.command("add")
def add_goal(
    name: Annotated[str, typer.Argument(help="What people call it, like Newsletter.")],
    match: Annotated[str, typer.Option(help="An event's name, or a path like /thank-you or /blog/*.")],
    kind: Annotated[str, typer.Option(help="event or page.")] = "event",
    site: SiteKey = "",
) -> None:
    """Add a goal. History is counted for it by `tandem rebuild`, which a running server does by itself."""
    from tandem.collect import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        goal = store.add_goal(database, chosen, name, kind, match)
    counts = "conversion" if goal.is_main else "step"
    typer.echo(f"Goal “{goal.name}” of {chosen.key}: {goal.kind} {goal.match} ({counts}).")


@goals.command("main")
def choose_main_goal(
    name: Annotated[str, typer.Argument(help="The goal's name.")],
    step: Annotated[bool, typer.Option("--step", help="Make it a step again.")] = False,
    site: SiteKey = "",
) -> None:
    """Let conversions rest on a goal; the others are steps on the way. A site can have a few main goals."""
    from tandem.collect import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        goal = next((g for g in store.goals_of(database, chosen) if g.name == name), None)
        if goal is None:
            raise UserError("There is no goal “%(name)s”.", "`tandem goal list` shows them.", name=name)
        store.choose_main(database, chosen, goal.id, not step)
    typer.echo(f"Goal “{goal.name}” of {chosen.key} is {'a step' if step else 'a main goal'} now.")


@goals.command("list")
def list_goals(site: SiteKey = "") -> None:
    """Show the goals of a site."""
    from tandem.collect import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        rows = store.goals_of(database, chosen)
        print_table(
            [(g.name, g.kind, g.match, "conversion" if g.is_main else "step") for g in rows],
            "There is no goal yet; add one with `tandem goal add`.",
        )
