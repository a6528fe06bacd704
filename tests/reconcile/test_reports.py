"""Exports as the systems write them, with all their traps: read whole, or refused with file, line and cure."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.imports.uploads import on_disk
from tandem.rates import store as rates
from tandem.rates.model import Rate
from tandem.reconcile import store
from tandem.reconcile.model.outside import OutsideReport, OutsideRow
from tandem.reconcile.sources.report import ReportHints, read
from tests.reconcile.conftest import Bring

TODAY = date(2026, 11, 20)
GA4 = """# ----------------------------------------
# Traffic acquisition: Session default channel group
# Account: Fern
# Property: Fern shop - GA4
# ----------------------------------------
#
# All Users
# Start date: 20261001
# End date: 20261002
Date,Session default channel group,Sessions,Engaged sessions,Engagement rate,Total users,Total revenue
,,370,200,0.54,300,1234.5
20261001,Organic Search,120,80,0.66,100,1000.50
20261001,Direct,100,50,0.5,90,0
20261002,Organic Search,150,70,0.46,110,234
"""


def told(text: str | bytes, **hints: str) -> OutsideReport:
    body = text if isinstance(text, bytes) else text.encode()
    with on_disk(BytesIO(body)) as path:
        return read(path, ReportHints(**hints), TODAY)  # type: ignore[arg-type]


def facts(report: OutsideReport) -> dict[tuple[str, str, str], Decimal]:
    assert report.problems == [], [p.said("f") for p in report.problems]
    return {(row.on.isoformat()[5:], row.figure, "|".join(filter(None, row.part))): row.value for row in report.rows}


def problem(report: OutsideReport) -> str:
    assert report.problems
    return report.problems[0].said("f.csv")


def test_a_ga4_export_with_its_preamble_and_grand_total() -> None:
    report = told(GA4)
    assert (report.system, report.account, report.split) == ("ga4", "Fern shop - GA4", "channel")
    found = facts(report)
    assert found["10-01", "sessions", "Organic Search"] == 120
    assert found["10-01", "revenue", "Organic Search"] == Decimal("1000.50")
    assert found["10-02", "users", "Organic Search"] == 110
    assert len(found) == 9
    assert [n.code for n in report.notes] == ["total_left_out"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_encoding_says_the_same(encoding: str) -> None:
    assert facts(told(GA4.encode(encoding))) == facts(told(GA4))


def test_a_russian_file_of_windows_with_semicolons_and_decimal_commas() -> None:
    text = (
        "Дата;Источник трафика;Визиты;Доход, руб.\n01.10.2026;Прямые заходы;1 250;10 000,50\nИтого и средние;;1 250;1\n"
    )
    found = facts(told(text.encode("cp1251"), system="metrika"))
    assert found == {
        ("10-01", "sessions", "Direct traffic"): 1250, ("10-01", "revenue", "Direct traffic"): Decimal("10000.50"),
    }  # fmt: skip


def test_a_polish_export_with_words_for_heads() -> None:
    head = "# Usługa: Sklep - GA4\nData\tDomyślna grupa kanałów sesji\tSesje\tŁączne przychody\n"
    text = f"{head}20261001\tDirect\t1 024\t99,90\n"
    report = told(text)
    assert (report.system, report.account) == ("ga4", "Sklep - GA4")
    assert facts(report) == {
        ("10-01", "sessions", "Direct"): 1024, ("10-01", "revenue", "Direct"): Decimal("99.90"),
    }  # fmt: skip


def test_rows_of_totals_are_counted_with_their_plural() -> None:
    """“1 rows with totals were skipped”."""
    two = "Date,Sessions\n2026-10-01,1\nTotal,1\n2026-10-02,1\nTotal,1\n"
    (note,) = told(two).notes
    assert note.said("f.csv") == "f.csv: 2 rows with totals were skipped: the daily rows already include them."
    (note,) = told(GA4).notes
    assert note.said("f.csv") == "f.csv: One row with totals was skipped: the daily rows already include it."


def test_metrica_tells_its_period_and_accuracy_above_the_table() -> None:
    text = (
        "Отчет за период с 2026-10-01 по 2026-10-02\nТочность: 10%\n"
        "Дата визита,Последний значимый источник трафика,Визиты,Посетители\n"
        "Итого и средние,,300,200\n2026-10-01,Переходы из поисковых систем,180,120\n2026-10-02,Не определено,120,80\n"
    )
    report = told(text)
    assert (report.system, report.split) == ("metrika", "channel")
    assert {row.channel for row in report.rows} == {"Search engine traffic", "Not known"}
    assert {row.share for row in report.rows} == {Decimal("0.1")}
    assert {n.code for n in report.notes} == {"total_left_out", "is_sampled"}
    assert [n.values for n in report.notes if n.code == "is_sampled"] == [{"share": "10%"}]


def test_marks_of_sampling_thresholding_and_the_other_row() -> None:
    text = GA4.replace("# All Users", "# This report is based on 35.1% of available data\n# Data thresholding applied")
    report = told(text.replace("20261002,Organic Search", "20261002,(other)"))
    assert {row.share for row in report.rows} == {Decimal("0.351")}
    assert all(row.is_thresholded for row in report.rows)
    assert {row.on.day for row in report.rows if row.is_other} == {2}
    assert {n.code for n in report.notes} >= {"is_sampled", "is_thresholded", "has_other"}


def test_days_numbered_from_the_start_are_days() -> None:
    text = "# Start date: 20261001\n# End date: 20261003\nNth day,Sessions\n0000,10\n0001,12\n0002,9\n"
    text += "# Start date: 20261001\nSession default channel group,Sessions\nDirect,31\n"
    report = told(text)
    assert facts(report) == {("10-01", "sessions", ""): 10, ("10-02", "sessions", ""): 12, ("10-03", "sessions", ""): 9}
    assert [n.code for n in report.notes] == ["period_left_out"]


def test_totals_of_a_period_are_refused_with_a_cure() -> None:
    said = problem(
        told("# Start date: 20261001\n# End date: 20261031\nSession default channel group,Sessions\nDirect,900\n")
    )
    assert said.startswith("f.csv, line 3: The table gives totals of a whole period")
    assert "never spread over days" in said and "Add the day" in said
    assert "covers 2026-10-01 to 2026-10-31" in problem(told("date,sessions\n2026-10-01 - 2026-10-31,900\n"))


def test_source_and_medium_in_one_column_or_two() -> None:
    one = told("Date,Session source / medium,Sessions\n20261001,google / cpc,5\n20261001,(direct) / (none),2\n")
    two = told("Date,Session source,Session medium,Sessions\n20261001,google,cpc,5\n20261001,(direct),(none),2\n")
    assert one.split == two.split == "source"
    assert facts(one) == facts(two)
    assert ("10-01", "sessions", "google|cpc") in facts(one)


def test_a_table_of_ones_own_names_the_figure_in_each_row() -> None:
    report = told(
        "day,channel,figure,value,sample share,time zone,currency\n"
        "2026-10-01,Email,sessions,12,,Europe/London,\n2026-10-01,Email,revenue,99.5,0.25,Europe/London,PLN\n"
    )
    assert facts(report) == {("10-01", "sessions", "Email"): 12, ("10-01", "revenue", "Email"): Decimal("99.5")}
    assert report.zone == "Europe/London"
    assert {(row.figure, row.share, row.currency) for row in report.rows} == {
        ("sessions", None, ""), ("revenue", Decimal("0.25"), "PLN"),
    }  # fmt: skip


def test_more_dimensions_are_added_up_but_users_cannot_be() -> None:
    head = "Date,Device category,Sessions"
    assert facts(told(f"{head}\n20261001,mobile,5\n20261001,desktop,7\n")) == {("10-01", "sessions", ""): 12}
    said = problem(told(f"{head},Total users\n20261001,mobile,5,4\n20261001,desktop,7,6\n"))
    assert said.startswith("f.csv, line 3: 2026-10-01 has users of the same part twice")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Date,Sessions\n20261001,12\n20261002,many\n", "line 3: “many” in the column “Sessions” is not a number."),
        ("Date,Sessions\nsoon,12\n", "line 2: “soon” is not a day."),
        ("Date,Sessions\n20991001,12\n", "line 2: 2099-10-01 is in the future."),
        (
            "Date,Sessions\n03/04/2026,12\n05/06/2026,12\n",
            "line 2: It is unclear whether 03/04/2026 starts with the day",
        ),
        ("Date,Channel,Sessions\n20261001,Direct\n", "line 2: Cells in the row: 2, in the header: 3."),
        ("day,figure,value\n2026-10-01,happiness,12\n", "line 2: “happiness” is not a metric that can be compared."),
        ("hello\nworld\n", "No line of the file looks like the head"),
        ("Date,Sessions\n", "The file contains no row with a day."),
        (b"\x00\x01\x02%PDF-1.7 " + b"x" * 5000, "The file is not a text table."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, said: str) -> None:
    report = told(text)
    assert said in problem(report)
    assert report.problems[0].cure


def test_the_order_of_day_and_month_can_be_told_and_found_out() -> None:
    text = "Date,Sessions\n03/04/2026,12\n"
    assert facts(told(text, order="dmy")) == {("04-03", "sessions", ""): 12}
    assert facts(told(text, order="mdy")) == {("03-04", "sessions", ""): 12}
    assert facts(told(f"{text}13/04/2026,5\n")) == {("04-03", "sessions", ""): 12, ("04-13", "sessions", ""): 5}


def test_nothing_of_a_file_with_a_problem_is_kept(ctx: Context, site: Site, bring: Bring) -> None:
    held = bring("date,sessions\n2026-10-01,5\n2026-10-02,x\n")
    assert (held.state, held.problems[0].line) == ("refused", 3)
    assert ctx.warehouse.value("select count() from outside_rows") == 0


def test_money_of_another_currency_needs_a_rate(ctx: Context, site: Site, bring: Bring) -> None:
    held = bring("day,figure,value,currency\n2026-10-01,revenue,100,PLN\n")
    assert held.state == "refused"
    assert held.problems[0].said("f").startswith("f: There is no exchange rate from PLN to EUR for 2026-10-01.")


def test_money_that_is_too_much_once_converted_refuses_the_report(ctx: Context, site: Site, bring: Bring) -> None:
    rates.keep(ctx.database, [Rate(on=date(2026, 10, 1), currency="GBP", per_eur=Decimal("0.05"), source="ecb")])
    held = bring("day,figure,value,currency\n2026-10-01,sessions,5,\n2026-10-01,revenue,9999999999999,GBP\n")
    assert held.state == "refused"
    assert "9999999999999 GBP (revenue) on 2026-10-01 is too large" in held.problems[0].said("f")
    assert ctx.warehouse.value("select count() from outside_rows") == 0


def test_a_report_that_breaks_is_refused_and_says_so(
    ctx: Context, site: Site, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OverflowError

    monkeypatch.setattr(store, "stage", broken)
    with pytest.raises(OverflowError):
        bring("day,sessions\n2026-10-01,5\n")
    (held,) = store.imports_of(ctx.database, site)
    assert (held.state, held.problems[0].values) == ("refused", {"error": "OverflowError"})


def test_a_row_knows_its_part() -> None:
    row = OutsideRow(on=TODAY, figure="sessions", value=Decimal(1), source="google", medium="cpc")
    assert row.part == ("", "google", "cpc", "")


cells_ = st.sampled_from(
    ["Date", "Sessions", "Total users", "Channel", "figure", "value", "Nth day", "20261001", "2026-10-01", "03/04/2026",
     "1,5", "1e999", "-", "(other)", "Итого", "# Start date: 20269999", "# Start date: 20261001", "99999", "９",
     "a" * 50,     "9" * 40, "America/Nowhere", "sampled 10%", '"', "NaN"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(cells_, max_size=4).map(",".join), max_size=6).map("\n".join) | st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_cure(text: str) -> None:
    try:
        report = told(text)
    except UserError as refused:
        assert refused.hint
        return
    assert report.rows or report.problems
    assert all(p.said("f") for p in report.problems)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        report = told(body)
    except UserError as refused:
        assert refused.hint
        return
    assert report.rows or report.problems


def test_a_time_zone_that_does_not_exist_is_not_believed(ctx: Context, site: Site, bring: Bring) -> None:
    assert bring("# Traffic/Sources\nDate,Sessions\n20261001,5\n").zone == ""
    assert bring("# Europe/London\nDate,Sessions\n20261001,6\n").zone == "Europe/London"


@pytest.mark.parametrize("day", ["0001-01-01", "1970-01-01", "00010101"])
def test_a_day_on_which_nobody_measured_is_none(day: str) -> None:
    assert problem(told(f"Date,Sessions\n{day},1\n2026-10-01,2\n")).startswith("f.csv, line 2")


def test_the_nth_day_of_a_far_start_is_none() -> None:
    body = GA4.replace("20261001\n# End", "99990101\n# End").replace("Date,", "Nth day,").replace("20261001,", "9999,")
    assert "line 12" in problem(told(body.replace("20261002,", "0001,")))


@pytest.mark.parametrize("title", ["Key metrics by channel", "Метрики каналов", "GA4", "Yandex Metrica and GA4"])
@pytest.mark.parametrize(
    ("head", "system"),
    [
        ("Date,Session default channel group,Sessions,Total users", "ga4"),
        ("Дата,Источник трафика,Визиты,Посетители", "metrika"),
        ("Дата,Канал сеанса,Сеансы,Всего пользователей", "ga4"),
        ("Date,Channel,Sessions,Users", "other"),
    ],
)
def test_the_system_is_told_by_its_columns_whatever_the_title_says(title: str, head: str, system: str) -> None:
    assert told(f"{title}\n{head}\n2026-11-01,Direct,100,80\n").system == system
    assert told(f"# {title}\nDate,Channel,Sessions\n20261101,Direct,100\n").system == "ga4"
