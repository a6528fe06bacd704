"""No file stops the product: each is refused with a sentence, soon, and costs the server no memory."""

import io
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest

from tandem.ads.sources import cells
from tandem.ads.sources.report import read as read_report
from tandem.base.errors import UserError
from tandem.imports import child, headers, process, text
from tandem.imports.archives import UnreadableFile, unpacked, unpacked_bytes, unpacked_into
from tandem.imports.one_byte import one_byte_encoding
from tandem.imports.tables import NotATable, forms_of, rows_of
from tandem.imports.uploads import on_disk
from tandem.imports.xml import element_of
from tandem.reconcile.sources import words
from tests.imports.attacks import ARCHIVES, HARMLESS, SPREADSHEETS, TEXTS, TWO_CELLS, book, cell, sheet, zipped
from tests.served import Running

MB = 1 << 20


def read(path: Path) -> int:
    return sum(1 for form, _ in forms_of(path) for _ in rows_of(path, form))


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.fixture
def bounded() -> Iterator[None]:
    """At most 60 MB and 30 seconds; both are far below what any of the files asks for."""
    before, began = peak(), time.monotonic()
    yield
    assert peak() - before < 60
    assert time.monotonic() - began < 30
    assert [t for t in threading.enumerate() if t.name.startswith("imports")] == []


def kept(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(body)
    return path


@pytest.mark.parametrize("name", SPREADSHEETS)
def test_a_spreadsheet_that_asks_for_too_much_is_refused(name: str, tmp_path: Path, bounded: None) -> None:
    path = kept(tmp_path, SPREADSHEETS[name]())
    with pytest.raises((UserError, NotATable)) as refused:
        read(path)
    assert isinstance(refused.value, NotATable) or refused.value.hint


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_claims_to_be_large_costs_nothing(name: str, tmp_path: Path, bounded: None) -> None:
    try:
        assert read(kept(tmp_path, HARMLESS[name]())) < 100_000
    except (UserError, NotATable):
        assert name != "a false dimension", "what is really in it is small"


@pytest.mark.parametrize("name", TEXTS)
def test_text_without_end_is_refused_with_its_line(name: str, tmp_path: Path, bounded: None) -> None:
    make, said = TEXTS[name]
    path = kept(tmp_path, make())
    with pytest.raises(UserError) as refused:
        form = next(form for form, _ in forms_of(path) if form.delimiter == ",")
        list(rows_of(path, form))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "body", [b"Day,Campaign\n1,\0\n" * 9000, b"Day,Campaign\n" * 9000 + b"\0", b"\x89PNG\r\n", b"PK\0\0"]
)
def test_what_is_no_text_is_told(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(NotATable):
        forms_of(kept(tmp_path, body))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251"])
def test_a_first_line_that_names_the_delimiter_is_none_of_the_table(encoding: str, tmp_path: Path) -> None:
    path = kept(tmp_path, "sep=;\r\nid;этап\r\n1;a,b\r\n".encode(encoding))
    ((form, head),) = forms_of(path)
    assert head == list(rows_of(path, form)) == [(2, ["id", "этап"]), (3, ["1", "a,b"])]


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_unpacks_without_end_is_refused(name: str, tmp_path: Path, bounded: None) -> None:
    make, said = ARCHIVES[name]
    target = tmp_path / "out"
    with pytest.raises((UserError, UnreadableFile)) as refused:
        unpacked_into(kept(tmp_path, make()), target, 4 * MB)
    assert said in str(refused.value)
    assert not target.exists() or target.stat().st_size <= 4 * MB


def test_an_honest_archive_is_unpacked(tmp_path: Path) -> None:
    assert unpacked_bytes(zipped({"a.csv": b"x,y\n" * 100_000}), MB) == b"x,y\n" * 100_000


def test_an_archive_of_several_files_is_refused() -> None:
    """The first one was read, and the others went without a word."""
    with pytest.raises(UserError, match="several files"):
        unpacked_bytes(zipped({"a.csv": b"x,y\n", "b.csv": b"1,2\n"}), MB)
    of_macos = {"report/": b"", "report/.DS_Store": b"-", "report/a.csv": b"x,y\n", "__MACOSX/report/._a.csv": b"-"}
    assert unpacked_bytes(zipped(of_macos), MB) == b"x,y\n"


def test_the_process_ends_when_nobody_listens_and_gives_its_turn_back(tmp_path: Path) -> None:
    path = kept(tmp_path, zipped({"a.csv": os.urandom(4 * MB)}))
    for _ in range(process.AT_ONCE + 1):
        with closing(unpacked(path)) as blocks:
            assert next(blocks)


def test_a_process_that_says_nothing_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(process, "CHILD", silent)
    monkeypatch.setattr(process, "PATIENCE_S", 0.3)
    began = time.monotonic()
    with pytest.raises(UserError, match="took too long"):
        list(process.ask("rows", tmp_path, 0))
    assert time.monotonic() - began < 5


def test_the_process_has_limits_and_knows_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = tmp_path / "spy.py"
    spy.write_text(
        f"import sys; sys.path.insert(0, {str(Path(process.CHILD).parent)!r})\n"
        "import child, os, resource as r\nchild.limit()\nout = os.fdopen(1, 'wb')\n"
        "names = [n for n in os.environ if not n.startswith('LC_')]\n"
        "files = [f for f in os.listdir('/proc/self/fd') if int(f) > 2 and os.path.exists(f'/proc/self/fd/{f}')]\n"
        "child.send(out, [r.getrlimit(r.RLIMIT_AS)[0], r.getrlimit(r.RLIMIT_CPU)[0], names, files])\n"
        "child.send(out, 'done')\nout.flush()"
    )
    monkeypatch.setenv("TANDEM_KEY", "a secret")
    monkeypatch.setattr(process, "CHILD", spy)
    ((memory, cpu_s, names, files),) = process.ask("rows", tmp_path, 0)
    assert (memory, cpu_s, names, files) == (1 << 30, 120, [], [])


@pytest.mark.parametrize("content", [
    b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"<!--" + b" " * 5000 + b"--><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>".encode("utf-16"),
    b"<x>" * 100_000, b"<x><y>", b"", b"<?xml version='1.0' encoding='nonsense'?><x/>",
    b"<?xml version='1.0' encoding='hex'?><x/>",
])  # fmt: skip
def test_xml_that_declares_entities_or_has_no_bottom_or_no_encoding_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        element_of(content)


# ── through the running product ──


def megabytes(entry: Path, name: str) -> int:
    """VmRSS: what it holds; VmHWM: the most that it held since it was last asked to forget that."""
    status = (entry / "status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) // 1024


PAGES: dict[str, Callable[[], bytes]] = {
    "/ads/import": lambda: TWO_CELLS,
    "/deals/import": TEXTS["one line of 20 MB"][0],
    "/calls/import": TEXTS["a quote that never ends"][0],
    "/reconciliation/import": TEXTS["a record over many lines"][0],
}


@pytest.mark.parametrize("page", PAGES)
def test_the_server_answers_with_a_sentence_and_stays_well(running: Running, page: str) -> None:
    entry = Path(f"/proc/{running.pid}")
    before = megabytes(entry, "VmRSS")
    with running.as_person("admin") as browser:
        answer = browser.post(f"{page}?site=fern", files={"file": ("a.xlsx", PAGES[page]())})
        assert answer.status_code == 400, answer.text[:500]
        assert any(word in answer.text for word in ("cells", "1 MB", "200,000 rows")), answer.text[:500]
        assert browser.get("/healthz").status_code == 200
    assert megabytes(entry, "VmRSS") - before < 80


@pytest.mark.parametrize("page", PAGES)
def test_a_zero_byte_in_the_name_of_a_file_is_no_mistake_of_ours(running: Running, page: str) -> None:
    body = b'--m\r\nContent-Disposition: form-data; name="file"; filename="a.c\0v"\r\n\r\nx,y\r\n--m--\r\n'
    with running.as_person("admin") as browser:
        kind = {"content-type": "multipart/form-data; boundary=m"}
        assert browser.post(f"{page}?site=fern", content=body, headers=kind).status_code < 500


@pytest.mark.parametrize(
    ("name", "ending"),
    [("report.csv", ".csv"), ("Отчёт.XLSX", ".XLSX"), ("a.c\0v", ""), ("a.x/../y", ""), ("a.csv\n", ""), ("a", ""),
     ("a.tar.gz", ".gz"), (".csv", ".csv"), ("a." + "x" * 10, ""), ("a.цсв", "")],
)  # fmt: skip
def test_only_a_plain_ending_of_a_name_is_kept(name: str, ending: str) -> None:
    with on_disk(BytesIO(b"x"), name) as path:
        assert path.suffix == ending


def test_a_large_file_costs_the_server_no_memory(running: Running) -> None:
    """Read as a whole, these 12 MB took 75 MB."""
    note = "x" * 560
    lines = [f"{n},2026-10-05T09:00:00Z,New,{n},{note}" for n in range(20_000)]
    body = "\n".join(["Deal ID,Created,Stage,Amount,Notes", *lines]).encode()
    entry = Path(f"/proc/{running.pid}")
    before = megabytes(entry, "VmRSS")
    (entry / "clear_refs").write_text("5")  # forget the peak until now
    with running.as_person("marketing") as browser:
        answer = browser.post("/deals/import?site=fern", files={"file": ("a.csv", body)}, timeout=90)
    assert "draft=" in answer.headers["HX-Redirect"]
    assert megabytes(entry, "VmHWM") - before < 50


LONG = 1_000_000
LINEAR: dict[str, Callable[[], object]] = {
    "a plain word in a file of one-byte letters": lambda: one_byte_encoding(BytesIO(b"\xff\n" + b"a" * LONG), "cp1251"),
    "marked letters between plain ones": lambda: one_byte_encoding(BytesIO(b"a\xff" * LONG), "cp1251"),
    "spaces in a day": lambda: cells.days_in("x" + " " * LONG + "x"),
    "brackets in a head": lambda: headers.with_currency("x" + "(€)" * LONG),
    "spaces in a head": lambda: words.head_of(" " * LONG + "(x"),
    "digits before no percent sign": lambda: words.PERCENT.search("1" * LONG),
    "a word before no slash": lambda: words.ZONE.search("A" + "b" * LONG),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_long_cell_takes_as_long_as_it_is(name: str) -> None:
    """Each of these took the square of its length: a cell of 128 KB held the whole process for a minute."""
    began = time.process_time()
    LINEAR[name]()
    assert time.process_time() - began < 2, "the square of a million would take hours"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_records_are_counted_by_whatever_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes, delimiter: str
) -> None:
    path = kept(tmp_path, b"x" + delimiter.encode() + b"y" + end + end * 12)
    monkeypatch.setattr(text, "MOST_RECORDS", 13)
    assert len(list(text.records(path, "utf-8", delimiter))) == 13
    monkeypatch.setattr(text, "MOST_RECORDS", 12)
    with pytest.raises(UserError, match="10,000,000 rows"):
        list(text.records(path, "utf-8", delimiter))
    monkeypatch.setattr(text, "MOST_ROWS", 11)
    with pytest.raises(UserError, match="200,000 rows"):
        list(text.table(path))


def test_names_of_a_megabyte_are_refused_row_by_row(tmp_path: Path) -> None:
    """They were remembered by the thousand: a workbook of 252 KB took 7.9 GB, and its campaigns every page."""
    head, name = "Day,Campaign,Keyword,Impressions,Clicks,Cost,Currency\n", "x" * 900_000
    path = tmp_path / "a.csv"
    path.write_text(
        head + "".join(f"2026-11-01,{n} {name},,1,1,1,EUR\n2026-11-01,a,{name},1,1,1,EUR\n" for n in (1, 2))
    )
    days, problems = read_report(path, today=date(2026, 11, 2))
    assert days == []
    assert [(p.code, p.line) for p in problems] == [("long_name", line) for line in (2, 3, 4, 5)]
    assert all(len(str(p.values)) < 200 for p in problems)


def test_a_sheet_is_read_as_it_was(tmp_path: Path) -> None:
    rows = f'<row r="3">{cell("B3")}<c r="C3" t="str"><v>Ж</v></c></row><row r="5">{cell("B5", "2.5")}</row>'
    ((form, head),) = forms_of(kept(tmp_path, zipped(book(sheet(rows)))))
    expected = [(1, ["", ""]), (2, ["", ""]), (3, [1.0, "Ж"]), (4, ["", ""]), (5, [2.5, ""])]
    assert head == list(rows_of(tmp_path / "file", form)) == expected


def test_who_comes_while_files_are_read_is_told_at_once() -> None:
    """Whoever waited for a turn held one of the threads that answer all pages."""
    done = threading.Event()

    def reads() -> None:
        with process._turn():
            done.wait(30)

    readers = [threading.Thread(target=reads) for _ in range(process.AT_ONCE)]
    for reader in readers:
        reader.start()
    while process._turns._value:
        time.sleep(0.01)

    def waits() -> None:
        with suppress(UserError), process._turn():
            pass

    waiting = threading.Thread(target=waits)
    waiting.start()
    while process._places._value:
        time.sleep(0.01)
    with pytest.raises(UserError, match="Other files") as told:
        process._turn().__enter__()
    assert told.value.status == 503
    assert waiting.is_alive(), "whoever came before is still waiting"
    done.set()
    for thread in (waiting, *readers):
        thread.join(30)
    with process._turn():
        assert (process._turns._value, process._places._value) == (process.AT_ONCE - 1, process.AT_ONCE)


def test_what_is_read_ends_when_the_server_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_is_stopping", threading.Event())
    path = tmp_path / "pipe.xlsx"
    os.mkfifo(path)  # whoever opens it waits
    with process._running("heads", path, 3) as reader:
        process.stop()
        assert reader.wait(10) == -9
    with pytest.raises(UserError, match="Other files"):
        process._turn().__enter__()


def test_the_cells_of_all_sheets_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sheet is read whole for its first rows: a hundred of them just below the limit took more than a minute."""

    class Sheet:
        end, width = (child.MOST_LINES - 1, 0), 6

        def iter_rows(self) -> Iterator[list[str]]:
            yield ["x"]

    class Book:
        sheet_names = ("a", "b", "c", "d")

        def get_sheet_by_index(self, number: int) -> Sheet:
            return Sheet()

    monkeypatch.setattr(child, "_book", lambda path: Book())
    with pytest.raises(child.FileRefused, match="many_cells"):
        child.heads(io.BytesIO(), "", "1")
    Book.sheet_names = ("a", "b", "c")
    child.heads(io.BytesIO(), "", "1")
