"""What attribution adds to the product."""

from tandem.attribution import store
from tandem.attribution.routes import ROUTES
from tandem.core.slice import Slice

SLICE = Slice(
    name="attribution",
    title="Money",
    routes=ROUTES,
    schema=store.schema,
    retired=("attribution/001", "attribution/002", "attribution/004", "attribution/005"),
    publishes=("touches", "conversion_facts", "outside_facts"),
)
