"""Timed work: what waits ends when it is to stop."""

import threading
import time

from tandem.base.jobs import Job, Jobs, rest


def test_a_job_that_waits_for_an_outside_system_ends_at_once() -> None:
    """A server took fifteen seconds to stop while it tried to reach a system again and again."""
    waits, swallowed = threading.Event(), list[Exception]()

    def run() -> None:
        try:
            waits.set()
            rest(600)
        except Exception as error:  # noqa: BLE001 - as jobs note what went wrong with a connection
            swallowed.append(error)

    jobs = Jobs([Job("asks", 60, run)])
    jobs.start()
    assert waits.wait(5)
    jobs.stop()  # gives up waiting for a job long before that rest is over
    assert not any(thread.is_alive() for thread in jobs._threads)
    assert (swallowed, jobs.states["asks"].failures) == ([], 0)


def test_elsewhere_it_sleeps() -> None:
    began = time.monotonic()
    rest(0.05)
    assert time.monotonic() - began >= 0.05
