"""Exports of ad systems, each with its traps: every file is read as what it says, or refused with line and cure."""

import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tandem.ads.model import AdDay
from tandem.ads.sources import cells
from tandem.ads.sources.report import AdHints, AdReport, read
from tandem.imports.cells import Decimals
from tandem.imports.problem import Problem

TODAY = date(2026, 11, 22)
FIRST, SECOND = date(2026, 10, 1), date(2026, 10, 2)


def written(folder: Path, text: str, encoding: str = "utf-8", name: str = "report.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def one(path: Path, **hints: str) -> tuple[list[AdDay], list[Problem]]:
    return read(path, AdHints(**hints), TODAY)  # type: ignore[arg-type]


GOOGLE = """Campaign performance
October 1, 2026 - October 31, 2026
Campaign status,Campaign,Campaign ID,Campaign type,Day,Currency code,Impr.,Clicks,Cost,Conversions
Enabled,Brand,111,Search,2026-10-01,PLN,"1,234",12,"1,045.50",1.5
Enabled,"Shoes, winter",222,Performance Max,2026-10-01,PLN,50, --,0.00,0
Enabled,Brand,111,Search,2026-10-02,PLN,1000,10,100.25,0
Total: Campaigns, --, --, --, --,PLN,"2,284",22,"1,145.75",1.5
Total: Account, --, --, --, --,PLN,"2,284",22,"1,145.75",1.5
"""
GOOGLE_RU = """Отчет о ключевых словах
1 октября 2026 г. - 31 октября 2026 г.
Статус ключевого слова;Ключевое слово;Кампания;Группа объявлений;День;Код валюты;Показы;Клики;Ср. цена за клик;Стоимость
Включено;[купить папоротник];Бренд;Основная;1 окт. 2026;RUB;1 234;12;87,12;1 045,50
Включено;купить фикус;Бренд;Основная;2 окт. 2026;RUB;100;1;5;5
Всего: кампании;--;--;--;--;RUB;1 334;13;;1 050,50
"""
GOOGLE_PL = """Dzień;Kampania;Grupa reklam;Słowo kluczowe;Kod waluty;Wyśw.;Kliknięcia;Koszt
01.10.2026;Marka;Buty;+buty +zimowe;PLN;1 234;12;45,50
02.10.2026;Marka;Buty;buty;PLN;1;0;0,00
Razem;;;;PLN;1 235;12;45,50
"""
DIRECT_API = """"Spend (2026-10-01 - 2026-10-02)"
Date\tCampaignId\tCampaignName\tAdGroupId\tAdGroupName\tAdId\tCriterionId\tCriterion\tImpressions\tClicks\tCost\tConversions
2026-10-01\t7001\tБренд\t81\tОсновная\t91\t5001\tкупить фикус -дешево\t100\t7\t123450000\t--
2026-10-02\t7001\tБренд\t81\tОсновная\t91\t5001\tкупить фикус -дешево\t10\t0\t0\t2
Total rows: 2
"""
DIRECT_WEB = """Статистика по дням, клиент fern-ads
Период: 01.10.2026 - 02.10.2026
Дата;Кампания;№ Кампании;Группа;Условие показа;Показы;Клики;CTR (%);Расход (руб.);Конверсии
Итого;;;;;1 110;7;0,63;123,45;-
01.10.2026;Бренд;7001;Основная;"купить ""фикус\"\"";1 100;7;0,64;123,45;-
02.10.2026;Бренд;7001;Основная;---autotargeting;10;0;0;0,00;-
"""
META = """Day,Campaign name,Ad set name,Ad name,Campaign ID,Amount spent (EGP),Impressions,Link clicks,Clicks (all),Results,Reporting starts,Reporting ends
2026-10-01,Prospecting,Broad,Video 1,23850000000001,10.50,1000,12,20,3,2026-10-01,2026-10-01
2026-10-02,Prospecting,Broad,Video 1,23850000000001,4.5,500,5,9,,2026-10-02,2026-10-02
,,,,,15,1500,17,29,3,2026-10-01,2026-10-02
"""  # noqa: E501
META_PL = """Dzień,Nazwa kampanii,Nazwa zestawu reklam,Wydana kwota (PLN),Wyświetlenia,Kliknięcia linku,Początek raportowania,Koniec raportowania
2026-10-01,Zima,Szeroka,"10,50",1000,12,2026-10-01,2026-10-01
"""  # noqa: E501
META_FR = "Jour;Nom de la campagne;Montant dépensé (USD);Impressions;Clics sur un lien\n2026-10-01;Hiver;10,5;100;3\n"
TIKTOK = """Campaign name,Ad group name,By Day,Cost,CPC (destination),Impressions,Clicks (destination),Conversions,Currency
Spark,Young,2026-10-01,12.34,0.5,1000,20,1,USD
Total of 1 results,-,-,12.34,0.5,1000,20,1,USD
"""  # noqa: E501
MICROSOFT = """"Report Name: Keywords"
"Report Time: 10/1/2026,10/31/2026"
"Time Zone: Warsaw"

"Gregorian date","Account number","Campaign name","Campaign ID","Ad group","Keyword","Impressions","Clicks","Spend","Conversions","Currency code"
"10/1/2026","X1","Brand","333","Shoes","winter shoes","1,000","10","25.10","1","EUR"
"10/31/2026","X1","Brand","333","Shoes","winter shoes","100","1","2.00","0","EUR"

"©2026 Microsoft Corporation. All rights reserved. "
"""  # noqa: E501
UTM = """date,utm_source,utm_medium,utm_campaign,utm_term,cost,clicks,shows,currency
2026-10-01,rambler,cpm,autumn,,99.90,5,1000,EUR
"""


def test_google_with_preamble_thousands_and_totals(tmp_path: Path) -> None:
    rows, problems = one(written(tmp_path, GOOGLE))
    assert problems == []
    assert [(r.on, r.campaign, r.campaign_id, r.impressions, r.clicks, r.cost, r.currency) for r in rows] == [
        (FIRST, "Brand", "111", 1234, 12, Decimal("1045.50"), "PLN"),
        (FIRST, "Shoes, winter", "222", 50, 0, Decimal("0.00"), "PLN"),
        (SECOND, "Brand", "111", 1000, 10, Decimal("100.25"), "PLN"),
    ]
    assert rows[0].platform_conversions == Decimal("1.5")
    assert rows[1].kind == "Performance Max"


@pytest.mark.parametrize("name", ["Total Fitness - Brand", "итоговое сочинение", "Suma", "", "All campaigns"])
def test_a_total_is_a_row_without_a_day_whatever_campaigns_are_called(tmp_path: Path, name: str) -> None:
    text = f"""Day,Campaign,Campaign ID,Currency code,Cost,Impr.,Clicks
2026-10-01,{name},101,EUR,120.50,1000,60
2026-10-01,Generic,102,EUR,30.00,500,12
2026-10-02,{name},101,EUR,110.00,900,55
Total: Campaigns, --, --,EUR,260.50,2400,127
 --,Total: Account, --,EUR,260.50,2400,127
"""
    report = AdReport(written(tmp_path, text), AdHints(), TODAY)
    rows = [row for batch in report.batches() for row in batch]
    assert (report.problems, report.notes) == ([], [])
    assert [(r.campaign, r.cost) for r in rows] == [
        (name, Decimal("120.50")), ("Generic", Decimal("30.00")), (name, Decimal("110.00")),
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1251"])
def test_google_in_russian_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = GOOGLE_RU.replace(" 045", "\u00a0045") if encoding != "utf-16-le" else GOOGLE_RU.replace(" 045", "\u202f045")
    path = written(tmp_path, text, encoding)
    report = AdReport(path, AdHints(), TODAY)
    rows = [row for batch in report.batches() for row in batch]
    assert (report.problems, report.system) == ([], "google")
    assert [(r.on, r.term, r.ad_group, r.impressions, r.cost, r.currency) for r in rows] == [
        (FIRST, "[купить папоротник]", "Основная", 1234, Decimal("1045.50"), "RUB"),
        (SECOND, "купить фикус", "Основная", 100, Decimal("5"), "RUB"),
    ]


def test_google_in_polish(tmp_path: Path) -> None:
    rows, problems = one(written(tmp_path, GOOGLE_PL, "utf-16", "raport.csv"))
    assert problems == []
    assert [(r.term, r.cost) for r in rows] == [("+buty +zimowe", Decimal("45.50")), ("buty", Decimal("0.00"))]


def test_direct_from_its_api_counts_in_millionths(tmp_path: Path) -> None:
    report = AdReport(written(tmp_path, DIRECT_API), AdHints(currency="RUB"), TODAY)
    rows = [row for batch in report.batches() for row in batch]
    assert (report.problems, report.system) == ([], "yandex")
    assert [(r.on, r.campaign_id, r.term, r.term_id, r.cost) for r in rows] == [
        (FIRST, "7001", "купить фикус -дешево", "5001", Decimal("123.45")),
        (SECOND, "7001", "купить фикус -дешево", "5001", Decimal("0")),
    ]
    plain = DIRECT_API.replace("123450000", "123.45").replace("\t0\t0\t2", "\t0\t0.00\t2")
    assert one(written(tmp_path, plain), currency="RUB")[0][0].cost == Decimal("123.45")


def test_direct_from_its_pages(tmp_path: Path) -> None:
    rows, problems = one(written(tmp_path, DIRECT_WEB, "cp1251"))
    assert problems == []
    assert [(r.on, r.term, r.impressions, r.cost, r.currency) for r in rows] == [
        (FIRST, 'купить "фикус"', 1100, Decimal("123.45"), "RUB"),
        (SECOND, "---autotargeting", 10, Decimal("0.00"), "RUB"),
    ]


def test_meta_takes_link_clicks_and_leaves_its_summary_out(tmp_path: Path) -> None:
    rows, problems = one(written(tmp_path, META, "utf-8-sig"))
    assert problems == []
    assert [(r.clicks, r.cost, r.currency, r.ad, r.ad_group) for r in rows] == [
        (12, Decimal("10.50"), "EGP", "Video 1", "Broad"), (5, Decimal("4.5"), "EGP", "Video 1", "Broad"),
    ]  # fmt: skip
    assert one(written(tmp_path, META_PL))[0][0].cost == Decimal("10.50")
    assert one(written(tmp_path, META_FR))[0][0].currency == "USD"


def test_tiktok_microsoft_and_a_table_of_tags(tmp_path: Path) -> None:
    report = AdReport(written(tmp_path, TIKTOK), AdHints(), TODAY)
    assert [(r.clicks, r.cost) for batch in report.batches() for r in batch] == [(20, Decimal("12.34"))]
    assert (report.system, report.problems) == ("tiktok", [])
    report = AdReport(written(tmp_path, MICROSOFT), AdHints(), TODAY)
    rows = [r for batch in report.batches() for r in batch]
    assert (report.system, report.problems) == ("microsoft", [])
    assert [(r.on, r.account, r.term) for r in rows] == [
        (FIRST, "X1", "winter shoes"), (date(2026, 10, 31), "X1", "winter shoes"),
    ]  # fmt: skip
    report = AdReport(written(tmp_path, UTM), AdHints(), TODAY)
    rows = [r for batch in report.batches() for r in batch]
    assert (report.system, report.problems, rows[0].source, rows[0].medium) == ("other", [], "rambler", "cpm")


def test_vk_as_a_spreadsheet(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Сводка"
    sheet = book.create_sheet("Объявления")
    sheet.append(["Дата", "ID кампании", "Название кампании", "ID объявления", "Название объявления", "Показы", "Клики",
                  "eCPC, ₽", "Потрачено всего, ₽", "Результат"])  # fmt: skip
    sheet.append([date(2026, 10, 1), 901, "Осень", 1001, "Баннер", 1500, 12, 3.5, 42.75, 1])
    sheet.append(["02.10.2026", 901, "Осень", 1001, "Баннер", 10, "0", 0, "1 000,50", None])
    sheet.append(["Итого", None, None, None, None, 1510, 12, None, 1043.25, 1])
    path = tmp_path / "vk.xlsx"
    book.save(path)
    rows, problems = one(path)
    assert problems == []
    assert [(r.on, r.campaign_id, r.ad_id, r.cost, r.currency) for r in rows] == [
        (FIRST, "901", "1001", Decimal("42.75"), "RUB"), (SECOND, "901", "1001", Decimal("1000.50"), "RUB"),
    ]  # fmt: skip


def codes(problems: list[Problem]) -> list[tuple[str, int]]:
    return [(p.code, p.line) for p in problems]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [("unknown", 0)]),
        ("a,b\n1,2\n", [("unknown", 0)]),
        ("Campaign,Impr.,Clicks,Cost,Currency code\nBrand,1,2,3,EUR\n", [("no_day", 1)]),
        (META.replace("Day,", "Reporting day of week,").replace(",2026-10-01\n", ",2026-10-31\n"), [("period_row", 2)]),
        (GOOGLE.replace("2026-10-02", "2026-10-32"), [("bad_day", 6)]),
        (GOOGLE.replace("2026-10-02", "2027-10-02"), [("future_day", 6)]),
        (GOOGLE.replace("2026-10-02", "2026-10-01"), [("one_day_for_all", 3)]),
        (GOOGLE.replace("100.25", "about 100"), [("bad_number", 6)]),
        (GOOGLE.replace("1000,10,", "1000,-10,"), [("negative", 6)]),
        (GOOGLE.replace(",222,", ",2.22E+11,"), [("cut_id", 5)]),
        (GOOGLE.replace("PLN,1000,10,100.25,0", "PLN"), [("short_row", 6)]),
        (GOOGLE.replace("Currency code", "Bid"), [("no_currency", 3)]),
        (GOOGLE.replace("Clicks", "Clix"), [("no_column", 3)]),
        (GOOGLE.replace("Day", "Week"), [("no_day", 3)]),
        (GOOGLE.replace("2026-10-02", "2026-10-01 - 2026-10-07"), [("period_row", 6)]),
        (DIRECT_API.replace("Total rows: 2", "Total rows: 3").replace("\tCost", "\tCost (RUB)"), [("cut_off", 5)]),
        (DIRECT_WEB.replace(";123,45;-\n01", ";9123,45;-\n01"), [("totals", 4)]),
        (META.replace(",15,1500", ",915,1500"), [("totals", 4)]),
        ("\n".join(GOOGLE.splitlines()[:3]), [("empty", 0)]),
        ("Day,Campaign,Impr.,Clicks,Cost,Currency code\n01/02/2026,Brand,1,2,3,EUR\n", [("unclear_days", 2)]),
    ],
)  # fmt: skip
def test_a_malformed_export_is_refused_with_its_line(tmp_path: Path, text: str, found: list[tuple[str, int]]) -> None:
    _, problems = one(written(tmp_path, text))
    assert codes(problems) == found
    for problem in problems:
        assert problem.said("report.csv").startswith("report.csv")
        assert "%(" not in problem.said("report.csv")


def test_meta_totals_of_a_period_that_look_like_days_are_refused(tmp_path: Path) -> None:
    head, rows = "Campaign name,Amount spent (EUR),Impressions,Link clicks,Reporting starts,Reporting ends\n", ""
    rows += "A,1,2,3,2026-10-01,2026-10-31\n"
    assert codes(one(written(tmp_path, head + rows))[1]) == [("period_row", 2)]
    by_day, problems = one(written(tmp_path, head + rows.replace("10-31", "10-01")))
    assert (problems, by_day[0].on) == ([], FIRST)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    for content in (b"\x89PNG\r\n\x1a\n\x00\x00\x01" + bytes(range(40, 255)) * 40, b"PK\x03\x04 no zip at all"):
        path = tmp_path / "image.csv"
        path.write_bytes(content)
        assert codes(one(path)[1])[0][0] in ("not_text", "unknown")


def test_dates_that_can_be_read_two_ways(tmp_path: Path) -> None:
    head = "Day,Campaign,Impr.,Clicks,Cost,Currency code\n"
    for days, wanted in ((("01/10/2026", "02/10/2026", "03/10/2026"), FIRST), (("10/01/2026", "10/02/2026"), FIRST)):
        text = head + "".join(f"{d},Brand,1,2,3,EUR\n" for d in days)
        rows, problems = one(written(tmp_path, text))
        assert (problems, rows[0].on) == ([], wanted)
    path = written(tmp_path, head + "01/02/2026,Brand,1,2,3,EUR\n")
    assert one(path, order="dmy")[0][0].on == date(2026, 2, 1)
    assert one(path, order="mdy")[0][0].on == date(2026, 1, 2)


def test_repeated_heads_of_files_put_together_are_left_out(tmp_path: Path) -> None:
    body = GOOGLE.split("\n", 2)[2]
    rows, problems = one(written(tmp_path, body + body))
    assert (len(rows), problems) == (6, [])


def test_many_problems_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    text = "Day,Campaign,Impr.,Clicks,Cost,Currency code\n" + "never,Brand,1,2,3,EUR\n" * 200
    _, problems = one(written(tmp_path, text))
    assert (len(problems), problems[-1].code, problems[-1].values) == (51, "more", {"count": "150"})


def test_what_the_person_says_fills_the_gaps(tmp_path: Path) -> None:
    path = written(tmp_path, "Date,Campaign name,Cost,Impressions,Clicks\n2026-10-01,A,1,2,3\n")
    rows, problems = one(path, system="tiktok", currency="usd", account="second")
    assert (problems, rows[0].currency, rows[0].account) == ([], "USD", "second")


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("1,234", ".", "1234"), ("1,234", ",", "1.234"), ("1.234,56", ",", "1234.56"), ("1 234,5", ",", "1234.5"),
        ("--", ".", "0"), ("(12.5)", ".", "-12.5"), ("−3", ".", "-3"), ("< 10%", ".", "10"), ("12,5 ₽", ",", "12.5"),
        ("$1,000.10", ".", "1000.10"), ("1'000.5", ".", "1000.5"), ("PLN 7", ".", "7"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, decimals: Decimals, value: str) -> None:
    assert cells.number(text, decimals) == Decimal(value)


@pytest.mark.parametrize("text", ["1e7000000", "-1e150000", "1e30", "9" * 5000, "99999999999999999999"])
def test_a_number_that_no_report_holds_is_told_at_once(tmp_path: Path, text: str) -> None:
    """As a whole number the first is seven million digits: one cell stopped the server for hours."""
    lines = "Day,Campaign,Impressions,Clicks,Cost\n2026-11-20,E,{},5,{}\n2026-11-21,E,10,1,1\n"
    began = time.perf_counter()
    for cell in ((text, "1"), ("10", text)):
        _, problems = one(written(tmp_path, lines.format(*cell)), system="google", currency="EUR")
        assert "bad_number" in {problem.code for problem in problems}, cell
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("text", ["1e400", "NaN", "Infinity", "12 apples", "0x10"])
def test_what_is_no_number_is_told(text: str) -> None:
    with pytest.raises(cells.Unreadable):
        if cells.number(text, ".") > 10**300:
            raise cells.Unreadable(text)


@given(
    some.decimals(0, 10**9, places=2),
    some.sampled_from([("\u00a0", ","), (" ", ","), ("\u202f", ","), (",", "."), (".", ",")]),
)
def test_a_number_survives_how_it_is_grouped(value: Decimal, manner: tuple[str, str]) -> None:
    group, point = manner
    text = f"{value:,.2f}".replace(",", "\0").replace(".", point).replace("\0", group)
    assert cells.number(text, point) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["2026-10-01", "2026-10-01 00:00:00",
             "01.10.2026", "1.10.26", "Oct 1, 2026", "1 Oct 2026", "1 окт. 2026 г.",
             "1 октября 2026", "1 paź 2026", "Thu, 1 Oct 2026", "20261001", "2026/10/01"]
)  # fmt: skip
def test_days_as_systems_write_them(text: str) -> None:
    assert cells.day(text, "dmy") == FIRST
