"""Who comes on a day, from where and when: one entry a visit, before anybody has looked at a page."""

from typing import NamedTuple

import numpy as np

from tandem.demo.catalogue import AGENTS, COUNTRIES, SOURCES, WIDTHS, DemoSource
from tandem.demo.columns import Flags, Floats, Ids, Ints, Rng, Texts, ms, same, texts
from tandem.demo.story import Calendar, is_newsletter_day
from tandem.demo.truth import Planted

DEVICES = ("mobile", "desktop", "tablet")
HOUR = 3_600_000
MINUTE = 60_000
DAY = 24 * HOUR
# A visit ends within 2.5 hours of its start, so that the same browser's next one never runs into it.
SPACE = 3 * HOUR

WORKDAY = np.array([14, 8, 5, 4, 4, 8, 20, 38, 50, 55, 60, 62, 64, 60, 56, 55, 58, 66, 78, 92, 100, 90, 60, 30.0])
WEEKEND = np.array([20, 12, 7, 5, 4, 6, 12, 24, 44, 68, 84, 90, 88, 82, 80, 80, 78, 76, 80, 88, 92, 80, 54, 30.0])
WEEKDAYS = np.array([1.10, 1.02, 0.98, 0.96, 0.90, 0.88, 1.16])
COUNTRY_SHARES = np.array([c.share for c in COUNTRIES]) / sum(c.share for c in COUNTRIES)
AGENT_DEVICE = np.array([DEVICES.index(agent.device) for agent in AGENTS])
LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8)
CLICK_STARTS = {"gclid": "Cj0KCQ", "fbclid": "IwY2xjaw", "ttclid": "E_C_P_", "msclkid": "", "ysclid": "mi"}
COOKIE_SHARE = 0.62
RETURNING_SHARE = 0.42
COMEBACK_SHARE = 0.05


class VisitCrowd(NamedTuple):
    """Visits of one day, a column an attribute; agent, country and source are places in the catalogue's tuples."""

    start: Ints
    source: Ints
    visitor: Ids
    born: Ints
    agent: Ints
    device: Ints
    width: Ints
    country: Ints
    city: Texts
    language: Texts
    query: Texts
    referrer: Texts
    campaign: Texts
    engaged: Flags
    readiness: Floats

    def only(self, keep: Flags) -> "VisitCrowd":
        """The visits that are kept."""
        return VisitCrowd._make(column[keep] for column in self)

    def followed_by(self, other: "VisitCrowd") -> "VisitCrowd":
        """These visits and then those."""
        return VisitCrowd._make(np.concatenate(pair) for pair in zip(self, other, strict=True))


def new_ids(rng: Rng, size: int) -> Ids:
    """Random ids, never 0."""
    return rng.integers(1, 2**64 - 1, size=size, dtype=np.uint64)


def hour_starts(calendar: Calendar, day: int) -> Ints:
    """The 24 local hours of a day as UTC milliseconds; uneven on the nights of the clock change, as in life."""
    return np.array([ms(calendar.moment(day, f"{hour:02d}:00")) for hour in range(24)])


def level(day: int, weekday: int) -> float:
    """How busy a day is, 1 = the average: slow growth, a spring swell, and the week."""
    x = 1 + day / 120
    return float((0.84 + 0.28 * x + 0.10 * np.sin(2 * np.pi * (0.85 * x - 0.3))) * WEEKDAYS[weekday])


def pull(source: DemoSource, start: Ints, causes: dict[str, Planted], calendar: Calendar, day: int) -> Floats:
    """The share of its ordinary visits that a source brings at each moment."""
    if source.key.startswith("spring_"):
        return _within(start, causes.get("spring_sale"))
    if source.key == "display_reach":
        return _within(start, causes.get("display_reach"))
    if source.key == "newsletter":
        since_issue = day_of_last_issue(calendar, day)
        share = {0: 1.0, 1: 0.3, 2: 0.12, 3: 0.05}.get(since_issue, 0.0)
        opens = ms(calendar.moment(day - since_issue, "08:05")) if share else 0
        return np.where(start >= opens, share, 0.0)
    accident = causes.get("robots_accident")
    if source.channel == "Organic Search" and accident:
        return _robots(start, accident)
    return np.ones(len(start))


def day_of_last_issue(calendar: Calendar, day: int) -> int:
    """How many days ago the last newsletter went out (0 to 13)."""
    return next(ago for ago in range(14) if is_newsletter_day(calendar.on(day - ago)))


def _within(start: Ints, cause: Planted | None) -> Floats:
    if cause is None:
        return np.zeros(len(start))
    return ((start >= ms(cause.since)) & (start < ms(cause.until))).astype(np.float64)


def _robots(start: Ints, cause: Planted) -> Floats:
    since, until = ms(cause.since), ms(cause.until)
    healed = until + cause.fades_days * DAY
    shares = [1.0, cause.times, cause.times, 1.0]
    return np.interp(start.astype(np.float64), [since - 1, since, until, healed], shares)


def _pick(rng: Rng, weights: Floats, size: int) -> Ints:
    edges = np.cumsum(weights) / weights.sum()
    return np.minimum(np.searchsorted(edges, rng.random(size), side="right"), len(weights) - 1).astype(np.int64)


AGENT_SHARES = [np.array([a.share if a.device == device else 0.0 for a in AGENTS]) for device in DEVICES]
SOURCE_COUNTRIES = [
    np.array([c.share if not s.countries or c.code in s.countries else 0.0 for c in COUNTRIES]) for s in SOURCES
]
TAGS = [
    texts([s.utm.format(term=term, content=content) for term in s.terms for content in s.contents]) for s in SOURCES
]
REFERRERS = [texts(s.referrers) for s in SOURCES]
ENGAGED = np.array([s.engaged for s in SOURCES])
CONVERTS = np.array([s.converts for s in SOURCES])
MOBILE = np.array([s.mobile for s in SOURCES])
UNTIED = np.array([not s.countries for s in SOURCES])
CITIES = [texts(c.cities) for c in COUNTRIES]
LANGUAGES = [texts(c.languages) for c in COUNTRIES]
WIDTH_CHOICES = [np.array(WIDTHS[device]) for device in DEVICES]


class Regulars:
    """Browsers that keep a cookie and may come back; older ones first."""

    def __init__(self, rng: Rng, size: int, start: int) -> None:
        born = np.sort(start - (rng.exponential(40.0, size) * DAY).astype(np.int64))
        self.born = born
        self.last = born.copy()
        self.visitor = new_ids(rng, size)
        self.country = _pick(rng, COUNTRY_SHARES, size)
        self.agent, self.width = _browsers(rng, np.full(size, 0.5))
        self.city = _by(rng, CITIES, self.country)
        self.language = _by(rng, LANGUAGES, self.country)

    def candidates(self, rng: Rng, start: Ints) -> tuple[Ints, Ints]:
        """(places in the given visits, regulars for them): nobody twice, nobody whose last visit is not surely over."""
        born = start - (rng.exponential(14.0, len(start)) * DAY).astype(np.int64)
        places = np.maximum(np.searchsorted(self.born, born) - 1, 0)
        who, place = np.unique(places, return_index=True)
        free = self.last[who] + SPACE < start[place]
        return place[free].astype(np.int64), who[free].astype(np.int64)

    def welcome(self, crowd: VisitCrowd, new: Flags) -> None:
        """Remember the new browsers of a day."""
        order = np.flatnonzero(new)[np.argsort(crowd.start[new], kind="stable")]
        for name in ("visitor", "country", "agent", "width", "city", "language"):
            setattr(self, name, np.concatenate([getattr(self, name), getattr(crowd, name)[order]]))
        self.born = np.concatenate([self.born, crowd.born[order] * 1000])
        self.last = np.concatenate([self.last, crowd.start[order]])


def _browsers(rng: Rng, mobile: Floats) -> tuple[Ints, Ints]:
    size = len(mobile)
    draw = rng.random(size)
    device = np.where(draw < mobile, 0, np.where(draw < mobile + 0.04, 2, 1))
    agent, width = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for number, (shares, widths) in enumerate(zip(AGENT_SHARES, WIDTH_CHOICES, strict=True)):
        mine = device == number
        agent[mine] = _pick(rng, shares, int(mine.sum()))
        width[mine] = rng.choice(widths, int(mine.sum()))
    return agent, width


def _by(rng: Rng, choices: list[Texts], which: Ints) -> Texts:
    """For each entry one of the texts that belong to its number."""
    column = np.empty(len(which), dtype=object)
    draw = rng.random(len(which))
    for number, options in enumerate(choices):
        mine = which == number
        column[mine] = options[(draw[mine] * len(options)).astype(np.int64)]
    return column


def arrivals(rng: Rng, calendar: Calendar, causes: dict[str, Planted], day: int, visits: float) -> VisitCrowd:
    """The day's visits as if everybody came for the first time without a cookie; `visits` at an ordinary day."""
    weekday = calendar.on(day).weekday()
    hours, busy = hour_starts(calendar, day), WEEKEND if weekday >= 5 else WORKDAY
    mood = float(np.exp(rng.normal(0, 0.05))) * level(day, weekday)
    starts: list[Ints] = []
    for source in SOURCES:
        size = int(rng.poisson(visits * mood * source.weight / 100))
        start = hours[_pick(rng, busy, size)] + rng.integers(0, HOUR, size)
        starts.append(start[rng.random(size) < pull(source, start, causes, calendar, day)])
    return _crowd(rng, calendar, day, starts)


def _crowd(rng: Rng, calendar: Calendar, day: int, starts: list[Ints]) -> VisitCrowd:
    sizes = [len(start) for start in starts]
    start = np.concatenate(starts)
    source = np.repeat(np.arange(len(SOURCES)), sizes)
    country = np.concatenate([_pick(rng, SOURCE_COUNTRIES[s], size) for s, size in enumerate(sizes)])
    agent, width = _browsers(rng, MOBILE[source])
    issue = f"_{calendar.on(day - day_of_last_issue(calendar, day)):%Y_%m_%d}"
    queries, campaigns = _landings(rng, sizes, issue)
    return VisitCrowd(
        start=start,
        source=source,
        visitor=new_ids(rng, len(start)),
        born=np.zeros(len(start), dtype=np.int64),
        agent=agent,
        device=AGENT_DEVICE[agent],
        width=width,
        country=country,
        city=_by(rng, CITIES, country),
        language=_by(rng, LANGUAGES, country),
        query=queries,
        referrer=_by(rng, REFERRERS, source),
        campaign=campaigns,
        engaged=rng.random(len(start)) < ENGAGED[source],
        readiness=CONVERTS[source],
    )


def _landings(rng: Rng, sizes: list[int], issue: str) -> tuple[Texts, Texts]:
    """The query of the landing page and its campaign, for so many visits of each source."""
    queries, campaigns = [], []
    for source, tags, size in zip(SOURCES, TAGS, sizes, strict=True):
        extra = issue if source.key == "newsletter" else ""
        query: Texts = (tags + extra)[rng.integers(0, len(tags), size)]
        if source.click and size:
            join = f"&{source.click}=" if source.utm else f"{source.click}="
            query = query + (join + CLICK_STARTS[source.click]) + _click_ids(rng, size)
        queries.append(query)
        campaigns.append(same(source.campaign + extra, size))
    return np.concatenate(queries), np.concatenate(campaigns)


def _click_ids(rng: Rng, size: int) -> Texts:
    letters = LETTERS[rng.integers(0, 64, (size, 32))]
    return letters.view("S32").ravel().astype("U32").astype(object)


def recognised(rng: Rng, crowd: VisitCrowd, regulars: Regulars, midnight: int) -> VisitCrowd:
    """The same visits with cookies: some are by regulars, other cookie keepers become regulars, a few come back later.

    midnight    end of the day in UTC milliseconds; nobody comes back later, as cookieless ids end with the day
    """
    size = len(crowd.start)
    cookie = rng.random(size) < COOKIE_SHARE
    wanted = np.flatnonzero(cookie & UNTIED[crowd.source] & (rng.random(size) < RETURNING_SHARE))
    place, who = regulars.candidates(rng, crowd.start[wanted])
    back = wanted[place]
    born = np.where(cookie, crowd.start // 1000, 0)
    born[back] = regulars.born[who] // 1000
    swapped = {
        name: getattr(crowd, name).copy() for name in ("visitor", "agent", "width", "country", "city", "language")
    }
    for name, column in swapped.items():
        column[back] = getattr(regulars, name)[who]
    readiness = crowd.readiness.copy()
    readiness[back] *= 1.6
    engaged = crowd.engaged.copy()
    engaged[back] |= (rng.random(len(back)) < 0.3) & (readiness[back] > 0)
    recognised_crowd = crowd._replace(born=born, engaged=engaged, readiness=readiness, **swapped)
    recognised_crowd = recognised_crowd._replace(device=AGENT_DEVICE[recognised_crowd.agent])
    regulars.last[who] = recognised_crowd.start[back]
    new = cookie.copy()
    new[back] = False
    again = _comebacks(rng, recognised_crowd)
    again = again.only(again.start < midnight)
    regulars.welcome(recognised_crowd, new)
    _mark_seen(regulars, again)
    return recognised_crowd.followed_by(again)


def _mark_seen(regulars: Regulars, crowd: VisitCrowd) -> None:
    # Ids are random, so a sorted look-up finds the few regulars among the comebacks.
    order = np.argsort(regulars.visitor)
    place = np.minimum(np.searchsorted(regulars.visitor, crowd.visitor, sorter=order), len(order) - 1)
    who = order[place]
    match = regulars.visitor[who] == crowd.visitor
    regulars.last[who[match]] = crowd.start[match]


def _comebacks(rng: Rng, crowd: VisitCrowd) -> VisitCrowd:
    """Second visits later the same day, direct or by searching for the shop."""
    picked = crowd.only(crowd.engaged & (rng.random(len(crowd.start)) < COMEBACK_SHARE))
    size = len(picked.start)
    source = np.where(rng.random(size) < 0.7, 0, 1)
    return picked._replace(
        start=picked.start + SPACE + rng.integers(0, 5 * HOUR, size),
        source=source,
        query=same("", size),
        referrer=np.where(source == 0, "", "https://www.google.com/").astype(object),
        campaign=same("", size),
        readiness=np.full(size, 1.8),
    )
