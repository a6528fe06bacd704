"""A site tells who a browser is: evidence for persons, and the values in no spool, event or log."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.spool import Spool
from tandem.base.vault import Vault
from tandem.collect import store as collect
from tandem.collect.batches import ASIDE
from tandem.collect.identify import keep
from tandem.collect.ingest import Ingest, Sender
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record, SpoolEvent, WireEvent
from tandem.collect.sources.places import Place
from tandem.core.context import Context
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Link, visitor
from tandem.people.model.proof import VALID_S, sign
from tandem.people.signing import FreshSecrets
from tandem.people.store import hints
from tandem.people.store.signing import make_secret, retire_secret, secrets_of
from tests.collect.conftest import told as told_of
from tests.collect.test_loader import spooled
from tests.collect.test_poison import load_until_done, poisoned
from tests.golden.rows import CHROME

PHONE, EMAIL = "+48 600 100 200", "Anna@Shop.example"
COOKIE = "00000000000000aa.sddddd"
KEY = 0xAA
ANNA, BORIS = Identifier("phone", "+48600100200"), Identifier("email", "boris@shop.example")


def door_of(ctx: Context, site: Site, spool: Spool) -> Ingest:
    salts, secrets = collect.salts_of_today(ctx.database), FreshSecrets(ctx)
    place = Place("PL", "", "")
    return Ingest(spool, lambda: {site.key: site}, lambda: salts, lambda ip: place, ctx.vault.seal, None, secrets)


def load(ctx: Context, folder: Path) -> None:
    Loader(ctx.warehouse, ctx.database, folder, identified=lambda s, said: keep(ctx, s, said)).load_all()


def told(
    ctx: Context, site: Site, folder: Path, *events: dict[str, Any], cookie: str = COOKIE, first: int = 0
) -> bytes:
    """Send these events as one browser; returns what lay in the spool before it was loaded."""
    spool = Spool(folder)
    ingest = door_of(ctx, site, spool)
    now = clock.now_ms()
    page = {"t": now, "u": "https://shop.example/account"}
    wire = [{"i": f"{n:016x}", **page, **event} for n, event in enumerate(events, first)]
    for i in range(0, len(wire), 50):
        body = msgspec.json.encode({"s": site.key, "c": now, "m": "cookie", "i": cookie, "e": wire[i : i + 50]})
        reply = asyncio.run(ingest.receive(body, Sender("192.0.2.7", CHROME)))
        assert reply.status in (202, 422), reply
    spool.close()
    held = b"".join(path.read_bytes() for path in folder.iterdir())
    load(ctx, folder)
    return held


def signed(site: Site, secret: str, cookie: str = COOKIE, age_s: int = 0, **claims: str) -> dict[str, Any]:
    """What the counter sends of claims that the site's server signed."""
    at = clock.now_ms() // 1000 - age_s
    proof = sign(secret, site.key, at, cookie.partition(".")[0], claims)
    return {"k": "identify", "p": claims | {"at": str(at), "proof": proof}}


def persons(ctx: Context, site: Site, *identifiers: Identifier) -> list[int]:
    people.stitch_all(ctx, site)
    return [people.person_of(ctx, site, people.key_of(ctx, site, one)) for one in identifiers]


@pytest.fixture
def secret(ctx: Context, site: Site) -> str:
    return make_secret(ctx, site)


def test_an_identified_browser_is_a_person_known_by_phone_and_email(
    ctx: Context, site: Site, secret: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = signed(site, secret, phone="600 100 200", email=EMAIL, login="anna77")
    claims["p"]["note"] = "x"
    held = told(ctx, site, tmp_path / "spool", {"k": "pageview"}, claims)
    people.stitch_all(ctx, site)
    nodes = people.nodes_of(ctx, site, KEY)
    texts = [known.text for known in people.values_of(ctx, site, nodes, is_open=True)]
    assert texts == [f"{KEY:016x}", "+48600100200", "anna@shop.example", "anna77"]
    facts = str(ctx.warehouse.ask("select * from events").rows) + str(
        ctx.warehouse.ask("select * from visit_rows").rows
    )
    for value in ("600100200", "600 100 200", "anna@", "Anna@", "anna77"):
        assert value.encode() not in held
        assert value not in facts
        assert value not in capsys.readouterr().out


def test_telling_again_and_loading_twice_changes_nothing(ctx: Context, site: Site, secret: str, tmp_path: Path) -> None:
    claims = signed(site, secret, phone=PHONE)
    for _ in range(2):
        told(ctx, site, tmp_path / "spool", claims)
    key = people.key_of(ctx, site, ANNA)
    people.stitch_all(ctx, site)
    evidence = people.evidence_of(ctx, site, [key])
    assert [(e.source, e.ref) for e in evidence] == [("signed", claims["p"]["proof"][:16])]


def test_what_is_no_identifier_is_left_out(ctx: Context, site: Site, tmp_path: Path) -> None:
    told(ctx, site, tmp_path / "spool", {"k": "identify", "p": {"phone": "12", "email": "nobody", "login": " "}})
    people.stitch_all(ctx, site)
    assert people.nodes_of(ctx, site, KEY) == [(KEY, "visitor")]


def test_telling_nothing_is_refused(ctx: Context, site: Site, tmp_path: Path) -> None:
    told(ctx, site, tmp_path / "spool", {"k": "identify", "p": {"name": "Anna"}}, {"k": "identify"})
    assert ctx.warehouse.value("select count() from events") == 0
    refused = ctx.warehouse.ask("select outcome, sum(count) from reception group by outcome").rows
    assert refused == [("bad_value", 2)]


def test_telling_who_one_is_is_no_action_on_the_page(ctx: Context, site: Site, tmp_path: Path) -> None:
    told(
        ctx,
        site,
        tmp_path / "spool",
        {"k": "pageview"},
        {"k": "identify", "p": {"phone": PHONE}},
        {"k": "event", "n": "x"},
    )
    assert ctx.warehouse.ask("select kind, name from actions").rows == [("event", "x")]


@pytest.mark.parametrize(
    ("beside", "is_believed"),
    [({"login": 0}, False), ({"crm": 0.0}, False), ({"login": True}, False), ({"crm": False}, True)],  # tells nothing
)
def test_nothing_unsigned_is_believed_beside_a_signature(
    ctx: Context, site: Site, secret: str, tmp_path: Path, beside: dict[str, Any], is_believed: bool
) -> None:
    claims = signed(site, secret, email=EMAIL)
    claims["p"] |= beside
    told(ctx, site, tmp_path / "spool", claims)
    people.stitch_all(ctx, site)
    texts = [one.text for one in people.values_of(ctx, site, people.nodes_of(ctx, site, KEY), is_open=True)]
    assert texts == [f"{KEY:016x}"] + ["anna@shop.example"] * is_believed


@pytest.mark.parametrize("sent", ["0", 0])
def test_a_login_of_nought_is_somebody(ctx: Context, site: Site, secret: str, tmp_path: Path, sent: Any) -> None:
    claims = signed(site, secret, login="0")
    claims["p"]["login"] = sent
    told(ctx, site, tmp_path / "spool", claims)
    people.stitch_all(ctx, site)
    nodes = people.nodes_of(ctx, site, KEY)
    assert [one.text for one in people.values_of(ctx, site, nodes, is_open=True)] == [f"{KEY:016x}", "0"]


# ── what a stranger sends ──


def doubts(ctx: Context, site: Site) -> dict[str, int]:
    """The ledger's count of claims that were not believed; and it must add up."""
    days = collect.ingestion_days(ctx.warehouse, site.id, clock.now().date() - timedelta(days=2))
    assert [day.balance for day in days] == [0] * len(days)
    return {why: n for day in days for why, n in day.hints.items()}


def known(ctx: Context, site: Site) -> None:
    """Anna and Boris, as the CRM knows them."""
    at = clock.now()
    people.record(ctx, site, [
        Link(a=Identifier("crm", "b24:1"), b=ANNA, at=at, source="crm"),
        Link(a=Identifier("crm", "b24:2"), b=BORIS, at=at, source="crm"),
    ])  # fmt: skip


def test_an_anonymous_claim_to_be_two_people_leaves_two_people(ctx: Context, site: Site, tmp_path: Path) -> None:
    known(ctx, site)
    told(ctx, site, tmp_path / "spool", {"k": "identify", "p": {"phone": PHONE, "email": BORIS.value}})
    assert len({*persons(ctx, site, ANNA, BORIS), KEY}) == 3
    assert doubts(ctx, site) == {"unsigned": 1}
    claims = hints.hints_of(ctx, site, [people.key_of(ctx, site, ANNA)])
    assert [(c.visitor, c.kind, c.text, c.why) for c in claims] == [(KEY, "phone", "+48 ••• ••• 00", "unsigned")]


def test_a_proof_from_another_browser_is_a_hint(ctx: Context, site: Site, secret: str, tmp_path: Path) -> None:
    stolen, free = signed(site, secret, phone=PHONE), signed(site, secret, cookie="", phone=PHONE)
    told(ctx, site, tmp_path / "spool", stolen, free)
    told(ctx, site, tmp_path / "spool", stolen, free, cookie="00000000000000bb.sddddd", first=10)
    anna, first, second = persons(ctx, site, ANNA, visitor(KEY), visitor(0xBB))
    assert anna == first != second
    assert doubts(ctx, site) == {"wrong_signature": 1, "replayed": 1}


@pytest.mark.parametrize("age_s", [VALID_S + 60, -3600])
def test_an_expired_proof_is_a_hint(ctx: Context, site: Site, secret: str, tmp_path: Path, age_s: int) -> None:
    told(ctx, site, tmp_path / "spool", signed(site, secret, age_s=age_s, phone=PHONE))
    anna, browser = persons(ctx, site, ANNA, visitor(KEY))
    assert anna != browser and doubts(ctx, site) == {"expired": 1}


def test_another_sites_secret_and_a_retired_one_prove_nothing(
    ctx: Context, site: Site, secret: str, tmp_path: Path
) -> None:
    oak = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"])
    told(ctx, site, tmp_path / "spool", signed(site, make_secret(ctx, oak), phone=PHONE))
    second, third = make_secret(ctx, site), make_secret(ctx, site)
    told(ctx, site, tmp_path / "spool", signed(site, secret, phone=PHONE), first=10)
    assert doubts(ctx, site) == {"wrong_signature": 2}
    retire_secret(ctx, site, secrets_of(ctx, site)[-1].id)
    told(ctx, site, tmp_path / "spool", signed(site, second, phone=PHONE), first=20)
    assert doubts(ctx, site) == {"wrong_signature": 3}
    told(ctx, site, tmp_path / "spool", signed(site, third, phone=PHONE), first=30)
    anna, browser = persons(ctx, site, ANNA, visitor(KEY))
    assert anna == browser and doubts(ctx, site) == {"wrong_signature": 3}


def test_ten_thousand_claims_about_one_phone_change_nobody(
    ctx: Context, site: Site, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "MOST_A_DAY", 9_000)
    known(ctx, site)
    told(ctx, site, tmp_path / "spool", signed(site, secret, phone=PHONE))
    before = persons(ctx, site, ANNA, BORIS, visitor(KEY))
    links = ctx.warehouse.value("select count() from identity_links")
    now = clock.now_ms()
    claim = ctx.vault.seal(msgspec.json.encode({"phone": PHONE, "proved": "unsigned", "ref": ""}).decode())
    events = [SpoolEvent(
        id=1000 + n, kind="identify", at=now, host="", path="/", query="", referrer="", name="", engaged_ms=0, scroll=0,
        value=0, amount="", currency="", status=0, marks=[],
        props={"sealed": claim},
    ) for n in range(10_000)]  # fmt: skip
    records = [
        Record(site.id, now, 5000 + n, 0, 0, CHROME, "", 0, "PL", "", "", [event], {}) for n, event in enumerate(events)
    ]
    loader = Loader(ctx.warehouse, ctx.database, tmp_path / "spool", identified=lambda s, said: keep(ctx, s, said))
    loader.load(records, "flood")
    assert persons(ctx, site, ANNA, BORIS, visitor(KEY)) == before
    assert people.shared_nodes(ctx, site) == []
    assert ctx.warehouse.value("select count() from identity_links") == links
    assert hints.record(ctx, site, [hints.Hint(visitor=1, identifier=ANNA, at=clock.now(), why="unsigned")]) == 0
    assert len(hints.hints_of(ctx, site, [people.key_of(ctx, site, ANNA)])) == 50
    assert doubts(ctx, site) == {"unsigned": 10_000}


def test_a_server_with_a_token_needs_no_signature(ctx: Context, site: Site, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    event = WireEvent(i="l-1", k="identify", t=clock.now_ms(), p={"login": "anna77"})
    asyncio.run(door_of(ctx, site, spool).take_from_server(site, [(KEY, Sender("", ""), "", event)], []))
    spool.close()
    load(ctx, tmp_path / "spool")
    login, browser = persons(ctx, site, Identifier("login", "anna77"), visitor(KEY))
    assert login == browser and doubts(ctx, site) == {}


def test_claims_are_counted_once_though_their_batch_is_halved(
    ctx: Context, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is handed its claims anew: under a name of its own three of them were seven."""
    now, folder = clock.now(), tmp_path / "spool"
    claim = ctx.vault.seal(msgspec.json.encode({"phone": PHONE, "proved": "unsigned", "ref": ""}).decode())
    claims = [told_of(site.id, 5000 + n, now, "identify", event_id=n) for n in (1, 2, 3, 1)]  # one is sent again
    for one in claims:
        one.events[0].props["sealed"] = claim
    folder.mkdir()
    spooled(folder, "1", [*claims, told_of(site.id, 9, now, "event", name="bad", event_id=9)])
    loader = Loader(ctx.warehouse, ctx.database, folder, identified=lambda s, said: keep(ctx, s, said))
    poisoned(monkeypatch, "visits", {9}, loader)
    load_until_done(loader)
    assert doubts(ctx, site) == {"unsigned": 3}


def test_a_claim_of_another_key_is_put_aside_and_the_rest_is_loaded(ctx: Context, site: Site, tmp_path: Path) -> None:
    """A collector that had another key must not stop the loading for all."""
    folder, now = tmp_path / "spool", clock.now()
    claim = told_of(site.id, 1, now, "identify", event_id=1)
    sealed = msgspec.json.encode({"phone": PHONE, "proved": "unsigned", "ref": ""}).decode()
    claim.events[0].props["sealed"] = Vault("the key of before").seal(sealed)
    folder.mkdir()
    spooled(folder, "1", [claim, told_of(site.id, 2, now, "event", name="good", event_id=2)])
    loader = Loader(ctx.warehouse, ctx.database, folder, identified=lambda s, said: keep(ctx, s, said))
    assert loader.load_all(at_once=True) == 1
    assert ctx.warehouse.ask("select name from events").rows == [("good",)]
    assert doubts(ctx, site) == {} and list((folder / ASIDE).glob("*.seg")), "it can be tried again with that key"


def test_a_hint_becomes_a_link_by_a_proof_or_by_somebody_who_knows(
    ctx: Context, site: Site, secret: str, tmp_path: Path
) -> None:
    told(ctx, site, tmp_path / "spool", {"k": "identify", "p": {"phone": PHONE, "email": BORIS.value}})
    people.stitch_all(ctx, site)
    assert {c.kind for c in hints.hints_of(ctx, site, [KEY])} == {"phone", "email"}
    told(ctx, site, tmp_path / "spool", signed(site, secret, phone=PHONE), first=10)
    people.stitch_all(ctx, site)
    assert {c.kind for c in hints.hints_of(ctx, site, [KEY])} == {"email"}
    hints.decide(ctx, site, "together", KEY, people.key_of(ctx, site, BORIS))
    assert hints.hints_of(ctx, site, [KEY]) == []
    texts = [k.text for k in people.values_of(ctx, site, people.nodes_of(ctx, site, KEY), is_open=True)]
    assert texts == [f"{KEY:016x}", "+48600100200", BORIS.value]


def test_links_of_before_stay_and_make_nobody_shared_who_is_proved(ctx: Context, site: Site, secret: str) -> None:
    at = clock.now()
    claimed = [Link(a=visitor(100 + n), b=ANNA, at=at, source="site") for n in range(25)]
    people.record(ctx, site, claimed[:3])
    assert len(set(persons(ctx, site, ANNA, *(visitor(100 + n) for n in range(3))))) == 1, "as before"
    people.record(ctx, site, claimed)
    assert len(set(persons(ctx, site, ANNA, *(visitor(100 + n) for n in range(25))))) == 26, "shared, as before"
    known(ctx, site)
    people.stitch_new(ctx, site)
    anna, record, stranger = (
        people.person_of(ctx, site, people.key_of(ctx, site, one))
        for one in (ANNA, Identifier("crm", "b24:1"), visitor(100))
    )
    assert anna == record != stranger, "what is proved holds all the same"
    assert people.shared_nodes(ctx, site) == []
    assert persons(ctx, site, ANNA, Identifier("crm", "b24:1")) == [anna, record]


def test_what_only_a_claim_joins_is_not_the_person_that_is_erased(ctx: Context, site: Site) -> None:
    known(ctx, site)
    at = clock.now()
    people.record(ctx, site, [Link(a=visitor(7), b=one, at=at, source="site") for one in (ANNA, BORIS)])
    anna, boris = persons(ctx, site, ANNA, BORIS)
    assert anna == boris, "a link of before 0.2"
    key = people.key_of(ctx, site, ANNA)
    assert {kind for _, kind in people.proved_nodes_of(ctx, site, key)} == {"phone", "crm"}
    assert len(people.proved_nodes_of(ctx, site, key)) == 2
    hints.decide(ctx, site, "together", 7, key)
    assert {kind for _, kind in people.proved_nodes_of(ctx, site, key)} == {"phone", "crm", "visitor"}
    hints_left = people.evidence_of(ctx, site, [people.key_of(ctx, site, BORIS)])
    assert [e.is_proved for e in hints_left if 7 in (e.a, e.b)] == [False]
