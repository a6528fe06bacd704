"""What rates add to the product: a job."""

from tandem.base.jobs import Job
from tandem.core.context import Context
from tandem.core.slice import Slice
from tandem.rates.jobs import fetch_if_needed

FETCH_EVERY_S = 3600.0


def _jobs(ctx: Context) -> list[Job]:
    return [Job("rates", FETCH_EVERY_S, lambda: fetch_if_needed(ctx))]


SLICE = Slice(name="rates", title="Exchange rates", jobs=_jobs)
