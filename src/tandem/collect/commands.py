"""Commands about goals and derived visits."""

from typing import Annotated

import typer

from tandem.base.errors import UserError
from tandem.core.commands import SiteKey, carried_out, group, print_table, quiet_settings, say_renamed

APP = typer.Typer()
goals = group(APP, "goal", "Goals: what a site wants its visitors to do.")


@APP.command("heal", hidden=True)  # its name before 0.3, answered until 0.4
@APP.command()
def rebuild(
    context: typer.Context,
    site: Annotated[str, typer.Option(help="Key of a site. Default: all sites.")] = "",
    again: Annotated[bool, typer.Option(help="Rebuild everything, even if nothing has changed.")] = False,
) -> None:
    """Rebuild visits with the newest rules and goals. An interrupted rebuild continues where it stopped."""
    if context.info_name == "heal":
        say_renamed("heal", "rebuild")
    done = carried_out(context, "rebuild", {"site": site, "again": again})
    for key, how in done["sites"].items():
        typer.echo(f"{key}: {how}.")


@goals.command("add")
def add_goal(
    name: Annotated[str, typer.Argument(help="Name of the goal, for example Newsletter.")],
    match: Annotated[str, typer.Option(help="An event name, or a path such as /thank-you or /blog/*.")],
    kind: Annotated[str, typer.Option(help="event or page.")] = "event",
    site: SiteKey = "",
) -> None:
    """Add a goal. `tandem rebuild` counts it for past visits; a running server does so automatically."""
    from tandem.collect import store
    from tandem.collect.model.goal import host_of_others, left_out
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        goal = store.add_goal(database, chosen, name, kind, match)
    counts = "conversion" if goal.is_main else "step"
    typer.echo(f"Goal “{goal.name}” of {chosen.key}: {goal.kind} {goal.match} ({counts}).")
    if sign := left_out(match, goal):
        typer.echo(f"Only the path counts. What follows {sign} was left out.")
    if host := host_of_others(match, goal, chosen.names):
        typer.echo(f"{host} is not one of this site's hosts. The goal counts the path {goal.match} on this site.")


@goals.command("main")
def choose_main_goal(
    name: Annotated[str, typer.Argument(help="Name of the goal.")],
    step: Annotated[bool, typer.Option("--step", help="Make it a step again.")] = False,
    site: SiteKey = "",
) -> None:
    """Make a goal a main goal, which conversions count. The others are steps. A site can have several main goals."""
    from tandem.collect import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        goal = next((g for g in store.goals_of(database, chosen) if g.name == name), None)
        if goal is None:
            raise UserError("There is no goal “%(name)s”.", "Run `tandem goal list` to see them.", name=name)
        store.choose_main(database, chosen, goal.id, not step)
    typer.echo(f"Goal “{goal.name}” of {chosen.key} is {'a step' if step else 'a main goal'} now.")


@goals.command("list")
def list_goals(site: SiteKey = "") -> None:
    """List the goals of a site."""
    from tandem.collect import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        chosen = lookups.site(database, site)
        rows = store.goals_of(database, chosen)
        print_table(
            [(g.name, g.kind, g.match, "conversion" if g.is_main else "step") for g in rows],
            "There are no goals yet. Add one with `tandem goal add`.",
        )
