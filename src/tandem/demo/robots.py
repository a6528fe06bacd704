"""The machines that read the shop: search engines, AI crawlers, SEO tools, monitoring, and what hides as a browser."""

from typing import NamedTuple

import numpy as np

from tandem.demo.catalogue import BOTS, Bot
from tandem.demo.columns import Ids, Ints, Rng, ms
from tandem.demo.crowd import new_ids
from tandem.demo.story import Calendar
from tandem.demo.truth import Planted
from tandem.demo.walk import PATHS, during


class Crawl(NamedTuple):
    """Requests of one day: place of the bot in BOTS, place of the path in PATHS."""

    at: Ints
    bot: Ints
    visitor: Ids
    place: Ints


def crawl(rng: Rng, calendar: Calendar, causes: dict[str, Planted], day: int, scale: float) -> Crawl:
    """All bot requests of a day; `scale` 1 belongs to a million events in 120 days."""
    since, until = ms(calendar.moment(day)), ms(calendar.moment(day + 1))
    requests = [_requests(rng, bot, since, until, causes, scale) for bot in BOTS]
    at = np.concatenate(requests)
    sizes = [len(times) for times in requests]
    home = next(number for number, bot in enumerate(BOTS) if bot.kind == "monitoring")
    bots = np.repeat(np.arange(len(BOTS)), sizes)
    place = np.where(bots == home, 0, rng.integers(0, len(PATHS), len(at)))
    # Each bot comes from a handful of addresses a day.
    addresses = new_ids(rng, 8 * len(BOTS)).reshape(len(BOTS), 8)
    visitor = addresses[bots, rng.integers(0, 8, len(at))]
    return Crawl(at, bots, visitor, place)


def _requests(rng: Rng, bot: Bot, since: int, until: int, causes: dict[str, Planted], scale: float) -> Ints:
    expected = bot.per_day * scale
    if bot.kind == "monitoring":
        size = max(1, round(expected))
        return since + (until - since) * np.arange(size, dtype=np.int64) // size + rng.integers(0, 900, size)
    surge, refused = causes.get("bot_surge"), causes.get("robots_accident_crawl")
    if bot.name == "GPTBot" and surge and during(np.array([since]), surge)[0]:
        expected *= surge.times
    at = rng.integers(since, until, int(rng.poisson(expected)))
    if bot.kind == "search" and refused:
        at = at[~during(at, refused) | (rng.random(len(at)) < refused.times)]
    return np.sort(at)
