"""What ads adds to the product."""

from tandem.accounts.model import Site
from tandem.ads import store
from tandem.ads.file_import import import_file
from tandem.ads.jobs import SYSTEMS, tidy
from tandem.ads.routes import ROUTES
from tandem.base.jobs import Job
from tandem.connections.store import connections_of
from tandem.core.context import Context
from tandem.core.slice import FirstStep, Slice

TIDY_EVERY_S = 60.0


def _jobs(ctx: Context) -> list[Job]:
    return [Job("ads", TIDY_EVERY_S, lambda: tidy(ctx))]


def _first_steps(ctx: Context, site: Site) -> list[FirstStep]:
    return [
        FirstStep(
            id="ads", title="Connect an ad account", why="See costs next to the visits they paid for.",
            address="/connections", act="connections.edit",
            is_done=bool(connections_of(ctx, site, "ads") or store.imports_of(ctx.database, site, 1)),
        )
    ]  # fmt: skip


SLICE = Slice(
    name="ads",
    title="Ads",
    routes=ROUTES,
    first_steps=_first_steps,
    fixes=lambda ctx, site, field: store.fixes(ctx.database, site, field),
    schema=store.schema,
    jobs=_jobs,
    needs_rates=lambda ctx: store.has_foreign(ctx.database),
    operations={"import_ads": import_file},
    systems=SYSTEMS,
    retired=("ads/002",),
    owns=("ad_rows", "ad_loads"),
    publishes=("ad_loaded", "ad_days", "ad_touches", "ad_visits", "ad_matches", "ad_leads"),
)
