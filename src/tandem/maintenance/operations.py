"""What the command line may ask of a running server, or carries out itself when none runs on the data folder."""

from typing import Any

from tandem import __version__
from tandem.app import SLICES, close_context, open_context
from tandem.base.config import Config
from tandem.core.context import Context
from tandem.core.operations import Operation, ProgressReporter
from tandem.maintenance import backup, control, erase, export, full_disk
from tandem.maintenance.doctor import report


def ping(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """That somebody is there, and which version."""
    return {"version": __version__}


OPERATIONS: dict[str, Operation] = {
    "ping": ping,
    "backup": backup.backup,
    "doctor": report.examine_context,
    "erase": erase.erase,
    "erase_preview": erase.preview,
    "export": export.export,
} | {name: operation for s in SLICES for name, operation in s.operations.items()}


def carry_out(config: Config, name: str, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """What came out of an operation: the running server does it, or else this process with the stores in its own hands.

    raises   UserError with what went wrong, wherever it went wrong
    """
    server = control.find(config.folder)
    if server is not None:
        return control.ask(server, name, args, tell)
    with full_disk.named(config):
        ctx = open_context(config)
        try:
            return OPERATIONS[name](ctx, args, tell)
        finally:
            close_context(ctx)
