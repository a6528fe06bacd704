"""What crm adds to the house: leads and deals from CRM systems, and where they came from."""

from tandem.accounts.house import House, Slice
from tandem.base.jobs import Job
from tandem.crm import store
from tandem.crm.jobs import SYSTEMS, look_again
from tandem.crm.moments import moments
from tandem.crm.routes import ROUTES

LOOK_EVERY_S = 300.0


def _jobs(house: House) -> list[Job]:
    return [Job("crm", LOOK_EVERY_S, lambda: look_again(house))]


SLICE = Slice(
    name="crm",
    title="Deals",
    routes=ROUTES,
    schema=store.schema,
    jobs=_jobs,
    systems=SYSTEMS,
    moments=moments,
    owns=("deal_rows", "deal_snapshots", "deal_origins"),
    personal=(
        ("deal_rows", "node"), ("deal_rows", "visitor"), ("deal_rows", "phone"), ("deal_rows", "email"),
        ("deal_snapshots", "node"), ("deal_origins", "node"), ("deal_origins", "visitor"),
    ),
    menu=(("Measure", "Deals", "/deals", "handshake"),),
    publishes=("deals", "deals_moved"),
)  # fmt: skip
