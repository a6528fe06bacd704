"""The spool keeps its word: what was acknowledged is there after torn lines, a full disk and kill -9."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tandem.base import spool as module
from tandem.base.errors import UserError
from tandem.base.spool import Spool, SpoolFull, framed, records_in, recover, sealed
from tests.synced import recorded, synced

PAYLOADS = [b'{"n":1}', b"", b"x" * 3000, "zażółć".encode(), b"\x00\x01\xff"]


def held(folder: Path) -> list[bytes]:
    """Everything the folder's segments hold, oldest first, the open one last."""
    return [r for pattern in ("*.seg", "*.open") for path in sorted(folder.glob(pattern)) for r in records_in(path)]


def test_a_segment_whose_name_is_not_on_disk_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first append was refused, and the second one acknowledged in a file that a power cut would lose."""
    synced_folders, real = [], module.sync_folder

    def failing_once(folder: Path) -> None:
        synced_folders.append(folder)
        if len(synced_folders) == 1:
            raise OSError(5, "Input/output error")
        real(folder)

    async def work() -> None:
        spool = Spool(tmp_path)
        monkeypatch.setattr(module, "sync_folder", failing_once)
        with pytest.raises(SpoolFull):
            await spool.append(b"one")
        await spool.append(b"two")
        assert len(synced_folders) == 2
        spool.close()

    run(work)
    assert held(tmp_path) == [b"two"]


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def waited_for(condition: Callable[[], object], most_s: float = 10) -> None:
    until = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)


def test_records_survive_in_order(tmp_path: Path) -> None:
    async def work() -> None:
        spool = Spool(tmp_path)
        for payload in PAYLOADS:
            await spool.append(payload)
        spool.close()

    run(work)
    assert held(tmp_path) == PAYLOADS
    assert [p.suffix for p in tmp_path.iterdir() if p.name != "lock"] == [".seg"]


def test_an_acknowledged_record_is_readable_before_its_segment_is_sealed(tmp_path: Path) -> None:
    async def work() -> None:
        spool = Spool(tmp_path, seal_after_s=60)
        await spool.append(b"one")
        assert held(tmp_path) == [b"one"]
        assert sealed(tmp_path) == []
        spool.close()

    run(work)


def test_a_line_torn_at_any_byte_loses_only_itself(tmp_path: Path) -> None:
    whole, last = framed(b"first") + framed(b"second"), framed(b'{"last":true}')
    for cut in range(len(last)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "000000000000001.open").write_bytes(whole + last[:cut])
        assert recover(folder) == 1
        assert held(folder) == [b"first", b"second"]
        assert sealed(folder)[0].read_bytes() == whole  # nothing torn is left for a reader to stumble over


def test_an_open_segment_without_a_whole_record_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "000000000000001.open").write_bytes(framed(b"one")[:-3])
    (tmp_path / "000000000000002.open").write_bytes(b"")
    assert recover(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["000000000000001.open", "000000000000001.seg"])
def test_a_byte_the_disk_damaged_costs_its_own_record_and_no_other(tmp_path: Path, name: str) -> None:
    lines = [framed(b"record %d" % i) for i in range(5)]
    text, begin = b"".join(lines), len(lines[0]) + len(lines[1])
    path = tmp_path / name
    for at in range(begin, begin + len(lines[2]) - 1):  # its newline is another matter: two lines become one
        flipped = bytes([text[at] ^ 0x41])
        path.write_bytes(text[:at] + flipped + text[at + 1 :])
        assert list(records_in(path)) == [b"record 0", b"record 1", b"record 3", b"record 4"], at


def test_recovery_keeps_records_behind_a_damaged_one(tmp_path: Path) -> None:
    lines = [framed(b"record %d" % i) for i in range(3)]
    (tmp_path / "000000000000001.open").write_bytes(lines[0] + b"#" + lines[1][1:] + lines[2] + b"torn")
    assert recover(tmp_path) == 1
    assert held(tmp_path) == [b"record 0", b"record 2"]


def test_a_last_line_whose_end_is_damaged_is_whole(tmp_path: Path) -> None:
    """It may have been acknowledged: cut off, it was lost without a word."""
    path = tmp_path / "000000000000001.open"
    path.write_bytes(framed(b"record 0") + framed(b"record 1")[:-1] + b"\x4a")
    assert recover(tmp_path) == 1
    assert held(tmp_path) == [b"record 0", b"record 1"]


@pytest.mark.parametrize("torn", [b"", b"\n", b"torn", framed(b"record 1")[:-1], framed(b"record 1")[:-2]])
def test_a_torn_last_line_goes(tmp_path: Path, torn: bytes) -> None:
    (tmp_path / "000000000000001.open").write_bytes(framed(b"record 0") + torn)
    assert recover(tmp_path) == 1
    assert held(tmp_path) == [b"record 0"]


def test_no_record_is_acknowledged_before_the_disk_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real_write, real_sync = os.write, os.fdatasync

    def write(file: int, data: memoryview) -> int:
        order.append("write")
        return real_write(file, data)

    def sync(file: int) -> None:
        time.sleep(0.02)  # long enough for an early answer to show
        real_sync(file)
        order.append("sync")

    monkeypatch.setattr(module.os, "write", write)
    monkeypatch.setattr(module.os, "fdatasync", sync)

    async def work() -> None:
        spool = Spool(tmp_path)

        async def one(i: int) -> None:
            await spool.append(b"%d" % i)
            order.append("answer")

        await one(0)
        assert order == ["write", "sync", "answer"]
        order.clear()
        await asyncio.gather(*(one(i) for i in range(1, 51)))
        assert order.count("answer") == 50
        answered = 0
        for i, step in enumerate(order):
            answered += step == "answer"
            assert not answered or "sync" in order[:i]
        assert order.count("sync") <= 3, "a group shares its sync"
        spool.close()

    run(work)


def test_a_segment_has_its_name_on_disk_before_a_record_of_it_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut takes away a file that is synced, where its folder is not."""

    async def work() -> None:
        spool = Spool(tmp_path, seal_after_s=60)
        steps = recorded(monkeypatch)
        await spool.append(b"one")
        assert steps == [synced(tmp_path)]
        await spool.append(b"two")
        assert steps == [synced(tmp_path)], "once a segment"
        spool.close()

    run(work)


def test_a_second_writer_is_refused_with_a_cure(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with pytest.raises(
        UserError, match=r"Another collector writes to .*Give each collector its own name with TANDEM_COLLECTOR"
    ):
        Spool(tmp_path)
    spool.close()
    Spool(tmp_path).close()


def test_a_segment_is_sealed_by_age_and_by_size(tmp_path: Path) -> None:
    async def work() -> None:
        by_age = Spool(tmp_path / "age", segment_bytes=1 << 20, seal_after_s=0.05)
        await by_age.append(b"one")
        waited_for(lambda: len(sealed(tmp_path / "age")) == 1)
        by_size = Spool(tmp_path / "size", segment_bytes=100, seal_after_s=3600)
        for i in range(10):
            await by_size.append(b"%030d" % i)
        waited_for(lambda: len(sealed(tmp_path / "size")) == 3)
        assert len(list((tmp_path / "size").glob("*.open"))) == 1
        by_age.close()
        by_size.close()

    run(work)
    assert held(tmp_path / "size") == [b"%030d" % i for i in range(10)]


def test_segments_are_numbered_on_after_a_restart_whatever_else_lies_there(tmp_path: Path) -> None:
    (tmp_path / "copy of 7.seg").write_bytes(framed(b"copied"))
    (tmp_path / "999999999999999.seg").write_bytes(framed(b"old"))

    async def work() -> None:
        spool = Spool(tmp_path)
        await spool.append(b"new")
        spool.close()

    run(work)
    assert sorted(held(tmp_path)) == [b"copied", b"new", b"old"]
    assert max(int(p.stem) for p in sealed(tmp_path) if p.stem.isdecimal()) == 10**15


def test_a_closed_spool_refuses(tmp_path: Path) -> None:
    async def work() -> None:
        spool = Spool(tmp_path)
        spool.close()
        with pytest.raises(SpoolFull):
            await spool.append(b"late")

    run(work)


def test_a_sender_that_gave_up_does_not_stop_the_others(tmp_path: Path) -> None:
    spool = Spool(tmp_path)

    async def impatient() -> None:
        task = asyncio.ensure_future(spool.append(b"first"))
        await asyncio.sleep(0)
        task.cancel()

    async def installation() -> None:
        await asyncio.wait_for(spool.append(b"second"), 5)

    run(impatient)  # its loop is closed by the time the answer is there
    run(installation)
    spool.close()
    assert held(tmp_path) == [b"first", b"second"]


def test_a_disk_that_fails_once_gives_a_refusal_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync fails, and so does cutting off what was written: the next record goes into a new segment."""
    broken = [True]

    def sync(file: int) -> None:
        if broken[0]:
            raise OSError(5, "Input/output error")

    def cut(file: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module.os, "fdatasync", sync)
    monkeypatch.setattr(module.os, "ftruncate", cut)

    async def work() -> None:
        spool = Spool(tmp_path, seal_after_s=60)
        broken[0] = False
        await spool.append(b"before")
        broken[0] = True
        with pytest.raises(SpoolFull, match="Input/output error"):
            await spool.append(b"refused")
        broken[0] = False
        await spool.append(b"after")
        spool.close()

    run(work)
    assert {b"before", b"after"} <= set(held(tmp_path))
    assert len(sealed(tmp_path)) == 2


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, object]]]:
    """What the spool logs: event and facts."""
    lines: list[tuple[str, dict[str, object]]] = []
    note = SimpleNamespace(
        error=lambda event, **facts: lines.append((event, facts)),
        info=lambda event, **facts: lines.append((event, facts)),
    )
    monkeypatch.setattr(module, "_log", note)
    return lines


def test_a_failure_that_goes_on_is_told_at_its_beginning_now_and_then_and_when_it_is_over(
    tmp_path: Path, logged: list[tuple[str, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    failure = module._Failure("fails", "works", tmp_path)
    failure.is_over()
    assert logged == [], "nothing has failed"
    for _ in range(25 * 1024):
        failure.happened("No space left on device", refused=2)
        now[0] += 1 / 1024
    failure.is_over()
    failure.is_over()
    said = [(event, facts["failures"], facts["refused"]) for event, facts in logged]
    assert said == [
        ("fails", 1, 2), ("fails", 10_240, 20_480), ("fails", 10_240, 20_480), ("works", 5_119, 10_238),
    ]  # fmt: skip
    assert all(facts["why"] == "No space left on device" and facts["lost"] == 0 for _, facts in logged[:3])


def test_a_disk_that_takes_one_record_and_refuses_the_next_floods_no_log(
    tmp_path: Path, logged: list[tuple[str, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    failure = module._Failure("fails", "works", tmp_path)
    for _ in range(30 * 1024):
        failure.happened("No space left on device", refused=1)
        failure.is_over()
        now[0] += 1 / 1024
    assert len(logged) == 6, "two each ten seconds"
    now[0] += 60
    failure.is_over()
    assert sum(facts["refused"] for _, facts in logged) == 30 * 1024, "none goes untold"


def test_a_disk_that_refuses_everything_is_told_in_few_lines(
    tmp_path: Path, logged: list[tuple[str, dict[str, object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither written, nor cut off, nor sealed: two things fail with each record."""
    broken, rename = [True], Path.rename

    def sometimes(work: Callable[..., object]) -> Callable[..., object]:
        def done(*given: object) -> object:
            if broken[0]:
                raise OSError(5, "Input/output error")
            return work(*given)

        return done

    monkeypatch.setattr(module.os, "fdatasync", sometimes(os.fdatasync))
    monkeypatch.setattr(module.os, "ftruncate", sometimes(os.ftruncate))
    monkeypatch.setattr(module.Path, "unlink", sometimes(Path.unlink))
    monkeypatch.setattr(module.Path, "rename", sometimes(rename))

    async def work() -> None:
        spool = Spool(tmp_path, seal_after_s=60)
        for _ in range(50):
            with pytest.raises(SpoolFull):
                await spool.append(b"refused")
        broken[0] = False
        await spool.append(b"kept")
        spool.close()

    run(work)
    assert [(event, facts["failures"]) for event, facts in logged] == [
        ("spool.seal_failed", 1), ("spool.write_failed", 1), ("spool.writes_again", 49), ("spool.seals_again", 49),
    ]  # fmt: skip


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-small-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        folder.rmdir()
        pytest.skip(f"mount cannot be run here: {error}")
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"mounting a tmpfs is not permitted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_refuses_keeps_what_was_acknowledged_and_recovers(
    small_disk: Path, logged: list[tuple[str, dict[str, object]]]
) -> None:
    folder, kept = small_disk / "spool", list[bytes]()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"b" * (1 << 20))

    async def work() -> None:
        spool = Spool(folder, segment_bytes=200_000, seal_after_s=60)
        refused = 0
        for i in range(60):
            payload = b"%06d" % i + b"." * 50_000
            try:
                await spool.append(payload)
                kept.append(payload)
            except SpoolFull as error:
                assert "No space left" in str(error)
                refused += 1
        assert 10 < len(kept) < 25
        assert refused == 60 - len(kept)
        assert held(folder) == kept, "nothing of a refused record is kept"
        for path in folder.glob("*.open"):
            assert path.read_bytes().endswith(b"\n") or not path.stat().st_size
        ballast.unlink()
        await asyncio.wait_for(spool.append(b"there is room again"), 5)
        spool.close()

    run(work)
    assert held(folder) == [*kept, b"there is room again"]
    assert [(event, facts["refused"]) for event, facts in logged] == [
        ("spool.write_failed", 1), ("spool.writes_again", 60 - len(kept) - 1),
    ]  # fmt: skip


KILLED = """
import asyncio, os, sys
from pathlib import Path
from tandem.base.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]), segment_bytes=20_000, seal_after_s=0.02)
    async def sender(k):
        i = 0
        while True:
            name = b"%d-%d" % (k, i)
            await spool.append(name + b" " + b"x" * (i % 300))
            os.write(1, name + b"\\n")
            i += 1
    await asyncio.gather(*(sender(k) for k in range(20)))

asyncio.run(main())
"""


@pytest.mark.process
@pytest.mark.parametrize("attempt", range(3))
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path, attempt: int) -> None:
    told = tmp_path / "told"
    with told.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "spool")], stdout=out)
    try:
        wanted = 3_000 + random.Random(attempt).randrange(15_000)
        waited_for(lambda: told.stat().st_size > wanted or process.poll() is not None, 20)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    acknowledged = told.read_bytes().split(b"\n")[:-1]
    assert len(acknowledged) > 100
    recover(tmp_path / "spool")
    there = [r.partition(b" ")[0] for r in held(tmp_path / "spool")]
    assert len(there) == len(set(there))
    assert set(acknowledged) <= set(there)
    assert not list((tmp_path / "spool").glob("*.open"))
    Spool(tmp_path / "spool").close()  # the lock died with its holder
