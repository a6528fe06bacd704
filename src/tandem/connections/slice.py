"""What connections add to the product: a page, the address of webhooks, and two jobs."""

from tandem.base.jobs import Job
from tandem.connections import store
from tandem.connections.jobs import poll_due, work_off, work_on_inbox
from tandem.connections.routes import ROUTES
from tandem.core.context import Context
from tandem.core.slice import Slice

INBOX_EVERY_S = 1.0
POLL_EVERY_S = 5.0
FORGET_EVERY_S = 3600.0


def _jobs(ctx: Context) -> list[Job]:
    return [
        Job("inbox", INBOX_EVERY_S, lambda: work_on_inbox(ctx)),
        Job("polls", POLL_EVERY_S, lambda: poll_due(ctx)),
        Job("old deliveries", FORGET_EVERY_S, lambda: store.forget_old(ctx)),
    ]


SLICE = Slice(
    name="connections",
    title="Connections",
    routes=ROUTES,
    jobs=_jobs,
    settle=work_off,
    needs_rates=lambda ctx: bool(store.connections_of(ctx)),
)
