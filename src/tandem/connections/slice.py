"""What connections add to the house: a page, the door for webhooks, and two jobs."""

from tandem.base.jobs import Job
from tandem.connections import store
from tandem.connections.jobs import poll_due, work_on_inbox
from tandem.connections.routes import ROUTES
from tandem.core.context import House
from tandem.core.slice import Slice

INBOX_EVERY_S = 1.0
POLL_EVERY_S = 5.0
FORGET_EVERY_S = 3600.0


def _jobs(house: House) -> list[Job]:
    return [
        Job("inbox", INBOX_EVERY_S, lambda: work_on_inbox(house)),
        Job("polls", POLL_EVERY_S, lambda: poll_due(house)),
        Job("old deliveries", FORGET_EVERY_S, lambda: store.forget_old(house)),
    ]


SLICE = Slice(
    name="connections",
    title="Connections",
    routes=ROUTES,
    jobs=_jobs,
)
