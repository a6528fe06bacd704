"""The command line: what belongs to the whole, and what the slices add."""

import os
import sys
from typing import Annotated, Any

import typer

from tandem.ads import commands as ads
from tandem.base.config import Config, load
from tandem.base.errors import UserError
from tandem.calls import commands as calls
from tandem.changes import commands as changes
from tandem.collect import commands as collected
from tandem.core.commands import check_utf8
from tandem.maintenance import commands as maintenance
from tandem.rates import commands as rates
from tandem.settings import commands as settings

app = typer.Typer(
    name="tandem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="One set of data, one catalogue of metrics and one change log, for marketing and engineering.",
)
# Not through SLICES: whoever asks for help would wait for all pages, jobs and outside systems to be imported.
for part in (maintenance, settings, changes, collected, ads, calls, rates):
    app.add_typer(part.APP)


def _settings() -> Config:
    from tandem.base import log

    chosen = load()
    log.set_up(chosen.log)
    return chosen


@app.command()
def serve() -> None:
    """Start Tandem: pages, API, counter and loader in one process."""
    from tandem.app import make_app, open_context
    from tandem.maintenance.control import published
    from tandem.maintenance.operations import OPERATIONS
    from tandem.serve import check_port
    from tandem.serve import serve as run
    from tandem.settings.first_code import announced

    config = _settings()
    check_port(config.host, config.port)
    ctx = open_context(config)
    if said := announced(ctx):
        typer.echo(said)
    with published(ctx, OPERATIONS) as in_front_of:
        run(in_front_of(make_app(ctx)), config)


@app.command()
def collect(
    workers: Annotated[int, typer.Option(help="Number of collecting processes. Each has its own spool.", min=1)] = 1,
    load: Annotated[bool, typer.Option(help="Load the spools as well. Needs a ClickHouse server.")] = True,
) -> None:
    """Run only collectors, without pages. You can run any number of them, on any number of machines."""
    from tandem.collectors import run

    run(_settings(), workers, load)


@app.command()
def demo(
    events: Annotated[int, typer.Option(help="Approximate number of events in the history.", min=1000)] = 1_000_000,
    fresh: Annotated[bool, typer.Option(help="Delete the demo and create it again.")] = False,
) -> None:
    """Start Tandem with an invented company and its shop."""
    from tandem.demo.run import run
    from tandem.maintenance.control import published
    from tandem.maintenance.operations import OPERATIONS

    run(_settings(), lambda ctx: published(ctx, OPERATIONS), events, fresh)


@app.command()
def version() -> None:
    """Print the version."""
    from tandem import __version__

    typer.echo(__version__)


def _carry_out(*args: Any) -> dict[str, Any]:
    """How the commands of slices reach the running server; only here all that it can do is known."""
    from tandem.maintenance.operations import carry_out

    return carry_out(*args)


def main() -> None:
    """Run a command; an error that people can mend is one sentence and exit code 2."""
    os.umask(0o077)  # whatever Tandem writes holds what people did: it is for its owner only
    try:
        check_utf8(sys.argv[1:])
        app(obj=_carry_out)
    except UserError as error:
        typer.echo(f"{error.what}\n{error.hint}".strip(), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
