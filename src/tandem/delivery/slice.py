"""What the outbox adds to the house: the job that sends, and the one that forgets."""

from tandem.base.jobs import Job
from tandem.core.context import House
from tandem.core.slice import Slice
from tandem.delivery import store
from tandem.delivery.jobs import send_due

SEND_EVERY_S = 2.0
FORGET_EVERY_S = 3600.0


def _jobs(house: House) -> list[Job]:
    return [
        Job("outbox", SEND_EVERY_S, lambda: send_due(house)),
        Job("old messages", FORGET_EVERY_S, lambda: store.forget_old(house.database)),
    ]


SLICE = Slice(name="delivery", title="Delivery", jobs=_jobs)
