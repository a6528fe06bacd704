"""Commands that keep an installation well: backup, restore, doctor, erase and export."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tandem.core.commands import SiteKey, carried_out, chosen_site, quiet_settings, teller

APP = typer.Typer()
Folder = Annotated[str, typer.Option("--into", help="Data folder to restore into, instead of the one in TANDEM_DATA.")]


@APP.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet, like tandem.tar.")],
) -> None:
    """Write both stores into one file and read it again; works while Tandem runs."""
    done = carried_out(context, "backup", {"file": str(file.absolute())})
    typer.echo(f"{done['file']}: {done['events']} events, {done['rows']} rows in all, {_size(done['bytes'])}, "
               f"read again and whole, {done['seconds']} s.")  # fmt: skip
    typer.echo("It holds password hashes and keys: keep it where only you can read it.")


@APP.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that `tandem backup` made.")], into: Folder = "") -> None:
    """Put a backup into an empty data folder, and count what came in."""
    from tandem.maintenance import backup as keep

    config = keep.into(quiet_settings(), into)
    done = keep.restore(config, file, teller())
    typer.echo(f"{config.folder}: {done['rows']} rows of {done['made_at'][:16]} UTC, counted, {done['seconds']} s.")


@APP.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look everything over; exit code 1 when there is a problem. Changes nothing."""
    from tandem.maintenance.doctor.report import examine

    report = examine(quiet_settings())
    if as_json:
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        for finding in report["findings"]:
            typer.echo(f"{finding['state']:<8} {finding['name']:<14} {finding['text']}")
            if finding["cure"]:
                typer.echo(f"{'':<23} → {finding['cure']}")
        typer.echo(f"{report['ok']} fine, {report['warning']} warnings, {report['problem']} problems.")
    if report["problem"]:
        raise typer.Exit(1)


@APP.command()
def erase(
    context: typer.Context,
    person: Annotated[
        str, typer.Option(help="A visitor's 16 hex digits, a cookie _tdm, a phone, an e-mail, or system:id.")
    ],
    site: Annotated[str, typer.Option(help="Key of a site; without it, on all sites.")] = "",
    unproved: Annotated[
        bool, typer.Option("--unproved", help="Also whom only unproved claims of before 0.2 join to this person.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: for scripts.")] = False,
) -> None:
    """Erase all traces of one person, down to the files of the event store; lists them first, and asks."""
    args: dict[str, Any] = {"person": person, "site": site, "unproved": unproved}
    parts = []
    if not yes:
        listed = carried_out(context, "erase_preview", args)
        parts.append(listed["finished"])
        for line in _erasure(listed["sites"], listed["unread"], unproved):
            typer.echo(line)
        typer.confirm("Erase all of this? It cannot be undone.", abort=True)
        args["mark"] = listed["mark"]
    done = carried_out(context, "erase", args)
    parts.append(done["finished"])
    events, finished = (sum(part["events"] for part in some) for some in ([done, *parts], parts))
    sites = sorted({key for part in (done, *parts) for key in part["sites"]})
    typer.echo(f"{events} events erased{' on ' if sites else ''}{', '.join(sites)}.")
    if finished:
        typer.echo(f"An erasure that had been cut off is finished; {finished} of them are its own.")
    if done["unread"]["files"]:
        typer.echo(f"Put aside and unreadable, deleted too: {_unread(done['unread'])}.")
    if not done["files_gone"]:
        typer.echo("The event store still holds the old files; it takes them away by itself within minutes.")
    typer.echo("Backups are not touched; delete those that are older than today, or erase again after restoring one.")
    for file in done["backups"]:
        typer.echo(f"  {file}")


def _erasure(sites: list[dict[str, Any]], unread: dict[str, int], unproved: bool) -> Iterator[str]:
    """What an erasure would take and leave, line by line."""
    if not sites:
        yield "Nothing is known of this person; what is in files of old backups only would stay."
    for one in sites:
        yield f"On {one['site']}, these are one person:"
        yield from (f"  {identifier['kind']} {identifier['text']}" for identifier in one["identifiers"])
        yield "  " + ", ".join(f"{count} {what}" for what, count in one["counts"].items())
        if one["unproved"] and not unproved:
            yield (
                f"  Stays: {one['unproved']} identifiers that only an unproved claim of before 0.2 joins to them. "
                "Confirm those that are theirs on the profile, or add --unproved."
            )
        if one["hints"]:
            yield f"  Stays: {one['hints']} browsers that said without proof to be this person; their claims go."
    if unread["files"]:
        yield (
            f"Put aside and unreadable: {_unread(unread)}. They may hold this person's events, and will be deleted "
            "with all that others have in them. To keep them, make them readable first."
        )


def _unread(unread: dict[str, int]) -> str:
    return f"{unread['files']} file{'s' if unread['files'] > 1 else ''}, {unread['bytes']:,} bytes"


@APP.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet; .ndjson or .csv says the format.")],
    site: SiteKey = "",
    since: Annotated[str, typer.Option(help="First day, like 2026-11-01, in the site's time zone.")] = "",
    until: Annotated[str, typer.Option(help="The day after the last one.")] = "",
    person: Annotated[str, typer.Option(help="Only this person: 16 hex digits, a cookie, a phone, an e-mail.")] = "",
) -> None:
    """Write the events of a site into a file; works while Tandem runs."""
    args = {"file": str(file.absolute()), "site": chosen_site(site), "since": since, "until": until, "person": person}
    done = carried_out(context, "export", args)
    typer.echo(f"{done['file']}: {done['events']} events.")


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{count / 1000:.0f} kB"
