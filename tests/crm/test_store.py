"""Snapshots in any order, twice and late; origins that follow persons; amounts that wait for a rate."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tandem.accounts.model import Site
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.model.deal import DealFact, version_of
from tandem.crm.timeline import timeline
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Kind
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tests.clocks import set_ahead

AT = datetime(2026, 10, 5, 9, tzinfo=UTC)
MEANS = {"new": "open", "talk": "qualified", "paid": "won", "no": "lost"}
ANNA = "+48600100200"
COOKIE = f"{7:016x}.t5zk9a"


def fact(number: str = "1", stage: str = "new", hours: float = 0, **more: Any) -> DealFact:
    told: dict[str, Any] = {"system": "hubspot", "id": number, "created_at": AT, "stage": stage,
                            "updated_at": AT + timedelta(hours=hours), "stage_kind": MEANS[stage]}  # fmt: skip
    return DealFact(**{**told, **more})


def visit(ctx: Context, site: Site, visitor: int, days: float, channel: str, **more: Any) -> None:
    """A visit so many days before AT."""
    at = AT - timedelta(days=days)
    row = {
        "site": site.id, "visit": visitor * 1000 + round(days * 10) + 1, "visitor": visitor, "started": at, "ended": at,
        "opened": at, "chain_started": at, "version": 1, "channel": channel, "source": "google", "medium": "cpc",
        "campaign": "brand", "entry": "/", "pageviews": 1, **more,
    }  # fmt: skip
    ctx.warehouse.insert("visit_rows", {name: [value] for name, value in row.items()})


def deals(ctx: Context, what: str = "*") -> list[dict[str, Any]]:
    answer = ctx.warehouse.ask(f"select {what} from deals order by ref")
    return [dict(zip(answer.names, row, strict=True)) for row in answer.rows]


def test_an_older_snapshot_never_replaces_a_newer_one(ctx: Context, site: Site) -> None:
    store.record(ctx, site, 1, [fact(stage="paid", hours=5, amount=Decimal(100))])
    store.record(ctx, site, 1, [fact(stage="talk", hours=2, amount=Decimal(7))])
    (deal,) = deals(ctx)
    assert (deal["stage"], deal["amount"], deal["is_qualified"]) == ("paid", Decimal(100), 1)
    assert deal["won_at"].replace(tzinfo=UTC) == AT + timedelta(hours=5)


def test_records_of_two_connections_and_kinds_are_apart(ctx: Context, site: Site) -> None:
    store.record(ctx, site, 1, [fact(), fact(kind="lead")])
    store.record(ctx, site, 2, [fact()])
    assert len(deals(ctx)) == 3


def test_a_deleted_record_is_gone_until_it_comes_back(ctx: Context, site: Site) -> None:
    store.record(ctx, site, 1, [fact(hours=2, is_deleted=True), fact(hours=1)])
    assert deals(ctx) == []
    store.record(ctx, site, 1, [fact(hours=3)])
    assert len(deals(ctx)) == 1


ALL = "deal, stage, amount, refunded, is_qualified, won_at, node, phone, channel, how, person"
MOVES = "select deal, at, stage, was from deals_moved order by deal, at, stage"


def test_order_and_repetition_change_nothing(ctx: Context, site: Site) -> None:
    told = [
        fact(str(n), stage, hours=h, amount=Decimal(h), phones=(ANNA,) if n else ())
        for n in range(3) for h, stage in enumerate(["new", "talk", "talk", "no", "talk", "paid"])
    ] + [fact("0", "no", hours=5, amount=Decimal(9))]  # fmt: skip
    store.record(ctx, site, 1, told)
    wanted = deals(ctx, ALL), ctx.warehouse.ask(MOVES).rows

    @settings(max_examples=8, deadline=None)
    @given(some.randoms(use_true_random=False))
    def check(chance: random.Random) -> None:
        for table in ("deal_rows", "deal_snapshots", "deal_origins"):
            ctx.warehouse.do(f"truncate table {table}")
        again = told + chance.choices(told, k=5)
        chance.shuffle(again)
        for i in range(0, len(again), 8):
            store.record(ctx, site, 1, again[i : i + 8])
        assert (deals(ctx, ALL), ctx.warehouse.ask(MOVES).rows) == wanted

    check()


def test_moves_are_the_changes_of_stage(ctx: Context, site: Site, shards: Warehouse) -> None:
    steps = ["new", "new", "talk", "new", "paid", "paid"]
    store.record(ctx, site, 1, [fact(stage=s, hours=h) for h, s in reversed(list(enumerate(steps)))])
    wanted, was = [], ""
    for h, stage in enumerate(steps):
        if stage != was:
            wanted.append((AT + timedelta(hours=h), stage, was))
        was = stage
    for warehouse in (ctx.warehouse, shards):
        rows = warehouse.ask("select at, stage, was from deals_moved order by at").rows
        assert [(at.replace(tzinfo=UTC), stage, was) for at, stage, was in rows] == wanted


def test_of_one_snapshot_the_newer_mapping_counts() -> None:
    one, other = fact(), fact(stage="paid")
    assert version_of(other, 0, True) != version_of(one, 0, True)
    for a, b in ((one, other), (other, one)):
        assert version_of(a, 1, False) > version_of(b, 0, True)
        assert version_of(a, 0, True) > version_of(b, 0, False)
        assert version_of(msgless(a), 0, False) > version_of(b, 1023, True)


def msgless(one: DealFact) -> DealFact:
    """The same a millisecond later."""
    return DealFact(**{n: getattr(one, n) for n in one.__struct_fields__} | {
        "updated_at": one.updated_at + timedelta(milliseconds=1)})  # fmt: skip


# ── where they came from ──


def origin(ctx: Context) -> tuple[Any, ...]:
    (deal,) = deals(ctx, "channel, how, visit")
    return deal["channel"], deal["how"]


def test_own_visit_then_the_persons_then_marks_then_direct(ctx: Context, site: Site) -> None:
    told = fact(client=COOKIE, phones=(ANNA,), utm_source="Letter", utm_medium="email")
    store.record(ctx, site, 1, [told])
    assert origin(ctx) == ("Email", "utm")
    visit(ctx, site, 7, 1, "Direct")
    assert store.derive_again(ctx, site) == 0
    store.record(ctx, site, 1, [fact("2", phones=(ANNA,), client=f"{8:016x}.t5zk9a")])
    visit(ctx, site, 8, 2, "Organic Search")
    people.stitch_all(ctx, site)
    store.derive_again(ctx, site)
    assert {d["ref"]: (d["channel"], d["how"]) for d in deals(ctx)} == {
        "1": ("Organic Search", "person"), "2": ("Organic Search", "visit"),
    }  # fmt: skip
    visit(ctx, site, 7, 80, "Paid Search")
    store.derive_again(ctx, site)
    assert {d["ref"]: d["channel"] for d in deals(ctx)} == {"1": "Paid Search", "2": "Organic Search"}


@pytest.mark.parametrize(("days", "how"), [(89.9, "visit"), (90.1, ""), (-0.005, "visit"), (-0.1, "")])
def test_only_visits_of_ninety_days_before_count(ctx: Context, site: Site, days: float, how: str) -> None:
    visit(ctx, site, 7, days, "Paid Search")
    store.record(ctx, site, 1, [fact(client=COOKIE)])
    assert origin(ctx)[1] == how


def test_robots_and_other_sites_explain_nothing(ctx: Context, site: Site) -> None:
    visit(ctx, site, 7, 1, "Paid Search", bot="crawler")
    visit(ctx, msgspec.structs.replace(site, id=site.id + 1), 7, 2, "Paid Search")
    store.record(ctx, site, 1, [fact(client=COOKIE)])
    assert origin(ctx) == ("Unassigned", "")


def test_deriving_twice_writes_nothing(ctx: Context, site: Site) -> None:
    visit(ctx, site, 7, 1, "Paid Search")
    store.record(ctx, site, 1, [fact(client=COOKIE)])
    assert store.derive_again(ctx, site) == 0


def test_many_enquiries_of_one_browser_do_not_make_it_look_shared(ctx: Context, site: Site) -> None:
    store.record(ctx, site, 1, [fact(str(n), client=COOKIE, phones=(ANNA,)) for n in range(30)])
    people.stitch_all(ctx, site)
    assert {d["person"] for d in deals(ctx)} == {7}


def test_addresses_of_roles_glue_nobody(ctx: Context, site: Site) -> None:
    store.record(ctx, site, 1, [fact("1", emails=("info@shop.example",)), fact("2", emails=("info@shop.example",))])
    people.stitch_all(ctx, site)
    assert len({d["person"] for d in deals(ctx)}) == 2


# ── money and personal data ──


def test_an_amount_waits_for_its_rate_and_is_never_zero(ctx: Context, site: Site) -> None:
    told = fact(stage="paid", amount=Decimal("217.00"), currency="USD", refunded=Decimal("108.50"), cost=Decimal(0))
    store.record(ctx, site, 1, [told])
    assert [(d["amount"], d["original_amount"], d["currency"]) for d in deals(ctx)] == [(None, Decimal(217), "USD")]
    assert store.price_again(ctx, site) == 0
    rates.keep(ctx.database, [Rate(on=AT.date(), currency="USD", per_eur=Decimal("1.085"), source="ecb")])
    assert store.price_again(ctx, site) == 1
    assert [(d["amount"], d["refunded"], d["cost"]) for d in deals(ctx)] == [(Decimal(200), Decimal(100), Decimal(0))]
    assert store.price_again(ctx, site) == 0


def test_nothing_personal_lies_in_the_event_store(ctx: Context, site: Site) -> None:
    store.record(ctx, site, 1, [fact(phones=(ANNA,), emails=("anna@post.example",), contact="77")])
    for table in ("deal_rows", "deal_snapshots", "deal_origins", "identity_links"):
        assert "600100200" not in str(ctx.warehouse.ask(f"select * from {table}").rows)
        assert "anna" not in str(ctx.warehouse.ask(f"select * from {table}").rows)


def test_a_profile_tells_what_became_of_the_persons_deals(ctx: Context, site: Site) -> None:
    told = [fact(stage=s, hours=h, phones=(ANNA,), amount=Decimal(5)) for h, s in enumerate(["new", "talk", "paid"])]
    store.record(ctx, site, 1, [*told, fact("2", phones=("+48600100201",))])
    key = people.key_of(ctx, site, Identifier(Kind.PHONE, ANNA))
    found = timeline(ctx, site, [key])
    assert [m.title for m in found] == ["Deal won", "Deal moved", "Deal created"]
    assert ("Amount", "5.00 EUR") in found[0].facts
    assert timeline(ctx, site, [7]) == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_form_with_ones_phone_and_anothers_mail_joins_not_the_two(ctx: Context, site: Site, order: int) -> None:
    """A public form makes a lead without a contact: Anna's phone, Bo's e-mail. It joined the two."""
    told = [fact("1", phones=(ANNA,), emails=("anna@post.example",), contact="1"),
            fact("2", phones=("+48600100201",), emails=("bo@post.example",), contact="2"),
            fact("3", kind="lead", phones=(ANNA,), emails=("bo@post.example",)),
            fact("4", kind="lead", phones=(ANNA,), emails=("anna@other.example",))]  # fmt: skip
    for one in told[::order]:
        store.record(ctx, site, 1, [one])
        people.stitch_new(ctx, site)
    ends = [Identifier(Kind.PHONE, ANNA), Identifier(Kind.EMAIL, "anna@post.example"),
            Identifier(Kind.EMAIL, "anna@other.example"), Identifier(Kind.PHONE, "+48600100201"),
            Identifier(Kind.EMAIL, "bo@post.example")]  # fmt: skip
    anna, mail, other, phone, bo = (people.person_of(ctx, site, people.key_of(ctx, site, end)) for end in ends)
    assert anna == mail == other != phone == bo


def test_a_clock_that_ran_ahead_does_not_freeze_where_a_deal_came_from(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        store.record(ctx, site, 1, [fact(client=COOKIE)])
    assert deals(ctx, "channel, ref")[0]["channel"] == "Unassigned"
    visit(ctx, site, 7, 1, "Paid Search")
    for _ in range(2):
        store.derive(ctx, site, [int(row[0]) for row in ctx.warehouse.ask("select deal from deal_rows").rows])
    assert deals(ctx, "channel, ref")[0]["channel"] == "Paid Search"


@pytest.mark.parametrize("told", ["4000123412341234", "4000123412341234.t3abc", f"{0x4000123412341234:016X}"])
def test_a_customers_number_is_no_browser(ctx: Context, site: Site, told: str) -> None:
    """A stranger can put the number into a cookie, and would stand in the customer's profile."""
    visit(ctx, site, 0x4000123412341234, 1, "Paid Search", visit=5)
    store.record(ctx, site, 1, [fact(client=told, phones=(ANNA,))])
    people.stitch_all(ctx, site)
    keys = [
        people.key_of(ctx, site, one)
        for one in (Identifier(Kind.PHONE, ANNA), Identifier(Kind.VISITOR, "4000123412341234"))
    ]
    assert len({people.person_of(ctx, site, key) for key in keys}) == 2
    assert ctx.warehouse.ask("select visitor, channel from deals").rows == [(0, "Unassigned")]
