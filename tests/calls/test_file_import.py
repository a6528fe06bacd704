"""Call detail records brought in as a file: dry run, repetition, refusal as a whole, and calls known already."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse
from tandem.calls import file_import, store
from tandem.calls.file_import import IMPORTS, CallHints, CallImport, CallSummary
from tandem.calls.model.call import CallFact
from tandem.calls.sources import asterisk
from tandem.calls.systems import SYSTEMS
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.imports.problem import Problem
from tandem.imports.text import parsed
from tandem.imports.uploads import on_disk
from tests.calls.test_questions import LINE, Shop

HEAD = "calldate,clid,src,dst,duration,billsec,disposition,dstchannel,uniqueid,did,linkedid"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


def row(n: int, src: str = "600100200", did: str = "48225550100", leg: int = 0, **more: Any) -> str:
    """A call n minutes after noon, by a clock that stands at Warsaw's time."""
    at, second = NOON + timedelta(minutes=n, hours=1), int(NOON.timestamp()) + 60 * n
    cells = {
        "calldate": f"{at:%Y-%m-%d %H:%M:%S}", "clid": '"""A, B"" <600>"', "src": src, "dst": "600", "duration": "40",
        "billsec": "31", "disposition": "ANSWERED", "dstchannel": "PJSIP/ada-00000001", "uniqueid": f"{second}.{leg}",
        "did": did, "linkedid": f"{second}.0", **more,
    }  # fmt: skip
    return ",".join(cells[name] for name in HEAD.split(","))


def file(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join([head, *rows, ""]).encode()


@pytest.fixture
def shop(warehouse: Warehouse, database: Database, tmp_path: Path) -> Iterator[Shop]:
    ctx = Context(Config(data=str(tmp_path / "data")), warehouse, database)
    ctx.systems = {(system.area, system.id): system for system in SYSTEMS}
    yield Shop(ctx)


def staged(shop: Shop, body: bytes, **hints: Any) -> CallImport:
    told = CallHints(**{"zone": "Europe/Warsaw", "region": "PL", **hints})
    with on_disk(BytesIO(body)) as path:
        return file_import.read_file(shop.ctx, shop.site, path, "Master.csv", told)


def bring(shop: Shop, body: bytes, **hints: Any) -> CallSummary:
    import_ = staged(shop, body, **hints)
    assert import_.state == "staged", import_.problems
    IMPORTS.confirm(shop.ctx, shop.site, import_, None)
    return import_.found


def problems(shop: Shop, body: bytes) -> list[Problem]:
    import_ = staged(shop, body)
    assert import_.state == "refused"
    return import_.problems


def calls(shop: Shop) -> list[tuple[Any, ...]]:
    sql = "select ref, at, line, caller, direction, outcome, talk_s, operator from call_rows final order by ref"
    return [tuple(found) for found in shop.ctx.warehouse.ask(sql).rows]


def test_a_dry_run_tells_what_would_come_and_changes_nothing(shop: Shop) -> None:
    body = file(row(0), row(1), row(1, leg=1), row(2, disposition="NO ANSWER", billsec="0"))
    told = staged(shop, body).found
    assert (told.rows, told.calls, told.fresh, told.existing) == (4, 3, 3, 0)
    assert told.outcomes == {"answered": 2, "missed": 1}
    assert (told.first, told.last) == (NOON, NOON + timedelta(minutes=2))
    assert calls(shop) == []


def test_the_same_file_twice_and_in_parts_is_the_same_as_once(shop: Shop) -> None:
    rows = [row(n, leg=leg) for n in range(30) for leg in range(2)]
    assert bring(shop, file(*rows[:35])).fresh == 18
    told = bring(shop, file(*rows))
    assert (told.fresh, told.existing) == (12, 18)
    once = calls(shop)
    assert len(once) == 30
    assert bring(shop, file(*reversed(rows))).fresh == 0
    assert calls(shop) == once
    assert shop.ctx.warehouse.value("select count() from calls_received where line = '+48225550100'") == 30


def test_a_file_in_many_blocks_tells_the_same_as_in_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for browser in range(1, 9):
        shop.visit(browser, NOON + timedelta(minutes=5 * browser - 5), "Paid Search")
    rows = [row(n, src=f"60010020{n % 3}", did=LINE.removeprefix("+"), leg=leg) for n in range(40) for leg in range(2)]
    body = file(*rows)
    sql = "select call, visitor, weight, channel from call_credits_received order by call, visitor"
    monkeypatch.setattr(file_import, "PART", 500)
    assert bring(shop, body).fresh == 40
    in_blocks = calls(shop), shop.ctx.warehouse.ask(sql).rows
    assert len({visitor for _, visitor, *_ in in_blocks[1]}) > 1
    for table in ("call_rows", "call_credit_rows", "identity_links", "person_rows", "person_news_rows"):
        shop.ctx.warehouse.do(f"truncate table {table}")
    monkeypatch.setattr(file_import, "PART", 1 << 20)
    assert bring(shop, body).fresh == 40
    assert (calls(shop), shop.ctx.warehouse.ask(sql).rows) == in_blocks


def test_one_bad_row_and_nothing_is_kept(shop: Shop) -> None:
    bad = row(2, calldate="2026-13-40 10:00", uniqueid="notime", linkedid="")
    told = problems(shop, file(row(0), bad, row(3), "2026-11-10,short"))
    assert [(p.line, bool(p.what), bool(p.cure)) for p in told] == [(3, True, True), (5, True, True)]
    assert calls(shop) == []


def test_a_file_of_problems_alone_is_left_at_the_fiftieth(shop: Shop) -> None:
    """Rows were counted by line feeds, but a carriage return ends a record too: two million problems took 0.75 GB."""
    told = problems(shop, b"x\r" * 2_000_000)
    assert [(p.line, p.what[:7]) for p in told[-2:]] == [(50, "There a"), (50, "Reading")]
    assert len(told) == 51


def test_calls_to_others_are_told_apart_and_those_inside_left_out(shop: Shop) -> None:
    outgoing = row(1, src="101", did="", dst="48600100200")
    inside = row(2, src="101", did="", dst="102")
    transfer = row(0, src="101", did="", dst="48600100299", leg=5)  # of an incoming call, which stays one
    told = bring(shop, file(row(0), outgoing, inside, transfer))
    assert (told.calls, told.outgoing, told.inside) == (2, 1, 2)
    assert [(found[4], found[2]) for found in calls(shop)] == [("in", "+48225550100"), ("out", "")]
    assert calls(shop)[0][3] == calls(shop)[1][3] != 0  # the same person: once they called, once they were called


def test_an_export_by_semicolons_with_a_mark_and_nulls_is_read(shop: Shop) -> None:
    body = b"\xef\xbb\xbf" + file(row(0, clid="NULL", dstchannel="\\N")).replace(b",", b";")
    assert bring(shop, body).fresh == 1
    assert calls(shop)[0][-1] == ""


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"PK\x00\x03", "not a CSV"),
        (file(row(0), head="calldate,src,dst,disposition"), "names no uniqueid"),
        (b"\n" * 200_001, "more than 200,000"),
        (b"\r" * 200_001, "more than 200,000"),
    ],
)
def test_what_is_no_file_of_calls_is_said(shop: Shop, body: bytes, what: str) -> None:
    with pytest.raises(UserError, match=what):
        bring(shop, body)


def test_calls_heard_over_the_line_are_known(shop: Shop) -> None:
    settings = {"host": "pbx.example", "user": "u", "secret": "s", "region": "PL"}
    held = connections.add(shop.ctx, shop.site, SYSTEMS[0], "PBX", settings)
    heard = next(f for f in asterisk.records(parsed([HEAD, row(0)], ","), "Europe/Warsaw") if isinstance(f, CallFact))
    over_the_line = msgspec.structs.replace(heard, ref=f"{held.id}:{heard.ref}")  # as systems.py names them
    store.record(shop.ctx, shop.site, [over_the_line], "PL")
    hints = file_import.hints_of(shop.ctx, shop.site, {})
    assert (hints.connection, hints.region, hints.zone) == (held.id, "PL", shop.site.zone)
    with on_disk(BytesIO(file(row(0), row(1)))) as path:
        told = file_import.read_file(shop.ctx, shop.site, path, "Master.csv", hints).found
    assert (told.fresh, told.existing) == (1, 1)
    assert file_import.hints_of(shop.ctx, shop.site, {"connection": "0"}).connection == 0


@pytest.mark.parametrize("wrong", [{"zone": "Mars/One"}, {"region": "POL"}, {"connection": "77"}, {"connection": "x"}])
def test_a_wrong_hint_is_refused(shop: Shop, wrong: dict[str, str]) -> None:
    with pytest.raises(UserError):
        file_import.hints_of(shop.ctx, shop.site, wrong)


def test_the_command_tells_what_it_did(shop: Shop, tmp_path: Path) -> None:
    def run(name: str = "Master.csv", site: str = "fern", **more: Any) -> dict[str, Any]:
        return file_import.import_file(shop.ctx, {"file": str(tmp_path / name), "site": site, **more}, lambda *_: None)

    (tmp_path / "Master.csv").write_bytes(file(row(0), row(1)))
    dry = run(dry_run=True)
    assert dry["problems"] == 0 and "2 new, 0 known" in dry["lines"][0] and "dry run" in dry["lines"][-1]
    assert calls(shop) == []
    assert "2 new, 0 known" in run()["lines"][0]
    assert "0 new, 2 known" in run()["lines"][0]
    (tmp_path / "bad.csv").write_bytes(file(row(5), "x,y"))
    refused = run("bad.csv")
    assert refused["problems"] == 1 and refused["lines"][0].startswith("bad.csv, line 3: ")
    assert len(calls(shop)) == 2
    for wrong in ({"name": "none.csv"}, {"site": "nowhere"}):
        with pytest.raises(UserError):
            run(**wrong)


def test_each_file_that_is_kept_stands_in_the_audit_log_whoever_brought_it(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "Master.csv"
    user = accounts.add_user(
        shop.ctx.database, shop.site.workspace_id, "ola@fern.example", "Ola", "admin", "long enough"
    )
    for body, more in ((file(row(0)), {"dry_run": True}), (file(row(0), "x,y"), {}), (file(row(0), row(1)), {})):
        path.write_bytes(body)
        file_import.import_file(shop.ctx, {"file": str(path), "site": "fern", **more}, lambda *_: None)
    hints = CallHints(zone="UTC", region="PL")
    import_ = file_import.read_file(shop.ctx, shop.site, path, "Master.csv", hints, user.id)
    IMPORTS.undo(shop.ctx, shop.site, IMPORTS.confirm(shop.ctx, shop.site, import_, user.id), user.id)
    entries = accounts.audit_log(shop.ctx.database, shop.site.workspace_id)
    assert [(e.act, e.person, e.detail["rows"]) for e in entries if e.object == "Master.csv"] == [
        ("calls.import_undone", "Ola", 2), ("calls.imported", "Ola", 2), ("calls.imported", "", 2),
    ]  # fmt: skip


def test_numbers_of_the_file_are_read_by_the_region_that_is_said(shop: Shop) -> None:
    bring(shop, file(row(0, did="225550100")), region="PL")
    assert calls(shop)[0][2] == "+48225550100" and calls(shop)[0][3] != 0


ID = "1795863600.10"
SWITCHES = {
    "loguniqueid": ([ID], ID),
    "loguniqueid, loguserfield": ([ID, "gift"], ID),
    "newcdrcolumns": (["", ID, "5"], ID),
    "loguserfield, newcdrcolumns": (["gift", "", ID, "5"], ID),
    "loguniqueid, newcdrcolumns": (["pbx-1-1795863600.11", "", ID, "5"], ID),
    "all": (["1795863600.11", "gift", "", ID, "5"], ID),
    "none": ([], ""),
    "loguserfield": (["gift 12"], ""),
}


@pytest.mark.parametrize("switches", SWITCHES)
def test_a_master_file_has_the_columns_that_are_switched_on(switches: str) -> None:
    more, ref = SWITCHES[switches]
    row = [
        "", "48600100203", "48225550100", "from-trunk", "Jan <48600100203>", "PJSIP/trunk-1", "PJSIP/101-2", "Dial",
        "PJSIP/101,30", "2026-11-28 11:00:00", "2026-11-28 11:00:05", "2026-11-28 11:00:45", "45", "40", "ANSWERED",
        "DOCUMENTATION", *more,
    ]  # fmt: skip
    (fact,) = asterisk.records([(1, row)])
    if ref:
        assert isinstance(fact, CallFact)
        assert (fact.ref, fact.line, fact.caller, fact.talk_s) == (ref, "48225550100", "48600100203", 40)
    else:
        assert isinstance(fact, Problem)
        assert "loguniqueid" in fact.cure
