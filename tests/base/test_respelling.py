"""What was stored before paths had one form is respelt: in the background, within its memory, again if it fails."""

from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tandem.accounts.model import Site
from tandem.app import SLICES
from tandem.base import respelling
from tandem.base.jobs import Job
from tandem.base.respelling import respell
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context

WRITTEN, NORMAL = "/%D0%BA%D0%B0%2f", "/ка%2F"
MOMENTS = {"lease_rows": {"began": datetime(2026, 11, 1, tzinfo=UTC)}, "call_credit_rows": {}, "deal_origins": {}}


def job_of(ctx: Context, table: str) -> Job:
    owner = next(s for s in SLICES if table in s.owns)
    (job,) = (job for job in owner.jobs(ctx) if job.name.endswith(" paths"))
    return job


def put(ctx: Context, site: Site, table: str, entry: str = WRITTEN) -> None:
    row = {"site": site.id, "entry": entry, **MOMENTS[table]}
    ctx.warehouse.insert(table, {name: [value] for name, value in row.items()})


def entry_of(ctx: Context, site: Site, table: str) -> str:
    return str(ctx.warehouse.value(f"select entry from {table} where site = {{site:UInt32}}", site=site.id))


@pytest.mark.parametrize("table", MOMENTS)
def test_entry_pages_of_calls_and_deals_are_respelt_once_also_when_it_fails_at_first(
    ctx: Context, site: Site, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was done before the start, and what failed stopped the product."""
    put(ctx, site, table)
    next(s for s in SLICES if table in s.owns).start(ctx)()
    assert entry_of(ctx, site, table) == WRITTEN
    job = job_of(ctx, table)
    with monkeypatch.context() as patch:
        patch.setattr(respelling, "_write", short_of_memory)
        with pytest.raises(DatabaseError):
            job.run()
    job.run()
    assert entry_of(ctx, site, table) == NORMAL
    monkeypatch.setattr(respelling, "_odd_paths", short_of_memory)
    job.run()  # it has nothing to do any more


def short_of_memory(*args: Any) -> None:
    raise DatabaseError("Code: 241. DB::Exception: Memory limit exceeded", code=241)


@pytest.fixture
def pages(warehouse: Warehouse) -> Any:
    warehouse.do("create table pages (site UInt32, nth UInt32, path String) engine = MergeTree order by nth")
    yield warehouse
    warehouse.do("drop table pages")


def test_no_statement_holds_a_path_and_each_has_so_many_bytes_at_most(
    pages: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine keeps the statement, and reads it again for each part: 12,000 long paths took 2 GB."""
    monkeypatch.setattr(respelling, "BYTES_AT_ONCE", 4000)
    written = [f"/%d0%ba/{nth:02d}'\\'/" + "x" * 990 for nth in range(10)]
    pages.insert("pages", {"site": [1] * 10, "nth": range(10), "path": written})
    said, real = list[str](), pages.do

    def do(sql: str, *args: Any, **more: Any) -> None:
        said.append(sql)
        real(sql, *args, **more)

    monkeypatch.setattr(pages, "do", do)
    assert respell(pages, "pages", "path") == 10
    mutations = [sql for sql in said if sql.startswith("alter table")]
    assert len(mutations) == 4 and max(map(len, said)) < 600 and "%d0" not in "".join(said)
    paths = [row[0] for row in pages.ask("select path from pages order by nth").rows]
    assert paths == [respelling.normal_path(path) for path in written]
    assert pages.ask("show tables like 'respelt%'").rows == []


def test_on_a_cluster_every_node_has_the_helper_table_before_it_is_asked(
    pages: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list[tuple[str, dict[str, Any]]]()
    monkeypatch.setattr(pages, "cluster", "fern")
    monkeypatch.setattr(pages, "do", lambda sql, **more: said.append((sql, more)))
    monkeypatch.setattr(pages, "insert", lambda table, columns: said.append((f"insert into {table} values", {})))
    pages.client.insert("pages", [[1, 1, "/%41"]], column_names=["site", "nth", "path"])
    respell(pages, "pages", "path", is_sharded=True)
    words = [" ".join(sql.split()[:2]) for sql, _ in said]
    clear = ["kill mutation", "drop table"]
    assert words == [*clear, "create table", "insert into", "system sync", "alter table", *clear]
    assert all("on cluster 'fern'" in sql for sql, _ in said if not sql.startswith("insert"))
    assert "alter table pages_local on" in said[5][0] and said[5][1]["allow_nondeterministic_mutations"] == 1
    for sql in (sql for sql, _ in said if not sql.startswith("insert")):
        assert pages.value("select formatQuery({sql:String})", sql=sql), "the engine can read it"


def test_what_a_try_has_left_to_do_is_taken_back_before_the_next(pages: Warehouse) -> None:
    """Each failed try put another mutation behind one that was never done, and all later ones waited."""
    pages.insert("pages", {"site": [1], "nth": [1], "path": ["/%41"]})
    pages.do("create table respelt_pages (written String, normal String) engine = MergeTree order by written")
    pages.do(
        "alter table pages update path = toString(throwIf(nth > 0, 'no memory')) "
        "where path in (select written from respelt_pages) or 1",
        mutations_sync=0, allow_nondeterministic_mutations=1,
    )  # fmt: skip
    assert respell(pages, "pages", "path") == 1
    asked = "select count() from system.mutations where table = 'pages' and not is_done and not is_killed"
    assert pages.value("select path from pages") == "/A" and pages.value(asked) == 0


def test_every_stored_column_of_paths_is_respelt() -> None:
    """Visits are derived again from events; all others have their test above."""
    holding = {
        table
        for s in SLICES
        for step in s.schema()
        for text in step.statements
        for table in s.owns
        if f"create table if not exists {table} " in text and ("entry " in text or " path " in text)
    }
    assert holding == {*MOMENTS, "events", "visit_rows"}
