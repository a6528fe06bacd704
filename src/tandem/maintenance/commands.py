"""Commands that keep an installation well: backup, restore, doctor, erase and export."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tandem.base.texts import quantity
from tandem.core.commands import SiteKey, carried_out, chosen_site, quiet_settings, teller

APP = typer.Typer()
Folder = Annotated[str, typer.Option("--into", help="Data folder to restore into, instead of the one in TANDEM_DATA.")]


@APP.command()
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file, for example tandem.tar.")],
) -> None:
    """Write both stores into one file and verify it. Works while Tandem is running."""
    done = carried_out(context, "backup", {"file": str(file.absolute())})
    events, rows = quantity(done["events"], "event"), quantity(done["rows"], "row")
    typer.echo(f"{done['file']}: {events}, {rows} in all, {_size(done['bytes'])}, verified, {done['seconds']} s.")
    typer.echo("It contains password hashes and keys. Keep it where only you can read it.")


@APP.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file created by `tandem backup`.")], into: Folder = ""
) -> None:
    """Restore a backup into an empty data folder, and verify the row counts."""
    from tandem.maintenance import backup as keep

    config = keep.into(quiet_settings(), into)
    done = keep.restore(config, file, teller())
    typer.echo(
        f"{config.folder}: {quantity(done['rows'], 'row')} of {done['made_at'][:16]} UTC, counted, {done['seconds']} s."
    )


@APP.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the installation. Exit code 1 if there is a problem. Changes nothing."""
    from tandem.maintenance.doctor.report import examine

    report = examine(quiet_settings())
    if as_json:
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        for finding in report["findings"]:
            typer.echo(f"{finding['state']:<8} {finding['name']:<14} {finding['text']}")
            if finding["cure"]:
                typer.echo(f"{'':<23} → {finding['cure']}")
        typer.echo(
            f"{report['ok']} fine, {quantity(report['warning'], 'warning')}, {quantity(report['problem'], 'problem')}."
        )
    if report["problem"]:
        raise typer.Exit(1)


@APP.command()
def erase(
    context: typer.Context,
    person: Annotated[
        str,
        typer.Option(help="A visitor's 16 hex digits, a _tdm cookie, a phone number, an e-mail address, or system:id."),
    ],
    site: Annotated[str, typer.Option(help="Key of a site. Default: all sites.")] = "",
    unproved: Annotated[
        bool,
        typer.Option(
            "--unproved", help="Include identifiers linked to this person only by unverified claims from before 0.2."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation (for scripts).")] = False,
) -> None:
    """Erase all data of one person, including files of the event store. Lists it first and asks for confirmation."""
    args: dict[str, Any] = {"person": person, "site": site, "unproved": unproved}
    parts = []
    if not yes:
        listed = carried_out(context, "erase_preview", args)
        parts.append(listed["finished"])
        for line in (*_erasure(listed["sites"], listed["unread"], unproved), *_unreadable(listed["unreadable"])):
            typer.echo(line)
        typer.confirm("Erase all of this? This cannot be undone.", abort=True)
        args["mark"] = listed["mark"]
    done = carried_out(context, "erase", args)
    parts.append(done["finished"])
    events, finished = (sum(part["events"] for part in some) for some in ([done, *parts], parts))
    sites = sorted({key for part in (done, *parts) for key in part["sites"]})
    typer.echo(f"{quantity(events, 'event')} erased{' on ' if sites else ''}{', '.join(sites)}.")
    if finished:
        typer.echo(f"An interrupted erasure has been completed. {finished} of the events belong to it.")
    if done["unread"]["files"]:
        typer.echo(f"Put aside and unreadable, deleted too: {_unread(done['unread'])}.")
    if done["waiting"]:
        typer.echo(f"Webhooks that were waiting to be processed and named the person, deleted too: {done['waiting']}.")
    for line in _unreadable(done["unreadable"]):
        typer.echo(line)
    if not done["files_gone"]:
        typer.echo("The event store still has the old files. It removes them automatically within minutes.")
    typer.echo("Backups are not changed. Delete those older than today, or erase again after restoring one.")
    for file in done["backups"]:
        typer.echo(f"  {file}")


def _erasure(sites: list[dict[str, Any]], unread: dict[str, int], unproved: bool) -> Iterator[str]:
    """What an erasure would take and leave, line by line."""
    if not sites:
        yield "There is no data about this person. Old backups are not searched."
    for one in sites:
        yield f"On {one['site']}, these identifiers belong to one person:"
        yield from (f"  {identifier['kind']} {identifier['text']}" for identifier in one["identifiers"])
        yield "  " + ", ".join(f"{count} {what}" for what, count in one["counts"].items())
        if one["waiting"]:
            yield f"  {quantity(one['waiting'], 'webhook')} not processed yet, with data of this person"
        if one["unproved"] and not unproved:
            yield (
                f"  Stays: {quantity(one['unproved'], 'identifier')} linked to this person only by an unverified claim "
                "from before 0.2. Confirm on the profile what belongs to them, or add --unproved."
            )
        if one["hints"]:
            yield (
                f"  Stays: {quantity(one['hints'], 'browser')} with an unproved claim to be this person. "
                "The claim is deleted."
            )
    if unread["files"]:
        yield (
            f"Put aside and unreadable: {_unread(unread)}. They may hold this person's events, and will be deleted "
            "with all that others have in them. To keep them, make them readable first."
        )


def _unreadable(unreadable: dict[str, Any]) -> Iterator[str]:
    """What stays because it was sealed with another key."""
    if count := unreadable["deliveries"]:
        yield (
            f"Stays: {quantity(count, 'waiting webhook')} encrypted with another key, possibly with data of this "
            "person. tandem doctor says whose they are and what to do. Then erase again."
        )
    if count := unreadable["identifiers"]:
        yield (
            f"Encrypted with another key: {quantity(count, 'identifier')} of this person. Waiting webhooks were not "
            "searched for this. Set that key again, then erase again."
        )
    if unreadable["has_others"]:
        yield (
            "Phones and e-mails of some people were encrypted with another key. What is stored under that key is not "
            "found with this one. tandem doctor says what to do. Then erase again."
        )


def _unread(unread: dict[str, int]) -> str:
    return f"{quantity(unread['files'], 'file')}, {unread['bytes']:,} bytes"


@APP.command()
def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A new file. Its ending, .ndjson or .csv, sets the format.")],
    site: SiteKey = "",
    since: Annotated[str, typer.Option(help="First day, for example 2026-11-01, in the site's time zone.")] = "",
    until: Annotated[str, typer.Option(help="The day after the last one.")] = "",
    person: Annotated[
        str, typer.Option(help="Only this person: 16 hex digits, a cookie, a phone number or an e-mail address.")
    ] = "",
) -> None:
    """Write the events of a site into a file. Works while Tandem is running."""
    args = {"file": str(file.absolute()), "site": chosen_site(site), "since": since, "until": until, "person": person}
    done = carried_out(context, "export", args)
    typer.echo(f"{done['file']}: {quantity(done['events'], 'event')}.")


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{count / 1000:.0f} kB"
