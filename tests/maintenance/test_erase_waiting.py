"""An erasure and what waits in the inbox of connections: nobody comes back from there."""

import json
import time
from typing import Any

import msgspec
import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from sqlalchemy import update

from tandem.accounts.model import Site
from tandem.accounts.store import audit_log
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.calls.systems import SYSTEMS as CALLS
from tandem.connections import store as connections
from tandem.connections.jobs import work_on_inbox
from tandem.connections.model import Delivery, Incoming
from tandem.core.context import Context
from tandem.crm.file_import import IMPORTS
from tandem.crm.jobs import SYSTEMS as CRMS
from tandem.maintenance.commands import _unreadable
from tandem.maintenance.erase import erase, preview
from tandem.maintenance.mentions import mentions
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Link, phone_of
from tandem.people.tables import identifiers
from tests.crm.brought import bring_in, cut_off, left

PHONE, OTHER = "+48600100200", "+48600100299"
PERSON = {"person": PHONE}


def quiet(share: float, text: str) -> None:
    """Nobody is told."""


@pytest.fixture
def ready(ctx: Context, site: Site) -> Context:
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    return ctx


def waits(ctx: Context, site: Site, of: Any, system: str, body: dict[str, Any]) -> None:
    """A webhook that was accepted and is yet to be worked on."""
    chosen = next(one for one in of if one.id == system)
    made = connections.add(ctx, site, chosen, "Shop", {field.name: "x" for field in chosen.fields})
    content = json.dumps(body).encode()
    incoming = Incoming(method="POST", url="", headers={}, query=(), form=(), body=content)
    assert connections.keep_delivery(ctx, made, json.dumps(body)[:100], incoming)


def texts(ctx: Context, site: Site) -> str:
    return "".join(one.body.decode() for one in connections.all_waiting(ctx, site))


def is_known(ctx: Context, site: Site) -> bool:
    return people.is_known(ctx, site, people.key_of(ctx, site, Identifier("phone", PHONE)))


def deal(phone: str) -> dict[str, Any]:
    return {"id": "412", "created_at": clock.now().isoformat(), "phone": phone, "email": "anna@shop.example"}


def call(phone: str) -> dict[str, Any]:
    """A call whose date nobody can read: it fails, and waits."""
    return {"id": phone[-3:], "at": "the day before", "caller": phone, "number": "+48225550000"}


def test_who_is_erased_does_not_come_back_from_a_webhook_that_waited(ready: Context, site: Site) -> None:
    waits(ready, site, CRMS, "webhook", deal("+48 600 100 200"))
    waits(ready, site, CALLS, "generic", call(PHONE))
    waits(ready, site, CALLS, "generic", call(OTHER))
    listed = preview(ready, PERSON, quiet)
    (one,) = listed["sites"]
    assert one["waiting"] == 1, "the valid one was worked on, and is listed with what it brought"
    assert one["counts"]["deals"] == 1 and "phone" in {known["kind"] for known in one["identifiers"]}
    done = erase(ready, PERSON | {"mark": listed["mark"]}, quiet)
    assert done["waiting"] == 1
    assert PHONE not in texts(ready, site) and OTHER in texts(ready, site), "others' webhooks stay"
    work_on_inbox(ready)
    assert not is_known(ready, site)
    detail = next(e.detail for e in audit_log(ready.database, site.workspace_id) if e.act == "data.erased")
    assert detail["deliveries"] == 1


@pytest.mark.parametrize("written", [PHONE, "+48/600/100/200", "+48   600     100 200", "600/100/200", "600/10-02-00"])
def test_who_is_known_from_a_waiting_webhook_only_is_listed_and_erased(
    ready: Context, site: Site, written: str
) -> None:
    waits(ready, site, CALLS, "generic", call(written))
    assert [one["waiting"] for one in preview(ready, PERSON, quiet)["sites"]] == [1]
    assert erase(ready, PERSON, quiet)["waiting"] == 1 and texts(ready, site) == ""


def test_a_webhook_that_came_after_the_list_is_not_erased_unseen(ready: Context, site: Site) -> None:
    mark = preview(ready, PERSON, quiet)["mark"]
    waits(ready, site, CALLS, "generic", call(PHONE))
    with pytest.raises(UserError, match="Nothing was erased"):
        erase(ready, PERSON | {"mark": mark}, quiet)
    assert PHONE in texts(ready, site)


def test_what_another_key_sealed_is_counted_and_stays(ready: Context, site: Site) -> None:
    """Nobody can say whom it names: it is not passed over in silence, and keeps nobody from being erased."""
    ours, ready.vault = ready.vault, Vault("the key of before")
    waits(ready, site, CRMS, "webhook", deal(OTHER))
    ready.vault = ours
    waits(ready, site, CALLS, "generic", call(PHONE))
    listed = preview(ready, PERSON, quiet)
    assert listed["unreadable"] == {"deliveries": 1, "identifiers": 0, "has_others": False}
    done = erase(ready, PERSON | {"mark": listed["mark"]}, quiet)
    assert (done["waiting"], done["unreadable"]["deliveries"]) == (1, 1)
    assert [one.is_unreadable for one in connections.all_waiting(ready, site)] == [True]
    detail = next(e.detail for e in audit_log(ready.database, site.workspace_id) if e.act == "data.erased")
    assert detail["unreadable_deliveries"] == 1
    assert "Stays: 1 waiting webhook encrypted" in next(_unreadable(done["unreadable"]))


def test_an_identifier_of_another_key_is_counted(ready: Context, site: Site) -> None:
    email = Identifier("email", "anna@shop.example")
    people.record(ready, site, [Link(a=Identifier("phone", PHONE), b=email, at=clock.now(), source="crm")])
    with ready.database.write() as c:
        sealed = Vault("the key of before").seal(email.value)
        c.execute(update(identifiers).where(identifiers.c.kind == "email").values(sealed=sealed))
    listed = preview(ready, PERSON, quiet)
    assert listed["unreadable"] == {"deliveries": 0, "identifiers": 1, "has_others": True}
    assert len(list(_unreadable(listed["unreadable"]))) == 2
    assert {one["kind"] for one in listed["sites"][0]["identifiers"]} == {"phone", "email"}


def test_a_delivery_that_an_erasure_has_cleared_is_not_worked_on(
    ready: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job had read it before the erasure began."""
    waits(ready, site, CRMS, "webhook", deal(PHONE))
    read = connections.deliveries_waiting(ready)
    connections.clear(ready, [one.id for one in read])
    monkeypatch.setattr(connections, "deliveries_waiting", lambda ctx: read)
    assert work_on_inbox(ready) == 0 and not is_known(ready, site)


def test_a_file_on_its_way_in_is_finished_or_waited_for(ready: Context, site: Site) -> None:
    body = f"id,created_at,phone\n1,2026-11-01,{PHONE}\n".encode()
    cut_off(ready, site, body)
    with ready.database.working("deals-records"), pytest.raises(UserError, match="still being imported"):
        erase(ready, PERSON, quiet)
    erase(ready, PERSON, quiet)
    assert ready.warehouse.value("select count() from deals") == 0
    assert not is_known(ready, site)


def test_a_file_that_waits_is_thrown_away_and_what_it_would_replace_is_erased(ready: Context, site: Site) -> None:
    """A copy of a person's record lies with the import that changed it, so that it can be undone."""
    body = f"id,created_at,updated_at,phone,amount\n1,2026-11-01,2026-11-02,{PHONE},5\n"
    bring_in(ready, site, body)
    import_ = bring_in(ready, site, body.replace("11-02", "11-03")).import_
    bring_in(ready, site, body, is_dry=True)
    erase(ready, PERSON, quiet)
    assert left(ready) == (0, 0)
    for table in ("deals", "deal_befores", "deal_evidence_before", "identity_links"):
        assert ready.warehouse.value(f"select count() from {table}") == 0
    assert IMPORTS.undo(ready, site, import_, None).left == 0
    assert not is_known(ready, site) and ready.warehouse.value("select count() from deals") == 0


ANNA = Identifier("email", "anna@shop.example")


@pytest.mark.parametrize(
    ("identifier", "text", "is_theirs"),
    [
        (Identifier("phone", PHONE), '{"tel": "\\u002b48 600-100-200"}', True),
        (Identifier("phone", PHONE), '{"tel": 48600100200}', True),
        (Identifier("phone", PHONE), '{"tel": "0048600100200"}', True),
        (Identifier("phone", PHONE), '{"tel": "600 100 200"}', True),
        (Identifier("phone", PHONE), '{"json": "{\\"tel\\": \\"600100200\\"}"}', True),
        (Identifier("phone", PHONE), "no JSON: +48 (600) 100 200.", True),
        (Identifier("phone", PHONE), '{"tel": "600 100 299"}', False),
        (Identifier("phone", PHONE), '{"id": 100200}', False),
        (Identifier("phone", PHONE), '{"tel": "+48/600/100/200"}', True),
        (Identifier("phone", PHONE), '{"tel": "+48   600     100 200"}', True),
        (Identifier("phone", PHONE), '{"tel": "600/10-02-00"}', True),
        (Identifier("phone", PHONE), '{"at": "+48600100200 2026-12-01 10:00"}', True),
        (Identifier("phone", PHONE), "call 600100200 10 times", True),
        (Identifier("phone", PHONE), "48600100200 48601999888", True),
        (Identifier("phone", PHONE), "order 4711 600 100 200", True),
        (Identifier("phone", PHONE), '{"url": "https://x.example/?tel=%2B48+600%20100%20200"}', True),
        (Identifier("phone", PHONE), "6001002, 00", False),
        (Identifier("phone", "+79161234567"), '{"tel": "8 (916) 123-45-67"}', True),
        (ANNA, '{"mail": "Anna\\u0040Shop.example"}', True),
        (ANNA, "Write to <anna@shop.example>.", True),
        (ANNA, '{"url": "https://x.example/?e=anna%40shop.example"}', True),
        (ANNA, "e=https%3A%2F%2Fx.example%2F%3Fe%3Danna%2540shop.example", True),
        (ANNA, '{"url": "https://x.example/?e=joanna%40shop.example"}', False),
        (ANNA, '{"mail": "joanna@shop.example"}', False),
        (ANNA, '{"mail": "anna@shop.example.org"}', False),
        (Identifier("visitor", "00a1b2c3d4e5f607"), '{"c": "00A1B2C3D4E5F607.abc"}', True),
        (Identifier("login", "17"), '{"user": "17"}', True),
        (Identifier("login", "17"), '{"user": "170"}', False),
        (Identifier("crm", "bitrix24:412"), '{"id": "412"}', False),
    ],
)
def test_an_identifier_is_found_however_it_is_written(identifier: Identifier, text: str, is_theirs: bool) -> None:
    region = "RU" if identifier.value.startswith("+7") else ""
    assert mentions(of_body(text), [identifier], region) is is_theirs
    of_form = msgspec.structs.replace(of_body(""), form=(("a", text),))
    assert mentions(of_form, [identifier], region) is is_theirs


def of_body(text: str) -> Delivery:
    now = clock.now()
    return Delivery(
        id=1, connection_id=1, key="", received_at=now, next_at=now, query=(), form=(), body=text.encode(), tries=0
    )


NUMBERS = {"PL": PHONE, "RU": "+79161234567", "GB": "+442079460958", "NO": "+4740612345", "IT": "+390612345678"}
SIGNS = " \t\n\u00a0()[]./*~-\u2010\u2013\u2212\uff0d\u200b\u3000"


@given(some.data())
def test_what_is_read_as_a_phone_is_found(data: some.DataObject) -> None:
    """However the reader of a CRM lets a number be written: as a value, and among other words and digits."""
    region = data.draw(some.sampled_from(sorted(NUMBERS)))
    number = NUMBERS[region]
    national = phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.NATIONAL).replace(
        " ", ""
    )
    digits = data.draw(some.sampled_from([number, number[1:], f"00{number[1:]}", national]))
    gaps = data.draw(some.lists(some.text(SIGNS, max_size=3), min_size=len(digits), max_size=len(digits)))
    text = "".join(sign + gap for sign, gap in zip(digits, gaps, strict=True))
    assume(phone_of(text, region) == number)
    before, after = data.draw(some.sampled_from(["", "4711 ", "call "])), data.draw(some.sampled_from(["", " 10", "x"]))
    for written in (text, before + text + after):
        body = json.dumps({"note": written})
        assert mentions(of_body(body), [Identifier("phone", number)], region)


def test_a_large_hostile_body_is_looked_through_in_time() -> None:
    began = time.perf_counter()
    for text in (
        "1 " * 500_000,
        "%25" * 300_000 + "40",
        "+48600100" * 100_000,
        json.dumps([str(i) for i in range(90_000)]),
    ):
        assert not mentions(of_body(text), [Identifier("phone", PHONE), ANNA], "PL")
    assert time.perf_counter() - began < 30  # 4 s on a laptop
