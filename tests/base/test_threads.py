"""Requests of one kind that wait keep no thread from those of another."""

import asyncio
import threading

from tandem.base.threads import LANE, Lane, Threads


def test_a_lane_that_is_full_holds_up_no_other() -> None:
    async def story() -> None:
        loop, go_on = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(Threads())
        waiting = [loop.run_in_executor(None, go_on.wait) for _ in range(3 * Lane.PAGES.value)]
        for lane in (Lane.HEALTH, Lane.ENTRY, Lane.STRANGERS):
            LANE.set(lane)
            assert await asyncio.wait_for(loop.run_in_executor(None, lambda: "answered"), 5) == "answered"
        go_on.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(story())
