"""Timed work: each job runs in its own thread, again and again; a failing one waits longer each time."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from tandem.base import log
from tandem.base.errors import SourceError, UserError

LONGEST_WAIT_S = 300.0
Thing = TypeVar("Thing")
_log, _here = log.get("jobs"), threading.local()


class Stopped(BaseException):
    """A job that waits is to end. No error: whoever notes what went wrong must not note this."""


def rest(seconds: float) -> None:
    """Sleep; in a job, no longer than until it is to stop.

    raises   Stopped
    """
    stop: threading.Event | None = getattr(_here, "stop", None)
    if stop is None:
        time.sleep(seconds)
    elif stop.wait(seconds):
        raise Stopped


def sum_over(things: Iterable[Thing], do: Callable[[Thing], int]) -> int:
    """The sum of what is done for each of them; one that fails keeps none of the others waiting.

    raises   the first failure, once all have had their turn
    """
    total, failures = 0, list[Exception]()
    for thing in things:
        try:
            total += do(thing)
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return total


class Job(msgspec.Struct, frozen=True):
    """Something to do every `every_s` seconds."""

    name: str
    every_s: float
    run: Callable[[], Any]


class JobState(msgspec.Struct):
    """How a job is doing, for the page of the operator."""

    name: str
    ran_at: float = 0.0
    took_ms: float = 0.0
    failures: int = 0
    problem: str = ""


class Jobs:
    """Runs jobs until stopped."""

    def __init__(self, jobs: list[Job]) -> None:
        self.states = {job.name: JobState(job.name) for job in jobs}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._loop, args=(j,), name=j.name, daemon=True) for j in jobs]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, patience_s: float = 20.0) -> None:
        """Let running work end, then return."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(patience_s)

    def _loop(self, job: Job) -> None:
        state, _here.stop = self.states[job.name], self._stop
        while not self._stop.is_set():
            self._run_once(job, state)
            longer = 2 ** min(state.failures, 10)
            self._stop.wait(min(LONGEST_WAIT_S, job.every_s * longer) if state.failures else job.every_s)

    def _run_once(self, job: Job, state: JobState) -> None:
        began = time.perf_counter()
        try:
            job.run()
            state.failures, state.problem = 0, ""
        except Stopped:
            return
        except (SourceError, UserError) as error:
            state.failures, state.problem = state.failures + 1, str(error)
            _log.warning("jobs.failed", job=job.name, why=str(error), failures=state.failures)
        except Exception as error:  # noqa: BLE001 - the edge: a bug in one job must not end the others
            state.failures, state.problem = (
                state.failures + 1,
                f"{type(error).__name__}: {log.without_values(str(error))}",
            )
            _log.error("jobs.broke", job=job.name, failures=state.failures, exc_info=True)
        state.ran_at, state.took_ms = time.time(), round((time.perf_counter() - began) * 1000, 1)
