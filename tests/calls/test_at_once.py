"""What several tell of one call in the same moment: all of it stands, on both record stores, as from two processes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse
from tandem.calls import store
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.store import tags
from tandem.core.context import Context
from tests.calls.test_store import ANNA, NOON, POOL, Shop, seconds

FIRST = CallFact(system="test", ref="c", at=NOON, line=POOL[0], caller=ANNA)
ANSWERED = CallFact(system="test", ref="c", at=NOON + seconds(9), outcome=CallOutcome.ANSWERED, talk_s=61)
RECORDED = CallFact(system="test", ref="c", at=NOON + seconds(70), recording="https://r.example/1")
PAIRS, HELD_UP_S = 20, 1.0


@pytest.fixture
def shop(any_database: Database, warehouse: Warehouse, tmp_path: Path) -> Iterator[Shop]:
    yield Shop(Context(Config(data=str(tmp_path / "data")), warehouse, any_database))


@pytest.fixture
def other(shop: Shop) -> Iterator[Context]:
    """The same stores as another process has them: with connections and locks of its own."""
    with closing(Database(shop.ctx.database.engine.url.render_as_string(hide_password=False))) as database:
        ctx = Context(shop.ctx.config, shop.ctx.warehouse, database)
        ctx.vault = shop.ctx.vault
        yield ctx


def in_threads(*acts: Callable[[], object]) -> None:
    """Does all of them in one moment."""
    barrier, failed = Barrier(len(acts)), list[Exception]()

    def run(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def meanwhile(monkeypatch: pytest.MonkeyPatch, at: Any, name: str, first: str, act: Callable[[], object]) -> Thread:
    """Another thread does `act` just before the first call of `at.name(first, …)`, which waits until it is done, or
    goes on without it where `act` itself has to wait. Returns that thread."""
    real, thread = getattr(at, name), Thread(target=act)

    def held_up(what: str, *rest: Any, **more: Any) -> Any:
        if what == first and thread.ident is None:
            thread.start()
            thread.join(HELD_UP_S)
        return real(what, *rest, **more)

    monkeypatch.setattr(at, name, held_up)
    return thread


def tag(ctx: Context, shop: Shop, ref: str = "c") -> Callable[[], object]:
    call = store.call_key(shop.site, CallFact(system="test", ref=ref, at=NOON))
    return lambda: tags.put(ctx, shop.site, call, "target")


def told(ctx: Context, shop: Shop, fact: CallFact) -> Callable[[], object]:
    return lambda: store.record(ctx, shop.site, [fact])


def calls_of(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.ctx.warehouse.ask("select outcome, talk_s, recording, tag from calls_received order by at").rows


def test_a_tag_and_news_of_the_same_calls_are_both_kept(shop: Shop, other: Context) -> None:
    refs = [f"c{n}" for n in range(PAIRS)]
    store.record(shop.ctx, shop.site, [CallFact(system="test", ref=ref, at=NOON, line=POOL[0]) for ref in refs])
    for ref in refs:
        news = CallFact(system="test", ref=ref, at=NOON, outcome=CallOutcome.ANSWERED, talk_s=61)
        in_threads(tag(other, shop, ref), told(shop.ctx, shop, news))
    assert calls_of(shop) == [("answered", 61, "", "target")] * PAIRS


def test_two_that_tell_of_one_call_are_both_heard(shop: Shop, other: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    store.record(shop.ctx, shop.site, [FIRST])
    second = meanwhile(monkeypatch, shop.ctx.warehouse, "insert", "call_rows", told(other, shop, RECORDED))
    told(shop.ctx, shop, ANSWERED)()
    second.join()
    assert calls_of(shop) == [("answered", 61, "https://r.example/1", "")]


def test_a_tag_set_while_the_exchange_tells_more_stays(
    shop: Shop, other: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(shop.ctx, shop.site, [FIRST])
    second = meanwhile(monkeypatch, shop.ctx.warehouse, "insert", "call_rows", tag(other, shop))
    told(shop.ctx, shop, ANSWERED)()
    second.join()
    assert calls_of(shop) == [("answered", 61, "", "target")]


def test_news_that_come_while_somebody_tags_the_call_stay(
    shop: Shop, other: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(shop.ctx, shop.site, [FIRST])
    second = meanwhile(monkeypatch, shop.ctx.warehouse, "insert", "call_rows", told(other, shop, ANSWERED))
    tag(shop.ctx, shop)()
    second.join()
    assert calls_of(shop) == [("answered", 61, "", "target")]


def test_weights_of_before_a_tap_do_not_replace_those_after_it(
    shop: Shop, other: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in store.numbers_of(shop.ctx, shop.site)[1:]:
        store.switch_number(shop.ctx, shop.site, number.id, is_on=False)
    line = shop.ask(1, NOON)
    shop.ask(2, NOON + timedelta(minutes=10))
    shop.call("c1", NOON + timedelta(minutes=13), line)
    assert shop.credits()[0][0] == 2

    def tap() -> None:
        shop.ask(1, NOON + timedelta(minutes=12, seconds=50), "tap")
        store.credit_again(other, shop.site, NOON)

    second = meanwhile(monkeypatch, shop.ctx.warehouse, "value", store.SQL["newest_credit"], tap)
    store.credit_again(shop.ctx, shop.site, NOON)
    second.join()
    assert shop.credits()[0][0] == 1
    assert sum(weight for _, weight, _ in shop.credits()) == pytest.approx(1, abs=1e-4)
