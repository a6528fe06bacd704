"""A draft becomes the file when it is whole; what dead writers left goes, what living ones hold stays."""

import errno
import os
import signal
from pathlib import Path

import pytest

from tandem.base.errors import UserError
from tandem.maintenance.draft import Draft


def left_by_the_dead(target: Path) -> None:
    child = os.fork()
    if not child:
        Draft(target).write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_drafts_of_dead_writers_go_when_the_file_is_written_again(tmp_path: Path) -> None:
    target = tmp_path / "nightly.tar"
    left_by_the_dead(target)
    (tmp_path / f".nightly.tar.{os.getpid()}.part").touch()  # of before 0.4, by a process of our number
    others = [tmp_path / name for name in (".nightly.tar.mine.part", ".weekly.tar.1.part", "nightly.tar.1.part")]
    for other in others:
        other.touch()
    assert len(list(tmp_path.iterdir())) == 5
    draft = Draft(target)
    draft.write(b"whole")
    draft.publish()
    assert sorted(tmp_path.iterdir()) == sorted([target, *others])
    assert target.read_bytes() == b"whole"
    assert target.stat().st_mode & 0o077 == 0


def test_nobody_takes_the_draft_of_a_living_writer(tmp_path: Path) -> None:
    first = Draft(tmp_path / "nightly.tar")
    first.write(b"first")
    first.flush()
    second = Draft(tmp_path / "nightly.tar")
    first.publish()
    with pytest.raises(UserError, match="exists already"):
        second.publish()
    second.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["nightly.tar"]
    assert first.target.read_bytes() == b"first"


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "there").symlink_to("nowhere")
    with pytest.raises(UserError, match="exists already"):
        Draft(tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_the_full_disk_of_the_file_is_told_with_its_cure(tmp_path: Path) -> None:
    draft = Draft(tmp_path / "nightly.tar")
    draft._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - discard closes it
    with pytest.raises(UserError, match=r"nightly\.tar cannot be written: No space") as told:
        draft.write(b"more")
    assert told.value.hint == "Make room, or choose another disk."
    draft.discard()
    assert not list(tmp_path.iterdir())


def test_a_file_system_without_hard_links_writes_nothing_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    for _ in range(2):
        draft = Draft(tmp_path / f"{_}.tar")
        draft.publish()
    draft = Draft(tmp_path / "3.tar")
    draft.target.touch()
    with pytest.raises(UserError, match="exists already"):
        draft.publish()
    draft.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.tar", "1.tar", "3.tar"]
