"""Commands that set Tandem up, and about sites, users and tokens."""

from typing import TYPE_CHECKING, Annotated

import typer

from tandem.accounts.permissions import FORMER_SCOPES, SCOPES
from tandem.base.config import Config
from tandem.base.errors import UserError
from tandem.base.texts import quantity
from tandem.core.commands import group, print_table, quiet_settings, say_renamed

if TYPE_CHECKING:
    from tandem.accounts.model import User

APP = typer.Typer()
sites = group(APP, "site", "Sites.")
users = group(APP, "user", "Users: people who sign in.", former="person")
tokens = group(APP, "token", "API tokens for programs.")


@APP.command()
def setup(
    company: Annotated[str, typer.Option(help="Name of the company.")],
    host: Annotated[
        list[str], typer.Option(help="Address of the first site, as shown in the browser. Can be repeated.")
    ],
    email: Annotated[str, typer.Option(help="Address of the first admin.")],
    name: Annotated[str, typer.Option(help="Name of the first admin.")],
    key: Annotated[str, typer.Option(help="Short name of the site, used on its pages.")] = "main",
    zone: Annotated[str, typer.Option(help="Time zone of the site.")] = "UTC",
    currency: Annotated[str, typer.Option(help="Currency of the site.")] = "EUR",
) -> None:
    """Set up the first workspace, admin and site. The password is prompted for, piped in, or in TANDEM_PASSWORD."""
    from tandem.accounts import store
    from tandem.core import lookups

    config = quiet_settings()
    with lookups.records(config) as database:
        if store.is_set_up(database):
            raise UserError("Tandem is set up here already.", "Use `tandem user add` and `tandem site add`.")
        store.set_up(database, company, email, name, lookups.password(), key, host, zone, currency)
    typer.echo(f"{company} is set up. Start it with `tandem serve`, then sign in at {config.base_url}.")
    typer.echo(_tag(config, key, "cookieless"))
    _warn_of_address(config)


@sites.command("add")
def add_site(
    key: Annotated[str, typer.Argument(help="Short name of the site, used on its pages.")],
    host: Annotated[list[str], typer.Option(help="Address, as shown in the browser. Can be repeated.")],
    name: Annotated[str, typer.Option(help="Display name. Default: the key.")] = "",
    zone: Annotated[str, typer.Option(help="Time zone.")] = "UTC",
    currency: Annotated[str, typer.Option(help="Currency.")] = "EUR",
    mode: Annotated[str, typer.Option(help="Privacy: cookieless, cookie or consent.")] = "cookieless",
    keep_days: Annotated[int, typer.Option(help="Event retention in days.")] = 1100,
) -> None:
    """Add a site to measure."""
    from tandem.accounts import store
    from tandem.core import lookups

    config = quiet_settings()
    with lookups.records(config) as database:
        site = store.add_site(
            database, lookups.workspace(database), key, name or key, host, zone, currency, mode, keep_days
        )
    typer.echo(f"{site.key} is now measured. Put this on its pages:")
    typer.echo(_tag(config, site.key, mode))
    _warn_of_address(config)


@sites.command("list")
def list_sites() -> None:
    """List the sites."""
    from tandem.accounts import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        print_table([
            (s.key, s.name, ", ".join(s.hosts), s.zone, s.currency, s.mode, quantity(s.keep_days, "day"))
            for s in store.sites_of(database, lookups.workspace(database))
        ], "There are no sites yet. Add one with `tandem site add`.")  # fmt: skip


@users.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The address to sign in with.")],
    name: Annotated[str, typer.Option(help="Name shown to colleagues.")],
    role: Annotated[
        str, typer.Option(help="admin, marketing, engineering, executive, finance, agency or viewer.")
    ] = "viewer",
    language: Annotated[str, typer.Option(help="en, ru or pl.")] = "en",
) -> None:
    """Add a user. The password is prompted for, piped in, or in TANDEM_PASSWORD."""
    from tandem.accounts import store
    from tandem.accounts.model import LANGUAGES
    from tandem.core import lookups

    if language not in LANGUAGES:
        raise UserError(f"“{language[:40]}” is not a language of Tandem.", f"Choose one of {', '.join(LANGUAGES)}.")
    with lookups.records(quiet_settings()) as database:
        workspace = lookups.workspace(database)
        user = store.add_user(database, workspace, email, name, role, lookups.password(), language)
    typer.echo(f"{user.name} can sign in as {user.email}, with the role {user.role}.")


@users.command("list")
def list_users() -> None:
    """List the users and their roles."""
    from tandem.accounts import store
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        print_table([
            (p.email, p.name, str(p.role), _state(p))
            for p in store.users_of(database, lookups.workspace(database))
        ], "There are no users yet. Run `tandem setup`.")  # fmt: skip


def _state(user: "User") -> str:
    if not user.is_active:
        return "without access"
    return ("two-factor" if user.has_totp else "") if user.has_password else "invited"


@users.command("reset-link")
def reset_link(email: Annotated[str, typer.Argument(help="The address they sign in with.")]) -> None:
    """Print a link to choose a new password. It works once, for one hour, also for the last admin."""
    from tandem.accounts.store import links
    from tandem.core import lookups

    config = quiet_settings()
    with lookups.records(config) as database:
        user = lookups.user(database, email)
        kind = links.RESET if user.has_password else links.INVITE
        typer.echo(f"{config.base_url}/link/{links.make(database, user, kind)}")
    _warn_of_address(config)


@users.command("disable-2fa")
def disable_2fa(email: Annotated[str, typer.Argument(help="The address they sign in with.")]) -> None:
    """Switch off two-factor sign-in for a user who has lost the phone and the recovery codes."""
    from tandem.accounts.store import second_factor
    from tandem.core import lookups

    with lookups.records(quiet_settings()) as database:
        user = lookups.user(database, email)
        if not user.has_totp:
            raise UserError(f"{user.email} has no two-factor sign-in.", "Run `tandem user list` to see who has it.")
        second_factor.switch_off(database, user)
    typer.echo(f"{user.email} now signs in with the password only.")


@tokens.command("make")
def make_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="A scope, repeated for each: " + ", ".join(SCOPES)),
    ],
    site: Annotated[str, typer.Option(help="Key of the only site it can access. Default: all sites.")] = "",
    days: Annotated[int, typer.Option(help="Days it is valid. 0: no expiry.", min=0)] = 365,
    maker: Annotated[
        str, typer.Option("--as", help="Address of the user who creates it. Default: the first admin.")
    ] = "",
) -> None:
    """Create an API token and print it. It is shown only once."""
    from tandem.accounts import store
    from tandem.core import lookups

    for former in sorted(FORMER_SCOPES.keys() & set(scope)):
        say_renamed(former, FORMER_SCOPES[former], what="")
    with lookups.records(quiet_settings()) as database:
        user = lookups.user(database, maker)
        chosen = lookups.site(database, site) if site else None
        _, secret = store.make_token(database, user, name, scope, chosen, days or None)
    typer.echo(secret)


def _warn_of_address(config: Config) -> None:
    """Say, beside what was printed, that its address may be one where nothing listens."""
    if not config.url:
        typer.echo(
            f"TANDEM_URL is not set, so the address above is {config.base_url}. "
            "If Tandem is reached at another one, put that in its place and set TANDEM_URL to it.",
            err=True,
        )


def _tag(config: Config, key: str, mode: str) -> str:
    attributes = "" if mode == "cookieless" else f' data-mode="{mode}"'
    return f'  <script defer src="{config.base_url}/t/tandem.js" data-site="{key}"{attributes}></script>'
