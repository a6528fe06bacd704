"""Exchange rates: both banks' files, the day's rate, exact decimals, and the fetch."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tandem.accounts.model import Site
from tandem.base.database import Database
from tandem.base.errors import SourceError, UserError
from tandem.core.context import Context
from tandem.crm import store as deals
from tandem.crm.model.deal import DealFact
from tandem.rates import jobs, store
from tandem.rates.model import LEAST, MOST, MOST_MONEY, Rate, Rates, TooMuch
from tandem.rates.sources import cbr, ecb, rates_in
from tests.maintenance.conftest import here

FRIDAY, MONDAY = date(2026, 10, 2), date(2026, 10, 5)

ECB_DAY = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject>
<Cube><Cube time='2026-10-02'><Cube currency='USD' rate='1.0850'/><Cube currency='PLN' rate='4.3125'/></Cube>
<Cube time='2026-10-01'><Cube currency='USD' rate='1.0800'/></Cube></Cube></gesmes:Envelope>"""
ECB_ALL = "Date, USD, RUB, PLN, \n2026-10-02, 1.0850, N/A, 4.3125, \n2026-10-01, 1.0800, N/A, 4.3, \n".replace(
    ", ", ","
)
CBR_DAY = """<?xml version="1.0" encoding="windows-1251"?>
<ValCurs Date="02.10.2026" name="Foreign Currency Market">
<Valute ID="R01239"><CharCode>EUR</CharCode><Nominal>1</Nominal><Value>98,4000</Value></Valute>
<Valute ID="R01235"><CharCode>USD</CharCode><Nominal>1</Nominal><Name>Доллар</Name><Value>92,3000</Value></Valute>
<Valute ID="R01335"><CharCode>KZT</CharCode><Nominal>100</Nominal><Name>Тенге</Name><Value>17,5000</Value></Valute>
</ValCurs>""".encode("cp1251")


def course(*rows: tuple[str, str, str]) -> bytes:
    records = "".join(
        f'<Record Date="{day}" Id="R"><Nominal>{nominal}</Nominal><Value>{value}</Value></Record>'
        for day, nominal, value in rows
    )
    return f'<?xml version="1.0" encoding="windows-1251"?><ValCurs ID="R">{records}</ValCurs>'.encode("cp1251")


def rate(on: date, currency: str, per_eur: str, source: str = "ecb") -> Rate:
    return Rate(on=on, currency=currency, per_eur=Decimal(per_eur), source=source)


def test_the_european_files_say_the_same_in_all_forms() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("eurofxref-hist.csv", ECB_ALL)
    assert rate(FRIDAY, "USD", "1.0850") in ecb.rates_in(ECB_DAY)
    assert len(ecb.rates_in(ECB_DAY)) == 3
    whole = ecb.rates_in(ECB_ALL.encode())
    assert whole == ecb.rates_in(packed.getvalue())
    assert {r.currency for r in whole} == {"USD", "PLN"}
    assert rate(FRIDAY, "PLN", "4.3125") in whole


ECB_TODAY = b"Date, USD, JPY, PLN, \n02 October 2026, 1.0850, N/A, 4.3125, \n"
SDMX_CSV = b"""KEY,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS,TITLE
EXR.D.PLN.EUR.SP00.A,D,PLN,EUR,SP00,A,2026-10-02,4.3125,A,"Polish zloty, daily"
EXR.D.PLN.EUR.SP00.A,D,PLN,EUR,SP00,A,2026-10-03,,H,"Polish zloty, daily"
EXR.M.PLN.EUR.SP00.A,M,PLN,EUR,SP00,A,2026-10,4.4,A,"Polish zloty, monthly"
"""
SDMX_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<CompactData xmlns="http://www.SDMX.org/resources/SDMXML/schemas/v2_0/message"><Header><ID>EXR</ID></Header>
<DataSet xmlns="http://www.ecb.europa.eu/vocabulary/stats/exr/1"><Group CURRENCY="PLN" CURRENCY_DENOM="EUR"/>
<Series FREQ="D" CURRENCY="PLN" CURRENCY_DENOM="EUR" EXR_TYPE="SP00" EXR_SUFFIX="A">
<Obs TIME_PERIOD="2026-10-02" OBS_VALUE="4.3125" OBS_STATUS="A"/><Obs TIME_PERIOD="2026-10-03" OBS_VALUE="NaN"/>
</Series></DataSet></CompactData>"""
SDMX_GENERIC = b"""<message:GenericData xmlns:message="m" xmlns:generic="g"><message:DataSet><generic:Series>
<generic:SeriesKey><generic:Value id="FREQ" value="D"/><generic:Value id="CURRENCY" value="PLN"/>
<generic:Value id="CURRENCY_DENOM" value="EUR"/></generic:SeriesKey>
<generic:Obs><generic:ObsDimension value="2026-10-02"/><generic:ObsValue value="4.3125"/></generic:Obs>
</generic:Series></message:DataSet></message:GenericData>"""


@pytest.mark.parametrize("content", [SDMX_CSV, SDMX_XML, SDMX_GENERIC])
def test_the_data_portal_gives_daily_rates_against_the_euro(content: bytes) -> None:
    assert rates_in(content) == [rate(FRIDAY, "PLN", "4.3125")]
    for other in (content.replace(b"EUR", b"GBP"), content.replace(b'"D"', b'"M"').replace(b",D,", b",M,")):
        with pytest.raises(UserError, match="no daily rates against the euro"):
            rates_in(other)


def test_the_file_of_a_day_has_its_day_in_words() -> None:
    assert rates_in(ECB_TODAY) == [rate(FRIDAY, "USD", "1.0850"), rate(FRIDAY, "PLN", "4.3125")]
    with pytest.raises(UserError, match="line 2"):
        rates_in(ECB_TODAY.replace(b"October", b"Oktober"))


def test_a_course_of_the_euro_is_a_file_of_rates_and_others_say_which_is_missing() -> None:
    euro = course(("02.10.2026", "1", "98,4000")).replace(b'ID="R"', b'ID="R01239" DateRange1="01.10.2026"')
    assert rates_in(euro) == [rate(FRIDAY, "RUB", "98.4", "cbr")]
    with pytest.raises(UserError, match="R01239"):
        rates_in(euro.replace(b'ID="R01239"', b'ID="R01235"'))


def test_the_russian_list_becomes_rates_against_the_euro() -> None:
    found = {r.currency: r.per_eur for r in cbr.rates_in_day(CBR_DAY)}
    assert found["RUB"] == Decimal("98.4")
    assert found["KZT"] == pytest.approx(Decimal("98.4") / Decimal("0.175"))
    rates = Rates(cbr.rates_in_day(CBR_DAY))
    assert rates.convert(Decimal("100"), "USD", "RUB", FRIDAY) == Decimal("9230")
    assert rates.convert(Decimal("1000"), "KZT", "RUB", FRIDAY) == Decimal("175")


def test_a_course_leaves_out_days_without_the_euro() -> None:
    files = {
        "EUR": course(("01.10.2026", "1", "98,0000"), ("02.10.2026", "1", "98,4000")),
        "KZT": course(("02.10.2026", "100", "17,5000"), ("03.10.2026", "100", "17,6000")),
    }
    found = cbr.rates_in_course(files)
    assert {(r.on.day, r.currency) for r in found} == {(1, "RUB"), (2, "RUB"), (2, "KZT")}


@pytest.mark.parametrize(
    "content", [b"<html><body>Sorry", b"Datum,USD\n", b"PK\x03\x04 broken", b"Date,USD\n2026-10-01,-1\n",
                b"<!DOCTYPE x [<!ENTITY a 'b'>]><x time='2026-10-01'/>"]
)  # fmt: skip
def test_what_is_no_file_of_rates_is_told(content: bytes) -> None:
    with pytest.raises(SourceError):
        ecb.rates_in(content)


@pytest.mark.parametrize("content", [b"<html>", CBR_DAY.replace(b"EUR", b"XXX"), CBR_DAY.replace(b"98,4000", b"x")])
def test_what_is_no_russian_list_is_told(content: bytes) -> None:
    with pytest.raises(SourceError):
        cbr.rates_in_day(content)


@pytest.mark.parametrize("value", ["1e400", "0.0000000000000000001", "NaN", "Infinity", "-1", "x", "1e9999999"])
def test_a_rate_that_nothing_costs_is_told_with_its_line(value: str) -> None:
    """Any number above 0 was taken, and broke or spoiled every amount in that currency."""
    for header, row in (("USD,PLN", f"1.1,{value}"), ("PLN", value)):
        content = f"Date,{header}\n2026-10-02,{row.replace(value, '4')}\n2026-10-01,{row}\n".encode()
        with pytest.raises(UserError) as refused:
            rates_in(content)
        assert f"line 3: the rate of PLN on 2026-10-01 is {value}" in refused.value.sentences[0] % refused.value.values
    with pytest.raises(SourceError, match=f"USD on 2026-10-01 is {value}"):
        ecb.rates_in(ECB_DAY.replace(b"1.0800", value.encode()))


@pytest.mark.parametrize("change", [(b"92,3000", b"1e400"), (b"98,4000", b"1e-300"), (b">100<", b">0<")])
def test_a_russian_rate_that_nothing_costs_is_told(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(SourceError):
        cbr.rates_in_day(CBR_DAY.replace(*change))


def test_rates_that_nothing_costs_and_were_kept_by_0_3_convert_nothing(database: Database) -> None:
    store.keep(database, [rate(FRIDAY, "PLN", "1e400"), rate(MONDAY, "PLN", "4")])
    rates = store.rates_of(database)
    assert rates.convert(Decimal(8), "PLN", "EUR", FRIDAY) is None
    assert rates.convert(Decimal(8), "PLN", "EUR", MONDAY) == Decimal(2)


@given(
    some.decimals(0, MOST_MONEY, places=4), some.decimals(LEAST, MOST, places=9), some.decimals(LEAST, MOST, places=9)
)
def test_what_is_converted_fits_into_its_column_or_is_too_much(amount: Decimal, have: Decimal, want: Decimal) -> None:
    rates = Rates([Rate(on=FRIDAY, currency=c, per_eur=r, source="ecb") for c, r in (("USD", have), ("PLN", want))])
    try:
        found = rates.convert(amount, "USD", "PLN", FRIDAY)
    except TooMuch:
        assert amount * want / have > MOST_MONEY * Decimal("0.999999")
    else:
        assert found is not None
        assert found <= MOST_MONEY


def test_the_last_rate_published_counts_and_not_for_long() -> None:
    rates = Rates([rate(FRIDAY, "USD", "1.25")])
    assert rates.convert(Decimal("10"), "USD", "EUR", FRIDAY) == Decimal("8")
    assert rates.convert(Decimal("10"), "USD", "EUR", MONDAY) == Decimal("8")
    assert rates.convert(Decimal("10"), "USD", "EUR", FRIDAY + timedelta(days=10)) == Decimal("8")
    assert rates.convert(Decimal("10"), "USD", "EUR", FRIDAY + timedelta(days=11)) is None
    assert rates.convert(Decimal("10"), "USD", "EUR", FRIDAY - timedelta(days=1)) is None
    assert rates.convert(Decimal("10"), "XXX", "EUR", FRIDAY) is None


def test_an_amount_in_its_own_currency_stays_exact() -> None:
    assert Rates().convert(Decimal("1.23456789"), "XXX", "XXX", FRIDAY) == Decimal("1.23456789")


def test_two_sources_are_mixed_only_where_none_has_both() -> None:
    european = [rate(FRIDAY, "USD", "2"), rate(FRIDAY, "PLN", "4")]
    russian = [rate(FRIDAY, "USD", "1", "cbr"), rate(FRIDAY, "RUB", "100", "cbr")]
    rates = Rates([*european, *russian])
    assert rates.convert(Decimal(1), "USD", "RUB", FRIDAY) == Decimal(100)
    assert rates.convert(Decimal(1), "USD", "PLN", FRIDAY) == Decimal(2)
    assert rates.convert(Decimal(1), "PLN", "RUB", FRIDAY) == Decimal(25)


@given(some.decimals("0.01", "1000000", places=2), some.decimals("0.001", "5000", places=6))
def test_there_and_back_loses_less_than_the_last_place(amount: Decimal, per_eur: Decimal) -> None:
    rates = Rates([rate(FRIDAY, "XAA", str(per_eur))])
    euros = rates.convert(amount, "XAA", "EUR", FRIDAY)
    assert euros is not None
    back = rates.convert(euros, "EUR", "XAA", FRIDAY)
    assert back is not None
    assert abs(back - amount) <= per_eur * Decimal("0.00005") + Decimal("0.0001")


def test_rates_are_kept_once_and_replaced_when_corrected(any_database: Database) -> None:
    rows = [rate(FRIDAY, "USD", "1.0850"), rate(MONDAY, "USD", "1.0900"), rate(FRIDAY, "RUB", "98.4", "cbr")]
    assert store.keep(any_database, rows) == 3
    assert store.keep(any_database, rows) == 0
    assert store.keep(any_database, [rate(FRIDAY, "USD", "1.25")]) == 1
    rates = store.rates_of(any_database)
    assert rates.convert(Decimal("5"), "USD", "EUR", FRIDAY) == Decimal("4")
    assert store.rates_of(any_database, since=FRIDAY + timedelta(days=30)).convert(
        Decimal(5), "USD", "EUR", FRIDAY) is None  # fmt: skip
    assert store.last_day(any_database, "ecb") == MONDAY


def test_the_fetch_takes_history_once_then_the_newest_day(database: Database) -> None:
    asked: list[str] = []

    def european(path: str) -> bytes:
        asked.append(path)
        if path == ecb.WHOLE:
            return ECB_ALL.encode()
        return ECB_DAY.replace(b"2026-10-02", b"2026-10-05")

    def russian(path: str) -> bytes:
        asked.append(path)
        return course(("02.10.2026", "1", "98,4000")) if "dynamic" in path else CBR_DAY.replace(b"02.10", b"03.10")

    assert jobs.refresh(database, FRIDAY, european, russian, roubles=True) > 0
    assert asked[0] == ecb.WHOLE
    assert len([a for a in asked if "dynamic" in a]) == len(cbr.IDS)
    assert jobs.refresh(database, FRIDAY, european, russian, roubles=True) == 0
    asked.clear()
    jobs.refresh(database, FRIDAY + timedelta(days=1), european, russian, roubles=False)
    assert asked == []  # Saturday: the bank rests
    jobs.refresh(database, MONDAY, european, russian, roubles=False)
    assert asked == [ecb.DAILY]
    assert store.last_day(database, "ecb") == MONDAY


def test_banks_are_asked_only_once_an_amount_may_need_them(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deal of a file, without any connection, waits for its rate too."""
    asked: list[bool] = []
    monkeypatch.setattr(jobs, "refresh", lambda *_, roubles: asked.append(roubles))
    jobs.fetch_if_needed(ctx)
    assert asked == []
    moment = datetime(2026, 10, 2, 12, tzinfo=UTC)
    deal = DealFact(system="csv", id="1", created_at=moment, updated_at=moment, amount=Decimal(5), currency="USD")
    deals.record(ctx, site, 0, [deal])
    jobs.fetch_if_needed(ctx)
    assert asked == [False]


def test_the_command_says_in_one_sentence_why_an_archive_is_refused(tmp_path: Path) -> None:
    """A log event stood above it, and two full stops behind it."""
    packed = tmp_path / "rates.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", ECB_ALL)
        archive.writestr("b.csv", ECB_ALL)
    done = here(tmp_path / "data", "rates", "import", str(packed))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "This is not an exchange rate file: The archive contains several files.\nImport a file as it is published: "
    )


def test_a_dry_run_says_what_is_new_and_keeps_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text(ECB_ALL)

    def said(*more: str) -> str:
        done = here(tmp_path / "data", "rates", "import", str(file), *more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    first = said("--dry-run")
    assert first.endswith("Nothing was changed: this was a dry run.\n")
    assert said("--dry-run") == first and ", 0 of them new." not in first
    assert said() == first.splitlines()[0] + "\n"
    assert ", 0 of them new." in said("--dry-run")
