"""What the outbox adds to the product: the job that sends, and the one that forgets."""

from tandem.base.jobs import Job
from tandem.core.context import Context
from tandem.core.slice import Slice
from tandem.delivery import store
from tandem.delivery.jobs import send_due

SEND_EVERY_S = 2.0
FORGET_EVERY_S = 3600.0


def _jobs(ctx: Context) -> list[Job]:
    return [
        Job("outbox", SEND_EVERY_S, lambda: send_due(ctx)),
        Job("old messages", FORGET_EVERY_S, lambda: store.forget_old(ctx.database)),
    ]


SLICE = Slice(name="delivery", title="Delivery", jobs=_jobs)
