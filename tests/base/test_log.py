"""What is logged of errors names places and kinds, never what somebody wrote."""

import io
import json

import pytest
from sqlalchemy import text

from tandem.base import log
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse

SECRET = "anna@secret.example"


def logged(error: BaseException) -> str:
    out = io.StringIO()
    log.set_up("info", pretty=False, to=out)
    try:
        log.get("test").error("test.broke", exc_info=error)
    finally:
        log.set_up()
    assert json.loads(out.getvalue())["exception"][0]["frames"], "places are still named"
    return out.getvalue()


@pytest.mark.parametrize(
    "sql",
    ["select toUInt64({a:String})", "select nosuch from events where path = {a:String}", "select throwIf({a:String}"],
)
def test_an_error_of_the_event_store_is_logged_without_the_values_of_its_question(
    warehouse: Warehouse, sql: str
) -> None:
    with pytest.raises(Exception) as failed:
        warehouse.ask(sql, {"a": SECRET})
    assert SECRET in str(failed.value) or "Code" in str(failed.value)
    assert SECRET not in logged(failed.value)


def test_an_error_of_the_record_store_is_logged_without_its_values(any_database: Database) -> None:
    with pytest.raises(Exception) as failed, any_database.read() as c:
        c.execute(text("select nosuch from people where email = :email"), {"email": SECRET})
    assert SECRET not in logged(failed.value)


def test_a_mistake_of_ours_is_logged_without_what_it_quotes() -> None:
    try:
        int(SECRET)
    except ValueError as error:
        found = logged(error)
    assert "invalid literal for int()" in found and SECRET not in found
