"""The doctor: a sound installation has no problem, and each planted fault is found with its cure."""

import json
import os
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from tandem.base import clock
from tandem.collect import health
from tandem.collect.tables import salts
from tandem.core.context import Context
from tandem.maintenance import cut_off
from tandem.maintenance.doctor import intake, machine, visits
from tandem.maintenance.doctor.finding import PROBLEM, Check, Installation
from tandem.maintenance.doctor.outside import CLOSED
from tests.maintenance.conftest import here, in_house, serving, tandem
from tests.served import eventually


def findings(folder: Path, **extra: str) -> tuple[int, dict[str, Any]]:
    """In a process of its own where there are stores, which one process may open once."""
    done = (tandem if folder.exists() else here)(folder, "doctor", "--json", **extra)
    return done.returncode, json.loads(done.stdout)


def found(report: dict[str, Any], name: str, state: str) -> list[dict[str, str]]:
    return [f for f in report["findings"] if f["name"] == name and f["state"] == state]


def test_a_sound_installation_has_no_problem(company: Path) -> None:
    code, report = findings(company)
    assert (code, report["problem"]) == (0, 0), [f for f in report["findings"] if f["state"] != "ok"]
    names = {f["name"] for f in report["findings"]}
    assert names >= {
        "Tandem", "libraries", "settings", "disk", "memory", "port", "proxies", "event store", "clock", "record store",
        "event schema", "record schema", "set-up", "spool", "salts", "rules", "data received", "visits", "key",
    }  # fmt: skip


def test_a_running_server_answers_for_itself_and_tells_of_its_jobs(company: Path) -> None:
    def jobs_that_are_fine() -> Any:
        code, report = findings(company)
        jobs = {f["text"].split("`")[1] for f in found(report, "jobs", "ok")}
        return code == 0 and jobs >= {"load", "rebuild", "salts"} and report

    with serving(company):
        report = eventually(jobs_that_are_fine)
    assert "the server answers" in found(report, "Tandem", "ok")[0]["text"]


def test_nothing_is_made_by_looking(empty: Path) -> None:
    code, report = findings(empty)
    assert code == 0 and not empty.exists()
    assert found(report, "set-up", "warning")


def test_a_provider_that_may_not_be_called_is_a_problem(empty: Path) -> None:
    issuer = {"TANDEM_OIDC_ISSUER": "http://127.0.0.1:9", "TANDEM_OIDC_CLIENT": "tandem"}
    (problem,) = found(findings(empty, **issuer)[1], "settings", "problem")
    assert "TANDEM_REACH" in problem["cure"]
    assert not found(findings(empty, **issuer, TANDEM_REACH="127.0.0.1")[1], "settings", "problem")


def test_every_finding_that_is_not_fine_has_a_cure(company: Path) -> None:
    in_house(company, """
from datetime import UTC, date, datetime, timedelta
from sqlalchemy import insert, update
from tandem.collect.tables import rebuilds, salts
w = ctx.warehouse
yesterday = date.today() - timedelta(days=1)
w.insert("reception", {"site": [1], "on": [yesterday], "outcome": ["stored"], "count": [5], "batch": ["x"]})
w.do("insert into visit_rows (site, visit, visitor, started, ended, pageviews, version) "
     "values (1, 5, 6, now(), now(), 3, 1)")
w.do("insert into schema_steps (owner, number, name) values ('collect', 900, 'from_tomorrow')")
with ctx.database.write() as c:
    c.execute(insert(salts).values(on=date(2020, 1, 1), salt=b"x"))
    c.execute(update(rebuilds).values(made_with="other"))
""")  # fmt: skip
    spool = company / "spool" / "main"
    spool.mkdir(parents=True, exist_ok=True)
    segment = spool / "000000000000001.seg"
    segment.write_bytes(b"")
    os.utime(segment, (1, 1))
    code, report = findings(
        company, TANDEM_PROXIES="0.0.0.0/0", TANDEM_MEMORY_MB="99000000", TANDEM_CITY_MMDB="/nowhere.mmdb",
        TANDEM_CLUSTER="two", TANDEM_COLOUR="red", TANDEM_URL="http://figures.example",
    )  # fmt: skip
    assert code == 1
    wrong = [f for f in report["findings"] if f["state"] != "ok"]
    assert all(f["cure"] for f in wrong), wrong
    assert {(f["name"], f["state"]) for f in wrong} >= {
        ("settings", "problem"), ("settings", "warning"), ("memory", "problem"), ("proxies", "problem"),
        ("event schema", "problem"), ("spool", "warning"), ("salts", "problem"),
    }  # fmt: skip
    code, report = findings(company)
    assert code == 1
    assert "by 5" in found(report, "data received", "problem")[0]["text"]
    assert found(report, "visits", "problem") and found(report, "rules", "warning")


def test_a_lost_key_and_a_system_that_does_not_answer_are_found(company: Path) -> None:
    in_house(company, """
from sqlalchemy import update
from tandem.connections import store
from tandem.connections.model import Incoming
from tandem.connections.tables import connections
from tandem.crm.jobs import SYSTEMS
from tandem.people.store.signing import make_secret
webhook = next(s for s in SYSTEMS if s.id == "webhook")
site = ctx.sites()["fern"]
made = store.add(ctx, site, webhook, "Sales", {"secret": "s3cret s3cret s3cret"})
store.keep_delivery(ctx, made, "1", Incoming(method="POST", url="", headers={}, query=(), form=(), body=b"{}"))
make_secret(ctx, site)
with ctx.database.write() as c:
    c.execute(update(connections).where(connections.c.name == "Sales").values(problem="It does not answer."))
""")  # fmt: skip
    _, report = findings(company)
    assert "“Sales”: It does not answer." in found(report, "connections", "warning")[0]["text"]
    assert found(report, "key", "ok")
    (company / "key").rename(company / "key.gone")
    _, report = findings(company)
    assert "Every backup contains the key" in found(report, "key", "problem")[0]["cure"]
    assert not (company / "key").exists(), "looking makes none"
    (company / "key").touch()
    _, report = findings(company)
    assert "is empty" in found(report, "key", "problem")[0]["text"]
    _, report = findings(company, TANDEM_KEY="another key than before")
    told = {one["text"].replace(CLOSED, "…"): one["cure"] for one in found(report, "key", "problem")}
    assert "enter the credentials again" in told["“Sales” has credentials that …."]
    assert "97 days" in told["“Sales” has waiting webhooks that …: 1. An erasure leaves them."]
    assert "revoke them" in told["Signing secrets of the site fern that …: 1. What they sign is not proved."]
    assert not found(report, "key", "ok")


def test_a_broken_store_is_a_finding_and_not_the_end(company: Path) -> None:
    (company / "records.db").write_bytes(b"this is no database" * 100)
    code, report = findings(company)
    assert code == 1
    assert found(report, "record store", "problem") and found(report, "event store", "ok")


def test_a_taken_port_is_found(company: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, report = findings(company, PORT=str(taken.getsockname()[1]))
    assert code == 1
    assert "is not available" in found(report, "port", "problem")[0]["text"]


def test_the_plain_report_reads_line_by_line(company: Path) -> None:
    done = tandem(company, "doctor")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].endswith("0 problems.")
    assert all(line.startswith(("ok ", "warning ", " ")) or line[0].isdigit() for line in done.stdout.splitlines())


# ── beside what a server does ──


def examined(ctx: Context, *checks: Check) -> list[str]:
    """What these checks find to be a problem of a server that runs."""
    installation = Installation(ctx.config, ctx.warehouse, ctx.database, ctx)
    return [f.text for check in checks for f in check(installation) if f.state == PROBLEM]


@pytest.mark.parametrize(
    ("check", "file"),
    [
        (intake._spool, "spool/main/1.seg"),
        (intake._loading, "spool/main/1.seg"),
        (intake._loading, "spool/main/1.batch"),
        (intake._aside, "spool/main/aside/1.json"),
        (machine._data_folder, "records.db-gone"),
    ],
)
def test_a_file_that_goes_between_listing_and_looking_is_no_problem(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, check: Check, file: str
) -> None:
    """The loader was quicker than the doctor, who said that the spool could not be checked."""
    (ctx.config.folder / "spool" / "main" / "aside").mkdir(parents=True)
    (ctx.config.folder / "spool" / "main" / "aside" / "1.seg").touch()
    path, glob = ctx.config.folder / file, Path.glob
    path.touch(0o666)

    def listed(folder: Path, pattern: str) -> Iterator[Path]:
        for found in list(glob(folder, pattern)):
            if found == path:
                path.unlink()
            yield found

    monkeypatch.setattr(Path, "glob", listed)
    assert examined(ctx, check) == []
    assert not path.exists()


def test_what_an_erasure_or_a_backup_does_just_now_is_no_problem(ctx: Context) -> None:
    """What an erasure has not got to yet looks like one that was cut off; what waits for a backup, like a loader
    that hangs."""
    ctx.config.folder.joinpath("spool", "main").mkdir(parents=True)
    segment, long_ago = ctx.config.folder / "spool" / "main" / "1.seg", time.time() - 3600
    segment.touch()
    os.utime(segment, (long_ago, long_ago))
    cut_off.begin(ctx.config.folder, [(1, date(2026, 1, 2), 3)])
    checks = (machine._data_folder, intake._spool)
    with health.loading_paused(ctx, cut_off.HOLDER):
        assert examined(ctx, *checks, visits._ingestion, visits._visits) == []
    with health.loading_paused(ctx, "a backup"):
        assert examined(ctx, *checks) == ["An erasure was interrupted here."]
    assert [text.split(";")[0] for text in examined(ctx, *checks)] == [
        "An erasure was interrupted here.", "Waiting to be loaded: 1 segment (0.0 MB), the oldest for 60 min.",
    ]  # fmt: skip


@pytest.mark.parametrize(("age", "problems"), [(0, 0), (1, 0), (2, 1)])
def test_a_salt_that_is_older_than_yesterdays_is_a_problem(ctx: Context, age: int, problems: int) -> None:
    """The visitors of that day could be told again by their address and browser."""
    on = clock.now().date() - timedelta(days=age)
    with ctx.database.write() as c:
        c.execute(insert(salts).values(on=on, salt=b"x"))
    texts = examined(ctx, intake._salts)
    assert texts == [f"A salt of {on} still exists, so IDs of that day could be traced back."] * problems
