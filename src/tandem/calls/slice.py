"""What calls add to the product: numbers for visits, calls from exchanges, and whose calls they were."""

from collections.abc import Callable

from tandem.accounts.model import Site
from tandem.base.jobs import Job
from tandem.base.respelling import RETRIED_AFTER_S, respell, until_done
from tandem.calls import store
from tandem.calls.file_import import IMPORTS, import_file
from tandem.calls.jobs import archive_leases, weigh_again
from tandem.calls.routes import ROUTES
from tandem.calls.systems import SYSTEMS
from tandem.calls.timeline import timeline
from tandem.connections.store import connections_of
from tandem.core.context import Context
from tandem.core.slice import FirstStep, Slice

ARCHIVE_EVERY_S = 60.0
WEIGH_EVERY_S = 900.0
FILES_EVERY_S = 10.0


def _start(ctx: Context) -> Callable[[], None]:
    ctx.offers.lend_number = lambda asked: store.lend(ctx, asked)
    return lambda: None


def _respell_paths(ctx: Context) -> None:
    for table in ("lease_rows", "call_credit_rows"):
        respell(ctx.warehouse, table, "entry")


def _jobs(ctx: Context) -> list[Job]:
    return [
        Job("calls paths", RETRIED_AFTER_S, until_done(lambda: _respell_paths(ctx))),
        Job("leases", ARCHIVE_EVERY_S, lambda: archive_leases(ctx)),
        Job("calls files", FILES_EVERY_S, lambda: IMPORTS.finish(ctx)),
        Job("calls", WEIGH_EVERY_S, lambda: weigh_again(ctx)),
    ]


def _first_steps(ctx: Context, site: Site) -> list[FirstStep]:
    return [
        FirstStep(
            id="calls", title="Connect your phone system", why="Calls are linked to the visits that led to them.",
            address="/connections", act="connections.edit",
            is_done=bool(connections_of(ctx, site, "calls")) or store.has_calls(ctx, site),
        )
    ]  # fmt: skip


SLICE = Slice(
    name="calls",
    title="Calls",
    routes=ROUTES,
    first_steps=_first_steps,
    schema=store.schema,
    systems=SYSTEMS,
    jobs=_jobs,
    operations={"import_calls": import_file},
    start=_start,
    owns=("lease_rows", "call_rows", "call_credit_rows", "call_befores"),
    personal=(
        ("lease_rows", "visitor"), ("call_rows", "caller"), ("call_credit_rows", "visitor"),
        ("call_befores", "caller"), ("call_befores", "own"),
    ),
    forget=store.forget,
    settle=IMPORTS.settle,
    timeline=timeline,
    retired=("calls/002",),
    publishes=("calls_received", "call_credits_received"),
)  # fmt: skip
