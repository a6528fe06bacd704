"""What benches keep between runs, and what they throw away."""

from pathlib import Path

import pytest

from bench.kept import is_filled, kept_folder, mark_filled


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_DIR", str(tmp_path))
    return tmp_path


def test_a_filled_folder_is_kept() -> None:
    folder = kept_folder("trial")
    (folder / "records.db").touch()
    mark_filled(folder)
    again = kept_folder("trial")
    assert is_filled(again)
    assert (again / "records.db").exists()


def test_a_folder_that_was_left_half_filled_is_empty_again() -> None:
    (kept_folder("trial") / "records.db").touch()
    again = kept_folder("trial")
    assert not is_filled(again)
    assert not (again / "records.db").exists()


def test_what_no_bench_has_begun_is_left_alone(place: Path) -> None:
    (place / "tandem-trial-bench").mkdir()
    (place / "tandem-trial-bench" / "letters").touch()
    with pytest.raises(SystemExit):
        kept_folder("trial")
    assert (place / "tandem-trial-bench" / "letters").exists()
