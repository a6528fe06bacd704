"""What findings add to the product: the job that writes them down for the metrics of the catalogue."""

from tandem.base.jobs import Job
from tandem.core.slice import Slice
from tandem.findings import store
from tandem.findings.jobs import write_findings

WRITE_EVERY_S = 60.0

SLICE = Slice(
    name="findings",
    title="Findings",
    schema=store.schema,
    jobs=lambda ctx: [Job("findings", WRITE_EVERY_S, lambda: write_findings(ctx))],
    owns=("finding_sets",),
    publishes=("findings",),
)
