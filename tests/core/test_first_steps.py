"""The steps to a complete record: from the stores, for whoever may do them, gone when done or put away."""

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.accounts.store.first_steps import dismiss
from tandem.base import clock
from tandem.calls.model.call import CallFact
from tandem.calls.store import record
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.collect import store as collect
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.first_steps import first_steps


def caller(ctx: Context, site: Site, role: str) -> Caller:
    person = accounts.add_user(ctx.database, site.workspace_id, f"{role}@f.example", role, role, "a long password")
    return Caller(
        workspace_id=site.workspace_id, user=person, token=None, csrf="", language="en", theme="auto"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "ids"),
    [("admin", "hit goal changes ads crm calls"), ("agency", "changes"), ("viewer", "")],
)
def test_a_role_sees_what_it_may_do(ctx: Context, site: Site, role: str, ids: str) -> None:
    found = first_steps(ctx, caller(ctx, site, role), site)
    assert [s.id for s in found.steps] == ids.split() and found.done == 0 and not found.has_hits
    assert found.is_shown == bool(ids)


def test_marks_come_from_the_stores(ctx: Context, site: Site) -> None:
    admin = caller(ctx, site, "admin")
    assert admin.user is not None
    collect.add_goal(ctx.database, site, "Order", "event", "purchase")
    accounts.make_token(ctx.database, admin.user, "CI", ["changes:write"], site)
    assert {s.id for s in first_steps(ctx, admin, site).steps if s.is_done} == {"goal", "changes"}
    agency = caller(ctx, site, "agency")
    assert not first_steps(ctx, agency, site).is_shown, "its only step is done"


def test_calls_of_a_file_are_a_phone_system_too(ctx: Context, site: Site) -> None:
    def is_done() -> bool:
        return any(s.id == "calls" and s.is_done for s in first_steps(ctx, admin, site).steps)

    admin = caller(ctx, site, "admin")
    assert not is_done()
    fact = CallFact(system="asterisk", ref="1", at=clock.now(), direction="in", line="", caller="", outcome="missed")
    record(ctx, site, [fact])
    assert is_done()


def test_a_change_counts_without_a_token(ctx: Context, site: Site) -> None:
    assert not changes.is_kept(ctx.database, site)
    changes.add(ctx.database, site, Change(at=clock.now(), kind="deploy", title="Released"))
    assert changes.is_kept(ctx.database, site)


def test_a_user_puts_them_away_for_themselves(ctx: Context, site: Site) -> None:
    admin, other = caller(ctx, site, "admin"), caller(ctx, site, "engineering")
    assert admin.user is not None
    for _ in range(2):
        dismiss(ctx.database, admin.user, site)
    assert not first_steps(ctx, admin, site).is_shown and first_steps(ctx, other, site).is_shown
