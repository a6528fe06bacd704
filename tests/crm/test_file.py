"""CSV files of any CRM: found out, checked as a whole, tried dry, and harmless twice."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy import select, update

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.core.context import Context
from tandem.crm import file_import, store
from tandem.crm.file_import import IMPORTS
from tandem.crm.model.deal import DealFact
from tandem.crm.model.mapping import Unreadable, moment_of, money_of
from tandem.crm.model.pricing import Pricing
from tandem.crm.routes import ROUTES
from tandem.crm.sources.table import DealTable, table_of
from tandem.crm.tables import deal_imports
from tandem.imports.spill import Spill
from tandem.imports.store.kept import import_files
from tandem.imports.uploads import on_disk
from tandem.rates import store as rates
from tandem.rates.model import Rate, Rates
from tests.clocks import set_clock
from tests.crm.brought import bring_in, cut_off, left, refused, staged
from tests.inside import opened_by_admin
from tests.served import Running

WARSAW = ZoneInfo("Europe/Warsaw")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
RUSSIAN = "Номер;Дата создания;Этап;Бюджет;Телефон\n7;05.10.2026 11:00;Успешно реализовано;1 250,50;+48600100200\n"
POLISH = "Numer\tData utworzenia\tEtap\tKwota\n7\t2026-10-05 11:00\tWygrana\t1250,50\n"
ENGLISH = 'Deal ID,Created,Stage,Amount,Notes\n7,2026-10-05T09:00:00Z,Closed won,"1,250.50",called\n'


def read(body: bytes) -> tuple[DealTable, list[DealFact]]:
    with on_disk(BytesIO(body)) as path, Spill(DealFact) as facts:
        return table_of(path, Pricing("EUR", WARSAW, Rates), NOW, facts), list(facts)


@pytest.mark.parametrize("body", [
    RUSSIAN.encode(), RUSSIAN.encode("cp1251"), RUSSIAN.encode("utf-16"), RUSSIAN.encode("utf-8-sig"),
    POLISH.encode(), ENGLISH.encode(), ENGLISH.replace("\n", "\r\n").encode(),
])  # fmt: skip
def test_a_file_is_read_as_it_comes(body: bytes) -> None:
    table, (fact,) = read(body)
    assert table.problems == []
    assert (fact.id, fact.amount, fact.stage_kind) == ("7", Decimal("1250.5"), "won")
    assert fact.created_at == datetime(2026, 10, 5, 9, tzinfo=UTC)
    assert fact.updated_at == NOW


def test_a_file_with_a_problem_is_refused_as_a_whole(ctx: Context, site: Site) -> None:
    body = (ENGLISH + "8,soon,New,1\n7,2026-10-05,New,x\n").encode()
    told = bring_in(ctx, site, body, is_dry=False)
    assert [p.line for p in told.problems] == [3, 4]
    assert "soon" in told.problems[0].said("a.csv")
    assert ctx.warehouse.value("select count() from deals") == 0


def test_a_dry_run_changes_nothing_and_a_second_time_doubles_nothing(ctx: Context, site: Site) -> None:
    dry = bring_in(ctx, site, ENGLISH.encode(), is_dry=True)
    assert (dry.found.fresh, dry.found.existing, dry.found.won, dry.found.unused) == (1, 0, 1, ["Notes"])
    assert ctx.warehouse.value("select count() from deals") == 0
    for existing in (0, 1):
        assert bring_in(ctx, site, ENGLISH.encode(), is_dry=False).found.existing == existing
        assert ctx.warehouse.value("select count() from deals") == 1
    assert ctx.warehouse.value("select count() from deals_moved") == 1


def test_the_same_record_twice_in_a_file_is_a_problem() -> None:
    table, _ = read((ENGLISH + "7,2026-10-05,New,1\n").encode())
    assert [p.values for p in table.problems] == [{"id": "7", "other": "2"}]


@pytest.mark.parametrize("body", [b"", b"name,phone\nx,1\n", b"PK\x03\x04\0\0"])
def test_what_is_no_table_of_records_is_told(body: bytes) -> None:
    with pytest.raises(UserError):
        read(body)


@pytest.mark.parametrize(("text", "amount"), [
    ("1234.5", "1234.5"), ("1 234,50 €", "1234.5"), ("1,234.50", "1234.5"), ("1.234,50", "1234.5"), ("1,234", "1234"),
    ("-5", "-5"), ("100|EUR", "100"), ("12,5 zł", "12.5"), ("(5)", "-5"), ("−5", "-5"), ("-$5", "-5"),
    ("1.234.567", "1234567"), ("100 ₸", "100"), ("100 ₴", "100"), ("usd 5", "5"), ("1’234.5", "1234.5"),
])  # fmt: skip
def test_amounts(text: str, amount: str) -> None:
    assert money_of(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["x", "1e400", "1e9999999", "NaN", "1.2.3", "1_000", "1234,567", "5€50", "EUR"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(Unreadable):
        money_of(text)


@pytest.mark.parametrize(("amounts", "read_as"), [
    (("1.500", "1 234,50"), ["1500", "1234.5"]), (("1.234.567", "1.500"), ["1234567", "1500"]),
    (("1,500", "12.50"), ["1500", "12.5"]), (("1.500", "2.5"), ["1.5", "2.5"]), (("1,500", "12,5"), ["1.5", "12.5"]),
    (("1.500",), ["1.5"]), (("1,500",), ["1500"]), (("12,5", "12.5"), ["12.5", "12.5"]),
])  # fmt: skip
def test_an_amount_that_can_be_read_two_ways_is_read_as_the_others_of_its_file(
    amounts: tuple[str, ...], read_as: list[str]
) -> None:
    """1.500 was one and a half beside 1.234,50, which was taken for more than a thousand."""
    lines = "".join(f"{i};2026-10-05;{amount}\n" for i, amount in enumerate(amounts))
    table, deals = read(f"id;created_at;amount\n{lines}".encode())
    assert (table.problems, [deal.amount for deal in deals]) == ([], [Decimal(one) for one in read_as])


@pytest.mark.parametrize(("days", "read_as"), [
    (("10/31/2026", "10/11/2026"), ["2026-10-31", "2026-10-11"]),
    (("01/02/2026", "01/03/2026"), ["2026-02-01", "2026-03-01"]),
    (("31/10/2026", "10/11/2026"), ["2026-10-31", "2026-11-10"]), (("10/11/26 14:05",), ["2026-11-10"]),
])  # fmt: skip
def test_a_day_that_can_be_read_two_ways_is_read_as_the_others_of_its_file(
    monkeypatch: pytest.MonkeyPatch, days: tuple[str, ...], read_as: list[str]
) -> None:
    set_clock(monkeypatch, datetime(2026, 12, 1, tzinfo=UTC))
    lines = "".join(f"{i},{day}\n" for i, day in enumerate(days))
    table, deals = read(f"id,created_at\n{lines}".encode())
    assert (table.problems, [str(deal.created_at.astimezone(WARSAW).date()) for deal in deals]) == ([], read_as)


def test_a_file_that_writes_days_both_ways_is_refused() -> None:
    table, _ = read(b"id,created_at\n1,10/31/2026\n2,31/10/2026\n")
    assert [problem.line for problem in table.problems] == [3]


@pytest.mark.parametrize("value", [None, "", "-", "—", "n/a", "|RUB"])
def test_an_empty_amount_is_none_and_not_zero(value: str | None) -> None:
    assert money_of(value) is None


@pytest.mark.parametrize("value", [1250.5, 1250, [1250.5]])
def test_amounts_that_come_as_numbers(value: Any) -> None:
    assert money_of(value) == Decimal(str(value[0] if isinstance(value, list) else value))


@pytest.mark.parametrize("text", [
    "31 октября 2026", "31 октября 2026 г., 00:00", "Oct 31, 2026", "31.10.26", "31.10.2026 0:00:00", "31/10/2026",
    "2026-10-31", "20261031", "2026-10-30T23:00:00Z", "31 paź 2026 00:00",
])  # fmt: skip
def test_moments(text: str) -> None:
    assert moment_of(text, WARSAW) == datetime(2026, 10, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize("text", [
    "31.10.2026 2.30", "31.10.2026 25:00", "31.10.2026 soon", "Oct 31, 2026 2:05 xm", "2026-10-31 noon",
    "soon", "32.01.2026", "1900-01-01", "2026-13-01", "0001-01-01T00:00:00+03:00", "9999-12-31T23:59:59-03:00",
])  # fmt: skip
def test_no_moments(text: str) -> None:
    with pytest.raises(Unreadable):
        moment_of(text, WARSAW)


@pytest.mark.parametrize("row", ["2026-10-05,2150-11-02", "0001-01-01T00:00:00+03:00,2026-10-05", "2150-11-02,"])
def test_a_moment_that_cannot_be_is_a_problem_of_its_line(ctx: Context, site: Site, row: str) -> None:
    """The year 2150 fitted into no version, and the year 1 into no moment of UTC: both were answered with 500."""
    body = f"id,created_at,updated_at\n7,2026-10-05,\n8,{row}\n".encode()
    for is_dry in (True, False):
        told_ = bring_in(ctx, site, body, is_dry)
        assert [(p.line, p.values["value"][:4]) for p in told_.problems] == [(3, row.removeprefix("2026-10-05,")[:4])]
    assert left(ctx) == (0, 0)


DEAR = {("JPY", "EUR"): "9999999999999", ("EUR", "GBP"): "99999999999999", ("GBP", "EUR"): "99999999999999"}


@pytest.mark.parametrize(("into", "currency"), DEAR)
@pytest.mark.parametrize("column", ["amount", "refunded", "cost"])
def test_an_amount_that_is_too_much_once_converted_is_a_problem_of_its_line(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, into: str, currency: str, column: str
) -> None:
    """It passed the dry run, and was answered with 500, or kept as more than its column declares."""
    site, day = msgspec.structs.replace(site, currency=into), date(2026, 10, 5)
    per_eur = {"JPY": "180", "GBP": "0.9" if into == "EUR" else "1.2"}
    rates.keep(ctx.database, [Rate(on=day, currency=c, per_eur=Decimal(r), source="ecb") for c, r in per_eur.items()])
    monkeypatch.setattr(file_import, "BATCH", 1)  # the blocks before it leave nothing either
    head = f"id,created_at,stage,currency,{column}\n7,2026-10-05,won,{currency},5\n"
    body = f"{head}8,2026-10-05,won,{currency},{DEAR[into, currency]}\n".encode()
    for is_dry in (True, False):
        problems = bring_in(ctx, site, body, is_dry).problems
        assert [p.line for p in problems] == [3]
        assert f"“{DEAR[into, currency]} {currency}” in “{column}” is more than 99,999,999,999,999 {into}" in (
            problems[0].said("a.csv")
        )
    assert ctx.warehouse.value("select count() from deal_rows") == 0
    assert left(ctx) == (0, 0)
    assert bring_in(ctx, site, head.encode(), is_dry=False).problems == []
    assert ctx.warehouse.value("select count() from deals") == 1


def test_a_rate_that_comes_later_makes_no_amount_that_is_too_much(ctx: Context, site: Site) -> None:
    site, day = msgspec.structs.replace(site, currency="JPY"), date(2026, 10, 5)
    body = b"id,created_at,stage,currency,amount\n7,2026-10-05,won,EUR,5\n8,2026-10-05,won,EUR,9999999999999\n"
    assert bring_in(ctx, site, body, is_dry=False).problems == []
    rates.keep(ctx.database, [Rate(on=day, currency="JPY", per_eur=Decimal(180), source="ecb")])
    assert store.price_again(ctx, site) == 1
    assert ctx.warehouse.ask("select amount from deals order by ref").rows == [(Decimal(900),), (None,)]


def test_a_file_goes_in_through_the_page(running: Running) -> None:
    with running.as_person("marketing") as browser:
        upload = {"file": ("a.csv", ENGLISH.encode())}
        draft = browser.post("/deals/import?site=fern", files=upload).headers["HX-Redirect"]
        assert "Nothing is applied yet" in browser.get(draft).text
        number = draft.partition("draft=")[2].partition("#")[0]
        for act, notice in (("confirm", "You can undo it"), ("undo", "The import of “a.csv” is undone.")):
            answer = browser.post(f"/deals/imports/{number}/{act}?site=fern")
            assert notice in browser.get(answer.headers["HX-Redirect"]).text
        assert "already undone or discarded" in browser.post(f"/deals/imports/{number}/drop?site=fern").text
    with running.as_person("rival") as rival:
        assert rival.post("/deals/import?site=fern", files={"file": ("a.csv", b"x")}).status_code == 404


@pytest.mark.parametrize(
    "query", ["by=source&f=channel:is:Email", "by=known_by", "f=stage:is:x", "by=nonsense&period=today"]
)
def test_the_page_opens_for_every_split_and_filter(running: Running, query: str) -> None:
    with running.as_person("agency") as browser:
        assert browser.get(f"/deals?site=fern&{query}").status_code == 200


# ── all or nothing ──


def many(count: int) -> bytes:
    lines = [f"{n},2026-10-05T09:00:00Z,Closed won,{n},+4860010{n:04}" for n in range(count)]
    return "\n".join(["Deal ID,Created,Stage,Amount,Phone", *lines]).encode()


def told(ctx: Context) -> tuple[int, int, int]:
    """Records, moves between stages, and records whose person is known by a phone."""
    one = ctx.warehouse.value
    return (
        int(one("select count() from deals")), int(one("select count() from deals_moved")),
        int(one("select count() from deals where node = phone and how = ''")),
    )  # fmt: skip


def test_a_crash_before_the_records_are_in_leaves_nothing(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away while the block is on its way: nothing is there, and the job brings all of it in later."""
    sending = ctx.warehouse.insert

    def broken(table: str, columns: dict[str, list[object]], token: str = "") -> int:
        if table == "deal_rows":
            raise ConnectionError("gone")
        return sending(table, columns, token)

    with monkeypatch.context() as crash:
        crash.setattr(ctx.warehouse, "insert", broken)
        with pytest.raises(ConnectionError):
            bring_in(ctx, site, many(7000), is_dry=False)
    assert told(ctx) == (0, 0, 0)
    assert ctx.warehouse.value("select count() from identity_links") == 0
    with ctx.database.working("deals-records"):
        IMPORTS.finish(ctx)
    assert told(ctx) == (0, 0, 0), "its own request may still be at it"
    IMPORTS.finish(ctx)
    assert told(ctx) == (7000, 7000, 7000)
    assert left(ctx) == (0, 0)


@pytest.mark.parametrize(("step", "shown"), [("deal_snapshots", file_import.BATCH), ("deal_origins", 6000)])
def test_a_crash_midway_is_finished(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, step: str, shown: int
) -> None:
    sending = ctx.warehouse.insert

    def broken(table: str, columns: dict[str, list[object]], token: str = "") -> int:
        if table == step:
            raise SystemExit
        return sending(table, columns, token)

    with monkeypatch.context() as crash:
        crash.setattr(ctx.warehouse, "insert", broken)
        with pytest.raises(SystemExit):
            bring_in(ctx, site, many(6000), is_dry=False)
    assert told(ctx)[0] == shown
    assert ctx.warehouse.value("select sum(amount) from deals") == sum(range(shown))
    IMPORTS.finish(ctx)
    assert told(ctx) == (6000, 6000, 6000)


def test_a_large_file_is_never_in_memory_as_a_whole(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one block, 40,000 records took 185 MB; in blocks 73, however many there are."""
    sending, sent = ctx.warehouse.insert, dict[str, list[int]]()

    def counted(table: str, columns: dict[str, list[object]], token: str = "") -> int:
        count = sending(table, columns, token)
        sent.setdefault(table, []).append(count)
        return count

    monkeypatch.setattr(ctx.warehouse, "insert", counted)
    monkeypatch.setattr(file_import, "BATCH", 3_000)
    bring_in(ctx, site, many(8000), is_dry=False)
    assert sent["deal_rows"] == [3000, 3000, 2000]
    assert max(count for counts in sent.values() for count in counts) <= 3000
    assert told(ctx) == (8000, 8000, 8000)


def test_a_file_that_waits_is_sealed(ctx: Context, site: Site) -> None:
    body = many(24_000)
    import_ = staged(ctx, site, body)
    with ctx.database.read() as c:
        blocks = [row.sealed for row in c.execute(select(import_files))]
    assert len(blocks) > 1 and not any(b"+48600" in block for block in blocks)
    with IMPORTS.file_of(ctx, import_) as path:
        assert path.read_bytes() == body


def test_a_file_of_another_key_is_given_up_so_that_no_erasure_waits_for_it(ctx: Context, site: Site) -> None:
    ours, ctx.vault = ctx.vault, Vault("the key of before")
    cut_off(ctx, site, many(3))
    ctx.vault = ours
    IMPORTS.settle(ctx)
    assert left(ctx) == (0, 0)
    assert refused(ctx, site) == ["deals.csv: The file was encrypted with another key. Import the file again."]
    ctx.vault = Vault("a third one")
    assert refused(ctx, site) == ["deals.csv: The file was encrypted with another key. Import the file again."]


def test_a_file_that_cannot_be_imported_does_not_stop_the_next_and_says_why(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version took it, which read less strictly."""
    wrong = cut_off(ctx, site, ENGLISH.encode())
    cut_off(ctx, site, many(2))
    with ctx.database.write() as c:
        stricter = ctx.vault.seal_bytes(b"id,created_at,updated_at\n1,2026-10-05,2150-11-02\n")
        c.execute(update(import_files).where(import_files.c.import_id == wrong.id).values(sealed=stricter))
    IMPORTS.finish(ctx)
    assert told(ctx)[0] == 2
    assert left(ctx) == (0, 0)
    assert "“2150-11-02” in “updated_at” is in the future" in refused(ctx, site)[0]


def test_a_file_that_breaks_the_store_does_not_stop_the_next(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is at fault: the file is given up when it is the file, and tried again when it is the store."""
    putting = store.put

    def broken(error: Exception) -> None:
        def put(ctx: Context, site: Site, connection: int, facts: list[DealFact], *more: int) -> list[int]:
            if facts[0].id == "7":
                raise error
            return putting(ctx, site, connection, facts, *more)

        monkeypatch.setattr(store, "put", put)

    cut_off(ctx, site, ENGLISH.encode())
    cut_off(ctx, site, many(2))
    broken(ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        IMPORTS.finish(ctx)
    assert (told(ctx)[0], left(ctx)[0], refused(ctx, site)) == (2, 1, [])
    broken(OverflowError("too large"))
    IMPORTS.finish(ctx)
    assert left(ctx) == (0, 0)
    assert "OverflowError" in refused(ctx, site)[0]


def test_the_page_shows_a_file_that_was_not_imported(ctx: Context, site: Site) -> None:
    """What is wrong quotes its cells, so it is sealed where it is stored."""
    import_ = bring_in(ctx, site, b"id,created_at\n1,+48600100200\n").import_
    with ctx.database.read() as c:
        assert "600100200" not in str(c.execute(select(deal_imports.c.problems)).scalar_one())
    with opened_by_admin(ctx, site, ROUTES) as browser:
        for address in ("/deals?site=fern", f"/deals?site=fern&draft={import_.id}"):
            assert "“+48600100200” in “created_at”" in browser.get(address).text


@pytest.mark.parametrize("refunded", ["-20", "20", "(20)"])
def test_a_refund_is_taken_off_whichever_sign_a_crm_gives_it(refunded: str) -> None:
    table, deals = read(f"id,created_at,amount,refunded\n7,2026-10-05,100,{refunded}\n".encode())
    assert (table.problems, [deal.refunded for deal in deals]) == ([], [Decimal(20)])
