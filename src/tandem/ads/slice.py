"""What ads adds to the house."""

from tandem.accounts.house import House, Slice
from tandem.ads import store
from tandem.ads.jobs import SYSTEMS, refresh_rates, tidy
from tandem.ads.routes import ROUTES
from tandem.base.jobs import Job

TIDY_EVERY_S = 60.0
RATES_EVERY_S = 3600.0


def _jobs(house: House) -> list[Job]:
    return [
        Job("ads", TIDY_EVERY_S, lambda: tidy(house)),
        Job("rates", RATES_EVERY_S, lambda: refresh_rates(house)),
    ]


SLICE = Slice(
    name="ads",
    title="Ads",
    routes=ROUTES,
    schema=store.schema,
    jobs=_jobs,
    systems=SYSTEMS,
    owns=("ad_rows", "ad_loads"),
    menu=(("Measure", "Ads", "/ads", "megaphone"),),
    publishes=("ad_loaded", "ad_days", "ad_touches", "ad_visits", "ad_matches"),
)
