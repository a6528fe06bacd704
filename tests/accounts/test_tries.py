"""Tries are counted before what is tried is looked at, at once for all threads and servers, on both stores."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from tandem.accounts import passwords, tables
from tandem.accounts.store.tries import Slowed, TryLimit, give_back, take
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.sender import household


def passes(db: Database, *limits: TryLimit | Slowed) -> bool:
    try:
        take(db, *limits)
    except UserError as error:
        assert error.status == 429
        return False
    return True


def test_sixty_tries_at_once_pass_as_often_as_the_limit_says(any_database: Database) -> None:
    with ThreadPoolExecutor(60) as pool:
        passed = list(pool.map(lambda _: passes(any_database, TryLimit("account:a", 8, 300)), range(60)))
    assert sum(passed) == 8


def test_a_limit_ends_with_its_window_and_a_right_try_counts_for_nothing(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = TryLimit("account:a", 2, 300)
    assert [passes(any_database, limit) for _ in range(3)] == [True, True, False]
    for _ in range(2):
        give_back(any_database, limit)
    assert [passes(any_database, limit) for _ in range(2)] == [True, False]
    later = clock.now() + timedelta(seconds=301)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert [passes(any_database, limit) for _ in range(3)] == [True, True, False]
    with any_database.read() as c:
        keys = c.execute(select(tables.tries.c.key)).scalars().all()
    assert len(keys) == 1 and "account" not in keys[0], "no address stands in the store"


def test_a_full_account_is_slowed_and_never_locked(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Slowed(after=TryLimit("account:a", 4, 3600), own=TryLimit("own:a", 2, 3600), pace=TryLimit("pace:a", 1, 30))
    assert [passes(any_database, limit) for _ in range(9)] == [True] * 7 + [False] * 2
    for minutes in (1, 2, 3):
        later = clock.now() + timedelta(seconds=60 * minutes)
        monkeypatch.setattr(clock, "now", lambda later=later: later)
        assert [passes(any_database, limit) for _ in range(2)] == [True, False]


def test_those_who_attack_an_account_cannot_use_up_its_users_own_tries(any_database: Database) -> None:
    """Six of them polled for the pace that all share, and the right password from a new browser never passed."""

    def tried_from(sender: str) -> bool:
        after, pace = TryLimit("account:a", 4, 3600), TryLimit("pace:a", 3, 30)
        return passes(any_database, Slowed(after=after, own=TryLimit(f"own:a:{sender}", 2, 3600), pace=pace))

    for _ in range(20):
        for sender in "bcdefg":
            tried_from(sender)
    assert [tried_from(sender) for sender in "bcdefg"] == [False] * 6
    assert [tried_from("victim") for _ in range(3)] == [True, True, False]


def test_who_signs_in_rightly_while_attacked_keeps_both_own_tries(any_database: Database) -> None:
    after, pace = TryLimit("account:a", 1, 3600), TryLimit("pace:a", 1, 3600)
    limit = Slowed(after=after, own=TryLimit("own:a:victim", 2, 3600), pace=pace)
    for sender in "bcdefgh":
        passes(any_database, Slowed(after=after, own=TryLimit(f"own:a:{sender}", 2, 3600), pace=pace))
    for _ in range(5):
        assert passes(any_database, limit)
        give_back(any_database, limit)


def test_a_flood_of_refused_tries_writes_nothing(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = TryLimit("sender:a", 3, 300)
    assert [passes(any_database, limit) for _ in range(4)] == [True] * 3 + [False]
    monkeypatch.setattr(any_database, "write", lambda: pytest.fail("it was written"))
    assert not any(passes(any_database, limit) for _ in range(100))


def test_a_sender_is_its_address_or_its_network_of_the_newer_protocol() -> None:
    assert household("198.51.100.7") == household("::ffff:198.51.100.7") == "198.51.100.7"
    assert household("2001:db8:1:2:3::4") == household("2001:db8:1:ff:ffff::1") != household("2001:db8:1:102::1")
    assert household("unknown") == "unknown"


def test_a_flood_of_sign_ins_uses_the_memory_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading
    import time

    running, most, lock = [0], [0], threading.Lock()

    def slow(_: object, stored: str, password: str) -> bool:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.3)
        with lock:
            running[0] -= 1
        return True

    monkeypatch.setattr(type(passwords._hasher), "verify", slow)

    def once(_: int) -> int:
        try:
            return int(passwords.fits("stored", "password"))
        except UserError as error:
            return error.status

    with ThreadPoolExecutor(60) as pool:
        said = list(pool.map(once, range(60)))
    assert most[0] == passwords.AT_ONCE
    assert said.count(1) >= passwords.AT_ONCE + passwords.MOST_WAITING and said.count(503) > 0
    assert set(said) == {1, 503}


@pytest.mark.parametrize(
    ("password", "is_fine"),
    [
        ("short", False), ("Qwerty123456", False), ("1234567890", False), ("aaaaaaaaaaaa", False),
        ("abcabcabcabc", False), ("ola@fern.example", False), ("anna nowak", False), ("x" * 501, False),
        ("green thumbs grow", True), ("żółw lubi deszcz", True), ("all lower case words", True),
    ],
)  # fmt: skip
def test_a_password_is_judged_by_its_length_and_by_what_everybody_guesses(password: str, is_fine: bool) -> None:
    if is_fine:
        passwords.check(password, "ola@fern.example", "Anna Nowak")
    else:
        with pytest.raises(UserError):
            passwords.check(password, "ola@fern.example", "Anna Nowak")
