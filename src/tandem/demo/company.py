"""Fern & Oak, an invented plant shop: its whole history as raw facts, a day at a time, with the truth about it.

    company = Company(seed=7, until=datetime.now(UTC))
    for facts in company.days():
        ...                      # a struct of equally long arrays
    company.truth                # exact counts and planted causes

The same seed, until, days and events give the same history, bit by bit.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from tandem.base.errors import UserError
from tandem.demo.catalogue import AGENTS, BOTS, COUNTRIES, CURRENCY, HOST, MISSING, SITE_KEY, SITE_NAME, SOURCES, ZONE
from tandem.demo.columns import Flags, Floats, Ids, Ints, Rng, Texts, ms, same, texts
from tandem.demo.crowd import DAY, Regulars, VisitCrowd, arrivals, level, new_ids, recognised
from tandem.demo.robots import Crawl, crawl
from tandem.demo.story import Calendar, DemoChange, planted
from tandem.demo.story import change_log as story_change_log
from tandem.demo.truth import CampaignTruth, MoneyTruth, SourceTruth, Tally, Truth
from tandem.demo.walk import GONE, PATHS, Block, Pages, Till, events, outcomes, walk

__all__ = ["CURRENCY", "HOST", "SITE_KEY", "SITE_NAME", "ZONE", "Company", "DemoChange", "Facts", "goals"]

# Measured: with so many visits of weight 100 for each human event the history gets the size that was asked for.
VISITS_PER_EVENT = 0.126
BOTS_PER_DAY = sum(bot.per_day for bot in BOTS)
UA = texts([agent.ua for agent in AGENTS])
BOT_UA = texts([bot.ua for bot in BOTS])
BOT_NETWORK = texts([bot.network for bot in BOTS])
CODES = texts([country.code for country in COUNTRIES])
GONE_PLACES = np.flatnonzero(np.isin(PATHS, texts(MISSING)))


class Facts(NamedTuple):
    """Raw facts in order of `at`, one entry an event; all columns are numpy arrays of one length.

    at, received    int64, UTC milliseconds
    born            int64, unix seconds when the visitor's cookie was made, 0 = no cookie
    amount          int64, 1/10000 of `currency`; 0 and '' when there is none
    status          200 or 404 for a pageview, otherwise 0
    props           dict[str, str]; the empty one is shared, so do not write into it
    """

    id: Ids
    visitor: Ids
    at: Ints
    received: Ints
    kind: Texts
    name: Texts
    host: Texts
    path: Texts
    query: Texts
    referrer: Texts
    ua: Texts
    language: Texts
    width: Ints
    country: Texts
    city: Texts
    network: Texts
    born: Ints
    engaged_ms: Ints
    scroll: Ints
    value: Floats
    amount: Ints
    currency: Texts
    props: Texts
    status: Ints

    @property
    def size(self) -> int:
        """How many events these are (`len` would count the columns)."""
        return len(self.at)

    def only(self, keep: Flags | Ints) -> "Facts":
        """The facts that are kept, or in another order."""
        return Facts._make(column[keep] for column in self)


class Company:
    """The shop's history: `days` local days of about `events` events in all, the last one ending at `until`."""

    def __init__(self, seed: int, until: datetime, days: int = 120, events: int = 1_000_000) -> None:
        if until.tzinfo is None:
            raise UserError("The end of the demo history has no time zone.", "Give a moment such as datetime.now(UTC).")
        if days < 1 or events < days:
            raise UserError("The demo history needs at least one day and one event a day.", "Give larger numbers.")
        self.seed, self.until, self.events = seed, until.astimezone(UTC), events
        self.calendar = Calendar(self.until, days)
        self.causes = planted(self.calendar)
        self._truth: Truth | None = None
        self.money: MoneyTruth | None = None  # known once costs and calls are stored

    @property
    def truth(self) -> Truth:
        """What is true of this history; makes the history once if nobody has walked through days() yet."""
        if self._truth is None:
            for _ in self.days():
                pass
        if self._truth is None:
            raise RuntimeError("The history ended without its truth.")
        return self._truth

    def change_log(self) -> list[DemoChange]:
        """What people did to the site, in order of time."""
        return story_change_log(self.calendar, self.seed)

    def days(self) -> Iterator[Facts]:
        """The facts of each local day's visits, oldest day first (a visit over midnight stays with its first day)."""
        first = 1 - self.calendar.days
        midnights = [ms(self.calendar.moment(day)) for day in range(first, 2)]
        rng = np.random.default_rng([self.seed, 1])
        bots = self.events / 1_000_000 * 120 / self.calendar.days
        visits = (self.events / self.calendar.days - BOTS_PER_DAY * bots) * VISITS_PER_EVENT / self._mean_level()
        regulars = Regulars(rng, max(20, int(visits * 12)), midnights[0])
        till, tally = Till(self.seed), Tally(np.array([*midnights, midnights[-1] + DAY]))
        total = 0
        for day, midnight in zip(range(first, 1), midnights[1:], strict=True):
            rng = np.random.default_rng([self.seed, 2, day - first])
            crowd = recognised(rng, arrivals(rng, self.calendar, self.causes, day, visits), regulars, midnight)
            machines = self._bot_facts(rng, crawl(rng, self.calendar, self.causes, day, bots))
            humans = self._human_facts(rng, crowd, till, tally)
            tally.add("bot_events", machines.at)
            facts = _joined(humans, machines)
            total += facts.size
            yield facts.only(np.argsort(facts.at, kind="stable"))
        self._truth = self._truth_of(tally, total)

    def _mean_level(self) -> float:
        calendar = self.calendar
        levels = [level(day, calendar.on(day).weekday()) for day in range(1 - calendar.days, 1)]
        return float(np.mean(levels))

    def _human_facts(self, rng: Rng, crowd: VisitCrowd, till: Till, tally: Tally) -> Facts:
        crowd = crowd.only(~self._dark(crowd.start))
        outcome = outcomes(rng, crowd, self.causes, till)
        pages = walk(rng, crowd, outcome)
        blocks = events(rng, crowd, pages, outcome, self.causes, till)
        page = np.concatenate([block.page for block in blocks])
        at = np.concatenate([block.at for block in blocks])
        keep = at < self._ends(crowd.start)[pages.visit[page]]
        facts = _assembled(rng, crowd, pages, blocks, page, at).only(keep)
        facts = facts._replace(received=self._received(rng, facts.at))
        _count(tally, facts, crowd, pages, page[keep])
        return facts

    def _dark(self, at: Ints) -> Flags:
        """Which moments lie in the outage or after the end."""
        outage = self.causes.get("outage")
        after = at >= ms(self.until)
        return after | ((at >= ms(outage.since)) & (at < ms(outage.until))) if outage else after

    def _ends(self, start: Ints) -> Ints:
        """When a visit is cut off: by the end of the history, or by the outage if it began before."""
        outage, end = self.causes.get("outage"), ms(self.until)
        return np.where(start < ms(outage.since), ms(outage.since), end) if outage else np.full(len(start), end)

    def _received(self, rng: Rng, at: Ints) -> Ints:
        """Most events arrive in a second or two; a few browsers were offline or met the outage, and tried again."""
        late = rng.random(len(at)) < 0.003
        wait = np.where(late, rng.integers(60_000, 30 * 3_600_000, len(at)), rng.integers(40, 1500, len(at)))
        received = at + wait
        outage = self.causes.get("outage")
        if outage:
            dark = (received >= ms(outage.since)) & (received < ms(outage.until))
            received = np.where(dark, ms(outage.until) + wait % 60_000, received)
        return np.maximum(np.minimum(received, ms(self.until)), at)

    def _bot_facts(self, rng: Rng, requests: Crawl) -> Facts:
        keep = ~self._dark(requests.at)
        at, bot, place = requests.at[keep], requests.bot[keep], requests.place[keep]
        size = len(at)
        return _blank(rng, size)._replace(
            visitor=requests.visitor[keep],
            at=at,
            received=self._received(rng, at),
            kind=same("pageview", size),
            path=PATHS[place],
            ua=BOT_UA[bot],
            network=BOT_NETWORK[bot],
            country=same("US", size),
            status=np.where(np.isin(place, GONE_PLACES), 404, 200),
        )

    def _truth_of(self, tally: Tally, total: int) -> Truth:
        days = [day for day in tally.day_truths(self.calendar.first) if day.on <= self.calendar.last]
        bots = sum(day.bot_events for day in days)
        return Truth(
            since=self.calendar.moment(1 - self.calendar.days),
            until=self.until,
            zone=ZONE,
            events=total,
            human_events=total - bots,
            bot_events=bots,
            days=days,
            campaigns={
                name: CampaignTruth(name, count, tally.by_label["orders"][name], tally.by_label["revenue"][name])
                for name, count in sorted(tally.by_label["visits"].items())
                if name
            },
            sources={
                source.key: SourceTruth(source.key, source.channel, tally.by_source["visits"][number],
                                        tally.by_source["orders"][number])
                for number, source in enumerate(SOURCES)
            },
            planted=self.causes,
        )  # fmt: skip


_NO_PROPS: dict[str, str] = {}


def _blank(rng: Rng, size: int) -> Facts:
    """So many facts about nothing, each with its own id."""
    zero, empty = np.zeros(size, dtype=np.int64), same("", size)
    return Facts(
        id=new_ids(rng, size), visitor=np.zeros(size, dtype=np.uint64), at=zero, received=zero, kind=empty, name=empty,
        host=same(HOST, size), path=empty, query=empty, referrer=empty, ua=empty, language=empty, width=zero,
        country=empty, city=empty, network=empty, born=zero, engaged_ms=zero, scroll=zero, value=np.zeros(size),
        amount=zero, currency=empty, props=same(_NO_PROPS, size), status=zero,
    )  # fmt: skip


def _assembled(rng: Rng, crowd: VisitCrowd, pages: Pages, blocks: list[Block], page: Ints, at: Ints) -> Facts:
    """The facts of all blocks, with what the page and the visit say about each."""
    visit = pages.visit[page]
    kinds = np.concatenate([same(block.kind, len(block.at)) for block in blocks])
    views = kinds == "pageview"
    amount = np.concatenate([_or_zero(block.amount, block) for block in blocks])
    return _blank(rng, len(at))._replace(
        visitor=crowd.visitor[visit],
        at=at,
        kind=kinds,
        name=np.concatenate([block.name for block in blocks]),
        path=PATHS[pages.place[page]],
        query=pages.query[page],
        referrer=np.where(views, pages.referrer[page], ""),
        ua=UA[crowd.agent[visit]],
        language=crowd.language[visit],
        width=crowd.width[visit],
        country=CODES[crowd.country[visit]],
        city=crowd.city[visit],
        born=crowd.born[visit],
        engaged_ms=np.concatenate([_or_zero(block.engaged, block) for block in blocks]),
        scroll=np.concatenate([_or_zero(block.scroll, block) for block in blocks]),
        value=np.concatenate([np.zeros(len(b.at)) if b.value is None else b.value for b in blocks]),
        amount=amount,
        currency=np.where(amount != 0, CURRENCY, "").astype(object),
        props=np.concatenate([same(_NO_PROPS, len(b.at)) if b.props is None else b.props for b in blocks]),
        status=np.where(views, np.where(pages.kind[page] == GONE, 404, 200), 0),
    )


def _or_zero(column: Ints | None, block: Block) -> Ints:
    return np.zeros(len(block.at), dtype=np.int64) if column is None else column


def _joined(one: Facts, other: Facts) -> Facts:
    return Facts._make(np.concatenate(pair) for pair in zip(one, other, strict=True))


def _count(tally: Tally, facts: Facts, crowd: VisitCrowd, pages: Pages, page: Ints) -> None:
    """Add a day's human facts to the truth; a visit belongs to the moment of its first page."""
    views = facts.kind == "pageview"
    landed = views & pages.first[page]
    sold = facts.name == "purchase"
    back = facts.name == "refund"
    tally.human_events += facts.size
    tally.see(facts.at[views], facts.visitor[views])
    tally.add("pageviews", facts.at[views])
    tally.add("visits", facts.at[landed])
    tally.add("orders", facts.at[sold])
    tally.add("revenue", facts.at[sold], facts.amount[sold])
    tally.add("refunds", facts.at[back])
    tally.add("refunded", facts.at[back], facts.amount[back])
    tally.add("signups", facts.at[facts.name == "newsletter_joined"])
    for what, which, amount in (
        ("visits", landed, None),
        ("orders", sold, None),
        ("revenue", sold, facts.amount[sold]),
    ):
        visit = pages.visit[page[which]]
        tally.add_split(what, crowd.campaign[visit].tolist(), crowd.source[visit], amount)


def goals() -> list[tuple[str, str, str]]:
    """The shop's goals: name, 'event' or 'page', and the event's name or the page's path."""
    return [
        ("Purchase", "event", "purchase"),
        ("Added to cart", "event", "added_to_cart"),
        ("Newsletter sign-up", "event", "newsletter_joined"),
        ("Reached the checkout", "page", "/checkout"),
        ("Contact page", "page", "/contact"),
        ("Used the plant finder", "page", "/finder"),
    ]
