"""Fields and stages that a person maps: tried on what is known, kept, and applied to everything before."""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.accounts.tables import audit
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.base.warehouse import Warehouse
from tandem.connections import store as connections
from tandem.connections.jobs import poll_due
from tandem.connections.model import Connection
from tandem.core.context import Context
from tandem.crm import jobs, mapping, store
from tandem.crm.model.choices import fields_in, stages_in
from tandem.crm.store import mappings, records
from tandem.crm.store.mappings import Chosen
from tandem.crm.tables import records as records_table
from tandem.metrics.address import address_of
from tandem.metrics.split_table import Reading, split_table
from tandem.metrics.tabs import Tab
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Kind
from tests.connections.stub import Stub, outside
from tests.crm.outsiders import pipedrive
from tests.served import Running

COST = "d4de1c1518b4531717c676029a45911c340390a6"
AD = "a" * 40
DEFAULT = jobs.CRMS["webhook"].mapping
AT = datetime(2026, 10, 5, 9, tzinfo=UTC)


@pytest.fixture
def held(ctx: Context, site: Site) -> Connection:
    system = next(s for s in jobs.SYSTEMS if s.id == "webhook")
    return connections.add(ctx, site, system, "Shop", {"secret": "x"})


def raw(number: int, stage: str, hours: float = 0, **more: Any) -> dict[str, Any]:
    return {"id": number, "created_at": AT.isoformat(), "updated_at": (AT + timedelta(hours=hours)).isoformat(),
            "stage": stage, **more}  # fmt: skip


def told(ctx: Context, what: str) -> list[tuple[Any, ...]]:
    return ctx.warehouse.ask(f"select {what} from deals order by ref").rows


def everything(ctx: Context) -> Any:
    return [ctx.warehouse.ask(f"select * from {table} final order by all").rows
            for table in ("deal_rows", "deal_snapshots", "deal_origins")]  # fmt: skip


def test_a_dry_run_changes_nothing_and_says_what_keeping_then_does(ctx: Context, site: Site, held: Connection) -> None:
    jobs.keep(ctx, site, held, [raw(1, "call"), raw(2, "offer", price="70"), raw(3, "gone", price="9")])
    before = everything(ctx)
    chosen = Chosen(fields={"amount": ("price",)}, stages={"deal:offer": "qualified", "deal:gone": "lost"})
    trial = mapping.preview(ctx, site, held, DEFAULT, chosen)
    assert everything(ctx) == before
    assert (trial.existing, trial.records, trial.changed, trial.leads, trial.qualified) == (3, 3, 2, 3, (0, 1))
    assert trial.fields == [("stage_kind", 2), ("amount", 2)]
    assert trial.kinds == [("open", 0, 0), ("qualified", 0, 1), ("won", 0, 0), ("lost", 0, 1), ("unknown", 3, 1)]
    assert [(row.ref, [(c.field, c.before, c.after) for c in row.changes]) for row in trial.rows] == [
        ("2", [("stage_kind", "unknown", "qualified"), ("amount", "", "70")]),
        ("3", [("stage_kind", "unknown", "lost"), ("amount", "", "9")]),
    ]
    assert jobs.keep_mapping(ctx, site, held, chosen, None)
    assert told(ctx, "stage_kind, amount, is_qualified") == [
        ("unknown", None, 0), ("qualified", Decimal(70), 1), ("lost", Decimal(9), 0)]  # fmt: skip
    assert mapping.preview(ctx, site, held, DEFAULT, chosen).changed == 0
    assert mapping.standing(ctx, site, held) == (3, 1)


def test_qualified_is_told_by_every_stage_that_a_lead_has_been_in(
    ctx: Context, site: Site, held: Connection, shards: Warehouse
) -> None:
    """A lead that was lost after an offer is qualified, also when only later it is said that an offer means so."""
    for hours, stage in enumerate(["call", "offer", "gone"]):
        jobs.keep(ctx, site, held, [raw(1, stage, hours), raw(2, "call" if stage == "offer" else stage, hours)])
    chosen = Chosen(stages={"deal:offer": "qualified", "deal:gone": "lost"})
    assert mapping.preview(ctx, site, held, DEFAULT, chosen).qualified == (0, 1)
    jobs.keep_mapping(ctx, site, held, chosen, None)
    wanted = [("lost", 1), ("lost", 0)]
    assert told(ctx, "stage_kind, is_qualified") == wanted
    assert shards.ask("select stage_kind, is_qualified from deals order by ref").rows == wanted
    again = msgspec.structs.replace(chosen, stages={"deal:offer": "open", "deal:gone": "lost"})
    jobs.keep_mapping(ctx, site, held, again, None)
    assert told(ctx, "is_qualified") == [(0,), (0,)]


def test_a_stage_of_leads_is_another_than_that_of_deals(ctx: Context, site: Site, held: Connection) -> None:
    jobs.keep(ctx, site, held, [raw(1, "new", kind="lead"), raw(2, "new")])
    jobs.keep_mapping(ctx, site, held, Chosen(stages={"lead:new": "qualified"}), None)
    assert told(ctx, "kind, stage_kind") == [("lead", "qualified"), ("deal", "unknown")]


def test_what_comes_later_is_read_the_new_way_and_late_old_tellings_do_not_undo_it(
    ctx: Context, site: Site, held: Connection
) -> None:
    jobs.keep(ctx, site, held, [raw(1, "offer", 2)])
    jobs.keep_mapping(ctx, site, held, Chosen(stages={"deal:offer": "qualified"}), None)
    jobs.keep(ctx, site, held, [raw(1, "call", 1), raw(2, "offer")])
    assert told(ctx, "stage_kind") == [("qualified",), ("qualified",)]
    assert [sorted(r["stage"] for r in part) for part in records.each(ctx, held.id)] == [["offer", "offer"]]


def test_a_cut_off_application_is_finished_by_the_job(
    ctx: Context, site: Site, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.keep(ctx, site, held, [raw(n, "offer") for n in range(5)])
    monkeypatch.setattr(jobs, "AT_ONCE", 2)
    assert not jobs.keep_mapping(ctx, site, held, Chosen(stages={"deal:offer": "won"}), None)
    assert {row[0] for row in told(ctx, "stage_kind")} == {"unknown"}
    assert mappings.to_apply(ctx) == [held.id]
    with monkeypatch.context() as broken:
        broken.setattr(store, "record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            jobs.apply_mappings(ctx)
    jobs.apply_mappings(ctx)
    assert {row[0] for row in told(ctx, "stage_kind")} == {"won"}
    assert mappings.to_apply(ctx) == []


def test_a_record_that_cannot_be_read_so_stays_and_is_named(ctx: Context, site: Site, held: Connection) -> None:
    jobs.keep(ctx, site, held, [raw(1, "call", amount=5, notes="dear")])
    chosen = Chosen(fields={"amount": ("notes",)})
    trial = mapping.preview(ctx, site, held, DEFAULT, chosen)
    assert [p.values["value"] for p in trial.problems] == ["dear"]
    jobs.keep_mapping(ctx, site, held, chosen, None)
    assert told(ctx, "amount") == [(Decimal(5),)]


# ── what the CRM itself says ──


@pytest.fixture
def pipe(ctx: Context, site: Site) -> Iterator[tuple[Connection, Stub]]:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    with outside(pipedrive) as stub:
        system = next(s for s in jobs.SYSTEMS if s.id == "pipedrive")
        yield connections.add(ctx, site, system, "", {"address": stub.url, "token": "a secret"}), stub


def test_own_fields_and_stages_of_the_crm_become_cost_source_and_qualified(
    ctx: Context, site: Site, pipe: tuple[Connection, Stub]
) -> None:
    held, _ = pipe
    poll_due(ctx)
    listed = jobs.listed(ctx, held)
    assert {(f.name, f.label) for f in listed.fields} >= {(COST, "Cost of goods"), (AD, "Ad source")}
    assert [(s.stage, s.label, s.means) for s in listed.stages] == [
        ("1", "New", "open"), ("2", "Talk", "open"), ("3", "Offer", "open"), ("won", "Won", "won"),
        ("lost", "Lost", "lost")]  # fmt: skip
    chosen = Chosen(fields={"cost": (COST,), "utm_source": (AD,)}, stages={"deal:2": "qualified"})
    trial = mapping.preview(ctx, site, held, jobs.CRMS["pipedrive"].mapping, chosen)
    assert (trial.changed, trial.absent, trial.qualified) == (2, [], (1, 2))
    jobs.keep_mapping(ctx, site, held, chosen, None)
    assert told(ctx, "ref, cost, source, is_qualified, how") == [
        ("41", Decimal("800.25"), "google", 1, "utm"), ("42", None, "", 1, "")]  # fmt: skip


def test_a_field_that_no_kept_record_has_is_fetched_again(
    ctx: Context, site: Site, pipe: tuple[Connection, Stub]
) -> None:
    held, stub = pipe
    poll_due(ctx)
    asked = len(stub.asked)
    poll_due(ctx)
    assert len(stub.asked) == asked
    jobs.keep_mapping(ctx, site, held, Chosen(fields={"lost_reason": ("why",)}), None)
    assert connections.connection(ctx, held.id).cursor == {}
    poll_due(ctx)
    assert [a for a in stub.asked[asked:] if "updated_since" in a.path]


def test_a_crm_that_does_not_answer_leaves_free_text_at_once(ctx: Context, site: Site) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="127.0.0.1")
    system = next(s for s in jobs.SYSTEMS if s.id == "salesforce")
    given = {"address": "http://127.0.0.1:9", "client_id": "a", "client_secret": "b"}
    listed = jobs.listed(ctx, connections.add(ctx, site, system, "", given))
    assert (listed.fields, listed.stages) == ([], [])
    assert "Salesforce" in listed.problem


# ── personal data ──


def test_kept_records_are_sealed_and_go_with_the_person_and_the_connection(
    ctx: Context, site: Site, held: Connection
) -> None:
    jobs.keep(ctx, site, held, [raw(1, "call", phone="+48600100200"), raw(2, "call", email="b@post.example")])
    with ctx.database.read() as c:
        assert "600100200" not in str(c.execute(select(records_table)).all())
    records.forget(ctx, site, [people.key_of(ctx, site, Identifier(Kind.PHONE, "+48600100200"))])
    assert [[r["id"] for r in part] for part in records.each(ctx, held.id)] == [[2]]
    jobs.keep_mapping(ctx, site, held, Chosen(stages={"deal:call": "lost"}), None)
    connections.remove(ctx, site, held)
    with ctx.database.read() as c:
        assert c.execute(select(records_table)).all() == []
    assert mappings.chosen_for(ctx, held.id) == Chosen()


def test_a_dry_run_shows_only_the_ends_of_phones(ctx: Context, site: Site, held: Connection) -> None:
    jobs.keep(ctx, site, held, [raw(1, "call", mobile="+48600100200")])
    trial = mapping.preview(ctx, site, held, DEFAULT, Chosen(fields={"phones": ("mobile",)}))
    assert trial.rows[0].changes == [mapping.FieldChange("phones", "", "…200")]


# ── the form, and the page ──


def test_a_form_says_what_was_chosen() -> None:
    assert fields_in({"field:amount": "price", "field:cost": "-", "field:utm_term": " ", "field:id": "x"}) == {
        "amount": ("price",), "cost": ()}  # fmt: skip
    assert stages_in({"stage:deal:a:b": "won", "more_stage": "x", "more_kind": "lead", "more_means": "lost"}) == {
        "deal:a:b": "won", "lead:x": "lost"}  # fmt: skip


def test_records_of_another_key_do_not_keep_the_others_from_a_mapping(
    ctx: Context, site: Site, held: Connection
) -> None:
    ours, ctx.vault = ctx.vault, Vault("the key of before")
    jobs.keep(ctx, site, held, [raw(1, "a")])
    ctx.vault = ours
    jobs.keep(ctx, site, held, [raw(2, "a")])
    trial = mapping.preview(ctx, site, held, DEFAULT, Chosen(fields={}, stages={}, revision=1))
    assert (trial.existing, trial.records, trial.needs_fetch) == (2, 1, True)


@pytest.mark.parametrize("form", [{"stage:deal:a": "great"}, {"stage:deal:" + "a" * 301: "won"}])
def test_a_form_that_says_nonsense_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(UserError):
        stages_in(form)


def connected(browser: httpx.Client) -> tuple[int, str]:
    """A signed webhook, connected through the page: its number, and its address."""
    form = {"area": "crm", "system": "webhook", "name": "Shop <b>", "secret": "x"}
    page = browser.post("/connections?site=fern", data=form).text
    found = re.findall(r"/hooks/in/(\d+)/\w+", page)
    address = re.findall(rf"/hooks/in/{found[-1]}/\w+", page)[-1]
    return int(found[-1]), address


def sent(browser: httpx.Client, address: str, *raws: dict[str, Any]) -> None:
    body, moment = json.dumps(raws).encode(), str(int(time.time()))
    sign = hmac.new(b"x", moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-tandem-timestamp": moment, "x-tandem-signature": sign}
    assert httpx.post(str(browser.base_url) + address, content=body, headers=headers).status_code == 200


def test_only_what_the_dry_run_showed_is_kept(running: Running) -> None:
    with running.as_person("marketing") as browser:
        number, hook = connected(browser)
        sent(browser, hook, raw(1, "off<er>"))
        address = f"/deals/mapping/{number}?site=fern"
        until = time.monotonic() + 20
        while "off&lt;er&gt;" not in (page := browser.get(address).text) and time.monotonic() < until:
            time.sleep(0.3)
        assert "off&lt;er&gt;" in page
        assert "Shop &lt;b&gt;" in page
        form = {"stage:deal:off<er>": "qualified"}
        dry = browser.post(address, data={**form, "act": "dry"}).text
        assert "1 record" in dry
        seen = dry.split('name="seen" value="')[1].split('"')[0]
        stale = browser.post(address, data={"stage:deal:off<er>": "won", "act": "keep", "seen": seen}).text
        assert "changed since the dry run" in stale
        assert "Saved." not in browser.get(address).text
        assert "Saved." in browser.post(address, data={**form, "act": "keep", "seen": seen}).text
        assert '<option value="qualified" selected>' in browser.get(address).text
        assert f"/deals/mapping/{number}" in browser.get("/deals?site=fern&period=2026-10-01..2026-10-31").text
        assert f"/deals/mapping/{number}" in browser.get("/connections?site=fern").text
    with running.as_person("agency") as reader:
        assert reader.get(address).status_code == 403
    with running.database.read() as c:
        acts = c.execute(select(audit.c.act)).scalars().all()
    assert acts.count("deals.mapped") == 1


@pytest.mark.parametrize("number", [99, 0])
def test_a_connection_that_is_not_ones_own_is_not_there(running: Running, number: int) -> None:
    with running.as_person("marketing") as browser:
        mine, _ = connected(browser)
        assert browser.get(f"/deals/mapping/{number}?site=fern").status_code == 404
    with running.as_person("rival") as rival:
        assert rival.get(f"/deals/mapping/{mine}?site=fern").status_code == 404
        assert rival.post(f"/deals/mapping/{mine}?site=fern", data={"act": "keep"}).status_code == 404


def test_the_share_of_qualified_leads_by_keyword_follows_the_meanings(
    ctx: Context, site: Site, held: Connection
) -> None:
    """Three keywords; what is qualified is counted by a plain loop over the stages that were told."""
    stages = ["new", "call", "offer", "gone"]
    paths = {n: [stages[i] for i in range(4) if n * 7919 >> i & 1] or ["new"] for n in range(40)}
    jobs.keep(ctx, site, held, [
        raw(n, stage, h, utm_source="google", utm_medium="cpc", utm_term=f"word {n % 3}")
        for n, path in paths.items() for h, stage in enumerate(path)
    ])  # fmt: skip
    address = address_of({"period": "2026-10-01..2026-10-31"}, [], site, "marketing", datetime(2026, 11, 1, tzinfo=UTC))
    by_term = Tab(id="x", title="x", by="term", metrics=("crm.leads", "crm.qualified", "crm.qualified_rate"))
    for real in ({"offer", "call"}, {"offer"}, {"gone"}):
        means = {f"deal:{stage}": "qualified" if stage in real else "open" for stage in stages}
        jobs.keep_mapping(ctx, site, held, Chosen(stages=means), None)
        ctx.runner.look_again()
        table = split_table(ctx, address, by_term, Reading(name=lambda by, value: value))
        found = {line.key: line.values for line in table.rows}
        for word in range(3):
            leads = [path for n, path in paths.items() if n % 3 == word]
            qualified = sum(bool(real & set(path)) for path in leads)
            assert found[f"word {word}"][:2] == [len(leads), qualified]
            assert found[f"word {word}"][2] == pytest.approx(qualified / len(leads))
