"""What reconciliation adds to the product."""

from tandem.base.jobs import Job
from tandem.core.context import Context
from tandem.core.slice import Slice
from tandem.reconcile import store
from tandem.reconcile.jobs import SYSTEMS, review_all, tidy
from tandem.reconcile.routes import ROUTES

REVIEW_EVERY_S, TIDY_EVERY_S = 3600.0, 60.0


def _jobs(ctx: Context) -> list[Job]:
    return [
        Job("reconcile", REVIEW_EVERY_S, lambda: review_all(ctx)),
        Job("reconcile-tidy", TIDY_EVERY_S, lambda: tidy(ctx)),
    ]


SLICE = Slice(
    name="reconcile",
    title="Reconciliation",
    routes=ROUTES,
    schema=store.schema,
    fixes=lambda ctx, site, field: store.fixes(ctx.database, site, field),
    jobs=_jobs,
    systems=SYSTEMS,
    owns=("outside_rows",),
)
