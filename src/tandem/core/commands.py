"""What the commands of all slices share. What a command works with is imported where it runs: help needs none of it."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

from tandem.base.config import Config, load
from tandem.base.errors import UserError

SiteKey = Annotated[str, typer.Option("--site", help="Key of the site. Optional if there is only one.")]


def group(within: typer.Typer, name: str, text: str, former: str = "") -> typer.Typer:
    """A group of commands; a former name of it works, says the new one, and is not shown."""
    made = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=text)
    within.add_typer(made, name=name)
    if former:
        within.add_typer(made, name=former, hidden=True, callback=lambda: say_renamed(former, name))
    return made


def say_renamed(former: str, name: str, what: str = "tandem ") -> None:
    """One line beside the output: what was asked by its former name, and what it is called."""
    typer.echo(f"`{what}{former}` is now called `{what}{name}`. The old name works until version 0.4.", err=True)


def quiet_settings() -> Config:
    """For commands whose output people or programs read: only what goes wrong is logged, and not to the output."""
    from tandem.base import log

    chosen = load()
    log.set_up("warning" if chosen.log in ("debug", "info") else chosen.log, pretty=sys.stderr.isatty(), to=sys.stderr)
    return chosen


def chosen_site(key: str) -> str:
    """The key of the site of this key, or of the only one.

    raises   UserError when there is none, or when one has to be chosen
    """
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        return lookups.site(database, key).key


def check_utf8(words: Iterable[Any]) -> None:
    """Refuse texts that nobody could send, keep or print: the bytes of a name in another encoding.

    raises   UserError that names the first of them
    """
    for word in words:
        if isinstance(word, str) and not word.isascii():
            try:
                word.encode()
            except UnicodeEncodeError as error:
                shown = os.fsencode(word).decode(errors="backslashreplace")[:100]
                hint = "Give it in UTF-8; rename a file or folder whose name it is."
                raise UserError(f"The argument “{shown}” is not UTF-8.", hint) from error


def carried_out(context: typer.Context, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """What came out of an operation; how to have it carried out, the whole command line hands down as `obj`."""
    check_utf8(args.values())  # a file's name has the folder in it, too
    done: dict[str, Any] = context.obj(quiet_settings(), name, args, teller())
    return done


def bring_in(context: typer.Context, name: str, args: dict[str, Any]) -> None:
    """Have a file brought in and say what became of it; exit code 1 when there is a problem with it."""
    done = carried_out(context, name, args)
    typer.echo("\n".join(done["lines"]))
    if done["problems"]:
        raise typer.Exit(1)


def teller() -> Callable[[float, str], None]:
    """Shows how far a command is, on a terminal only."""
    is_terminal, width = sys.stderr.isatty(), 60

    def tell(share: float, text: str) -> None:
        if is_terminal:
            typer.echo(f"\r{f'  {share * 100:3.0f} %  {text}':<{width}}\r", nl=False, err=True)

    return tell


def print_table(rows: Sequence[tuple[str, ...]], nothing: str) -> None:
    """Rows in columns, or what is said where there are none."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not rows:
        typer.echo(nothing)
