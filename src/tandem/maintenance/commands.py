"""What the command line may ask of a running server, or carries out itself when none runs on the data folder."""

from typing import Any

from tandem import __version__
from tandem.ads import file_import as ads
from tandem.app import close_context, open_context
from tandem.base.config import Config
from tandem.calls import file_import as calls
from tandem.collect import rebuild as visits
from tandem.core.context import Context
from tandem.maintenance import backup, control, doctor, erase, export
from tandem.maintenance.control import Command, ProgressReporter


def ping(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """That somebody is there, and which version."""
    return {"version": __version__}


def rebuild(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Derive visits again with the rules and goals of now, on one site or on all; a stopped rebuild goes on."""
    site = erase.site_of(ctx, args.get("site") or "")
    ctx.forget_sites()
    sites = [site] if site else list(ctx.sites().values())
    done = {}
    for number, one in enumerate(sites):
        if not args.get("again") and visits.is_rebuilt(ctx.database, one):
            done[one.key] = "was up to date"
            continue

        def tell_one(share: float, number: int = number, key: str = one.key) -> None:
            tell((number + share) / len(sites), f"rebuilding {key}")

        visits.rebuild(ctx, one, tell_one)
        done[one.key] = "rebuilt"
    return {"sites": done}


COMMANDS: dict[str, Command] = {
    "ping": ping,
    "backup": backup.backup,
    "doctor": doctor.examine_context,
    "erase": erase.erase,
    "erase_preview": erase.preview,
    "export": export.export,
    "rebuild": rebuild,
    "import_ads": ads.import_file,
    "import_calls": calls.import_file,
}


def carry_out(config: Config, name: str, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """What came out of a command: the running server does it, or else this process with the stores in its own hands.

    raises   UserError with what went wrong, wherever it went wrong
    """
    server = control.find(config.folder)
    if server is not None:
        return control.ask(server, name, args, tell)
    ctx = open_context(config)
    try:
        return COMMANDS[name](ctx, args, tell)
    finally:
        close_context(ctx)
