"""What attribution adds to the house."""

from tandem.accounts.house import Slice
from tandem.attribution import store
from tandem.attribution.routes import ROUTES

SLICE = Slice(
    name="attribution",
    title="Money",
    routes=ROUTES,
    schema=store.schema,
    retired=("attribution/001", "attribution/002", "attribution/004"),
    publishes=("touches", "conversion_facts", "outside_facts"),
    menu=(("Measure", "Money", "/money", "coins"),),
)
