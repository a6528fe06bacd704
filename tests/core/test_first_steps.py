"""The steps to a complete record: from the stores, for whoever may do them, gone when done or put away."""

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.calls.model.call import CallFact
from tandem.calls.store import record
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.collect import store as collect
from tandem.core.auth import Caller
from tandem.core.context import House
from tandem.core.first_steps import first_steps, put_away


def caller(house: House, site: Site, role: str) -> Caller:
    person = accounts.add_person(house.database, site.workspace_id, f"{role}@f.example", role, role, "a long password")
    return Caller(
        workspace_id=site.workspace_id, person=person, token=None, csrf="", language="en", theme="auto"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "ids"),
    [("admin", "hit goal changes ads crm calls"), ("agency", "changes"), ("viewer", "")],
)
def test_a_role_sees_what_it_may_do(house: House, site: Site, role: str, ids: str) -> None:
    found = first_steps(house, caller(house, site, role), site)
    assert [s.id for s in found.steps] == ids.split() and found.done == 0 and not found.has_hits
    assert found.is_shown == bool(ids)


def test_marks_come_from_the_stores(house: House, site: Site) -> None:
    admin = caller(house, site, "admin")
    assert admin.person is not None
    collect.add_goal(house.database, site, "Order", "event", "purchase")
    accounts.make_token(house.database, admin.person, "CI", ["changes:write"], site)
    assert {s.id for s in first_steps(house, admin, site).steps if s.is_done} == {"goal", "changes"}
    agency = caller(house, site, "agency")
    assert not first_steps(house, agency, site).is_shown, "its only step is done"


def test_calls_of_a_file_are_a_phone_system_too(house: House, site: Site) -> None:
    def is_done() -> bool:
        return any(s.id == "calls" and s.is_done for s in first_steps(house, admin, site).steps)

    admin = caller(house, site, "admin")
    assert not is_done()
    fact = CallFact(system="asterisk", ref="1", at=clock.now(), direction="in", line="", caller="", outcome="missed")
    record(house, site, [fact])
    assert is_done()


def test_a_change_counts_without_a_token(house: House, site: Site) -> None:
    assert not changes.is_kept(house.database, site)
    changes.add(house.database, site, Change(at=clock.now(), kind="deploy", title="Released"))
    assert changes.is_kept(house.database, site)


def test_a_user_puts_them_away_for_themselves(house: House, site: Site) -> None:
    admin, other = caller(house, site, "admin"), caller(house, site, "engineering")
    assert admin.person is not None
    for _ in range(2):
        put_away(house.database, admin.person, site)
    assert not first_steps(house, admin, site).is_shown and first_steps(house, other, site).is_shown
