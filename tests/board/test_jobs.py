"""The past of each site is known before somebody opens its board."""

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.board import queries
from tandem.board.jobs import look_ahead
from tandem.core.context import Context
from tandem.core.query import Question
from tandem.metrics.history import SCATTER_DAYS, history_of
from tests.metrics.test_history import NOW, VISITS, put, view


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.base.clock.now", lambda: NOW)


def of_the_past(questions: list[Question]) -> list[Question]:
    return [q for q in questions if q.by == ("day",) and (q.until - q.since).days == SCATTER_DAYS]


def test_a_board_asks_nothing_of_the_past_that_was_looked_up_ahead(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(ctx, site, dict.fromkeys(range(1, 110), 20))
    asked, answered = list[Question](), ctx.runner._asked
    monkeypatch.setattr(ctx.runner, "_asked", lambda qs, pool: [asked.extend(qs), answered(qs, pool)][1])
    assert look_ahead(ctx) > 0
    assert len(of_the_past(asked)) == 1
    asked.clear()
    for lens in ("marketing", "engineering", "executive"):
        (_, tiles), *_ = queries.in_groups(queries.board_tiles(ctx, view(site, "30d", lens=lens), []), lens)
        assert tiles and asked
    assert of_the_past(asked) == []
    ctx.runner.look_again()
    look_ahead(ctx)
    assert len(of_the_past(asked)) == 1, "somebody has changed the past"


def test_a_site_that_fails_keeps_no_other_waiting(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"])
    for one in (site, other):
        put(ctx, one, dict.fromkeys(range(1, 110), 20))
    answered = ctx.runner._asked

    def fails(questions: list[Question], pool: object) -> object:
        if any(q.site == site.id for q in questions):
            raise RuntimeError("no answer")
        return answered(questions, pool)  # type: ignore[arg-type]

    monkeypatch.setattr(ctx.runner, "_asked", fails)
    with pytest.raises(RuntimeError, match="no answer"):
        look_ahead(ctx)
    monkeypatch.setattr(ctx.runner, "_asked", lambda questions, pool: pytest.fail("it is known"))
    assert history_of(ctx).scatters(view(other, "30d"), (VISITS,))[VISITS] is not None
