"""One caller's many requests wait for each other; nobody else waits for them."""

import asyncio

from tandem.base.places import CallerPlaces


def test_who_has_many_at_once_waits_a_little_and_in_vain() -> None:
    async def story() -> None:
        places = CallerPlaces(at_once=2, patience_s=0.05)
        assert [await places.take("anna") for _ in range(3)] == [True, True, False]
        assert await places.take("boris")
        places.leave("anna")
        assert await places.take("anna")

    asyncio.run(story())


def test_a_place_goes_to_whoever_waits_longest_and_none_is_lost() -> None:
    async def story() -> None:
        places, order = CallerPlaces(at_once=1, patience_s=5), list[int]()

        async def one(number: int) -> None:
            assert await places.take("anna")
            order.append(number)
            await asyncio.sleep(0)
            places.leave("anna")

        leaving = [asyncio.create_task(one(n)) for n in range(6)]
        await asyncio.sleep(0)
        leaving[3].cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        assert order == [0, 1, 2, 4, 5]
        assert not places._taken and not places._waiting

    asyncio.run(story())
