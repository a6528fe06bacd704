"""Words of a file that nobody can know stay unknown: they are named, and a person says what they mean."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.base.currencies import currency_code
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.crm.file_import import IMPORTS
from tandem.crm.model.file_words import MOST_UNKNOWN, FileWords, words_in
from tandem.crm.model.mapping import currency_in
from tandem.crm.routes import ROUTES
from tandem.crm.store import files
from tandem.crm.tables import file_words
from tests.crm.brought import bring_in, cut_off, left, refused
from tests.inside import opened_by_admin

BITRIX = """\ufeff"ID";"Стадия сделки";"Сумма";"Валюта";"Дата создания";"Дата закрытия"
"411";"Сделка успешна";"15000.00";"Российский рубль";"02.11.2026 10:00:00";"20.11.2026"
"412";"Сделка успешна";"100.00";"US Dollar";"02.11.2026 10:00:00";"20.11.2026"
"413";"Сделка успешна";"100.00";"грн.";"02.11.2026 10:00:00";"20.11.2026"
"""
HUBSPOT = """Record ID,Deal Name,Deal Stage,Pipeline,Amount,Create Date,Close Date,Deal owner
9001,Alpha,Closed Won (Sales Pipeline),Sales Pipeline,1200,2026-11-02 10:15,2026-11-20 09:00,Anna
9002,Beta,Closed Lost (Sales Pipeline),Sales Pipeline,300,2026-11-03 11:00,2026-11-21 09:00,Anna
9003,Gamma,Appointment Scheduled (Sales Pipeline),Sales Pipeline,500,2026-11-04 11:00,,Anna
"""
APPOINTMENT = "deal:Appointment Scheduled (Sales Pipeline)"


def deals(ctx: Context, columns: str) -> list[tuple[Any, ...]]:
    return ctx.warehouse.ask(f"select {columns} from deals order by ref").rows


@pytest.mark.parametrize(("text", "code"), [
    ("EUR", "EUR"), ("eur", "EUR"), ("€", "EUR"), ("Российский рубль", "RUB"), ("руб.", "RUB"), ("US Dollar", "USD"),
    ("доллар США", "USD"), ("złoty polski", "PLN"), ("zł", "PLN"), ("Ukrainische Hrywnja", "UAH"),
    ("грн.", None), ("dollar", None), ("XYZ", None), ("", None), ("рубль", None),
])  # fmt: skip
def test_currencies_by_code_sign_and_name(text: str, code: str | None) -> None:
    assert currency_code(text) == code


@pytest.mark.parametrize(("amount", "beside"), [
    ("1 234,50 €", "€"), ("100", ""), (None, ""), ("$100", ""), ("100|EUR", "EUR"), ("100 руб.", ""), ("100 zł", "zł"),
    ("USD 5", "USD"), ("-€5", "€"), ("(5 €)", "€"), ("100 ₸", "₸"), ("100 ₴", "₴"), ("100 Р.", ""), ("7 grn", ""),
])  # fmt: skip
def test_a_currency_beside_the_amount(amount: str | None, beside: str) -> None:
    assert currency_in(amount) == beside


def test_an_unknown_currency_is_named_and_never_the_sites_own(ctx: Context, site: Site) -> None:
    dry = bring_in(ctx, site, BITRIX, is_dry=True)
    assert [(one.word, one.records, one.amount) for one in dry.found.currencies] == [("грн.", 1, Decimal(100))]
    assert (dry.found.stages, dry.found.won) == ([], 3)
    assert not bring_in(ctx, site, BITRIX).is_imported
    assert (deals(ctx, "ref"), left(ctx)[0]) == ([], 0)
    assert bring_in(ctx, site, BITRIX, form={"currency:грн.": "XXX"}).is_imported
    assert deals(ctx, "currency, amount") == [("RUB", None), ("USD", None), ("XXX", None)]  # no rates are known here


def test_what_was_said_holds_for_later_files_and_can_be_said_anew(ctx: Context, site: Site) -> None:
    bring_in(ctx, site, BITRIX, form={"currency:грн.": "XXX"})
    assert bring_in(ctx, site, BITRIX).is_imported
    bring_in(ctx, site, BITRIX, form={"currency:грн.": "EUR"})
    assert deals(ctx, "currency, amount")[2] == ("EUR", Decimal(100))
    assert files.words_of(ctx, site) == FileWords(currencies={"грн.": "EUR"}, revision=2)


def test_an_empty_currency_is_unknown_where_there_is_a_column(ctx: Context, site: Site) -> None:
    text = "id,created_at,amount,currency\n1,2026-10-05,10,\n2,2026-10-05,,\n3,2026-10-05,7 €,\n"
    assert [(one.word, one.records) for one in bring_in(ctx, site, text).found.currencies] == [("", 1)]
    bring_in(ctx, site, text, form={"currency:": "XXX"})
    assert deals(ctx, "currency, amount") == [("XXX", None), ("XXX", None), ("EUR", Decimal(7))]
    bring_in(ctx, site, "id,created_at,amount\n4,2026-10-05,10\n")
    assert deals(ctx, "currency, amount")[3] == ("EUR", Decimal(10))


def test_unknown_stages_are_named_and_mean_what_a_person_says(ctx: Context, site: Site) -> None:
    dry = bring_in(ctx, site, HUBSPOT, is_dry=True)
    assert [(one.kind, one.word, one.records, one.amount) for one in dry.found.stages] == [
        ("deal", "Appointment Scheduled (Sales Pipeline)", 1, Decimal(500))
    ]
    assert (dry.found.won, dry.found.currencies) == (1, [])
    assert not bring_in(ctx, site, HUBSPOT).is_imported
    assert bring_in(ctx, site, HUBSPOT, form={f"stage:{APPOINTMENT}": "qualified"}).is_imported
    assert deals(ctx, "stage_kind") == [("won",), ("lost",), ("qualified",)]


def test_a_file_without_stages_says_so_and_a_false_meaning_is_a_problem(ctx: Context, site: Site) -> None:
    dry = bring_in(ctx, site, "id,created_at\n1,2026-10-05\n", is_dry=True)
    assert (dry.found.has_stages, dry.found.stages) == (False, [])
    wrong = bring_in(ctx, site, "id,created_at,stage_kind\n1,2026-10-05,Won\n2,2026-10-05,paid\n", is_dry=True)
    assert [(p.line, p.values) for p in wrong.problems] == [(3, {"value": "paid"})]


def test_a_column_of_anything_is_no_column_of_stages(ctx: Context, site: Site) -> None:
    rows = "".join(f"{n},2026-10-05,note {n}\n" for n in range(MOST_UNKNOWN + 1))
    assert "more than 200 stages" in bring_in(ctx, site, "id,created_at,stage\n" + rows).problems[0].said("a.csv")


@pytest.mark.parametrize("form", [
    {"currency:x": "Euro"}, {"currency:x": "ZZZ"}, {"currency:" + "x" * 21: "EUR"}, {"stage:deal:x": "maybe"},
    {"stage:" + "x" * 400: "won"},
])  # fmt: skip
def test_answers_that_mean_nothing_are_refused(form: dict[str, str]) -> None:
    with pytest.raises(UserError):
        words_in(form)


def test_a_file_cut_off_is_read_by_what_was_said_and_given_up_where_nobody_did(ctx: Context, site: Site) -> None:
    for text in (HUBSPOT, BITRIX):
        cut_off(ctx, site, text.encode())
    files.keep_words(ctx, site, words_in({f"stage:{APPOINTMENT}": "lost"}))
    IMPORTS.finish(ctx)
    assert deals(ctx, "stage_kind") == [("won",), ("lost",), ("lost",)]
    assert refused(ctx, site) == [
        "deals.csv: The file has stages or currencies that are not known. Import the file again."
    ]


def test_the_page_asks_and_the_answers_are_kept(ctx: Context, site: Site) -> None:
    with opened_by_admin(ctx, site, ROUTES) as browser:
        upload = {"file": ("deals.csv", (HUBSPOT + '9004,D,"<b>x</b>",,1,2026-11-04,,\n').encode(), "text/csv")}

        def draft() -> tuple[str, str]:
            address = browser.post("/deals/import?site=fern", files=upload).headers["HX-Redirect"]
            return browser.get(address).text, address.partition("draft=")[2].partition("#")[0]

        asked, number = draft()
        assert f'name="stage:{APPOINTMENT}"' in asked
        assert "<b>x</b>" not in asked
        confirm = f"/deals/imports/{number}/confirm?site=fern"
        assert "not known" in browser.post(confirm, data={}).text
        answers = {f"stage:{APPOINTMENT}": "qualified", "stage:deal:<b>x</b>": "won"}
        assert "notice=applied" in browser.post(confirm, data=answers).headers["HX-Redirect"]
        assert "Meanings given before" in draft()[0]
    assert len(deals(ctx, "ref")) == 4
    with ctx.database.read() as c:
        assert c.execute(select(file_words.c.stages)).scalar_one() == {
            name.removeprefix("stage:"): means for name, means in answers.items()
        }
