"""What people add to the product: evidence, persons, profiles."""

from tandem.base.jobs import Job
from tandem.core.context import Context
from tandem.core.slice import Slice
from tandem.people import store
from tandem.people.jobs import stitch_where_needed
from tandem.people.routes import ROUTES

STITCH_EVERY_S = 3.0


def _jobs(ctx: Context) -> list[Job]:
    return [Job("stitch", STITCH_EVERY_S, lambda: stitch_where_needed(ctx))]


SLICE = Slice(
    name="people",
    title="People",
    routes=ROUTES,
    schema=store.schema,
    jobs=_jobs,
    personal=(
        ("identity_links", "a"),
        ("identity_links", "b"),
        ("identity_hints", "visitor"),
        ("identity_hints", "node"),
        ("person_rows", "node"),
        ("person_rows", "person"),
        ("person_news_rows", "node"),
        ("person_news_rows", "person"),
        ("person_moves", "node"),
        ("person_moves", "was"),
        ("person_moves", "now"),
    ),
    forget=store.forget,
    owns=("identity_links", "identity_hints", "person_rows", "person_moves", "person_news_rows"),
    publishes=("persons", "browser_phones"),
)
