"""An erasure while others work: whoever has read of the person does not bring them back by writing afterwards."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import METADATA
from tandem.base.errors import UserError
from tandem.calls import store as calls
from tandem.calls.model.call import CallFact
from tandem.calls.store import tags
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.crm import jobs, mapping
from tandem.crm import store as crm
from tandem.crm.store import records
from tandem.maintenance import erase as erasing
from tandem.people import store as people
from tandem.people.jobs import stitch_where_needed
from tandem.people.model.identifier import Identifier, visitor
from tandem.people.store import hints
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tests.calls.test_store import ANNA, NOON, Shop, seconds
from tests.crm.test_mapping import raw
from tests.crm.test_store import AT, fact, visit
from tests.people.test_store import link, phone

BROWSER, UNPROVED, OTHER = 0xB2C3D4E5F611, 0xB2C3D4E5F622, 0xB2C3D4E5F633
EMAIL = Identifier("email", "anna@shop.example")
PATIENCE_S = 60.0


class Known:
    """A site that knows Anna by everything that can be known of a person, and what works on it next."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        ctx.config.folder.mkdir(parents=True, exist_ok=True)
        shop = Shop(ctx)
        self.site = shop.site
        ctx.forget_sites()
        system = next(s for s in jobs.SYSTEMS if s.id == "webhook")
        self.connection = connections.add(ctx, self.site, system, "Shop", {"secret": "x"})
        people.record(ctx, self.site, [link(visitor(BROWSER), phone(ANNA)), link(phone(ANNA), EMAIL)])
        hints.record(ctx, self.site, [hints.Hint(visitor=UNPROVED, identifier=EMAIL, at=clock.now(), why="unsigned")])
        stitch_where_needed(ctx)
        shop.call("c1", NOON + seconds(50), shop.ask(BROWSER, NOON))
        jobs.keep(ctx, self.site, self.connection, [raw(1, "call", phone=ANNA)])
        crm.record(ctx, self.site, 9, [fact("2", phones=(ANNA,), amount=Decimal(500), currency="JPY")])
        stitch_where_needed(ctx)
        self.nodes = [BROWSER, *(people.key_of(ctx, self.site, one) for one in (phone(ANNA), EMAIL))]

    def stitches(self) -> None:
        people.record(self.ctx, self.site, [link(visitor(3), phone(ANNA))])
        stitch_where_needed(self.ctx)

    def stitches_all(self) -> None:
        people.record(self.ctx, self.site, [link(visitor(3), phone(ANNA))])
        people.stitch_all(self.ctx, self.site)

    def decides(self) -> None:
        people.decide(self.ctx, self.site, "together", (OTHER, "visitor"), (self.nodes[1], "phone"))

    def settles_a_claim(self) -> None:
        hints.decide(self.ctx, self.site, "together", UNPROVED, self.nodes[2])

    def tags(self) -> None:
        call = calls.call_key(self.site, CallFact(system="test", ref="c1", at=NOON))
        tags.put(self.ctx, self.site, call, "target")

    def hears_more_of_a_call(self) -> None:
        calls.record(self.ctx, self.site, [CallFact(system="test", ref="c1", at=NOON, talk_s=9)])

    def weighs_again(self) -> None:
        calls.credit_again(self.ctx, self.site, NOON - timedelta(days=1))

    def archives_leases(self) -> None:
        calls.archive_leases(self.ctx)

    def prices_again(self) -> None:
        rates.keep(self.ctx.database, [Rate(on=AT.date(), currency="JPY", per_eur=Decimal(180), source="ecb")])
        crm.price_again(self.ctx, self.site)

    def derives_again(self) -> None:
        visit(self.ctx, self.site, BROWSER, 1, "Paid Search")
        crm.derive_again(self.ctx, self.site)

    def applies_a_mapping(self) -> None:
        mapping.apply(self.ctx, self.site, self.connection, jobs.CRMS["webhook"].mapping)

    def hears_of_a_record(self) -> None:
        jobs.keep(self.ctx, self.site, self.connection, [raw(7, "call", phone=ANNA)])

    def traces(self) -> list[str]:
        """Where anything of her is left, in both stores. The audit log keeps what users decided, by key."""
        found = []
        for table, column in erasing.PERSONAL:
            sql = f"select count() from {table} where {column} in {{nodes:Array(UInt64)}}"
            if table != "stale_visits" and self.ctx.warehouse.value(sql, nodes=self.nodes):
                found.append(f"{table}.{column}")
        with self.ctx.database.read() as c:
            for table in METADATA.sorted_tables:
                rows = str(c.execute(select(table)).all())
                found += [table.name for n in self.nodes if people.hexed(n) in rows and table.name != "audit"]
        return sorted(set(found))


@pytest.mark.parametrize(
    ("work", "writes"),
    [
        ("stitches", "person_news_rows"),
        ("stitches", "person_rows"),
        ("stitches_all", "person_rows"),
        ("decides", "person_news_rows"),
        ("settles_a_claim", "identifiers"),
        ("tags", "call_rows"),
        ("hears_more_of_a_call", "call_rows"),
        ("weighs_again", "call_credit_rows"),
        ("weighs_again", "links of calls"),
        ("archives_leases", "lease_rows"),
        ("prices_again", "deal_rows"),
        ("derives_again", "deal_origins"),
        ("applies_a_mapping", "deal_rows"),
        ("hears_of_a_record", "records"),
    ],
)
def test_nobody_who_has_read_of_a_person_writes_after_their_erasure(
    work: str, writes: str, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known(ctx)
    monkeypatch.setattr(erasing, "_files_gone", lambda *_: True)
    if work == "archives_leases":
        monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(NOON + timedelta(days=40)))
    if writes == "links of calls":  # as if this weighing were the first to be certain
        ctx.warehouse.do(f"alter table identity_links delete where a = {BROWSER} or b = {BROWSER}", mutations_sync=2)
        people.stitch_all(ctx, known.site)
        monkeypatch.setattr("tandem.calls.store.credits.CERTAIN", 0.0)
    erased = erasure_before(monkeypatch, ctx, writes)
    getattr(known, work)()
    assert erased() is None, "the work never came to where it writes"
    assert known.traces() == []
    stitch_where_needed(ctx)
    assert known.traces() == []


def erasure_before(monkeypatch: pytest.MonkeyPatch, ctx: Context, writes: str) -> Callable[[], Exception | None]:
    """Erase Anna just before this is written: to the end, or until the erasure waits for whoever writes.

    returns   what waits for the end, and gives what went wrong
    """
    failed = list[Exception]()

    def erase() -> None:
        try:
            erasing.erase(ctx, {"person": ANNA}, lambda share, text: None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    thread, gate = threading.Thread(target=erase), ctx.database._gate
    writer = threading.current_thread()

    def before(is_it: bool) -> None:
        if is_it and thread.ident is None and threading.current_thread() is writer:
            thread.start()
            until = time.monotonic() + PATIENCE_S
            while thread.is_alive() and not (gate._is_shut and gate._inside) and time.monotonic() < until:
                time.sleep(0.01)

    def held_up(at: Any, name: str, is_it: Callable[..., bool]) -> None:
        real = getattr(at, name)

        def waiting(*args: Any, **more: Any) -> Any:
            before(is_it(*args))
            return real(*args, **more)

        monkeypatch.setattr(at, name, waiting)

    if writes == "records":
        held_up(records, "keep", lambda *_: True)
    elif writes == "identifiers":
        held_up(hints, "remember_all", lambda *_: True)
    elif writes == "links of calls":
        held_up(people, "record_keys", lambda *_: True)
    else:
        held_up(ctx.warehouse, "insert", lambda table, *_: table == writes)

    def ended() -> Exception | None:
        assert thread.ident is not None, f"{writes} was never written"
        thread.join(PATIENCE_S)
        return failed[0] if failed else None

    return ended


def test_an_erasure_does_not_wait_for_ever_for_those_who_write(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(erasing, "ALONE_WITHIN_S", 0.1)
    is_over = threading.Event()

    def work() -> None:
        with ctx.database.turn("deals", 99):
            is_over.wait(PATIENCE_S)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with pytest.raises(UserError, match="still going on"):
            erasing.erase(ctx, {"person": ANNA}, lambda share, text: None)
    finally:
        is_over.set()
        thread.join()
    assert erasing.erase(ctx, {"person": ANNA}, lambda share, text: None)["events"] == 0
