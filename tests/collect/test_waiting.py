"""What waits in the spools is counted in bounded time: nothing is read twice, and no view reads more than its share."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.base.spool import framed
from tandem.collect import waiting
from tandem.collect.model.hit import Record
from tandem.collect.waiting import Spooled, WaitingEvents
from tests.collect.conftest import NOON, told


def lines(site: int, count: int, events: int = 2) -> bytes:
    """So many records of a site, each of so many events; the same bytes each time."""
    made = told(site, 1, NOON, event_id=7, path='/"props":{"],["', query="a" * 50)
    record = msgspec.structs.replace(made, events=made.events * events, refused={"bad_value": 3})
    return framed(msgspec.json.encode(record)) * count


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of the records that were read, one by one."""
    sizes, real = list[int](), waiting._glimpse

    def glimpse(payload: bytes) -> Any:
        sizes.append(len(payload) + 9)
        return real(payload)

    monkeypatch.setattr(waiting, "_glimpse", glimpse)
    return sizes


def test_a_glimpse_is_the_beginning_of_a_record() -> None:
    glimpse = waiting.Glimpse.__struct_fields__
    assert Record.__struct_fields__[: len(glimpse)] == glimpse


def test_a_second_view_reads_nothing_again(tmp_path: Path, looked_at: list[int]) -> None:
    for number in range(3):
        (tmp_path / f"main-{number}").mkdir()
        for segment in range(4):
            path = tmp_path / f"main-{number}" / f"{segment:015d}.seg"
            path.write_bytes(lines(1, 100) + lines(2, 50, events=3))
    spooled = Spooled(tmp_path)
    assert (spooled.waiting(1), spooled.waiting(2), spooled.waiting(3)) == (
        WaitingEvents(2400),
        WaitingEvents(1800),
        WaitingEvents(0),
    )
    assert len(looked_at) == 3 * 4 * 150
    del looked_at[:]
    assert (spooled.waiting(1), spooled.waiting(2)) == (WaitingEvents(2400), WaitingEvents(1800))
    assert looked_at == []


def test_of_a_segment_that_grows_and_is_sealed_only_what_is_new_is_read(tmp_path: Path, looked_at: list[int]) -> None:
    (tmp_path / "main").mkdir()
    growing, spooled = tmp_path / "main" / "000000000000001.open", Spooled(tmp_path)
    half = lines(1, 1)[:40]
    growing.write_bytes(lines(1, 10) + half)
    assert spooled.waiting(1) == WaitingEvents(20), "what is half written is not on disk"
    growing.write_bytes(lines(1, 15))
    assert spooled.waiting(1) == WaitingEvents(30)
    growing.rename(growing.with_suffix(".seg"))
    assert (spooled.waiting(1), len(looked_at)) == (WaitingEvents(30), 15)
    growing.with_suffix(".seg").write_bytes(lines(1, 5))
    assert spooled.waiting(1) == WaitingEvents(10), "an erasure has written it anew"
    growing.with_suffix(".seg").unlink()
    assert (spooled.waiting(1), spooled._known) == (WaitingEvents(0), {}), "it is loaded, and nothing of it is kept"


def test_a_view_reads_no_more_than_its_share_and_estimates_the_rest(
    tmp_path: Path, looked_at: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main").mkdir()
    one = len(lines(1, 1))
    for segment in range(10):
        (tmp_path / "main" / f"{segment:015d}.seg").write_bytes(lines(1, 123))
    monkeypatch.setattr(waiting, "READ_BYTES", 400 * one)
    spooled, found = Spooled(tmp_path), []
    for _ in range(5):
        del looked_at[:]
        found.append(spooled.waiting(1))
        assert sum(looked_at) <= 400 * one
    assert found == [WaitingEvents(2400, "about")] * 3 + [WaitingEvents(2460)] * 2, (
        "and views that follow make it exact"
    )


def test_what_a_segment_has_grown_by_since_the_last_view_is_estimated_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main").mkdir()
    growing, spooled = tmp_path / "main" / "000000000000001.open", Spooled(tmp_path)
    monkeypatch.setattr(waiting, "READ_BYTES", 50 * len(lines(1, 1)))
    growing.write_bytes(lines(1, 20))
    assert spooled.waiting(1) == WaitingEvents(40)
    growing.write_bytes(lines(1, 100))
    assert [spooled.waiting(1) for _ in range(2)] == [WaitingEvents(200, "about"), WaitingEvents(200)]


def test_more_than_is_said_of_what_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main").mkdir()
    for segment in range(10):
        (tmp_path / "main" / f"{segment:015d}.seg").write_bytes(lines(1, 20))
    monkeypatch.setattr(waiting, "MOST_SEGMENTS", 7)
    monkeypatch.setattr(waiting, "READ_BYTES", 70 * len(lines(1, 1)))
    spooled = Spooled(tmp_path)
    assert [spooled.waiting(1) for _ in range(3)] == [
        WaitingEvents(140, "more"),
        WaitingEvents(280, "more"),
        WaitingEvents(280, "more"),
    ]


def test_no_more_segments_are_looked_at_than_the_bound(
    tmp_path: Path, looked_at: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main").mkdir()
    for segment in range(10):
        (tmp_path / "main" / f"{segment:015d}.seg").write_bytes(lines(1, 20))
    monkeypatch.setattr(waiting, "MOST_SEGMENTS", 7)
    spooled = Spooled(tmp_path)
    assert [spooled.waiting(1) for _ in range(3)] == [WaitingEvents(280, "more")] * 3
    assert (len(looked_at), len(spooled._known)) == (7 * 20, 7)


def test_what_is_damaged_gone_or_not_ours_breaks_nothing(tmp_path: Path) -> None:
    assert Spooled(tmp_path / "none").waiting(1) == WaitingEvents(0)
    folder = tmp_path / "main"
    (folder / "aside").mkdir(parents=True)
    (folder / "000000000000003.seg").mkdir()
    (folder / "aside" / "1.seg").write_bytes(lines(1, 9))
    (folder / "lock").write_bytes(b"")
    whole = lines(1, 4)
    (folder / "000000000000001.seg").write_bytes(whole[:300] + b"\xff" + whole[301:] + b"[1,2\n\n" + whole[:-1])
    spooled = Spooled(tmp_path)
    assert spooled.waiting(1) == spooled.waiting(1) == WaitingEvents(14), (
        "one is damaged, and of the last the end alone"
    )
