"""The vault: what it seals nobody else opens, and what it marks is always the same."""

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
