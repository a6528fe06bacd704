"""The pages of people on a running server: found by what one knows of them, masked, unmasked with a note, merged."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy import text, update

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import error_pages
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.slice import Slice, TimelineEntry
from tandem.people import store
from tandem.people.model.identifier import Identifier, Link, visitor
from tandem.people.routes import ROUTES
from tandem.people.signing import FreshSecrets
from tandem.people.store import hints
from tandem.people.store.signing import make_secret, secrets_of, unreadable_secrets
from tandem.people.tables import signing_secrets

AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
PHONE, MASKED = "+48600100200", "+48 ••• ••• 00"


def _visit(ctx: Context, site: Site, nodes: Sequence[int]) -> list[TimelineEntry]:
    return [TimelineEntry(at=AT, kind="visit", title="Visit", facts=(("Page views", str(len(nodes))),))]


@pytest.fixture
def client(ctx: Context, site: Site) -> Any:
    """Pages as the site's admin sees them; one person of two browsers and a phone."""
    ola = accounts.sign_in(ctx.database, "ola@fern.example", "a long password")
    assert ola is not None
    caller = Caller(workspace_id=site.workspace_id, user=ola[0], token=None, csrf="x", language="en", theme="auto")
    phone = Identifier("phone", PHONE)
    store.record(ctx, site, [Link(a=visitor(v), b=phone, at=AT, source="form") for v in (7, 3)])
    store.stitch_all(ctx, site)
    ctx.slices = (Slice(name="visits", title="Visits", timeline=_visit),)
    app = Litestar(
        ROUTES,
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "caller": Provide(lambda: caller, sync_to_thread=False),
        },
        exception_handlers={UserError: error_pages.user_error},
    )
    with TestClient(app) as made:
        yield made


def acts(ctx: Context) -> list[tuple[str, str]]:
    with ctx.database.read() as c:
        return [tuple(row) for row in c.execute(text("select act, object from audit where act like 'profiles.%'"))]


def test_a_person_is_found_by_phone_in_any_spelling(client: Any) -> None:
    for typed in (PHONE, "+48 600-100-200", "0048600100200", f"{7:016x}"):
        assert str(client.get("/people", params={"q": typed}).url).split("?")[0].endswith(f"/people/{3:016x}")


def test_somebody_unknown_is_said_to_be_unknown(client: Any) -> None:
    answer = client.get("/people", params={"q": "+48600999999"})
    assert answer.status_code == 404 and "No person has this identifier." in answer.text
    assert client.get("/people/nonsense").status_code == 404


def test_a_browser_that_nobody_has_seen_is_no_person(client: Any, ctx: Context) -> None:
    """/people/ffffffffffffffff answered 200 with a profile, where /people/zzzz is no page."""
    ctx.slices = ()
    assert client.get("/people/ffffffffffffffff?site=fern").status_code == 404
    assert client.get("/people/zzzz?site=fern").status_code == 404
    assert client.get("/people/0000000000000007?site=fern").status_code == 200
    assert acts(ctx)[-1] == ("profiles.opened", "0000000000000007")


def test_a_profile_is_masked_until_somebody_asks_and_the_audit_log_knows_who(client: Any, ctx: Context) -> None:
    page = client.get(f"/people/{7:016x}").text
    assert MASKED in page and PHONE not in page
    opened, unmasked = (("profiles.opened", f"{7:016x}"), ("profiles.unmasked", f"{7:016x}"))
    assert acts(ctx) == [opened]
    shown = client.post(f"/people/{7:016x}/unmask").text
    assert PHONE in shown
    assert acts(ctx) == [opened, unmasked]
    assert PHONE not in client.get(f"/people/{7:016x}").text


def test_the_list_is_masked(client: Any) -> None:
    page = client.get("/people").text
    assert MASKED in page and PHONE not in page


def test_a_profile_tells_what_the_person_did_with_all_identifiers(client: Any) -> None:
    assert "Page views: 3" in client.get(f"/people/{3:016x}").text


def test_two_persons_are_merged_and_parted_again(client: Any, ctx: Context, site: Site) -> None:
    merged = client.post(f"/people/{3:016x}/merge", data={"other": f"{99:016x}"})
    assert merged.status_code == 200 and f"{99:016x}" in merged.text
    assert store.person_of(ctx, site, 99) == 3
    made = store.decisions_of(ctx, site, [99])[0]
    assert client.post(f"/people/decisions/{made.id}/undo").status_code == 200
    assert store.person_of(ctx, site, 99) == 99
    assert [act for act, _ in acts(ctx)] == ["profiles.together", "profiles.together_undone"]


def test_an_identifier_is_taken_off(client: Any, ctx: Context, site: Site) -> None:
    assert client.post(f"/people/{3:016x}/take-off", data={"node": f"{7:016x}"}).status_code == 200
    assert store.person_of(ctx, site, 7) == 7
    assert client.post(f"/people/{3:016x}/take-off", data={"node": f"{7:016x}"}).status_code == 404


@pytest.mark.parametrize(("typed", "status"), [("?", 400), ("+48600999999", 404)])
def test_a_merge_with_nobody_is_refused(client: Any, typed: str, status: int) -> None:
    assert client.post(f"/people/{3:016x}/merge", data={"other": typed}).status_code == status


def test_a_claim_without_proof_is_shown_masked_and_settled_by_who_may(client: Any, ctx: Context, site: Site) -> None:
    bo = Identifier("email", "bo@b.example")
    hints.record(ctx, site, [hints.Hint(visitor=3, identifier=bo, at=AT, why="unsigned")])
    store.record(ctx, site, [Link(a=visitor(7), b=Identifier("login", "ola7"), at=AT, source="site")])
    store.stitch_all(ctx, site)
    shown = client.get(f"/people/{3:016x}").text
    assert "b•••@b.example" in shown and "bo@b.example" not in shown
    assert "not signed, does not link anyone" in shown and "from before version 0.2, counts as a link" in shown
    key = store.key_of(ctx, site, bo)
    form = {"browser": f"{3:016x}", "node": f"{key:016x}", "act": "together"}
    assert "b•••@b.example" in client.post(f"/people/{3:016x}/claims", data=form).text
    assert store.person_of(ctx, site, key) == 3
    login = store.key_of(ctx, site, Identifier("login", "ola7"))
    form = {"browser": f"{7:016x}", "node": f"{login:016x}", "act": "apart"}
    assert "Unverified" not in client.post(f"/people/{3:016x}/claims", data=form).text
    assert store.person_of(ctx, site, login) != 3
    assert client.post(f"/people/{3:016x}/claims", data=form | {"node": f"{9:016x}"}).status_code == 404
    assert client.post(f"/people/{3:016x}/claims", data=form | {"act": "glue"}).status_code == 400


def test_a_form_that_names_two_known_people_is_a_hint_and_can_be_confirmed(
    client: Any, ctx: Context, site: Site
) -> None:
    anna, bo = Identifier("phone", "+48600100200"), Identifier("email", "bo@b.example")
    first, second = Identifier("crm", "x:1"), Identifier("crm", "x:2")
    known = [(first, anna), (first, Identifier("email", "anna@a.example")),
             (second, Identifier("phone", "+48600100201")), (second, bo)]  # fmt: skip
    store.record(ctx, site, [Link(a=a, b=b, at=AT, source="crm", ref="x:lead:9") for a, b in [*known, (anna, bo)]])
    store.stitch_all(ctx, site)
    one, two = store.key_of(ctx, site, anna), store.key_of(ctx, site, bo)
    assert store.person_of(ctx, site, one) != store.person_of(ctx, site, two)
    for node in (one, two):
        shown = client.get(f"/people/{node:016x}").text
        assert "x:lead:9: one enquiry names two known people; does not link anyone" in shown
        assert "b•••@b.example" in shown and "bo@b.example" not in shown
    form = {"browser": f"{one:016x}", "node": f"{two:016x}", "act": "apart"}
    assert "Unverified" not in client.post(f"/people/{one:016x}/claims", data=form).text
    assert store.person_of(ctx, site, one) != store.person_of(ctx, site, two)
    client.post(f"/people/{one:016x}/claims", data=form | {"act": "together"})
    assert store.person_of(ctx, site, one) == store.person_of(ctx, site, two)


def test_a_secret_of_another_key_proves_nothing_and_the_others_do(ctx: Context, site: Site) -> None:
    oak = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"])
    make_secret(ctx, site)
    with ctx.database.write() as c:
        c.execute(update(signing_secrets).values(sealed=Vault("the key of before").seal("tdms_x")))
    made = make_secret(ctx, oak)
    assert FreshSecrets(ctx)(site.id) == [] and FreshSecrets(ctx)(oak.id) == [made]
    assert unreadable_secrets(ctx.database, ctx.vault) == {site.id: 1}


def test_a_secret_is_shown_once_and_two_are_valid(client: Any, ctx: Context, site: Site) -> None:
    assert "without a secret your server cannot sign" in client.get("/people/signing").text
    shown = re.findall(r"tdms_[\w-]+", client.post("/people/signing").text)
    assert shown and FreshSecrets(ctx)(site.id) == [shown[0]]
    assert shown[0] not in client.get("/people/signing").text
    with ctx.database.read() as c:
        assert shown[0] not in str(c.execute(text("select * from signing_secrets")).all())
    client.post("/people/signing")
    client.post("/people/signing")
    valid = secrets_of(ctx, site)
    assert len(valid) == 2 and shown[0] not in FreshSecrets(ctx)(site.id)
    assert client.post(f"/people/signing/{valid[1].id}/retire").status_code == 200
    assert [one.id for one in secrets_of(ctx, site)] == [valid[0].id]
    assert client.post(f"/people/signing/{valid[1].id}/retire").status_code == 404
    with ctx.database.read() as c:
        noted = c.execute(text("select act, object from audit where act like 'signing.%'")).all()
    assert [tuple(row) for row in noted] == [("signing.secret_made", site.key)] * 3 + [
        ("signing.secret_retired", site.key)
    ]
