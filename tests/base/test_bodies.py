"""Bodies that are being sent are bounded in all and by sender; whoever sends the most gives way."""

import asyncio

from tandem.base.bodies import OPEN_IN_ALL, OPEN_OF_ONE, SMALL, Bodies, Body
from tandem.base.crowd import stands_for_many
from tandem.base.sender import household

STRANGER, ANOTHER = "203.0.113.9", "198.51.100.7"
KB = 1 << 10


def begun(bodies: Bodies, sender: str, size: int, is_last: bool = False) -> Body:
    body = Body(bodies, sender)
    body.take(size, is_last)
    return body


def test_one_sender_cannot_hold_more_than_its_share() -> None:
    bodies = Bodies(in_all=1000 * KB, of_one=100 * KB)
    held = [begun(bodies, STRANGER, 30 * KB) for _ in range(50)]
    assert sum(not body.is_cut for body in held) == 3
    assert bodies.size <= 100 * KB
    assert not begun(bodies, ANOTHER, 90 * KB).is_cut


def test_many_senders_cannot_hold_more_than_there_is_and_the_heaviest_gives_way() -> None:
    bodies = Bodies(in_all=200 * KB, of_one=100 * KB)
    webhook = begun(bodies, ANOTHER, 20 * KB)
    for n in range(100):
        begun(bodies, f"203.0.113.{n}", 30 * KB)
        assert bodies.size <= 200 * KB
    assert not webhook.is_cut
    assert webhook.take(5 * KB, is_last=True)


def test_behind_a_proxy_that_nobody_named_only_the_sum_is_bounded() -> None:
    bodies = Bodies(in_all=200 * KB, of_one=50 * KB)
    held = [begun(bodies, "10.0.0.2", 30 * KB) for _ in range(20)]
    assert sum(not body.is_cut for body in held) == 6


def test_a_body_that_is_whole_is_not_cut_while_it_is_worked_on() -> None:
    bodies = Bodies(in_all=100 * KB, of_one=100 * KB)
    whole = [begun(bodies, f"203.0.113.{n}", 30 * KB, is_last=True) for n in range(3)]
    late = Body(bodies, ANOTHER)
    assert not late.take(30 * KB, is_last=True)
    assert not any(body.is_cut for body in whole)
    for body in whole:
        body.end()
    assert bodies.size == 0
    assert begun(bodies, ANOTHER, 90 * KB).size == 90 * KB


def test_where_the_heaviest_has_nothing_to_cut_the_next_one_gives_way() -> None:
    """A hit of 10 KB was cut beside a body of 45 KB, because somebody else's of 50 KB was whole."""
    bodies = Bodies(in_all=100 * KB, of_one=60 * KB)
    whole = begun(bodies, "203.0.113.1", 50 * KB, is_last=True)
    large = begun(bodies, "203.0.113.2", 45 * KB)
    hit = begun(bodies, ANOTHER, 10 * KB)
    assert (whole.is_cut, large.is_cut, hit.is_cut) == (False, True, False)
    assert bodies.size == 60 * KB


def test_small_ones_and_those_of_known_senders_are_not_counted() -> None:
    bodies = Bodies(in_all=0, of_one=0)
    assert Body(bodies, STRANGER).take(SMALL, is_last=True)
    known = Body(bodies, STRANGER)
    known.trust()
    assert known.take(100 * KB, is_last=False)
    drip = Body(bodies, STRANGER)
    assert drip.take(SMALL - 1, is_last=False)
    assert not drip.take(2, is_last=False)
    assert bodies.size == 0


def test_whoever_waits_for_more_of_a_body_that_is_cut_is_woken() -> None:
    bodies = Bodies(in_all=100 * KB, of_one=50 * KB)

    async def waiting(large: Body) -> str:
        try:
            with large:
                await asyncio.sleep(60)
        except TimeoutError:
            return "woken"
        return "never told"

    async def both() -> None:
        large = begun(bodies, STRANGER, 40 * KB)
        waits = asyncio.create_task(waiting(large))
        await asyncio.sleep(0)
        small = begun(bodies, STRANGER, 20 * KB)
        assert await asyncio.wait_for(waits, 10) == "woken"
        assert (large.is_cut, small.is_cut, bodies.size) == (True, False, 20 * KB)
        assert await waiting(large) == "woken", "nobody waits for more of it"

    asyncio.run(both())


def test_unfinished_bodies_of_one_sender_are_counted_however_small() -> None:
    """Nine thousand half hits of one sender held every place of the server, and nobody else was answered."""
    bodies = Bodies()
    held = [Body(bodies, STRANGER) for _ in range(3 * OPEN_OF_ONE)]
    for body in held:
        body.begin()
        body.take(100, is_last=False)
    assert [body.is_cut for body in held] == [True] * 2 * OPEN_OF_ONE + [False] * OPEN_OF_ONE
    other = Body(bodies, ANOTHER)
    other.begin()
    assert not other.is_cut and bodies.open == OPEN_OF_ONE + 1
    for body in (*held, other):
        body.end()
    assert bodies.open == 0


def test_unfinished_bodies_of_all_are_counted_and_whoever_has_the_most_gives_way() -> None:
    bodies = Bodies()
    few = [Body(bodies, ANOTHER) for _ in range(3)]
    for body in few:
        body.begin()
    many = [Body(bodies, "10.0.0.2") for _ in range(OPEN_IN_ALL + 50)]
    for body in many:
        body.begin()
        body.begin()  # the next look at the same one
    assert bodies.open == OPEN_IN_ALL and not any(body.is_cut for body in few)
    assert sum(body.is_cut for body in many) == 53


def test_an_ipv6_customer_is_one_sender_however_many_addresses_are_used() -> None:
    bodies = Bodies(of_one=100 * KB)
    held = [Body(bodies, f"2a01:4f8:1:2::{n:x}") for n in range(2 * OPEN_OF_ONE)]
    for body in held:
        body.begin()
    assert bodies.open == OPEN_OF_ONE
    for body in held[-OPEN_OF_ONE:]:
        body.take(10 * KB, is_last=False)
    assert bodies.size <= 100 * KB
    assert not stands_for_many(household("2a01:4f8:1:2::7")) and stands_for_many(household("fd00::7"))


def test_nothing_is_kept_of_bodies_that_are_whole_or_given_up() -> None:
    bodies = Bodies()
    for n in range(1_000):
        body = Body(bodies, f"198.51.100.{n % 250}")
        body.begin()
        body.take(20 * KB, is_last=n % 2 == 0)
        body.end()
    assert (bodies.open, bodies.size, bodies._counts, bodies._bodies, +bodies._sizes) == (0, 0, {}, {}, {})


def test_bodies_of_known_senders_are_none_of_strangers() -> None:
    bodies = Bodies()
    known, later = Body(bodies, STRANGER), Body(bodies, STRANGER)
    known.begin()
    assert bodies.open == 1
    known.trust()
    later.trust()
    later.begin()
    assert bodies.open == 0 and known.take(100 * KB, is_last=False) and bodies.size == 0


def test_a_body_that_is_whole_is_none_that_is_waited_for() -> None:
    bodies = Bodies()
    for _ in range(2 * OPEN_OF_ONE):
        body = Body(bodies, STRANGER)
        body.begin()
        assert body.take(100, is_last=True)
    assert bodies.open == 0
