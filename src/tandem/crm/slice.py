"""What crm adds to the product: leads and deals from CRM systems, and where they came from."""

from tandem.accounts.model import Site
from tandem.base.jobs import Job
from tandem.base.respelling import RETRIED_AFTER_S, respell, until_done
from tandem.connections.store import connections_of
from tandem.core.context import Context
from tandem.core.slice import FirstStep, Slice
from tandem.crm import store
from tandem.crm.file_import import IMPORTS
from tandem.crm.jobs import SYSTEMS, apply_mappings, look_again
from tandem.crm.routes import ROUTES
from tandem.crm.store import records
from tandem.crm.timeline import timeline

LOOK_EVERY_S = 300.0
MAP_EVERY_S = 10.0


def _jobs(ctx: Context) -> list[Job]:
    return [
        Job("crm", LOOK_EVERY_S, lambda: look_again(ctx)),
        Job("crm mappings", MAP_EVERY_S, lambda: apply_mappings(ctx)),
        Job("crm paths", RETRIED_AFTER_S, until_done(lambda: respell(ctx.warehouse, "deal_origins", "entry"))),
        Job("crm files", MAP_EVERY_S, lambda: IMPORTS.finish(ctx)),
    ]


def _first_steps(ctx: Context, site: Site) -> list[FirstStep]:
    return [
        FirstStep(
            id="crm", title="Connect a CRM", why="Leads and deals show what visits were worth.",
            address="/connections", act="connections.edit",
            is_done=bool(connections_of(ctx, site, "crm")) or store.has_deals(ctx, site),
        )
    ]  # fmt: skip


SLICE = Slice(
    name="crm",
    title="Deals",
    routes=ROUTES,
    first_steps=_first_steps,
    fixes=store.fixes,
    schema=store.schema,
    retired=("crm/002",),
    jobs=_jobs,
    needs_rates=store.has_unpriced,
    systems=SYSTEMS,
    forget=records.forget,
    settle=IMPORTS.settle,
    timeline=timeline,
    owns=("deal_rows", "deal_snapshots", "deal_origins", "deal_befores", "deal_evidence_before"),
    personal=(
        ("deal_rows", "node"), ("deal_rows", "visitor"), ("deal_rows", "phone"), ("deal_rows", "email"),
        ("deal_snapshots", "node"), ("deal_origins", "node"), ("deal_origins", "visitor"),
        ("deal_befores", "own"), ("deal_befores", "node"), ("deal_befores", "visitor"), ("deal_befores", "phone"),
        ("deal_befores", "email"), ("deal_evidence_before", "a"), ("deal_evidence_before", "b"),
    ),
    publishes=("deals", "deals_moved"),
)  # fmt: skip
