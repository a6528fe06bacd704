"""What visitors do: the pages of each visit in order, and on every page the events a browser would send."""

from typing import NamedTuple
from urllib.parse import quote_plus

import numpy as np

from tandem.demo.catalogue import (
    DOWNLOADS,
    HOST,
    MISSING,
    OUTBOUND,
    PAYMENT_REFERRERS,
    PAYMENTS,
    PHRASES,
    POSTS,
    PRODUCTS,
    SOURCES,
)
from tandem.demo.columns import Flags, Floats, Ints, Rng, Texts, ms, same, texts
from tandem.demo.crowd import MINUTE, VisitCrowd
from tandem.demo.truth import Planted

HOME, CATEGORY, PRODUCT, POST, SEARCH, FINDER, CONTACT, GONE, CART, CHECKOUT, THANKS = range(11)
NOTHING, LEFT_CART, LEFT_CHECKOUT, BOUGHT = range(4)

PLACES: tuple[tuple[str, ...], ...] = (
    ("/",),
    ("/plants", "/pots-and-tools"),
    tuple(product.path for product in PRODUCTS),
    tuple(f"/journal/{post}" for post in POSTS),
    ("/search",),
    ("/finder", "/finder/care", "/finder/match"),
    ("/contact",),
    MISSING,
    ("/cart",),
    ("/checkout",),
    ("/thank-you",),
)
PATHS = texts([path for group in PLACES for path in group])
PLACE_START = np.cumsum([0] + [len(group) for group in PLACES])
WEIGHTS = [np.ones(len(group)) for group in PLACES]
WEIGHTS[CATEGORY] = np.array([3.0, 1.3])
WEIGHTS[FINDER] = np.array([5.0, 3.0, 2.0])
WEIGHTS[PRODUCT] = np.array([product.popularity for product in PRODUCTS])
WEIGHTS[POST] = 1 / np.arange(2, len(POSTS) + 2)
PLACE_EDGES = [np.cumsum(weights) / weights.sum() for weights in WEIGHTS]
PRICES = np.array([product.price for product in PRODUCTS])
SLUGS = texts([product.slug for product in PRODUCTS])

LANDINGS = {
    "home": (78, 10, 6, 3, 0, 1, 1.5, 0.5),
    "category": (6, 78, 14, 1, 0, 0, 0, 1),
    "product": (6, 12, 78, 2, 0, 0, 0, 2),
    "blog": (8, 6, 18, 66, 0, 1, 0, 1),
    "mixed": (22, 22, 30, 20, 0, 2, 2, 2),
}
LANDING_EDGES = np.array([np.cumsum(LANDINGS[s.landing]) / sum(LANDINGS[s.landing]) for s in SOURCES])
# Where people go next: a row for each kind of page they are on.
NEXT = np.array(
    [
        (2, 44, 22, 10, 9, 8, 3, 2),
        (5, 26, 56, 2, 6, 3, 1, 1),
        (7, 28, 46, 5, 8, 3, 2, 1),
        (10, 20, 26, 34, 5, 4, 1, 0),
        (4, 14, 66, 2, 12, 1, 0.5, 0.5),
        (4, 22, 64, 4, 3, 2, 1, 0),
        (36, 26, 14, 10, 6, 2, 6, 0),
        (50, 20, 6, 4, 20, 0, 0, 0),
    ]
)
NEXT_EDGES = np.cumsum(NEXT, axis=1) / NEXT.sum(axis=1, keepdims=True)
OWN = texts([f"https://{HOST}{path}" for path in PATHS])
QUERIES = texts([f"q={quote_plus(phrase)}" for phrase in PHRASES])
LISTS = texts(["", "", "", "", "", "page=2", "sort=price", "light=low"])

MOST_PAGES = 18
BUY_SHARE = 0.043
BUY_BY_DEVICE = np.array([0.78, 1.35, 1.05])
# Medians in ms for mobile, desktop, tablet; CLS has no unit.
TTFB = np.array([330.0, 190.0, 260.0])
PAINT = np.array([780.0, 480.0, 640.0])
LARGEST = np.array([620.0, 360.0, 500.0])
INTERACTION = np.array([130.0, 62.0, 95.0])
SHIFT = np.array([0.055, 0.03, 0.045])
VITALS_SHARE = 0.22


class Pages(NamedTuple):
    """Page loads in the order of visits; `visit` is the place in the crowd, `leaves` when the page was left."""

    visit: Ints
    kind: Ints
    place: Ints
    at: Ints
    leaves: Ints
    first: Flags
    last: Flags
    query: Texts
    referrer: Texts
    phrase: Ints


class Block(NamedTuple):
    """Events of one kind; each lies on a page (its place in Pages)."""

    kind: str
    page: Ints
    at: Ints
    name: Texts
    engaged: Ints | None = None
    scroll: Ints | None = None
    value: Floats | None = None
    amount: Ints | None = None
    props: Texts | None = None


class Till:
    """Decides who buys. It carries fractions over, so that sums hardly depend on luck and planted effects show."""

    def __init__(self, seed: int) -> None:
        self.change = np.full(3, np.random.default_rng([seed, 3]).random())
        self.orders = 0

    def buyers(self, rng: Rng, chance: Floats, device: Ints, source: Ints) -> Flags:
        """Who buys: as many on each kind of device, and nearly so of each source, as the chances add up to."""
        bought = np.zeros(len(chance), dtype=np.bool_)
        for number in range(3):
            mine = rng.permutation(np.flatnonzero(device == number))
            mine = mine[np.argsort(source[mine], kind="stable")]
            heap = self.change[number] + np.cumsum(chance[mine])
            bought[mine] = np.diff(np.floor(np.concatenate([[self.change[number]], heap]))) > 0
            self.change[number] = heap[-1] % 1 if len(heap) else self.change[number]
        return bought

    def numbers(self, size: int) -> list[str]:
        """The next order numbers."""
        self.orders += size
        return [f"FO-{number:06d}" for number in range(self.orders - size + 1, self.orders + 1)]


def outcomes(rng: Rng, crowd: VisitCrowd, causes: dict[str, Planted], till: Till) -> Ints:
    """How far each visit gets: nothing, left with a full cart, left at the checkout, bought."""
    mood = np.exp(rng.normal(0, 0.05))
    chance = BUY_SHARE * mood * crowd.readiness * BUY_BY_DEVICE[crowd.device] * crowd.engaged
    chance = chance * _factor(crowd.start, causes.get("checkout_improvement"))
    chance = chance * np.where(crowd.device == 0, _factor(crowd.start, causes.get("slow_release_orders")), 1.0)
    chance = np.minimum(chance, 0.6)
    draw = rng.random(len(chance))
    left = np.where(draw < chance * 0.8, LEFT_CHECKOUT, np.where(draw < chance * 2.6, LEFT_CART, NOTHING))
    return np.where(till.buyers(rng, chance, crowd.device, crowd.source), BOUGHT, left)


def during(at: Ints, cause: Planted | None) -> Flags:
    """Which moments lie within the time of a cause."""
    if cause is None:
        return np.zeros(len(at), dtype=np.bool_)
    return (at >= ms(cause.since)) & (at < ms(cause.until))


def _factor(at: Ints, cause: Planted | None) -> Floats:
    return np.where(during(at, cause), cause.times if cause else 1.0, 1.0)


def walk(rng: Rng, crowd: VisitCrowd, outcome: Ints) -> Pages:
    """The pages of all visits, mostly 2 to 60 seconds apart, now and then up to 25 minutes."""
    size = len(crowd.start)
    more = rng.geometric(np.where(crowd.device == 0, 0.42, 0.34), size)
    browse = np.where(crowd.engaged, np.where(rng.random(size) < 0.13, 1, 1 + more), 1)
    browse = np.minimum(np.where((outcome > NOTHING) & (browse < 2), 2, browse), MOST_PAGES)
    total = browse + outcome
    visit = np.repeat(np.arange(size), total)
    position = np.arange(len(visit)) - np.repeat(np.cumsum(total) - total, total)
    first, last = position == 0, position == total[visit] - 1
    kind = _kinds(rng, crowd.source, browse, outcome)[visit, np.minimum(position, MOST_PAGES - 1)]
    beyond = position - browse[visit]
    kind = np.where(beyond >= 0, CART + beyond, kind)
    place = _places(rng, kind)
    at, leaves = _times(rng, crowd, visit, first, last, kind)
    phrase = rng.integers(0, len(PHRASES), len(visit))
    query = _queries(rng, crowd, visit, kind, first, phrase)
    referrer = _referrers(rng, crowd, visit, kind, place, first, query)
    return Pages(visit, kind, place, at, leaves, first, last, query, referrer, phrase)


def _kinds(rng: Rng, source: Ints, browse: Ints, outcome: Ints) -> Ints:
    kinds = np.zeros((len(source), MOST_PAGES), dtype=np.int64)
    kinds[:, 0] = (rng.random((len(source), 1)) >= LANDING_EDGES[source]).sum(axis=1).clip(max=GONE)
    for step in range(1, int(browse.max(initial=1))):
        going = np.flatnonzero(browse > step)
        edges = NEXT_EDGES[kinds[going, step - 1]]
        kinds[going, step] = (rng.random((len(going), 1)) >= edges).sum(axis=1).clip(max=GONE)
    # Whoever fills a cart does it on a product page, the last one before the cart.
    filled = np.flatnonzero(outcome > NOTHING)
    kinds[filled, browse[filled] - 1] = PRODUCT
    return kinds


def _places(rng: Rng, kind: Ints) -> Ints:
    place = np.zeros(len(kind), dtype=np.int64)
    draw = rng.random(len(kind))
    for number, edges in enumerate(PLACE_EDGES):
        mine = kind == number
        place[mine] = PLACE_START[number] + np.searchsorted(edges, draw[mine], side="right").clip(max=len(edges) - 1)
    return place


def _times(rng: Rng, crowd: VisitCrowd, visit: Ints, first: Flags, last: Flags, kind: Ints) -> tuple[Ints, Ints]:
    size = len(visit)
    reading = np.where(kind == POST, 30_000, np.where(kind == CHECKOUT, 38_000, 13_000))
    dwell = (reading * np.exp(rng.normal(0, 0.8, size))).clip(2000, 60_000)
    pause = rng.uniform(5 * MINUTE, 25 * MINUTE, size)
    dwell = np.where(~last & (rng.random(size) < 0.025), pause, dwell)
    alone = first & last
    dwell = np.where(alone, np.maximum(dwell, 11_000), dwell)
    dwell = np.where(crowd.engaged[visit], dwell, rng.uniform(300, 8500, size)).astype(np.int64)
    gone = np.cumsum(dwell) - dwell
    offset = gone - np.repeat(gone[first], np.diff(np.append(np.flatnonzero(first), size)))
    # A cap on the whole visit: many pauses shrink together (see SPACE in crowd.py).
    longest = 100 * MINUTE
    over = np.zeros(len(crowd.start))
    np.maximum.at(over, visit, offset.astype(np.float64))
    shrink = np.minimum(1.0, longest / np.maximum(over, 1.0))[visit]
    at = crowd.start[visit] + (offset * shrink).astype(np.int64)
    leaves = at + dwell
    leaves[:-1] = np.where(last[:-1], leaves[:-1], at[1:] - 1)
    return at, leaves


def _queries(rng: Rng, crowd: VisitCrowd, visit: Ints, kind: Ints, first: Flags, phrase: Ints) -> Texts:
    query = same("", len(visit))
    lists = kind == CATEGORY
    query[lists] = LISTS[rng.integers(0, len(LISTS), int(lists.sum()))]
    searched = kind == SEARCH
    query[searched] = QUERIES[phrase[searched]]
    query[first] = crowd.query[visit[first]]
    return query


def _referrers(rng: Rng, crowd: VisitCrowd, visit: Ints, kind: Ints, place: Ints, first: Flags, query: Texts) -> Texts:
    referrer = same("", len(visit))
    inside = np.flatnonzero(~first)
    before = inside - 1
    asked = query[before] != ""
    referrer[inside] = OWN[place[before]]
    referrer[inside[asked]] = referrer[inside[asked]] + "?" + query[before[asked]]
    referrer[first] = crowd.referrer[visit[first]]
    # Back from the payment provider: the browser names it, yet it brought nobody.
    thanks = np.flatnonzero(kind == THANKS)
    paid = rng.integers(0, len(PAYMENTS), len(thanks))
    abroad = paid > 0
    referrer[thanks[abroad]] = texts(PAYMENT_REFERRERS)[paid[abroad]]
    return referrer


def events(
    rng: Rng, crowd: VisitCrowd, pages: Pages, outcome: Ints, causes: dict[str, Planted], till: Till
) -> list[Block]:
    """Everything the browsers send."""
    nameless = same("", len(pages.at))
    everything = np.arange(len(pages.at))
    return [
        Block("pageview", everything, pages.at, nameless),
        _engages(rng, crowd, pages),
        *_vitals(rng, crowd, pages, causes),
        *_clicks(rng, crowd, pages),
        *_signups(rng, crowd, pages, causes),
        *_sales(rng, pages, outcome, till),
    ]


def _engages(rng: Rng, crowd: VisitCrowd, pages: Pages) -> Block:
    calm = crowd.engaged[pages.visit]
    alone = pages.first & pages.last
    sent = np.flatnonzero((rng.random(len(pages.at)) < 0.94) | (alone & calm))
    stay = np.minimum(pages.leaves - pages.at, 90_000)[sent]
    active = (stay * rng.uniform(0.55, 1.0, len(sent))).astype(np.int64)
    active = np.where((alone & calm)[sent], np.maximum(active, 10_500).clip(max=stay), active)
    depth = rng.beta(np.where(calm[sent], 1.9, 1.0), np.where(calm[sent], 1.3, 3.5))
    scroll = np.round(20 + 80 * depth).astype(np.int64)
    return Block("engage", sent, pages.leaves[sent], same("", len(sent)), engaged=active, scroll=scroll)


def _vitals(rng: Rng, crowd: VisitCrowd, pages: Pages, causes: dict[str, Planted]) -> list[Block]:
    page = np.flatnonzero(rng.random(len(pages.at)) < VITALS_SHARE)
    size, device = len(page), crowd.device[pages.visit[page]]
    at, leaves = pages.at[page], pages.leaves[page]
    product = pages.kind[page] == PRODUCT
    ttfb = TTFB[device] * np.exp(rng.normal(0, 0.5, size))
    fcp = ttfb + PAINT[device] * np.exp(rng.normal(0, 0.4, size))
    lcp = fcp + LARGEST[device] * np.where(product, 1.35, 1.0) * np.exp(rng.normal(0, 0.6, size))
    slow, chat = causes.get("slow_release"), causes.get("chat_tool")
    lcp += np.where(during(at, slow) & product & (device == 0), slow.plus if slow else 0.0, 0.0)
    inp = INTERACTION[device] * np.exp(rng.normal(0, 0.55, size))
    inp += np.where(during(at, chat) & (device == 1), chat.plus if chat else 0.0, 0.0)
    cls = SHIFT[device] * np.exp(rng.normal(0, 0.9, size))
    early = np.minimum(at + fcp.astype(np.int64) + 400, leaves)
    touched = rng.random(size) < 0.7
    every = np.ones(size, dtype=np.bool_)
    metrics = (("TTFB", ttfb, early, every), ("FCP", fcp, early, every), ("LCP", lcp, leaves, every),
               ("CLS", cls, leaves, every), ("INP", inp, leaves, touched))  # fmt: skip
    return [
        Block("vital", page[which], when[which], same(name, int(which.sum())), value=_rounded(name, value[which]))
        for name, value, when, which in metrics
    ]


def _rounded(name: str, value: Floats) -> Floats:
    return np.round(value, 4) if name == "CLS" else np.round(value, 1)


def _clicks(rng: Rng, crowd: VisitCrowd, pages: Pages) -> list[Block]:
    calm = crowd.engaged[pages.visit]
    draw = rng.random(len(pages.at))
    return [
        _named(rng, "outbound", np.flatnonzero(calm & (draw < 0.012)), pages, OUTBOUND),
        _named(rng, "download", np.flatnonzero(calm & np.isin(pages.kind, (POST, PRODUCT)) & (draw > 0.988)), pages,
               DOWNLOADS),
        _searches(pages),
        _named(rng, "form", np.flatnonzero(calm & (pages.kind == CONTACT) & (draw > 0.7)), pages, ("contact",)),
        _named(rng, "form", np.flatnonzero(_goes_to(pages, THANKS)), pages, ("checkout",)),
    ]  # fmt: skip


def _midway(rng: Rng, pages: Pages, page: Ints) -> Ints:
    stay = pages.leaves[page] - pages.at[page]
    wait: Ints = (np.minimum(stay, 60_000) * rng.uniform(0.3, 0.95, len(page))).astype(np.int64)
    return pages.at[page] + wait


def _named(rng: Rng, kind: str, page: Ints, pages: Pages, names: tuple[str, ...]) -> Block:
    return Block(kind, page, _midway(rng, pages, page), texts(names)[rng.integers(0, len(names), len(page))])


def _searches(pages: Pages) -> Block:
    page = np.flatnonzero(pages.kind == SEARCH)
    return Block("search", page, pages.at[page] + 120, texts(PHRASES)[pages.phrase[page]])


def _signups(rng: Rng, crowd: VisitCrowd, pages: Pages, causes: dict[str, Planted]) -> list[Block]:
    willing = crowd.engaged[pages.visit] & pages.last & (rng.random(len(pages.at)) < 0.02)
    page = np.flatnonzero(willing)
    at = _midway(rng, pages, page)
    works = ~(during(at, causes.get("newsletter_form_broken")) | during(at + 400, causes.get("newsletter_form_broken")))
    page, at = page[works], at[works]
    size = len(page)
    return [
        Block("form", page, at, same("letters", size)),
        Block("event", page, at + 400, same("newsletter_joined", size), props=same({"place": "footer"}, size)),
    ]


def _goes_to(pages: Pages, kind: int) -> Flags:
    """The pages whose next one in the same visit is of that kind."""
    return np.append(pages.kind[1:] == kind, False) & ~pages.last


def _sales(rng: Rng, pages: Pages, outcome: Ints, till: Till) -> list[Block]:
    idle = (pages.kind == PRODUCT) & (outcome[pages.visit] == NOTHING) & (rng.random(len(pages.at)) < 0.012)
    added = np.flatnonzero(_goes_to(pages, CART) | idle)
    product = pages.place[added] - PLACE_START[PRODUCT]
    carts = [{"product": SLUGS[p], "price": f"{PRICES[p]:.2f}"} for p in product.tolist()]
    cart = Block("event", added, _midway(rng, pages, added), same("added_to_cart", len(added)), props=_objects(carts))
    return [cart, *_orders(rng, pages, till)]


def _orders(rng: Rng, pages: Pages, till: Till) -> list[Block]:
    page = np.flatnonzero(pages.kind == THANKS)
    size = len(page)
    amount = np.round(52.0 * np.exp(rng.normal(0, 0.55, size)), 1).clip(min=7.9)
    amount_e4 = np.round(amount * 100).astype(np.int64) * 100 - 100
    abroad = {referrer: PAYMENTS[number] for number, referrer in enumerate(PAYMENT_REFERRERS) if referrer}
    paid = [abroad.get(referrer, "card") for referrer in pages.referrer[page].tolist()]
    items = rng.geometric(0.5, size).tolist()
    orders = [
        {"order": number, "pieces": str(count), "payment": payment}
        for number, count, payment in zip(till.numbers(size), items, paid, strict=True)
    ]
    at = pages.at[page] + 150
    sold = Block("event", page, at, same("purchase", size), amount=amount_e4, props=_objects(orders))
    changed = np.flatnonzero(rng.random(size) < 0.03)
    later = pages.leaves[page[changed]] + rng.integers(MINUTE, 20 * MINUTE, len(changed))
    cancelled = [{"order": orders[number]["order"], "reason": "cancelled"} for number in changed.tolist()]
    refund = Block("event", page[changed], later, same("refund", len(changed)), amount=-amount_e4[changed],
                   props=_objects(cancelled))  # fmt: skip
    return [sold, refund]


def _objects(values: list[dict[str, str]]) -> Texts:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
