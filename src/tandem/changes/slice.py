"""What the change log adds to the product."""

from tandem.accounts.model import Site
from tandem.changes import store
from tandem.changes.routes import ROUTES
from tandem.core.context import Context
from tandem.core.slice import FirstStep, Slice


def _first_steps(ctx: Context, site: Site) -> list[FirstStep]:
    return [
        FirstStep(
            id="changes", title="Log changes", why=(
                "Add changes by hand, or send them from your pipeline with an API token."
            ),
            address="/changes", act="changes.add", is_done=store.is_kept(ctx.database, site),
        )
    ]  # fmt: skip


SLICE = Slice(
    name="changes",
    title="Changes",
    routes=ROUTES,
    first_steps=_first_steps,
)
