"""The command line."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer

from tandem.accounts.permissions import SCOPES
from tandem.base import log
from tandem.base.config import Config, load
from tandem.base.errors import UserError

app = typer.Typer(
    name="tandem",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="One record of a website, one catalogue of figures and one plan, for marketing and engineering.",
)


def _group(name: str, text: str, former: str = "") -> typer.Typer:
    """A group of commands; a former name of it works and is not shown."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=text)
    app.add_typer(group, name=name)
    if former:
        app.add_typer(group, name=former, hidden=True)
    return group


sites = _group("site", "Sites that are measured.")
users = _group("user", "Users: people who sign in.", former="person")
tokens = _group("token", "API tokens for programs.")
changes = _group("change", "The change log: what somebody did to a site.")
goals = _group("goal", "Goals: what a site wants its visitors to do.")
ads = _group("ads", "What ads cost.")
calls = _group("calls", "Calls that an exchange wrote down.")
rates = _group("rates", "Exchange rates.")

SiteKey = Annotated[str, typer.Option("--site", help="Key of the site; may be left out where there is only one.")]
Folder = Annotated[str, typer.Option("--into", help="Data folder to restore into, instead of the one in TANDEM_DATA.")]


def _settings() -> Config:
    chosen = load()
    log.set_up(chosen.log)
    return chosen


def _quiet_settings() -> Config:
    """For commands whose output people or programs read: only what goes wrong is logged, and not to the output."""
    chosen = load()
    log.set_up("warning" if chosen.log in ("debug", "info") else chosen.log, pretty=sys.stderr.isatty(), to=sys.stderr)
    return chosen


# ── running ──


@app.command()
def serve() -> None:
    """Start Tandem: pages, API, counter and loader in one process."""
    from tandem.app import make_app, open_context
    from tandem.maintenance.commands import COMMANDS
    from tandem.maintenance.control import published
    from tandem.serve import check_port
    from tandem.serve import serve as run
    from tandem.settings.first_code import announced

    config = _settings()
    check_port(config.host, config.port)
    ctx = open_context(config)
    if said := announced(ctx):
        typer.echo(said)
    with published(ctx, COMMANDS) as in_front_of:
        run(in_front_of(make_app(ctx)), config)


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
    from tandem.maintenance.commands import COMMANDS
    from tandem.maintenance.control import published

    run(_settings(), lambda ctx: published(ctx, COMMANDS), events, fresh)


@app.command()
def version() -> None:
    """Print the version."""
    from tandem import __version__

    typer.echo(__version__)


# ── keeping ──


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="A file that does not exist yet, like tandem.tar.")]) -> None:
    """Write both stores into one file and read it again; works while Tandem runs."""
    done = _carried_out("backup", {"file": str(file.absolute())})
    typer.echo(f"{done['file']}: {done['events']} events, {done['rows']} rows in all, {_size(done['bytes'])}, "
               f"read again and whole, {done['seconds']} s.")  # fmt: skip
    typer.echo("It holds password hashes and keys: keep it where only you can read it.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that `tandem backup` made.")], into: Folder = "") -> None:
    """Put a backup into an empty data folder, and count what came in."""
    from tandem.maintenance import backup as keep

    config = keep.into(_quiet_settings(), into)
    done = keep.restore(config, file, _teller())
    typer.echo(f"{config.folder}: {done['rows']} rows of {done['made_at'][:16]} UTC, counted, {done['seconds']} s.")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look everything over; exit code 1 when there is a problem. Changes nothing."""
    from tandem.maintenance.doctor import examine

    report = examine(_quiet_settings())
    if as_json:
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        for found in report["findings"]:
            typer.echo(f"{found['state']:<8} {found['name']:<14} {found['text']}")
            if found["cure"]:
                typer.echo(f"{'':<23} → {found['cure']}")
        typer.echo(f"{report['ok']} fine, {report['warning']} warnings, {report['problem']} problems.")
    if report["problem"]:
        raise typer.Exit(1)


@app.command()
def erase(
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
    if not yes:
        listed = _carried_out("erase_preview", args)
        for line in _erasure(listed["sites"], unproved):
            typer.echo(line)
        typer.confirm("Erase all of this? It cannot be undone.", abort=True)
        args["mark"] = listed["mark"]
    done = _carried_out("erase", args)
    where = f" on {', '.join(done['sites'])}" if done["sites"] else ""
    typer.echo(f"{done['events']} events erased{where}.")
    if not done["files_gone"]:
        typer.echo("The event store still holds the old files; it takes them away by itself within minutes.")
    typer.echo("Backups are not touched; delete those that are older than today, or erase again after restoring one.")
    for file in done["backups"]:
        typer.echo(f"  {file}")


def _erasure(sites: list[dict[str, Any]], unproved: bool) -> Iterator[str]:
    """What an erasure would take and leave, line by line."""
    if not sites:
        yield "Nothing is known of this person; what is in files of old backups only would stay."
    for one in sites:
        yield f"On {one['site']}, these are one person:"
        yield from (f"  {found['kind']} {found['text']}" for found in one["identifiers"])
        yield "  " + ", ".join(f"{count} {what}" for what, count in one["counts"].items())
        if one["unproved"] and not unproved:
            yield (
                f"  Stays: {one['unproved']} identifiers that only an unproved claim of before 0.2 joins to them. "
                "Confirm those that are theirs on the profile, or add --unproved."
            )
        if one["hints"]:
            yield f"  Stays: {one['hints']} browsers that said without proof to be this person; their claims go."


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet; .ndjson or .csv says the format.")],
    site: SiteKey = "",
    since: Annotated[str, typer.Option(help="First day, like 2026-11-01, in the site's time zone.")] = "",
    until: Annotated[str, typer.Option(help="The day after the last one.")] = "",
    person: Annotated[str, typer.Option(help="Only this person: 16 hex digits, a cookie, a phone, an e-mail.")] = "",
) -> None:
    """Write the events of a site into a file; works while Tandem runs."""
    from tandem.maintenance import lookups

    config = _quiet_settings()
    with lookups.records(config) as database:
        key = lookups.site(database, site).key
    args = {"file": str(file.absolute()), "site": key, "since": since, "until": until, "person": person}
    done = _carried_out("export", args)
    typer.echo(f"{done['file']}: {done['events']} events.")


@app.command("heal", hidden=True)  # its name before 0.3, answered until 0.4
@app.command()
def rebuild(
    site: Annotated[str, typer.Option(help="Key of a site; without it, all sites.")] = "",
    again: Annotated[bool, typer.Option(help="Derive everything again, even where nothing has changed.")] = False,
) -> None:
    """Derive visits again with the newest rules and goals; goes on where it was stopped."""
    done = _carried_out("rebuild", {"site": site, "again": again})
    for key, how in done["sites"].items():
        typer.echo(f"{key}: {how}.")


# ── setting up ──


@app.command()
def setup(
    company: Annotated[str, typer.Option(help="Name of the company.")],
    host: Annotated[
        list[str], typer.Option(help="Address of the first site, as the browser shows it; may be repeated.")
    ],
    email: Annotated[str, typer.Option(help="Address of the first admin.")],
    name: Annotated[str, typer.Option(help="Name of the first admin.")],
    key: Annotated[str, typer.Option(help="Short name of the site, used on its pages.")] = "main",
    zone: Annotated[str, typer.Option(help="Time zone of the site.")] = "UTC",
    currency: Annotated[str, typer.Option(help="Currency of the site.")] = "EUR",
) -> None:
    """Set up the first workspace, admin and site. The password is asked for, piped in, or in TANDEM_PASSWORD."""
    from tandem.accounts import store
    from tandem.maintenance import lookups

    config = _quiet_settings()
    with lookups.records(config) as database:
        if store.is_set_up(database):
            raise UserError("Tandem is set up here already.", "Use `tandem user add` and `tandem site add`.")
        store.set_up(database, company, email, name, lookups.password(), key, host, zone, currency)
    typer.echo(f"{company} is set up. Start it with `tandem serve`, then sign in at {config.base_url}.")
    typer.echo(_tag(config, key, "cookieless"))


@sites.command("add")
def add_site(
    key: Annotated[str, typer.Argument(help="Short name of the site, used on its pages.")],
    host: Annotated[list[str], typer.Option(help="Address, as the browser shows it; may be repeated.")],
    name: Annotated[str, typer.Option(help="Name that people use; the key if left out.")] = "",
    zone: Annotated[str, typer.Option(help="Time zone.")] = "UTC",
    currency: Annotated[str, typer.Option(help="Currency.")] = "EUR",
    mode: Annotated[str, typer.Option(help="Privacy: cookieless, cookie or consent.")] = "cookieless",
    keep_days: Annotated[int, typer.Option(help="Days that events are kept.")] = 1100,
) -> None:
    """Add a site to measure."""
    from tandem.accounts import store
    from tandem.maintenance import lookups

    config = _quiet_settings()
    with lookups.records(config) as database:
        store.add_site(database, lookups.workspace(database), key, name or key, host, zone, currency, mode, keep_days)
    typer.echo(f"{key} is measured from now on. Put this on its pages:")
    typer.echo(_tag(config, key, mode))


@sites.command("list")
def list_sites() -> None:
    """Show the sites."""
    from tandem.accounts import store
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
        _table([
            (s.key, s.name, ", ".join(s.hosts), s.zone, s.currency, s.mode, f"{s.keep_days} days")
            for s in store.sites_of(database, lookups.workspace(database))
        ], "There is no site yet; add one with `tandem site add`.")  # fmt: skip


@users.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The address to sign in with.")],
    name: Annotated[str, typer.Option(help="Name that colleagues will see.")],
    role: Annotated[
        str, typer.Option(help="admin, marketing, engineering, executive, finance, agency or viewer.")
    ] = "viewer",
    language: Annotated[str, typer.Option(help="en, ru or pl.")] = "en",
) -> None:
    """Add a user. The password is asked for, piped in, or in TANDEM_PASSWORD."""
    from tandem.accounts import store
    from tandem.accounts.model import LANGUAGES
    from tandem.maintenance import lookups

    if language not in LANGUAGES:
        raise UserError(f"“{language}” is not a language of Tandem.", f"Choose one of {', '.join(LANGUAGES)}.")
    with lookups.records(_quiet_settings()) as database:
        workspace = lookups.workspace(database)
        user = store.add_user(database, workspace, email, name, role, lookups.password(), language)
    typer.echo(f"{user.name} can sign in as {user.email}, with the role {user.role}.")


@users.command("list")
def list_users() -> None:
    """Show the users and their roles."""
    from tandem.accounts import store
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
        _table([
            (p.email, p.name, str(p.role), _state(p))
            for p in store.users_of(database, lookups.workspace(database))
        ], "There is nobody yet; run `tandem setup`.")  # fmt: skip


def _state(user: Any) -> str:
    if not user.is_active:
        return "without access"
    return ("two-factor" if user.has_totp else "") if user.has_password else "invited"


@users.command("reset-link")
def reset_link(email: Annotated[str, typer.Argument(help="The address they sign in with.")]) -> None:
    """Print a link by which a user chooses a new password; it works once, for one hour. Also for the last admin."""
    from tandem.accounts.store import links
    from tandem.maintenance import lookups

    config = _quiet_settings()
    with lookups.records(config) as database:
        user = lookups.user(database, email)
        kind = links.RESET if user.has_password else links.INVITE
        typer.echo(f"{config.base_url}/link/{links.make(database, user, kind)}")


@users.command("disable-2fa")
def disable_2fa(email: Annotated[str, typer.Argument(help="The address they sign in with.")]) -> None:
    """Ask a user who lost the phone and the recovery codes for no second factor any more."""
    from tandem.accounts.store import second_factor
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
        user = lookups.user(database, email)
        if not user.has_totp:
            raise UserError(f"{user.email} has no two-factor sign-in.", "`tandem user list` shows who has.")
        second_factor.switch_off(database, user)
    typer.echo(f"{user.email} signs in with the password alone.")


@tokens.command("make")
def make_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="What it may do, again for each: " + ", ".join(SCOPES)),
    ],
    site: Annotated[str, typer.Option(help="Key of the only site it may touch; all if left out.")] = "",
    days: Annotated[int, typer.Option(help="Days it is valid; 0 means without end.", min=0)] = 365,
    maker: Annotated[str, typer.Option("--as", help="Address of who makes it; the first admin if left out.")] = "",
) -> None:
    """Make an API token and print it, this once."""
    from tandem.accounts import store
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
        user = lookups.user(database, maker)
        chosen = lookups.site(database, site) if site else None
        _, secret = store.make_token(database, user, name, scope, chosen, days or None)
    typer.echo(secret)


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
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
        chosen = lookups.site(database, site)
        when = lookups.moment(at, chosen) if at else clock.now()
        who = author or os.environ.get("USER", "")
        change = Change(
            at=when, kind=kind, title=title, author=who, scope=scope, note=note, url=url, source="cli",
            external_id=known_as or None,
        )  # fmt: skip
        kept = store.add(database, chosen, change)
    kept_at = kept.at.astimezone(UTC)
    typer.echo(f"Change {kept.id} of {chosen.key}: {kept.title} ({kept.kind}, {kept_at:%Y-%m-%d %H:%M} UTC).")


@goals.command("add")
def add_goal(
    name: Annotated[str, typer.Argument(help="What people call it, like Newsletter.")],
    match: Annotated[str, typer.Option(help="An event's name, or a path like /thank-you or /blog/*.")],
    kind: Annotated[str, typer.Option(help="event or page.")] = "event",
    site: SiteKey = "",
) -> None:
    """Add a goal. History is counted for it by `tandem rebuild`, which a running server does by itself."""
    from tandem.collect import store
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
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
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
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
    from tandem.maintenance import lookups

    with lookups.records(_quiet_settings()) as database:
        chosen = lookups.site(database, site)
        rows = store.goals_of(database, chosen)
        _table([(g.name, g.kind, g.match, "conversion" if g.is_main else "step") for g in rows],
               "There is no goal yet; add one with `tandem goal add`.")  # fmt: skip


@ads.command("import")
def import_ads(
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
    from tandem.maintenance import lookups

    config = _quiet_settings()
    with lookups.records(config) as database:
        key = lookups.site(database, site).key
    args = {
        "file": str(file.absolute()), "site": key, "system": system, "account": account, "currency": currency,
        "order": order, "dry_run": dry_run, "force": force,
    }  # fmt: skip
    done = _carried_out("import_ads", args)
    typer.echo("\n".join(done["lines"]))
    if done["problems"]:
        raise typer.Exit(1)


@calls.command("import")
def import_calls(
    file: Annotated[Path, typer.Argument(help="Call detail records of Asterisk or FreePBX: Master.csv, or table cdr.")],
    site: SiteKey = "",
    zone: Annotated[str, typer.Option(help="Time zone of the exchange; the site's, if left out.")] = "",
    region: Annotated[str, typer.Option(help="Country of numbers without a country code: two letters.")] = "",
    connection: Annotated[str, typer.Option(help="Number of the connection, where a site has several exchanges.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check it only.")] = False,
) -> None:
    """Bring in calls that an exchange wrote down; nothing of the file is kept unless all of it can be read."""
    from tandem.maintenance import lookups

    config = _quiet_settings()
    with lookups.records(config) as database:
        key = lookups.site(database, site).key
    args = {
        "file": str(file.absolute()), "site": key, "zone": zone, "region": region, "connection": connection,
        "dry_run": dry_run,
    }  # fmt: skip
    done = _carried_out("import_calls", args)
    typer.echo("\n".join(done["lines"]))
    if done["problems"]:
        raise typer.Exit(1)


@rates.command("import")
def import_rates(
    file: Annotated[Path, typer.Argument(help="A file of the European Central Bank (CSV, zip, XML) or XML_daily.")],
) -> None:
    """Bring in exchange rates from a file, where the network may not be used or for years long past."""
    from tandem.maintenance import lookups
    from tandem.rates import store
    from tandem.rates.sources import rates_in
    from tandem.rates.sources.ecb import MOST_BYTES

    if not file.is_file():
        raise UserError(f"{file} is not there.", "Check the path.")
    if file.stat().st_size > MOST_BYTES:
        raise UserError(f"{file.name} is larger than 16 MB.", "Name a file that one of the banks published.")
    found = rates_in(file.read_bytes())
    with lookups.records(_quiet_settings()) as database:
        fresh = store.keep(database, found)
    typer.echo(f"{len(found)} rates read, {fresh} of them new.")


# ── what the commands share ──


def _carried_out(name: str, args: dict[str, Any]) -> dict[str, Any]:
    from tandem.maintenance.commands import carry_out

    return carry_out(_quiet_settings(), name, args, _teller())


def _teller() -> Any:
    """Shows how far a command is, on a terminal only."""
    is_terminal, width = sys.stderr.isatty(), 60

    def tell(share: float, text: str) -> None:
        if is_terminal:
            typer.echo(f"\r{f'  {share * 100:3.0f} %  {text}':<{width}}\r", nl=False, err=True)

    return tell


def _table(rows: list[tuple[str, ...]], nothing: str) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not rows:
        typer.echo(nothing)


def _tag(config: Config, key: str, mode: str) -> str:
    attributes = "" if mode == "cookieless" else f' data-mode="{mode}"'
    return f'  <script defer src="{config.base_url}/t/tandem.js" data-site="{key}"{attributes}></script>'


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB" if count >= 1_000_000 else f"{count / 1000:.0f} kB"


def main() -> None:
    """Run a command; an error that people can mend is one sentence and exit code 2."""
    os.umask(0o077)  # whatever Tandem writes holds what people did: it is for its owner only
    try:
        app()
    except UserError as error:
        typer.echo(f"{error.what}\n{error.hint}".strip(), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
