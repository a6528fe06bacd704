"""People, sites, tokens and the audit log on both record stores."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tandem.accounts import store
from tandem.accounts.model import User
from tandem.accounts.store import links
from tandem.accounts.tables import sites
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError

PASSWORD = "a long password"


@pytest.fixture
def admin(any_database: Database) -> User:
    workspace = store.make_workspace(any_database, "Fern")
    return store.add_user(any_database, workspace, "Ola@Fern.example", "Ola", "admin", PASSWORD)


def test_signing_in_ends_with_its_time_its_sign_out_and_the_persons_access(
    any_database: Database, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = store.add_user(any_database, admin.workspace_id, "jan@fern.example", "Jan", "viewer", PASSWORD)
    assert store.sign_in(any_database, "jan@fern.example", "wrong password") is None
    assert store.sign_in(any_database, "nobody@fern.example", PASSWORD) is None
    tokens = [found[1] for _ in range(3) if (found := store.sign_in(any_database, " JAN@fern.example", PASSWORD))]
    assert store.user_signed_in(any_database, tokens[0]) == other
    store.sign_out(any_database, tokens[0])
    assert store.user_signed_in(any_database, tokens[0]) is None
    store.change_user(any_database, other, is_active=False)
    assert store.user_signed_in(any_database, tokens[1]) is None
    assert store.sign_in(any_database, "jan@fern.example", PASSWORD) is None
    found = store.sign_in(any_database, "ola@fern.example", PASSWORD)
    assert found is not None
    later = clock.now() + store.SIGNED_IN_FOR + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert store.user_signed_in(any_database, found[1]) is None


def test_somebody_must_remain_who_can_manage_people(any_database: Database, admin: User) -> None:
    for change in ({"role": "viewer"}, {"is_active": False}):
        with pytest.raises(UserError, match="At least one user must"):
            store.change_user(any_database, admin, **change)  # type: ignore[arg-type]
    assert store.user_by_id(any_database, admin.id).role == "admin"


def test_an_address_is_taken_once_whatever_its_case(any_database: Database, admin: User) -> None:
    with pytest.raises(UserError, match="already has an account"):
        store.add_user(any_database, admin.workspace_id, "OLA@fern.example ", "Ola", "viewer", PASSWORD)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "UPPER"),
        ("key", "a"),
        ("key", "x" * 41),
        ("key", "fern\n"),
        ("name", " "),
        ("hosts", []),
        ("hosts", ["https://"]),
        ("hosts", ["a b"]),
        ("zone", "Mars/Base"),
        ("zone", "../../etc/passwd"),
        ("currency", "eur"),
        ("currency", "EUR\n"),
        ("mode", "all"),
        ("keep_days", 0),
        ("keep_days", 40_000),
        ("name", "x" * 201),
    ],
)
def test_a_site_that_cannot_be_measured_is_refused(any_database: Database, admin: User, field: str, value: Any) -> None:
    good = {
        "key": "fern",
        "name": "Fern",
        "hosts": ["fern.example"],
        "zone": "UTC",
        "currency": "EUR",
        "mode": "cookie",
        "keep_days": 10,
    }
    if field == "name" and any_database.is_sqlite and len(value) > 200:
        pytest.skip("SQLite keeps texts of any length")
    with pytest.raises(UserError):
        store.add_site(any_database, admin.workspace_id, **{**good, field: value})
    assert store.all_sites(any_database) == []


def test_a_tokens_secret_is_shown_once_and_its_scopes_are_its_makers(any_database: Database, admin: User) -> None:
    token, secret = store.make_token(any_database, admin, "CI", ["changes:write"])
    assert store.token_of(any_database, secret) == token
    assert secret not in repr(store.tokens_of(any_database, admin.workspace_id))
    viewer = store.add_user(any_database, admin.workspace_id, "v@fern.example", "V", "viewer", PASSWORD)
    with pytest.raises(UserError, match="cannot grant"):
        store.make_token(any_database, viewer, "CI", ["changes:write"])
    for scopes, days in ((["nope"], 1), ([], 1), (["changes:write"], 10**9), (["changes:write"], 0)):
        with pytest.raises(UserError):
            store.make_token(any_database, admin, "CI", scopes, days=days)
    store.revoke_token(any_database, admin, token.id)
    assert store.token_of(any_database, secret) is None


def test_every_deed_stands_in_the_audit_log_with_who_did_it(any_database: Database, admin: User) -> None:
    site = store.add_site(any_database, admin.workspace_id, "fern", "Fern", ["fern.example"], by=admin.id)
    store.change_site(any_database, site, by=admin.id, name="Fern shop")
    store.make_token(any_database, admin, "CI", ["events:write"])
    store.sign_in(any_database, admin.email, PASSWORD)
    acts = [(e.act, e.person) for e in store.audit_log(any_database, admin.workspace_id)]
    assert acts == [
        ("people.signed_in", "Ola"),
        ("tokens.made", "Ola"),
        ("sites.changed", "Ola"),
        ("sites.added", "Ola"),
        ("people.added", ""),
    ]
    assert store.audit_log(any_database, admin.workspace_id + 1) == []


def test_the_house_secret_is_the_same_for_all_processes(any_database: Database) -> None:
    assert (
        store.secret(any_database, "house")
        == store.secret(any_database, "house")
        != store.secret(any_database, "other")
    )


def test_who_loses_access_loses_sign_ins_and_tokens_at_once(any_database: Database, admin: User) -> None:
    other = store.add_user(any_database, admin.workspace_id, "jan@fern.example", "Jan", "engineering", PASSWORD)
    _, secret = store.make_token(any_database, other, "CI", ["changes:write"])
    signed_in = store.sign_in(any_database, other.email, PASSWORD)
    assert signed_in is not None
    link = links.make(any_database, other, links.INVITE, admin.id)
    store.change_user(any_database, other, is_active=False, by=admin.id)
    assert store.token_of(any_database, secret) is None
    assert store.user_signed_in(any_database, signed_in[1]) is None
    store.change_user(any_database, other, is_active=True, role="viewer", by=admin.id)
    with pytest.raises(UserError, match="no longer valid"):
        links.user_of(any_database, link)


def test_a_token_can_do_no_more_than_its_maker_may_now(any_database: Database, admin: User) -> None:
    other = store.add_user(any_database, admin.workspace_id, "jan@fern.example", "Jan", "engineering", PASSWORD)
    _, secret = store.make_token(any_database, other, "CI", ["changes:write", "metrics:read", "events:write"])

    def may(act: str) -> bool:
        token = store.token_of(any_database, secret)
        assert token is not None
        return token.may(act)

    assert may("changes.add") and may("metrics.read") and may("events.send") and not may("goals.edit")
    store.change_user(any_database, other, role="viewer")
    assert not may("changes.add") and not may("events.send") and may("metrics.read")
    store.change_user(any_database, other, role="admin")
    assert may("changes.add") and not may("people.edit"), "and no more than its scopes say"


def test_a_new_password_ends_the_other_sign_ins(any_database: Database, admin: User) -> None:
    mine, other = (store.open_session(any_database, admin, agent) for agent in ("Firefox, Linux", "Chrome, Windows"))
    assert [(s.agent, s.is_this) for s in store.sessions_of(any_database, admin, mine)] == [
        ("Chrome, Windows", False), ("Firefox, Linux", True),
    ]  # fmt: skip
    with pytest.raises(UserError, match="current password"):
        store.change_password(any_database, admin, "wrong", "green thumbs grow", mine)
    with pytest.raises(UserError, match="too easy to guess"):
        store.change_password(any_database, admin, PASSWORD, "password1234", mine)
    assert store.user_signed_in(any_database, other) == admin
    store.change_password(any_database, admin, PASSWORD, "green thumbs grow", mine)
    assert store.user_signed_in(any_database, mine) == admin
    assert store.user_signed_in(any_database, other) is None
    assert store.check_password(any_database, admin.email, PASSWORD) is None
    assert store.check_password(any_database, admin.email, "green thumbs grow") == admin


def test_a_sign_in_is_ended_by_its_name_and_only_by_its_user(any_database: Database, admin: User) -> None:
    jan = store.add_user(any_database, admin.workspace_id, "jan@fern.example", "Jan", "viewer", PASSWORD)
    mine, theirs = store.open_session(any_database, admin), store.open_session(any_database, jan)
    (session,) = store.sessions_of(any_database, jan)
    store.end_sessions(any_database, admin, session.name)
    assert store.user_signed_in(any_database, theirs) == jan
    store.end_sessions(any_database, jan, session.name)
    assert store.user_signed_in(any_database, theirs) is None
    assert store.user_signed_in(any_database, mine) == admin


def test_the_audit_log_says_what_changed_from_what_to_what(any_database: Database, admin: User) -> None:
    jan = store.add_user(any_database, admin.workspace_id, "jan@fern.example", "Jan", "viewer", PASSWORD)
    store.change_user(any_database, jan, role="marketing", by=admin.id)
    site = store.add_site(any_database, admin.workspace_id, "fern", "Fern", ["fern.example"], by=admin.id)
    store.change_site(any_database, site, by=admin.id, name="Fern", hosts=["fern.example", "shop.example"])
    assert store.check_password(any_database, jan.email, "a wrong guess") is None
    signed_in = store.sign_in(any_database, jan.email, PASSWORD)
    assert signed_in is not None
    store.sign_out(any_database, signed_in[1])
    entries = store.audit_log(any_database, admin.workspace_id, 6)
    assert [(e.person, e.act, e.detail) for e in entries] == [
        ("Jan", "people.signed_out", {}),
        ("Jan", "people.signed_in", {"way": "password"}),
        ("Jan", "people.sign_in_failed", {}),
        ("Ola", "sites.changed", {"hosts": {"from": ["fern.example"], "to": ["fern.example", "shop.example"]}}),
        ("Ola", "sites.added", {}),
        ("Ola", "people.changed", {"role": {"from": "viewer", "to": "marketing"}}),
    ]


@pytest.mark.parametrize("pasted", ["https://shop.example/", "www.shop.example", "new.example, SHOP.EXAMPLE"])
def test_an_address_belongs_to_one_site_of_a_workspace(any_database: Database, admin: User, pasted: str) -> None:
    shop = store.add_site(any_database, admin.workspace_id, "shop", "The shop", ["www.shop.example", "localhost:8000"])
    with pytest.raises(UserError, match="already belongs to the site “The shop”") as refused:
        store.add_site(any_database, admin.workspace_id, "", "", [pasted])
    assert refused.value.field == "host"
    oak = store.add_site(any_database, admin.workspace_id, "oak", "Oak", ["oak.example", "localhost:8000"])
    with pytest.raises(UserError, match="already belongs to the site “The shop”"):
        store.change_site(any_database, oak, hosts=["oak.example", pasted])
    rival = store.make_workspace(any_database, "Rival")
    assert store.add_site(any_database, rival, "", "", [pasted]).workspace_id == rival
    store.change_site(any_database, shop, hosts=["moved.example"])
    assert "shop.example" in store.add_site(any_database, admin.workspace_id, "", "", [pasted]).hosts


def test_sites_that_share_an_address_already_can_still_be_changed(any_database: Database, admin: User) -> None:
    oak, ash = (store.add_site(any_database, admin.workspace_id, k, k, [f"{k}.example"]) for k in ("oak", "ash"))
    with any_database.write() as c:
        c.execute(update(sites).where(sites.c.id == ash.id).values(hosts=["oak.example"]))
    ash = store.all_sites(any_database)[1]
    assert store.change_site(any_database, ash, name="Ash", hosts=["oak.example", "a.example"]).name == "Ash"
    assert store.change_site(any_database, ash, hosts=["ash.example"]).hosts == ("ash.example",)
    with pytest.raises(UserError, match=f"belongs to the site “{oak.name}”"):
        store.change_site(any_database, store.all_sites(any_database)[1], hosts=["oak.example"])
