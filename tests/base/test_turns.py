"""Whose question comes next before the engine."""

import threading

from tandem.base.turns import Turns
from tests.served import eventually


def test_the_many_questions_of_one_hold_up_nobody_elses_few() -> None:
    turns, order, go_on = Turns(2), list[str](), threading.Semaphore(0)

    def ask(who: str) -> None:
        with turns.turn_of(who):
            order.append(who)
            go_on.acquire(timeout=10)

    threads = []
    for who in ["greedy"] * 8 + ["modest"]:
        threads.append(threading.Thread(target=ask, args=(who,)))
        threads[-1].start()
        eventually(lambda: len(order) + len(turns._waiting) == len(threads))
    assert order == ["greedy"] * 2
    go_on.release()
    eventually(lambda: len(order) == 3)
    assert order[2] == "modest", "seven others had waited longer"
    go_on.release(8)
    for thread in threads:
        thread.join(10)
    assert sorted(order) == ["greedy"] * 8 + ["modest"]
    assert not turns._asking and not turns._waiting
