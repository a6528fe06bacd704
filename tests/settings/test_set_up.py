"""Setting up happens once, whoever else tries at the same time; and the code says who may."""

import re
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import func, select

from tandem.accounts import store, tables
from tandem.accounts.store import workspaces
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.core.auth import csrf_of
from tandem.core.context import Context
from tandem.settings import first_code
from tests import forked
from tests.settings.conftest import Browser

AT_ONCE = 6


def one_try(dsn: str, number: int, start: Any, outcomes: Any) -> None:
    db = Database(dsn)
    start.wait(30)
    try:
        store.set_up(
            db, f"Company {number}", f"a{number}@fern.example", "A", "a long password", f"site{number}",
            [f"s{number}.example"], "UTC", "EUR",
        )  # fmt: skip
        outcomes.put(200)
    except UserError as error:
        outcomes.put(error.status)
    finally:
        db.close()


@pytest.mark.process
def test_of_six_processes_at_once_one_sets_the_server_up(any_database: Database) -> None:
    context = forked.CONTEXT
    start, outcomes = context.Barrier(AT_ONCE), context.Queue()
    processes = [context.Process(target=one_try, args=(any_database.dsn, n, start, outcomes)) for n in range(AT_ONCE)]
    for process in processes:
        process.start()
    said = sorted(outcomes.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(30)
    assert said == [200] + [409] * (AT_ONCE - 1)
    with any_database.read() as c:
        for table in (tables.workspaces, tables.people, tables.sites):
            assert c.execute(select(func.count()).select_from(table)).scalar_one() == 1


def test_a_set_up_that_fails_half_way_leaves_nothing(any_database: Database, monkeypatch: Any) -> None:
    def breaks(*args: Any, **more: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(workspaces, "insert_site", breaks)
    for _ in range(2):
        try:
            store.set_up(any_database, "F", "a@f.example", "A", "a long password", "fern", ["f.example"], "UTC", "EUR")
        except RuntimeError as error:
            assert str(error) == "the disk is full"
    assert not store.is_set_up(any_database)
    monkeypatch.undo()
    store.set_up(any_database, "F", "a@f.example", "A", "a long password", "fern", ["f.example"], "UTC", "EUR")
    assert store.is_set_up(any_database)


def test_the_code_is_told_until_somebody_has_claimed_the_server(ctx: Context) -> None:
    file = ctx.config.folder / "set-up-code"
    said = first_code.announced(ctx)
    code = file.read_text().strip()
    assert code in said and file.stat().st_mode & 0o777 == 0o600
    assert first_code.announced(ctx) == said, "the same after a restart"
    assert first_code.is_code(ctx, f" {code.lower()} ") and not first_code.is_code(ctx, code[:-1])
    store.set_up(ctx.database, "F", "a@f.example", "A", "a long password", "fern", ["f.example"], "UTC", "EUR")
    assert first_code.announced(ctx) == "" and not file.exists()


def test_the_code_cannot_be_guessed(ctx: Context, app: Litestar) -> None:
    browser = Browser(app, ctx, "Firefox")
    given = {"company": "F", "email": "a@f.example", "name": "A", "password": "a long password", "host": "f.example"}
    said = [browser.post("/set-up", **given, code=f"AAAA-BBBB-{i:04d}").status_code for i in range(21)]
    assert said == [400] * 20 + [429]
    right = browser.post("/set-up", **given, key="fern", code=first_code.code_of(ctx))
    assert right.status_code == 429 and not store.is_set_up(ctx.database), "also when the next guess is right"


def test_all_mistakes_are_told_at_once_each_at_its_field(ctx: Context, app: Litestar) -> None:
    browser = Browser(app, ctx, "Firefox")
    given = {"company": " ", "email": "a", "name": "A", "password": "short", "host": "our shop", "zone": "Mars"}
    for more, fields in (
        ({"code": "AAAA", "key": "no key!"}, ["code", "email", "password", "company", "host", "zone", "key"]),
        ({"code": first_code.code_of(ctx)}, ["email", "password", "company", "host", "zone"]),
    ):
        sent = {"data": {**given, **more}, "headers": {"x-csrf": csrf_of(ctx, ""), "hx-request": "true"}}
        told = browser.client.post("/set-up", **sent)
        assert told.status_code == 400
        assert [told.headers["x-field"], *re.findall(r'data-at="([a-z]+)"', told.text)] == fields
    page = browser.post("/set-up", **given, code=first_code.code_of(ctx)).text
    for said in ("is not an e-mail address", "too short", "has no name", "cannot be the address", "not a time zone"):
        assert said in page, "without scripts, too"
    assert store.workspaces.NO_COMPANY.others == (), "made once, and raised for many"


def test_mistyped_fields_spend_no_tries_of_guessing_the_code(ctx: Context, app: Litestar) -> None:
    browser, code = Browser(app, ctx, "Firefox"), first_code.code_of(ctx)
    given = {"company": "F", "email": "a@f.example", "name": "A", "host": "f.example", "key": "fern", "code": code}
    assert {browser.post("/set-up", **given, password="short").status_code for _ in range(25)} == {400}
    wrong = [browser.post("/set-up", **{**given, "code": "A"}, password="short").status_code for _ in range(21)]
    assert wrong == [400] * 20 + [429], "the wrong ones count as before"


def test_whoever_mistyped_a_lot_can_still_set_up(ctx: Context, app: Litestar) -> None:
    browser, code = Browser(app, ctx, "Firefox"), first_code.code_of(ctx)
    given = {"company": "F", "email": "a@f.example", "name": "A", "host": "f.example", "key": "fern", "code": code}
    for _ in range(25):
        browser.post("/set-up", **given, password="short")
    assert browser.post("/set-up", **given, password="a long password").status_code == 303
    assert store.is_set_up(ctx.database)


@pytest.mark.parametrize(
    ("sent", "field"),
    [({}, "code"), ({"code": "AAAA"}, "name"), ({"code": "A", "name": "Ola"}, "email"),
     ({"code": "A", "name": "Ola", "email": "o@fern.example"}, "password")],
)  # fmt: skip
def test_the_first_empty_field_has_the_focus(ctx: Context, app: Litestar, sent: dict[str, str], field: str) -> None:
    """It was the name, below a code that was missing."""
    page = Browser(app, ctx, "Firefox").post("/set-up", **sent).text
    assert re.findall(r'name="([a-z]+)"[^>]* autofocus', page) == [field]
    opened = Browser(app, ctx, "Firefox").get("/set-up", params={"code": sent.get("code", "")}).text
    assert re.findall(r'name="([a-z]+)"[^>]* autofocus', opened) == ["name" if sent else "code"]
