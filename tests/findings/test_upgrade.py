"""What users explained before findings of all areas lay in one table is kept."""

from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tandem.accounts import store as accounts
from tandem.base import database
from tandem.base.database import Database
from tandem.findings.store import findings_of
from tandem.reconcile import store
from tandem.reconcile.model.finding import subject_of

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def downgrade(db: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with db.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_findings_of_before_keep_their_life(any_database: Database) -> None:
    db = any_database
    workspace = accounts.make_workspace(db, "Fern")
    site = accounts.add_site(db, workspace, "fern", "Fern", ["f.example"], "UTC", "EUR", "cookie")
    downgrade(db, "024")
    rows = [
        ("Email", "settled", "A newsletter twice.", 1), ("Email", "open", "", 8), ("Email", "open", "", 9),
        ("", "gone", "", 2),
    ]  # fmt: skip
    before = sa.Table("outside_findings", sa.MetaData(), autoload_with=db.engine)
    with db.write() as c:
        for part, state, note, day in rows:
            is_settled = state == "settled"
            c.execute(sa.insert(before).values(
                site_id=site.id, source="ga4:7", figure="revenue", split="channel", part=part, state=state, note=note,
                first_on=date(2026, 11, day), last_on=date(2026, 11, day), days=1, theirs="80.5", ours="100.5",
                unexplained="-20", raised_at=AT, settled_by=3 if is_settled else None,
                settled_at=AT if is_settled else None,
            ))  # fmt: skip
    db.migrate()
    differences = store.differences_of(db, site, ("open", "explained", "fixed"))
    found = {(f.part, f.state, f.first_on.day): f for f in differences}
    assert set(found) == {("Email", "explained", 1), ("Email", "open", 9), ("", "fixed", 2)}
    explained = found["Email", "explained", 1]
    assert (explained.note, explained.settled_by, explained.settled_at) == ("A newsletter twice.", 3, AT)
    (open_,) = findings_of(db, site)
    assert (open_.times, str(open_.money), open_.needs) == (2, "20", ["metrics.read", "money.read"])
    assert open_.values["source"].term == "Google Analytics 4" and open_.values["source"].text == "7"
    assert open_.subject == subject_of("ga4:7", "revenue", "channel", "Email")  # the next look finds it again
    assert open_.address == "/reconciliation?source=ga4%3A7&figure=revenue&by=day&period=2026-11-09..2026-11-09"
