"""What attribution adds to the product."""

from tandem.attribution import store
from tandem.attribution.jobs import write_credits
from tandem.attribution.routes import ROUTES
from tandem.base.jobs import Job
from tandem.core.slice import Slice

WRITE_EVERY_S = 600.0

SLICE = Slice(
    name="attribution",
    title="Money",
    routes=ROUTES,
    schema=store.schema,
    jobs=lambda ctx: [Job("credits", WRITE_EVERY_S, lambda: write_credits(ctx))],
    owns=("credit_rows", "credit_months"),
    retired=("attribution/001", "attribution/002", "attribution/004", "attribution/005"),
    publishes=("touches", "conversion_facts", "outside_facts", "credits"),
)
