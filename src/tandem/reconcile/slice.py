"""What reconciliation adds to the house."""

from tandem.base.jobs import Job
from tandem.core.context import House
from tandem.core.slice import Slice
from tandem.reconcile import store
from tandem.reconcile.jobs import SYSTEMS, review_all, tidy
from tandem.reconcile.routes import ROUTES

REVIEW_EVERY_S = 3600.0


def _jobs(house: House) -> list[Job]:
    return [
        Job("reconcile", REVIEW_EVERY_S, lambda: review_all(house)),
        Job("reconcile-tidy", REVIEW_EVERY_S, lambda: tidy(house)),
    ]


SLICE = Slice(
    name="reconcile",
    title="Reconciliation",
    routes=ROUTES,
    schema=store.schema,
    jobs=_jobs,
    systems=SYSTEMS,
    owns=("outside_rows",),
)
