"""Figures, spans and names as English, Russian and Polish write them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from babel import dates

from tandem.base.formats import Formats
from tandem.base.translations import LANGUAGES
from tandem.metrics.metric import Unit

NB = "\xa0"


@pytest.mark.parametrize(
    ("language", "value", "unit", "written"),
    [
        ("en", 1234567, "count", "1,234,567"),
        ("ru", 1234567, "count", f"1{NB}234{NB}567"),
        ("pl", 1234567, "count", f"1{NB}234{NB}567"),
        ("en", 0.4157, "share", "41.6%"),
        ("en", 0.0123, "share", "1.23%"),
        ("en", 0, "share", "0%"),
        ("en", 1, "share", "100%"),
        ("pl", 1234.5, "money", f"1{NB}234{NB}€"),
        ("en", 12.5, "money", "€12.50"),
        ("en", 2100, "milliseconds", f"2.10{NB}s"),
        ("ru", 163, "milliseconds", f"163{NB}мс"),
        ("ru", 200, "seconds", f"3{NB}мин 20{NB}с"),
        ("en", 0.0821, "score", "0.082"),
        ("en", None, "count", "—"),
    ],
)
def test_a_metric_is_written_by_unit_and_language(language: str, value: float | None, unit: str, written: str) -> None:
    assert Formats(language).figure(value, unit).replace("\N{NARROW NO-BREAK SPACE}", NB) == written


@pytest.mark.parametrize(
    ("unit", "column", "written"),
    [
        ("share", [0.52, 0.041, 0], ["52.0%", "4.1%", "0.0%"]),
        ("share", [0.052, 0.041], ["5.20%", "4.10%"]),
        ("share", [-0.4, 23.5], ["\N{MINUS SIGN}40%", "2,350%"]),
        ("money", [15230, -12.5, None], ["€15,230", "\N{MINUS SIGN}€12", "—"]),
        ("money", [999, 0.5], ["€999.00", "€0.50"]),
        ("milliseconds", [2100, 163], [f"2.10{NB}s", f"0.16{NB}s"]),
    ],
)
def test_a_column_has_the_decimals_of_its_largest_metric(
    unit: str, column: list[float | None], written: list[str]
) -> None:
    form = Formats("en")
    assert [form.figure(value, unit, "EUR", form.column(column)) for value in column] == written
    assert [form.count(v, [2, 3.5]) for v in (2, 3.5)] == ["2.0", "3.5"]
    assert [form.count(v, [2, 3]) for v in (2, 3)] == ["2", "3"]


def test_a_change_carries_its_sign() -> None:
    assert Formats("en").change(0.12) == "+12%"
    assert Formats("en").change(-0.03) == "\N{MINUS SIGN}3.0%"
    assert Formats("en").change(None) == ""
    assert Formats("en").change(0.0004) == Formats("en").change(-0.0) == "0%", "nothing has no sign"


@pytest.mark.parametrize("language", LANGUAGES)
def test_less_than_nothing_has_the_sign_of_subtraction_everywhere(language: str) -> None:
    form = Formats(language)
    written = [f(-1_234_567.8, unit) for unit in Unit for f in (form.figure, form.short)]
    written += [form.figure(-0.4, unit, "EUR", 2.0) for unit in Unit]
    written += [form.number(-3), form.count(-1.5, [-1.5]), form.change(-0.4), form.span(-3)]
    assert all("-" not in text and "\N{MINUS SIGN}" in text for text in written if text != "0"), written


def test_members_are_named_in_the_language() -> None:
    assert Formats("pl").member("country", "DE") == "Niemcy"
    assert Formats("ru").member("device", "mobile") == "Телефон"
    assert Formats("ru").member("channel", "Organic Search") == "Органический поиск"
    assert Formats("en").member("language", "pl-pl") == "Polish (Poland)"
    assert Formats("en").member("campaign", "") == "(none)"
    assert Formats("en").member("country", "") == "(not known)"
    assert Formats("en").member("page", "/plants") == "/plants"


def test_days_and_steps_are_short() -> None:
    form = Formats("en")
    assert form.days(date(2026, 11, 1), date(2026, 11, 1)) == "1 Nov 2026"
    assert "Nov 2026" in form.days(date(2026, 11, 1), date(2026, 11, 30))
    assert form.tick(date(2026, 11, 5), "day") == "5 Nov"
    assert form.bucket(date(2026, 11, 1), "month") == "Nov 2026"
    assert form.tick(datetime(2026, 11, 5, 14, tzinfo=UTC), "hour") == "14:00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_steps_of_a_chart_are_written_as_the_locale_does(language: str) -> None:
    """The pattern of a skeleton is remembered; each of the library's own calls looked for it anew (1.2 ms a date)."""
    form = Formats(language)
    for day in (date(2026, 1, 1) + timedelta(days=n) for n in range(0, 366, 5)):
        assert form.bucket(day, "day") == dates.format_skeleton("EEEdMMM", day, locale=form.locale)
        assert form.bucket(day, "month") == dates.format_skeleton("yMMM", day, locale=form.locale)
        assert form.tick(day, "day") == dates.format_skeleton("dMMM", day, locale=form.locale)
        assert form.tick(day, "month") == dates.format_skeleton("MMM", day, locale=form.locale)
