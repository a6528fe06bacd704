"""Data folders that a bench fills once and keeps for its next runs; BENCH_DIR says where they lie."""

import os
import shutil
import tempfile
from pathlib import Path

BEGUN, FILLED = "bench.begun", "bench.filled"


def kept_folder(name: str) -> Path:
    """The folder of this name, empty or filled: what an interrupted run left half filled is thrown away.

    raises   SystemExit when it holds what no bench has begun
    """
    folder = Path(os.environ.get("BENCH_DIR", tempfile.gettempdir())) / f"tandem-{name}-bench"
    if (folder / BEGUN).exists() and not is_filled(folder):
        shutil.rmtree(folder)
    if folder.exists() and any(folder.iterdir()) and not is_filled(folder):
        raise SystemExit(f"{folder} was not begun by this bench: move it away, or name another place with BENCH_DIR.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEGUN).touch()
    return folder


def is_filled(folder: Path) -> bool:
    return (folder / FILLED).exists()


def mark_filled(folder: Path) -> None:
    (folder / FILLED).touch()
