"""What several do in the same moment: each sees what the one before has written."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest

from tandem.accounts import store
from tandem.accounts.model import Site
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.collect.store import add_goal, choose_main, goals_of

TIMES = 8


@pytest.fixture
def site(any_database: Database) -> Site:
    workspace = store.make_workspace(any_database, "Fern")
    return store.add_site(any_database, workspace, "fern", "Fern", ["f.example"], "UTC", "EUR", "cookie")


def at_once(*acts: Callable[[], object]) -> int:
    """Does all of them in one moment; returns how many were refused."""
    barrier, refused = Barrier(len(acts)), list[UserError]()

    def run(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            act()
        except UserError as error:
            refused.append(error)

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(refused)


def test_two_admins_who_demote_each_other_leave_one(any_database: Database, site: Site) -> None:
    for n in range(TIMES):
        workspace = store.make_workspace(any_database, f"Company {n}")
        admins = [
            store.add_user(any_database, workspace, f"a{n}{i}@f.example", "A", "admin", password="a long password")
            for i in range(2)
        ]
        demote = [lambda user=user: store.change_user(any_database, user, role="viewer") for user in admins]
        assert at_once(*demote) == 1
        assert [user.role for user in store.users_of(any_database, workspace)].count("admin") == 1


def test_of_several_first_goals_one_is_the_main_one(any_database: Database, site: Site) -> None:
    for n in range(TIMES):
        fresh = store.add_site(
            any_database, site.workspace_id, f"s{n}", "S", [f"s{n}.example"], "UTC", "EUR", "cookie"
        )  # fmt: skip
        at_once(*(lambda i=i, at=fresh: add_goal(any_database, at, f"Goal {i}", "event", f"e{i}") for i in range(3)))
        assert [goal.is_main for goal in goals_of(any_database, fresh)].count(True) == 1


def test_of_two_main_goals_one_stays_whoever_takes_them_away(any_database: Database, site: Site) -> None:
    for n in range(TIMES):
        fresh = store.add_site(any_database, site.workspace_id, f"m{n}", "M", [f"m{n}.example"], "UTC", "EUR", "cookie")
        goals = [add_goal(any_database, fresh, f"Goal {i}", "event", f"e{i}") for i in range(2)]
        choose_main(any_database, fresh, goals[1].id, True)
        assert at_once(*(lambda g=g, at=fresh: choose_main(any_database, at, g.id, False) for g in goals)) == 1
        assert [goal.is_main for goal in goals_of(any_database, fresh)].count(True) == 1
