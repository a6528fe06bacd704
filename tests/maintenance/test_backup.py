"""Backup and restore: the same rows come back, damaged or foreign files do not, and a running server is no obstacle."""

import io
import json
import shutil
import tarfile
import threading
from pathlib import Path

import msgspec
import psycopg
import pytest

from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.spool import framed
from tandem.collect.model.hit import Record, SpoolEvent
from tandem.maintenance import archive
from tandem.maintenance.archive import Manifest, Writer
from tests import forked
from tests.conftest import free_port
from tests.maintenance.conftest import contents, environment, here, in_house, serving, tandem, wait_for
from tests.synced import named, recorded, synced

SEND = """
import urllib.request
def hit(url, number, visitor="00000000000000aa"):
    event = {"i": f"{number:016x}", "k": "pageview", "t": 0, "u": "https://fern-oak.example/backup"}
    body = json.dumps({"s": "fern", "c": 0, "m": "cookie", "i": visitor + ".zzzzz", "e": [event]}).encode()
    return urllib.request.urlopen(urllib.request.Request(url + "/t/hit", body), timeout=20).status
"""


@pytest.fixture(scope="module")
def first_backup(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backup") / "tandem.tar"
    done = tandem(seeded, "backup", str(file))
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture
def backed_up(first_backup: Path, tmp_path: Path) -> Path:
    """A backup of the small company, to do with as one likes."""
    return Path(shutil.copy(first_backup, tmp_path / "tandem.tar"))


def test_every_row_of_both_stores_comes_back(company: Path, backed_up: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    done = tandem(company, "restore", str(backed_up), "--into", str(there))
    assert done.returncode == 0, done.stderr
    before, after = contents(company), contents(there)
    assert before == after
    assert before["events"][0] > 700 and len(before["people"]) == 4
    assert (there / "key").read_text().strip() == (company / "key").read_text().strip()
    assert (there / "key").stat().st_mode & 0o077 == 0


def test_a_backup_is_for_its_owner_only_and_holds_neither_salts_nor_sign_ins(backed_up: Path) -> None:
    assert backed_up.stat().st_mode & 0o077 == 0
    with tarfile.open(backed_up) as tar:
        names = tar.getnames()
    assert not any("salts" in name or "sign_ins" in name for name in names)
    assert set(archive.verify(backed_up).left_out) >= {"salts", "sign_ins"}


def test_a_backup_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, file = recorded(monkeypatch), tmp_path / "tandem.tar"
    writer = Writer(file)
    writer.finish(Manifest(
        format=archive.FORMAT, tandem="0.3.2", made_at="2026-11-30", revision="", steps=(), tables=(), left_out=(),
    ))  # fmt: skip
    assert steps == [synced(file), named(file), synced(tmp_path)]


def test_a_backup_is_never_written_over(company: Path, backed_up: Path) -> None:
    before = backed_up.read_bytes()
    done = tandem(company, "backup", str(backed_up))
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert backed_up.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(company: Path) -> None:
    done = tandem(company, "backup", "/proc/nowhere/tandem.tar")
    assert done.returncode == 2
    assert "/proc/nowhere/tandem.tar cannot be written" in done.stderr


def test_a_name_that_is_too_long_is_said(company: Path, tmp_path: Path) -> None:
    done = tandem(company, "backup", str(tmp_path / ("x" * 260 + ".tar")))
    assert done.returncode == 2
    assert "cannot be written: File name too long.\nChoose a shorter name." in done.stderr
    longest = tmp_path / ("x" * 251 + ".tar")
    assert tandem(company, "backup", str(longest)).returncode == 0
    archive.verify(longest)


@pytest.mark.parametrize("into", ["/dev/null", "/proc/r1", "tandem.tar", "tandem.tar/x", "x" * 260])
def test_what_cannot_be_a_data_folder_is_said(company: Path, backed_up: Path, into: str) -> None:
    done = here(company, "restore", str(backed_up), "--into", str(backed_up.parent / into))
    assert done.returncode == 2, done.stderr
    assert "cannot be a data folder: " in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[1:] == ["Restore into an empty folder that you may write to: --into FOLDER."]


def test_restoring_needs_an_empty_folder(company: Path, backed_up: Path) -> None:
    done = here(company, "restore", str(backed_up))
    assert done.returncode == 2
    assert "is not empty" in done.stderr and "--into" in done.stderr


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 20480])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "some.tar"
    file.write_bytes(content)
    with pytest.raises(UserError, match="not a complete backup"):
        archive.verify(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file"):
        archive.verify(tmp_path / "none.tar")


def test_a_flipped_letter_of_the_manifest_is_found(backed_up: Path) -> None:
    content = backed_up.read_bytes()
    backed_up.write_bytes(content.replace(b'"referrer"', b'"refeyrer"', 1))
    assert backed_up.read_bytes() != content
    with pytest.raises(UserError, match="not a complete backup"):
        archive.verify(backed_up)


@pytest.mark.parametrize("where", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_one_flipped_byte_is_found(backed_up: Path, where: float) -> None:
    content = bytearray(backed_up.read_bytes())
    place = next(i for i in range(int(len(content) * where), len(content)) if content[i] not in (0, 32))
    content[place] ^= 0x55
    backed_up.write_bytes(content)
    with pytest.raises(UserError, match="backup"):
        archive.verify(backed_up)


def test_a_backup_that_was_cut_short_is_refused(backed_up: Path) -> None:
    backed_up.write_bytes(backed_up.read_bytes()[:-30_000])
    with pytest.raises(UserError):
        archive.verify(backed_up)


def _changed(file: Path, **changes: object) -> None:
    """The same archive with another manifest."""
    made = io.BytesIO()
    with tarfile.open(file) as source, tarfile.open(fileobj=made, mode="w") as tar:
        for entry in source.getmembers():
            content = source.extractfile(entry).read()  # type: ignore[union-attr]
            if entry.name == archive.CHECKSUM:
                continue
            if entry.name == archive.MANIFEST:
                content = json.dumps(json.loads(content) | changes).encode()
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    file.write_bytes(made.getvalue())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"steps": ["collect/001_events", "collect/999_later"], "tandem": "9.1.0"},
            "made by Tandem 9.1.0, which is newer",
        ),
        ({"revision": "999", "tandem": "9.1.0"}, "made by Tandem 9.1.0, which is newer"),
        ({"format": 2}, "format 2"),
    ],
)
def test_a_backup_of_a_newer_tandem_is_refused_before_anything_is_changed(
    backed_up: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    _changed(backed_up, **changes)
    done = here(tmp_path / "there", "restore", str(backed_up))
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "there").exists()


def test_a_count_that_does_not_fit_undoes_the_restore(backed_up: Path, tmp_path: Path) -> None:
    reader = archive.Reader(backed_up)
    tables = json.loads(reader._bytes(archive.MANIFEST))["tables"]
    origins = next(t for t in tables if t["name"] == "origins")
    origins["parts"].append(origins["parts"][0])  # the same rows twice: the engine keeps them once
    origins["rows"] *= 2
    agents = next(t for t in tables if t["name"] == "reception")
    agents["columns"] = ["site", "nothing", *agents["columns"][2:]]
    _changed(backed_up, tables=tables)
    done = tandem(tmp_path / "there", "restore", str(backed_up))
    assert done.returncode != 0
    assert list((tmp_path / "there").iterdir()) == []


def test_a_running_server_makes_the_backup_and_takes_hits_meanwhile(company: Path, tmp_path: Path) -> None:
    file, told, stop = tmp_path / "live.tar", [], threading.Event()
    with serving(company) as url:
        namespace: dict[str, object] = {"json": json}
        exec(SEND, namespace)

        def send() -> None:
            number = 1
            while not stop.is_set():
                told.append((number, namespace["hit"](url, number)))  # type: ignore[operator]
                number += 1

        sender = threading.Thread(target=send)
        sender.start()
        wait_for(lambda: len(told) > 20)
        first = len(told)
        done = tandem(company, "backup", str(file))
        stop.set()
        sender.join()
        assert done.returncode == 0, done.stderr
        assert {status for _, status in told} == {202}
    rows = sum(t.rows for t in archive.verify(file).tables if t.name == "events")
    there = tmp_path / "there"
    assert tandem(there, "restore", str(file)).returncode == 0
    found = in_house(there, """
w = ctx.warehouse
answer = [w.value("select count() from events where path = '/backup'"),
          w.value("select count() from pageviews where page = '/backup'"),
          w.value("select count() from events")]
""")  # fmt: skip
    assert found[2] == rows
    assert found[0] == found[1], "visits and facts of the backup belong to the same moment"
    assert first - 20 <= found[0] <= len(told)
    everything = in_house(
        company, "answer = ctx.warehouse.value(\"select count() from events where path = '/backup'\")"
    )
    assert everything == len(told), "nothing that came in meanwhile is lost"


def test_what_a_killed_server_had_not_loaded_is_in_the_backup(company: Path, tmp_path: Path) -> None:
    event = SpoolEvent(
        id=5, kind="pageview", at=clock.now_ms(), host="fern-oak.example", path="/late", query="", referrer="", name="",
        props={}, engaged_ms=0, scroll=0, value=0, amount="0", currency="", status=0, marks=[],
    )  # fmt: skip
    record = Record(1, clock.now_ms(), 7, 0, 0, "", "", 0, "", "", "", [event], {})
    spool = company / "spool" / "main"
    spool.mkdir(parents=True, exist_ok=True)
    (spool / "000000000000009.open").write_bytes(framed(msgspec.json.encode(record)) + b"torn")
    assert tandem(company, "backup", str(tmp_path / "late.tar")).returncode == 0
    assert tandem(tmp_path / "there", "restore", str(tmp_path / "late.tar")).returncode == 0
    asked = "answer = ctx.warehouse.value(\"select count() from pageviews where page = '/late'\")"
    assert in_house(tmp_path / "there", asked) == 1


def test_restoring_beside_a_running_server_is_refused(company: Path, backed_up: Path) -> None:
    with serving(company):
        done = tandem(company, "restore", str(backed_up))
    assert done.returncode == 2
    assert "Tandem is running on" in done.stderr


def empty_database(dsn: str) -> str:
    """The DSN of a new database on the same PostgreSQL server; other tests have filled the one they share."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop database if exists restored")
        connection.execute("create database restored")
    return dsn.rpartition("/")[0] + "/restored"


def test_a_backup_of_sqlite_is_restored_into_postgresql_and_back(
    company: Path, backed_up: Path, tmp_path: Path, postgres: str
) -> None:
    there, again = tmp_path / "there", tmp_path / "again"
    postgres = empty_database(postgres)
    done = tandem(there, "restore", str(backed_up), TANDEM_RECORDS=postgres)
    assert done.returncode == 0, done.stderr
    assert contents(there, TANDEM_RECORDS=postgres) == contents(company)
    added = tandem(there, "site", "add", "after", "--host", "after.example", TANDEM_RECORDS=postgres)
    assert added.returncode == 0, "new rows are numbered after those that were put back: " + added.stderr
    assert tandem(there, "backup", str(tmp_path / "second.tar"), TANDEM_RECORDS=postgres).returncode == 0
    assert tandem(again, "restore", str(tmp_path / "second.tar")).returncode == 0
    assert [row for row in contents(again)["sites"] if "after" in row]


def test_half_a_restore_is_not_served_and_is_taken_away_by_the_next(backed_up: Path, tmp_path: Path) -> None:
    """It showed 0 visits as all there were, and acknowledged hits that following the advice would have deleted."""
    there = tmp_path / "there"
    cut = forked.begun(["restore", str(backed_up), "--into", str(there)], environment(tmp_path), tmp_path / "cut.log")
    wait_for(lambda: (there / "records.db").exists(), lambda: cut.poll() is None)
    cut.kill()
    cut.wait(10)
    assert (there / "restore.unfinished").exists()
    for words in (["serve"], ["collect", "--no-load"], ["site", "list"]):
        refused = tandem(there, *words, TANDEM_PORT=str(free_port()))
        assert refused.returncode == 2, words
        assert "did not finish" in refused.stderr and "tandem restore" in refused.stderr
    done = tandem(tmp_path, "restore", str(backed_up), "--into", str(there))
    assert done.returncode == 0, done.stderr
    assert contents(there)["events"][0] > 700 and not (there / "restore.unfinished").exists()


def test_half_a_restore_that_was_served_since_is_not_thrown_away(backed_up: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    (there / "spool").mkdir(parents=True)
    (there / "restore.unfinished").touch()
    done = here(tmp_path, "restore", str(backed_up), "--into", str(there))
    assert done.returncode == 2 and "events have been received" in done.stderr and "--into FOLDER" in done.stderr
    assert (there / "spool").exists()
