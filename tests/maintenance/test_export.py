"""Export: exactly the events that were asked for, in the site's days, in a file of one's own."""

import csv
import json
import os
from pathlib import Path

import pytest

from tests.maintenance.conftest import in_house, tandem

EDGES = """
from datetime import UTC, datetime
def fact(i, at, visitor=9):
    return {"site": 1, "id": i, "visitor": visitor, "at": at, "received": at, "kind": "event", "name": 'a "b",\\nc',
            "path": "/edge", "query": "=HYPERLINK(1)", "props": {"k": "v"}}
rows = [fact(1, datetime(2026, 3, 28, 22, 59, 59, tzinfo=UTC)),   # 23:59:59 in Warsaw on the 28th
        fact(2, datetime(2026, 3, 28, 23, 0, tzinfo=UTC)),        # midnight, the 29th begins
        fact(3, datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC)),   # the last second of the 29th, which has 23 hours
        fact(4, datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),        # the 30th
        fact(3, datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC)),   # the same fact, delivered twice
        fact(5, datetime(2026, 3, 29, 12, 0, tzinfo=UTC), visitor=0xAB)]
ctx.warehouse.insert("events", {name: [r[name] for r in rows] for name in rows[0]})
"""


def exported(folder: Path, file: Path, *words: str) -> list[dict[str, object]]:
    done = tandem(folder, "export", str(file), *words)
    assert done.returncode == 0, done.stderr
    if file.suffix == ".csv":
        with file.open(newline="") as lines:
            rows: list[dict[str, object]] = list(csv.DictReader(lines))
    else:
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert f"{len(rows):,} event{'s' * (len(rows) != 1)}." in done.stdout
    return rows


def test_days_are_those_of_the_site_and_each_event_stands_once(company: Path, tmp_path: Path) -> None:
    in_house(company, EDGES)
    day = ("--since", "2026-03-29", "--until", "2026-03-30")
    for ending in ("ndjson", "csv"):
        rows = exported(company, tmp_path / f"day.{ending}", *day)
        assert [row["id"] for row in rows] == [f"{i:016x}" for i in (2, 5, 3)]
        assert {row["name"] for row in rows} == {'a "b",\nc'}
        assert {row["query"] for row in rows} == {"'=HYPERLINK(1)" if ending == "csv" else "=HYPERLINK(1)"}
        one = exported(company, tmp_path / f"one.{ending}", *day, "--person", "00000000000000ab")
        assert [row["visitor"] for row in one] == ["00000000000000ab"]


def test_everything_is_exported_unless_asked_otherwise(company: Path, tmp_path: Path) -> None:
    total = in_house(company, "answer = ctx.warehouse.value('select uniqExact(visitor, id) from events')")
    assert len(exported(company, tmp_path / "all.ndjson")) == total
    assert (tmp_path / "all.ndjson").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("since", "until", "is_all"),
    [
        ("0001-01-01", "0001-01-03", False),
        ("1900-01-01", "1900-01-05", False),
        ("9999-12-30", "9999-12-31", False),
        ("0001-01-01", "9999-12-31", True),
    ],
)
def test_days_outside_of_what_is_there_cost_nothing(
    company: Path, tmp_path: Path, since: str, until: str, is_all: bool
) -> None:
    total = in_house(company, "answer = ctx.warehouse.value('select uniqExact(visitor, id) from events')")
    rows = exported(company, tmp_path / "days.csv", "--since", since, "--until", until)
    assert len(rows) == (total if is_all else 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["all.txt"], "has no known format"),
        (["all.csv", "--site", "nope"], "There is no site “nope”."),
        (["all.csv", "--since", "yesterday"], "“yesterday” is not a day."),
        (["all.csv", "--since", "2026-02-30"], "is not a day"),
        (["all.csv", "--since", "2026-03-02", "--until", "2026-03-02"], "is not before"),
        (["all.csv", "--person", "anna"], "does not identify a person"),
        (["all.csv", "--site", "1" * 5000], f"There is no site “{'1' * 40}”."),
        (["x" * 260 + ".csv"], "cannot be written: File name too long.\nChoose a shorter name."),
        (["/proc/none/all.csv"], "cannot be written"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_written(
    company: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    done = tandem(company, "export", str(tmp_path / words[0]), *words[1:])
    assert done.returncode == 2
    assert said in done.stderr
    assert not os.path.lexists(tmp_path / words[0])
    assert not list(tmp_path.glob(".*.part"))


def test_a_file_that_is_there_stays_as_it_is(company: Path, tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text("mine")
    assert tandem(company, "export", str(tmp_path / "all.csv")).returncode == 2
    assert (tmp_path / "all.csv").read_text() == "mine"
