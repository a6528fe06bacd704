"""What the ledger's page says in its first sentence, whatever became of what came in."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.collect import store
from tandem.collect.routes import data_received
from tandem.collect.waiting import Spooled, WaitingEvents
from tandem.core.auth import Caller
from tandem.core.context import Context

KEPT = {"stored": 3, "erased": 3}  # in the ledger, and in the store no more: the balance is even


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    person = accounts.add_user(ctx.database, site.workspace_id, "eva@fern.example", "Eva", "engineering", None)
    caller = Caller(workspace_id=site.workspace_id, user=person, token=None, csrf="", language="en", theme="auto")
    given = {
        "ctx": Provide(lambda: ctx, sync_to_thread=False),
        "caller": Provide(lambda: caller, sync_to_thread=False),
    }
    with TestClient(Litestar([data_received], dependencies=given)) as client:
        yield client


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({}, "No data received yet. Show the script"),
        (KEPT, "Yes. All 3 events from the last 31 days are stored. All events are accounted for."),
        (
            {"bad_value": 5},
            "No. Of 5 events from the last 31 days, 0 are stored. 5 were rejected. The reasons are below. All "
            "events are accounted for.",
        ),
        (
            KEPT | {"bad_value": 1, "duplicate": 2},
            "Not everything. Of 6 events from the last 31 days, 3 are stored. 2 were received twice and "
            "counted once. 1 was rejected. The reason is below. All events are accounted for.",
        ),
        (
            KEPT | {"duplicate": 1},
            "Yes. Of 4 events from the last 31 days, 3 are stored. 1 was received twice and counted once. "
            "All events are accounted for.",
        ),
        ({"stored": 3}, "No. 3 events are not accounted for. Run “tandem doctor” for details."),
    ],
)
def test_the_first_sentence_says_what_became_of_it(
    ctx: Context, site: Site, ingest: TestClient[Any], outcomes: dict[str, int], said: str
) -> None:
    day = clock.now().date() - timedelta(days=1)
    store.add_ingestion(
        ctx.warehouse, {(site.id, day, name): count for name, count in outcomes.items()}, f"test-{said}"
    )
    page = ingest.get("/ingestion").text
    answer = re.search(r'<p class="answer">(.*?)</p>', page, re.DOTALL)
    assert answer is not None
    assert " ".join(re.sub(r"<[^>]+>", "", answer[1]).split()) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (WaitingEvents(0), ""),
        (WaitingEvents(0, "about"), ""),
        (WaitingEvents(1), "1 event is on disk and not loaded yet"),
        (WaitingEvents(1234), "1,234 events are on disk and not loaded yet"),
        (WaitingEvents(1200, "about"), "About 1,200 events are on disk and not loaded yet"),
        (WaitingEvents(98_000, "more"), "More than 98,000 events are on disk and not loaded yet"),
    ],
)
def test_it_says_what_is_on_its_way_and_how_sure_it_is(
    ctx: Context, ingest: TestClient[Any], monkeypatch: pytest.MonkeyPatch, found: WaitingEvents, said: str
) -> None:
    monkeypatch.setattr(Spooled, "waiting", lambda self, site: found)
    page = " ".join(ingest.get("/ingestion").text.split())
    assert f"<span>{said}</span>" in page if said else "on disk and not" not in page
    assert ("No data received yet. <a" in page) == (not found.events)
