"""The command line."""

import sys
from typing import Annotated

import typer

from tandem.base import log
from tandem.base.errors import UserError
from tandem.base.settings import Settings, load

app = typer.Typer(
    name="tandem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One record of a website, one catalogue of figures and one plan, for marketing and engineering.",
)


def _settings() -> Settings:
    chosen = load()
    log.set_up(chosen.log)
    return chosen


@app.command()
def serve() -> None:
    """Start Tandem: pages, API, counter and loader in one process."""
    from tandem.app import make_app, open_house
    from tandem.serve import check_port
    from tandem.serve import serve as run

    settings = _settings()
    check_port(settings.host, settings.port)
    run(make_app(open_house(settings)), settings)


@app.command()
def collect(
    workers: Annotated[int, typer.Option(help="How many processes collect; each has its own spool.", min=1)] = 1,
    load: Annotated[bool, typer.Option(help="Load the spools from here too; needs a ClickHouse server.")] = True,
) -> None:
    """Run collectors alone, without pages: as many as wanted, on as many machines as wanted."""
    from tandem.collectors import run

    run(_settings(), workers, load)


@app.command()
def demo(
    events: Annotated[int, typer.Option(help="About how many events the history holds.", min=1000)] = 1_000_000,
    fresh: Annotated[bool, typer.Option(help="Throw the demo away and make it anew.")] = False,
) -> None:
    """Start Tandem with an invented company in it, and its shop beside it."""
    from tandem.demo.run import run

    run(_settings(), events, fresh)


def main() -> None:
    """Run a command; an error that people can mend is one sentence and exit code 2."""
    try:
        app(standalone_mode=False)
    except UserError as error:
        print(f"{error.what}\n{error.hint}".strip(), file=sys.stderr)  # noqa: T201 - this is the command line
        sys.exit(2)
    except (typer.Exit, SystemExit) as stop:
        sys.exit(getattr(stop, "exit_code", getattr(stop, "code", 0)))
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        import click

        if isinstance(error, click.ClickException):
            error.show()
            sys.exit(error.exit_code)
        raise


if __name__ == "__main__":
    main()
