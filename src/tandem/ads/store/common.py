"""What the parts of this store share."""

from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path

from tandem.accounts.model import Site
from tandem.base.warehouse import Step, questions_in, steps_of

HERE = Path(__file__).parents[1]
SQL = questions_in(HERE / "sql")
SHIFT = 12
COLUMNS = (
    "site", "on", "at", "load", "system", "account", "level", "channel", "source", "medium", "campaign",
    "campaign_key", "campaign_id", "ad_group", "ad_group_id", "ad", "ad_id", "term", "term_key", "term_id",
    "impressions", "clicks", "cost", "original_cost", "currency", "platform_conversions",
)  # fmt: skip
MOST_ACCOUNTS = 1 << SHIFT
PLACES = Decimal("0.0001")
Key = tuple[str, date]


def schema() -> list[Step]:
    """The tables and views of this slice in the event store."""
    return steps_of("ads", HERE / "schema")


def moment_on(on: date, site: Site, hour: int = 0) -> datetime:
    return datetime.combine(on, clock_time(hour), site.tz).astimezone(UTC)
