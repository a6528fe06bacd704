"""The vault: what it seals nobody else opens, and what it marks is always the same."""

import os
import stat
from multiprocessing import Pool
from pathlib import Path

import pytest

from tandem.base.errors import UserError
from tandem.base.vault import Vault, open_vault


def test_what_is_sealed_can_be_opened_again(tmp_path: Path) -> None:
    sealed = open_vault(tmp_path).seal("+48 600 100 200 żółw")
    assert "600" not in sealed
    assert open_vault(tmp_path).open(sealed) == "+48 600 100 200 żółw"


def test_another_key_opens_nothing_and_says_so() -> None:
    with pytest.raises(UserError, match="TANDEM_KEY"):
        Vault("theirs").open(Vault("ours").seal("x"))


def test_one_value_of_another_key_is_nothing_and_stops_nobody() -> None:
    ours = Vault("ours")
    assert [ours.try_open(one.seal("x")) for one in (ours, Vault("theirs"))] == ["x", None]


def test_a_mark_is_always_the_same_and_depends_on_the_key() -> None:
    assert Vault("k").mark("phone:+48600100200") == Vault("k").mark("phone:+48600100200")
    assert len({Vault(k).mark(t) for k in "ab" for t in ("x", "y")}) == 4
    assert 0 <= Vault("k").mark("x") < 2**64


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = open_vault(tmp_path / "data").key
    assert open_vault(tmp_path / "data").key == first and len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "key").stat().st_mode) == 0o600


def _key(folder: Path) -> str:
    return open_vault(folder).key


@pytest.mark.process
def test_processes_that_start_together_agree_on_the_key(tmp_path: Path) -> None:
    with Pool(4) as pool:
        assert len(set(pool.map(_key, [tmp_path] * 16))) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


def test_a_given_key_needs_no_file(tmp_path: Path) -> None:
    assert open_vault(tmp_path, "given").mark("x") == Vault("given").mark("x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "said"), [("", "is empty"), (" \n", "is empty"), ("abc", "too short")])
def test_a_file_without_a_key_is_refused_with_a_cure(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(UserError, match=said) as error:
        open_vault(tmp_path)
    assert "tar -xOf BACKUP.tar key.gz" in error.value.hint
    assert (tmp_path / "key").read_text() == content


def test_a_new_key_is_on_disk_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[str]()
    real = os.fsync

    def fsync(handle: int) -> None:
        kept.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"{os.fstat(handle).st_size} letters")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    open_vault(tmp_path)
    assert kept == ["43 letters", "folder"]
