"""A page's rows as a file: named, noted, and safe in a spreadsheet."""

from datetime import date

import pytest
from litestar import Litestar, Response, get
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.exports import NOTES, exported

CALLER = Caller(workspace_id=1, user=None, token=None, csrf="", language="en", theme="auto")
COLUMNS = ("day", "source", "visits", "share", "is_whole")
ROWS = [(date(2026, 11, 1), "=cmd()", 3, 0.1 + 0.2, True), (date(2026, 11, 2), "-5", None, 1e-7, False)]


def test_a_csv_is_what_a_spreadsheet_reads_and_runs_nothing(ctx: Context, site: Site) -> None:
    answer = exported(ctx, CALLER, site, "visits", "csv", COLUMNS, ROWS, {"visits": "visits (being recounted, 40%)"})
    assert answer.content.splitlines() == [
        'day,source,"visits (being recounted, 40%)",share,is_whole',
        "2026-11-01,'=cmd(),3,0.3,True",
        "2026-11-02,-5,,1e-07,False",
    ]
    assert answer.headers[NOTES] == "visits (being recounted, 40%)"
    assert answer.headers["content-disposition"] == f'attachment; filename="tandem-{site.key}-visits.csv"'


def test_its_kind_names_the_letters_once(ctx: Context, site: Site) -> None:
    @get("/file", sync_to_thread=False)
    def file() -> Response[str]:
        return exported(ctx, CALLER, site, "visits", "csv", COLUMNS, ROWS)

    with TestClient(Litestar([file])) as client:
        assert client.get("/file").headers["content-type"] == "text/csv; charset=utf-8"


def test_json_has_the_values_as_they_are(ctx: Context, site: Site) -> None:
    answer = exported(ctx, CALLER, site, "visits", "json", COLUMNS, ROWS)
    assert answer.content[1] == dict(zip(COLUMNS, ("2026-11-02", "-5", None, 1e-7, False), strict=True))
    assert NOTES not in answer.headers


def test_another_format_is_refused(ctx: Context, site: Site) -> None:
    with pytest.raises(UserError, match="“xlsx” is not a format"):
        exported(ctx, CALLER, site, "visits", "xlsx", COLUMNS, ROWS)
