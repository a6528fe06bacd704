"""A site tells who a browser is: evidence for persons, and the values in no spool, event or log."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.spool import Spool
from tandem.collect import store as collect
from tandem.collect.door import Door, Sender
from tandem.collect.identify import keep
from tandem.collect.jobs import Loader
from tandem.collect.model.places import Place
from tandem.people import store as people
from tandem.people.model.identifier import Identifier
from tests.golden.rows import CHROME

PHONE, EMAIL = "+48 600 100 200", "Anna@Shop.example"
COOKIE = "00000000000000aa.sddddd"
KEY = 0xAA


def told(house: House, site: Site, folder: Path, *events: dict[str, Any]) -> bytes:
    """Send these events as one browser; returns what lay in the spool before it was loaded."""
    spool = Spool(folder)
    salts = collect.salts_of_today(house.database)
    door = Door(spool, lambda: {site.key: site}, lambda: salts, lambda ip: Place("PL", "", ""), house.vault.seal)
    now = clock.now_ms()
    wire = [{"i": f"{n:016x}", "t": now + n, "u": "https://shop.example/account", **e} for n, e in enumerate(events)]
    body = msgspec.json.encode({"s": site.key, "c": now, "m": "cookie", "i": COOKIE, "e": wire})
    reply = asyncio.run(door.receive(body, Sender("192.0.2.7", CHROME)))
    assert reply.status in (202, 422), reply
    spool.close()
    held = b"".join(path.read_bytes() for path in folder.iterdir())
    Loader(house.warehouse, house.database, folder, identified=lambda s, said: keep(house, s, said)).load_all()
    return held


def test_an_identified_browser_is_a_person_known_by_phone_and_email(
    house: House, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = told(
        house, site, tmp_path / "spool", {"k": "pageview"},
        {"k": "identify", "p": {"phone": "600 100 200", "email": EMAIL, "login": "anna77", "note": "x"}},
    )  # fmt: skip
    people.stitch_all(house, site)
    nodes = people.nodes_of(house, site, KEY)
    texts = [known.text for known in people.values_of(house, site, nodes, is_open=True)]
    assert texts == [f"{KEY:016x}", "+48600100200", "anna@shop.example", "anna77"]
    facts = str(house.warehouse.ask("select * from events").rows) + str(
        house.warehouse.ask("select * from visit_rows").rows
    )
    for value in ("600100200", "600 100 200", "anna@", "Anna@", "anna77"):
        assert value.encode() not in held
        assert value not in facts
        assert value not in capsys.readouterr().out


def test_telling_again_and_loading_twice_changes_nothing(house: House, site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        told(house, site, tmp_path / "spool", {"k": "identify", "p": {"phone": PHONE}})
    key = people.key_of(house, site, Identifier("phone", "+48600100200"))
    people.stitch_all(house, site)
    assert [(e.source, e.ref) for e in people.evidence_of(house, site, [key])] == [("site", f"{0:016x}")]


def test_what_is_no_identifier_is_left_out(house: House, site: Site, tmp_path: Path) -> None:
    told(house, site, tmp_path / "spool", {"k": "identify", "p": {"phone": "12", "email": "nobody", "login": " "}})
    people.stitch_all(house, site)
    assert people.nodes_of(house, site, KEY) == [(KEY, "visitor")]


def test_telling_nothing_is_refused(house: House, site: Site, tmp_path: Path) -> None:
    told(house, site, tmp_path / "spool", {"k": "identify", "p": {"name": "Anna"}}, {"k": "identify"})
    assert house.warehouse.value("select count() from events") == 0
    refused = house.warehouse.ask("select outcome, sum(count) from reception group by outcome").rows
    assert refused == [("bad_value", 2)]


def test_telling_who_one_is_is_no_action_on_the_page(house: House, site: Site, tmp_path: Path) -> None:
    told(
        house,
        site,
        tmp_path / "spool",
        {"k": "pageview"},
        {"k": "identify", "p": {"phone": PHONE}},
        {"k": "event", "n": "x"},
    )
    assert house.warehouse.ask("select kind, name from actions").rows == [("event", "x")]
