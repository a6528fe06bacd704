"""Erasing a visitor: nothing of them is left in any byte of the data folder, and everybody else is untouched."""

import json
import shutil
import struct
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import lz4.block
import pytest

from tandem.accounts.model import Site
from tandem.accounts.store import audit_log
from tandem.base.errors import UserError
from tandem.collect.batches import Unread
from tandem.core.context import Context
from tandem.maintenance import cut_off
from tandem.maintenance.erase import _forgotten, erase, identifier_of, preview
from tests import forked
from tests.maintenance.conftest import CODE, environment, in_house, serving, status_of, tandem, wait_for
from tests.synced import named, recorded, synced

try:
    from compression import zstd
except ImportError:
    from backports import zstd

VISITOR = 0xA1B2C3D4E5F60718
MARKER = "marker-zq8v1k7w0x5j"
OTHER = "neighbour-p3m9d2c6y4t8"

FACTS = f"""
from datetime import UTC, datetime, timedelta
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record, SpoolEvent
import time
now = int(time.time() * 1000)
def record(visitor, marker, numbers):
    events = [
        SpoolEvent(id=visitor // 7 + n, kind="pageview" if n % 2 else "event", at=now - 600_000 + n * 1000,
                   name="" if n % 2 else marker, host="fern-oak.example", path="/" + marker,
                   query="utm_source=" + marker, referrer="https://" + marker + ".example/", props={{"who": marker}},
                   engaged_ms=0, scroll=0, value=0, amount="0", currency="", status=0, marks=[])
        for n in numbers
    ]
    return Record(site=1, received=now, visitor=visitor, before=0, born=0, agent="Mozilla/5.0 " + marker, language="en",
                  width=1000, country="DE", city="", network="", events=events, refused={{}})
loader = Loader(ctx.warehouse, ctx.database, ctx.config.folder / "spool")
for n in range(0, 12, 4):
    loader.load([record({VISITOR}, "{MARKER}", range(n, n + 4)), record(77, "{OTHER}", range(n, n + 4))], f"b{{n}}")
ctx.warehouse.ask("select * from events where visitor = {VISITOR}")
answer = ctx.warehouse.value("select count() from events")
"""


@pytest.fixture(scope="module")
def seen(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The small company, which the visitor and a neighbour have visited, and the number of its events."""
    folder = Path(shutil.copytree(seeded, tmp_path_factory.mktemp("seen") / "data", symlinks=True))
    return folder, in_house(folder, FACTS)


@pytest.fixture
def visited(seen: tuple[Path, int], tmp_path: Path) -> Path:
    """A copy of one's own of that."""
    return Path(shutil.copytree(seen[0], tmp_path / "data", symlinks=True))


def texts_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what its compressed blocks hold."""
    raw = path.read_bytes()
    yield raw
    at = 0
    while at + 25 <= len(raw):
        method = raw[at + 16]
        packed, size = struct.unpack_from("<II", raw, at + 17)
        if method not in (0x02, 0x82, 0x90, 0x91) or packed < 9 or at + 16 + packed > len(raw):
            return
        yield unpacked(method, raw[at + 25 : at + 16 + packed], size)
        at += 16 + packed


def unpacked(method: int, body: bytes, size: int) -> bytes:
    if method == 0x82:
        return lz4.block.decompress(body, uncompressed_size=size)
    if method == 0x90:
        return zstd.decompress(body)
    return body  # not compressed, or chained codecs, which Tandem has for times only


def traces(folder: Path, *patterns: bytes) -> list[str]:
    return [
        f"{path.relative_to(folder)} holds {pattern!r}"
        for path in folder.rglob("*")
        if path.is_file()
        for text in texts_of(path)
        for pattern in patterns
        if pattern in text
    ]


OF_VISITOR = (struct.pack("<Q", VISITOR), b"%016x" % VISITOR, str(VISITOR).encode(), MARKER.encode())


def test_no_file_holds_an_erased_visitor_and_the_audit_log_tells_of_it(seen: tuple[Path, int], visited: Path) -> None:
    total = seen[1]
    assert len(traces(visited, *OF_VISITOR)) > 20, "the search finds what is there"
    done = tandem(visited, "erase", "--yes", "--person", f"{VISITOR:016x}")
    assert done.returncode == 0, done.stderr
    assert "12 events erased on fern." in done.stdout
    assert "Backups are not changed" in done.stdout and "old files" not in done.stdout
    assert traces(visited, *OF_VISITOR) == []
    assert traces(visited, OTHER.encode()), "the neighbour is still there"
    left = in_house(visited, """
from datetime import timedelta
from tandem.accounts.store import audit_log
from tandem.base import clock
from tandem.collect import store
w = ctx.warehouse
log = [(e.act, e.object, e.detail) for e in audit_log(ctx.database, 1) if e.act == "data.erased"]
days = store.ingestion_days(w, 1, clock.now().date() - timedelta(days=2))
answer = [w.value("select count() from events"), w.value("select count() from events where visitor = 77"),
          w.value("select count() from visits where visitor = 77"), [d.balance for d in days], log]
""")  # fmt: skip
    assert left[:4] == [total - 12, 12, 1, [0] * len(left[3])]
    assert left[4] == [["data.erased", "one person", {"events": 12, "sites": ["fern"]}]], "and not of the visitor"


PHONE = "+48600100200"


IDENTITY = """
from sqlalchemy import text
w = ctx.warehouse
def held():
    with ctx.database.read() as c:
        counts = [w.value(f"select count() from {t}") for t in ("identity_links", "person_rows", "person_moves")]
        return counts + [c.execute(text("select count(*) from identifiers")).scalar()]
answer = held()
"""


def test_a_person_is_erased_by_phone_with_all_browsers_and_sealed_values(visited: Path) -> None:
    before, told = in_house(visited, IDENTITY + f"""
before = held()
from datetime import UTC, datetime
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Link, visitor
ctx.forget_sites()
site = ctx.sites()["fern"]
phone = Identifier("phone", "{PHONE}")
told = [Link(a=visitor(v), b=phone, at=datetime(2026, 11, 1, tzinfo=UTC), source="form") for v in ({VISITOR}, 4711)]
people.record(ctx, site, told)
people.stitch_all(ctx, site)
answer = [before, held()]
""")  # fmt: skip
    assert told[0] == before[0] + 2 and told[3] == before[3] + 1
    done = tandem(visited, "erase", "--yes", "--person", PHONE)
    assert done.returncode == 0, done.stderr
    assert "12 events erased on fern." in done.stdout
    assert traces(visited, *OF_VISITOR) == []
    assert in_house(visited, IDENTITY) == before, "the callers of the demo stay"


TWO_PEOPLE = f"""
from datetime import UTC, datetime
from tandem.people import store as people
from tandem.people.store import hints
from tandem.people.model.identifier import Identifier, Link, visitor
ctx.forget_sites()
site, at = ctx.sites()["fern"], datetime(2026, 11, 1, tzinfo=UTC)
anna, boris = Identifier("phone", "{PHONE}"), Identifier("email", "boris@shop.example")
people.record(ctx, site, [
    Link(a=visitor({VISITOR}), b=anna, at=at, source="signed"), Link(a=visitor(77), b=boris, at=at, source="signed"),
    Link(a=visitor(77), b=anna, at=at, source="site"), Link(a=visitor({VISITOR}), b=boris, at=at, source="site"),
])
hints.record(ctx, site, [hints.Hint(visitor=88, identifier=anna, at=datetime.now(UTC), why="unsigned")])
people.stitch_all(ctx, site)
answer = people.person_of(ctx, site, 77) == people.person_of(ctx, site, {VISITOR})
"""


def test_erasing_anna_lists_what_is_hers_asks_and_leaves_boris(visited: Path) -> None:
    assert in_house(visited, TWO_PEOPLE), "links of before 0.2 make them one"
    refused = tandem(visited, "erase", "--person", PHONE, typed="n\n")
    assert refused.returncode == 1 and "erased" not in refused.stdout
    for said in ("phone +48 ••• ••• 00", f"visitor {VISITOR:016x}", "12 events, 1 visits, 0 calls, 0 deals"):
        assert said in refused.stdout
    assert "boris" not in refused.stdout and "0000004d" not in refused.stdout
    assert "Stays: 2 identifiers linked to this person only by an unverified claim" in refused.stdout
    assert "Stays: 1 browser with an unproved claim to be this person" in refused.stdout
    done = tandem(visited, "erase", "--person", PHONE, typed="y\n")
    assert done.returncode == 0, done.stderr
    assert "12 events erased on fern." in done.stdout
    assert traces(visited, *OF_VISITOR) == []
    left = in_house(visited, """
from tandem.people import store as people
from tandem.people.model.identifier import Identifier
w, site = ctx.warehouse, ctx.sites()["fern"]
boris = people.key_of(ctx, site, Identifier("email", "boris@shop.example"))
anna = people.key_of(ctx, site, Identifier("phone", "+48600100200"))
answer = [w.value("select count() from events where visitor = 77"), people.person_of(ctx, site, boris),
          w.value("select person_of({site:UInt32}, {node:UInt64})", site=site.id, node=boris),
          people.is_known(ctx, site, anna), w.value("select count() from identity_hints"),
          [k.text for k in people.values_of(ctx, site, people.nodes_of(ctx, site, 77), is_open=True)]]
""")  # fmt: skip
    assert left == [12, 77, 77, False, 0, [f"{77:016x}", "boris@shop.example"]]


def test_a_list_that_has_changed_erases_nothing(ctx: Context, site: Site) -> None:
    with pytest.raises(UserError, match="Nothing was erased"):
        erase(ctx, {"person": PHONE, "mark": "0123456789abcdef"}, lambda share, text: None)


def test_files_that_nobody_can_read_are_listed_before_they_go_and_told_afterwards(visited: Path) -> None:
    """They may hold the person; without a word they took everybody's hits with them."""
    aside = visited / "spool" / "main" / "aside"
    aside.mkdir(parents=True)
    unread = aside / "17.seg.unreadable"
    unread.write_bytes(b"x" * 12_345)
    person = ("--person", f"{VISITOR:016x}.abc123", "--site", "fern")
    refused = tandem(visited, "erase", *person, typed="n\n")
    assert "Put aside and unreadable: 1 file, 12,345 bytes." in refused.stdout and unread.exists()
    done = tandem(visited, "erase", *person, typed="y\n")
    assert done.returncode == 0, done.stderr
    assert "unreadable, deleted too: 1 file, 12,345 bytes." in done.stdout and not unread.exists()
    entries = in_house(visited, """
from tandem.accounts.store import audit_log
answer = [e.detail for e in audit_log(ctx.database, 1) if e.act == "data.erased"]
""")  # fmt: skip
    assert entries == [{"events": 12, "sites": ["fern"], "unread_files": 1, "unread_bytes": 12_345}]


def test_a_file_that_became_unreadable_after_the_list_is_not_erased_unseen(ctx: Context, site: Site) -> None:
    aside = ctx.config.folder / "spool" / "main" / "aside"
    aside.mkdir(parents=True)
    person = {"person": "00000000000000ab"}
    mark = preview(ctx, person, lambda share, text: None)["mark"]
    (aside / "17.seg.unreadable").write_bytes(b"x")
    with pytest.raises(UserError, match="Nothing was erased"):
        erase(ctx, person | {"mark": mark}, lambda share, text: None)
    assert (aside / "17.seg.unreadable").exists()


def test_an_erasure_that_was_cut_off_tells_of_unreadable_files_that_are_gone(ctx: Context, site: Site) -> None:
    aside = ctx.config.folder / "spool" / "main" / "aside"
    aside.mkdir(parents=True)
    (aside / "17.seg.unreadable").write_bytes(b"xyz")
    cut_off.begin(ctx.config.folder, [(site.id, date(2026, 11, 10), 7)], Unread(2, 10))
    cut_off.balance(ctx, [(site.id, date(2026, 11, 10), 7)], Unread(2, 10))
    cut_off.finish(ctx)
    detail = next(e.detail for e in audit_log(ctx.database, site.workspace_id) if e.act == "data.erased")
    assert (detail["unread_files"], detail["unread_bytes"]) == (1, 7)


def test_a_running_server_erases_what_has_just_come_in(company: Path) -> None:
    with serving(company) as url:
        event = {"i": "00000000000000ff", "k": "event", "t": 0, "u": "https://fern-oak.example/x", "n": MARKER}
        hit = {"s": "fern", "c": 0, "m": "cookie", "i": f"{VISITOR:016x}.abc123", "e": [event]}
        import urllib.request

        urllib.request.urlopen(urllib.request.Request(url + "/t/hit", json.dumps(hit).encode()), timeout=20)
        done = tandem(company, "erase", "--yes", "--person", f"{VISITOR:016x}")
        assert done.returncode == 0, done.stderr
        assert "1 event erased on fern." in done.stdout
        wait_for(lambda: status_of(url + "/healthz") == 200)
        assert traces(company, *OF_VISITOR) == []


def test_backups_that_still_hold_the_visitor_are_listed(company: Path) -> None:
    (company / "backups").mkdir(exist_ok=True)
    assert tandem(company, "backup", str(company / "backups" / "old.tar")).returncode == 0
    done = tandem(company, "erase", "--yes", "--person", "00000000000000ab")
    assert done.returncode == 0
    assert "0 events erased." in done.stdout
    assert str(company / "backups" / "old.tar") in done.stdout


@pytest.mark.parametrize("text", ["", "12", "g" * 16, "info@shop.example", "0" * 17, "1; drop table events"])
def test_what_names_nobody_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="does not identify a person"):
        identifier_of(text)


def test_an_unknown_site_is_refused(company: Path) -> None:
    done = tandem(company, "erase", "--yes", "--person", "00000000000000ab", "--site", "nope")
    assert done.returncode == 2
    assert "There is no site “nope”." in done.stderr and "fern" in done.stderr


@pytest.mark.parametrize("at", ["_forgotten"])
def test_an_erasure_that_was_cut_off_is_finished_and_told_in_full(visited: Path, at: str) -> None:
    """Killed on the way, the second run found nothing more, and nobody was ever told of the events of the first."""
    code = f"""
import os
from tandem.collect import store as collect
from tandem.maintenance import cut_off, erase
places = {{"mark_stale": collect, "_forgotten": erase, "balance": cut_off, "_files_gone": erase, "end": cut_off}}
setattr(places["{at}"], "{at}", lambda *_: os._exit(9))
erase.erase(ctx, {{"person": "{VISITOR:016x}", "site": "fern"}}, lambda share, text: None)
"""
    assert forked.run_code(CODE.format(code=code), environment(visited), 120).returncode == 9
    assert "An erasure was interrupted here." in tandem(visited, "doctor").stdout
    done = tandem(visited, "erase", "--yes", "--person", f"{VISITOR:016x}", "--site", "fern")
    assert done.returncode == 0, done.stderr
    assert (
        "12 events erased on fern." in done.stdout
        and "interrupted erasure has been completed. 12 of the events" in done.stdout
    )
    entries, balances = in_house(visited, """
from datetime import date
from tandem.accounts.store import audit_log
from tandem.collect import store as collect
log = [e.detail for e in audit_log(ctx.database, 1) if e.act == "data.erased"]
answer = [log, [day.balance for day in collect.ingestion_days(ctx.warehouse, 1, date(2020, 1, 1))]]
""")  # fmt: skip
    assert entries == [{"events": 0, "sites": [], "finished": 12}, {"events": 12, "sites": ["fern"]}]
    assert set(balances) == {0}
    assert traces(visited, *OF_VISITOR) == [] and not (visited / "erasure.unfinished").exists()


def test_the_list_says_what_an_erasure_had_erased_that_was_cut_off(ctx: Context, site: Site) -> None:
    """The list is asked for first, and finishes what was cut off; the erasure itself finds nothing more."""
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    cut_off.balance(ctx, [(site.id, date(2026, 11, 10), 7)])
    person = {"person": "00000000000000ab"}
    for finished in ({"events": 7, "sites": [site.key]}, {"events": 0, "sites": []}):
        assert preview(ctx, person, lambda share, text: None)["finished"] == finished


def test_however_many_referrers_a_person_brought_can_be_forgotten(ctx: Context, site: Site) -> None:
    """In one statement 12,000 were more than the engine reads, and every later erasure failed on the rest."""
    keys = [(site.id, 2**63 + n) for n in range(12_000)]
    old = _forgotten(ctx.warehouse, keys, [(2**63 + n,) for n in range(12_000)])
    assert set(old) == {"origins", "agents"}


def test_what_is_about_to_be_erased_is_on_disk_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, file = recorded(monkeypatch), tmp_path / cut_off.FILE
    cut_off.begin(tmp_path, [(1, date(2026, 11, 10), 7)])
    assert steps == [synced(file), named(file), synced(tmp_path)]


def test_what_the_ledger_knows_already_of_an_erasure_is_not_told_twice(ctx: Context, site: Site) -> None:
    """Killed while the old files went: the ledger was right, the audit log said nothing."""
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    counts = [(site.id, date(2026, 11, 10), 7), (site.id, date(2026, 11, 11), 5)]
    cut_off.begin(ctx.config.folder, counts)
    cut_off.balance(ctx, counts)
    assert cut_off.is_cut_off(ctx.config.folder)
    for _ in range(2):
        cut_off.finish(ctx)
    erased = "select sum(count) from reception where site = {site:UInt32} and outcome = 'erased'"
    assert ctx.warehouse.value(erased, site=site.id) == 12
    entries = [e.detail for e in audit_log(ctx.database, site.workspace_id) if e.act == "data.erased"]
    assert entries == [{"events": 12, "sites": [site.key]}] and not cut_off.is_cut_off(ctx.config.folder)
