"""One invented shop, small and full of edges: what browsers sent, as records of the spool.

Edges on purpose: moments exactly at the start and end of the span asked for, a second site in a half-hour zone, the
night the clocks change, an empty campaign, no orders at all in a channel, a refund, a foreign currency, a late event
that joins two visits, a campaign that splits one, events delivered twice, vitals after the visit, bots, a visitor
without a cookie, a visit over midnight, an event without any page view.
"""

import random
from datetime import UTC, datetime, timedelta

from tandem.base.clock import to_ms
from tandem.collect.model.hit import Record, SpoolEvent

SEED = 11
SINCE = datetime(2026, 10, 9, 22, 0, tzinfo=UTC)  # midnight of 10 October in Warsaw (summer time)
UNTIL = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)  # midnight of 1 November in Warsaw (winter time)
WARSAW, KOLKATA = "Europe/Warsaw", "Asia/Kolkata"

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
AGENTS = (CHROME, IPHONE, FIREFOX)

SOURCES = (
    ("", ""),
    ("", "https://www.google.com/"),
    ("utm_source=google&utm_medium=cpc&utm_campaign=brand&utm_term=fern", "https://www.google.com/"),
    ("utm_source=google&utm_medium=cpc&utm_campaign=", ""),
    ("gclid=abc", "https://www.google.com/"),
    ("fbclid=xyz", "https://l.facebook.com/"),
    ("utm_source=letter&utm_medium=email&utm_campaign=october", ""),
    ("", "https://t.me/"),
    ("", "https://blog.example/post/1"),
    ("", "https://chatgpt.com/"),
    ("", "https://www.paypal.com/checkout"),
)
PAGES = ("/", "/plants", "/plants/fern", "/plants/oak", "/cart", "/journal/a-long-read")
COUNTRIES = ("PL", "DE", "", "GB")


class Teller:
    """Makes records with ever new ids."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.records: list[Record] = []
        self._next_id = 1

    def tell(
        self, site: int, visitor: int, at: datetime, kind: str = "pageview", path: str = "/", *, query: str = "",
        referrer: str = "", name: str = "", engaged_ms: int = 0, scroll: int = 0, value: float = 0, amount: str = "",
        currency: str = "", status: int = 0, agent: str = CHROME, country: str = "PL", network: str = "",
        born: datetime | None = None, received: datetime | None = None, event_id: int = 0, marks: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """One event, in a record of its own."""
        self._next_id += 1
        event = SpoolEvent(
            id=event_id or self._next_id, kind=kind, at=to_ms(at), host="shop.example", path=path, query=query,
            referrer=referrer, name=name, props={"tone": "green"} if kind == "event" else {}, engaged_ms=engaged_ms,
            scroll=scroll, value=value, amount=amount, currency=currency, status=status, marks=list(marks),
        )  # fmt: skip
        self.records.append(
            Record(
                site=site,
                received=to_ms(received or at),
                visitor=visitor,
                before=0,
                born=int(born.timestamp()) if born else 0,
                agent=agent,
                language="en-gb",
                width=1200,
                country=country,
                city="",
                network=network,
                events=[event],
                refused={},
            )
        )

    def ramble(self, site: int, visitor: int, at: datetime) -> None:
        """A visit as people make them: some pages, attention, vitals, now and then an order."""
        r = self.random
        agent, country = r.choice(AGENTS), r.choice(COUNTRIES)
        query, referrer = r.choice(SOURCES)
        born = at - timedelta(days=r.choice((0, 0, 3))) if r.random() < 0.6 else None
        facts = {"agent": agent, "country": country, "born": born}
        for i in range(r.choice((1, 1, 2, 3, 5))):
            path = r.choice(PAGES)
            own = f"https://shop.example{r.choice(PAGES)}"
            self.tell(
                site, visitor, at, path=path, query=query if i == 0 else "", referrer=referrer if i == 0 else own,
                status=404 if r.random() < 0.05 else 200, **facts,
            )  # fmt: skip
            for vital, middle in (("LCP", 2400), ("INP", 180), ("CLS", 0.1), ("TTFB", 700)):
                if r.random() < 0.5:
                    value = round(middle * r.uniform(0.3, 2), 3)
                    self.tell(site, visitor, at + timedelta(seconds=3), "vital", path, name=vital, value=value, **facts)
            at += timedelta(seconds=r.uniform(5, 400))
            attention = int(r.uniform(500, 20_000))
            self.tell(site, visitor, at, "engage", path, engaged_ms=attention, scroll=r.randrange(101), **facts)
        if r.random() < 0.3:
            at += timedelta(seconds=20)
            amount = f"{r.uniform(5, 200):.2f}"
            self.tell(site, visitor, at, "event", "/thank-you", name="purchase", amount=amount, currency="EUR", **facts)
        if r.random() < 0.2:
            self.tell(site, visitor, at, "outbound", name="https://partner.example/", **facts)


def records(first_site: int, second_site: int) -> list[Record]:
    """Everything that was sent to the two sites."""
    t = Teller(SEED)
    span = (UNTIL - SINCE).total_seconds()
    for i in range(220):
        site = first_site if i % 4 else second_site
        visitor = 1000 + t.random.randrange(90)
        t.ramble(site, visitor, SINCE + timedelta(seconds=t.random.uniform(-86_400, span + 86_400)))
    for site in (first_site, second_site):
        _edges(t, site)
    t.random.shuffle(t.records)
    return t.records


def _edges(t: Teller, site: int) -> None:
    minute = timedelta(minutes=1)
    # exactly at since and until, and a millisecond before
    for visitor, at in (
        (1, SINCE),
        (2, UNTIL),
        (3, SINCE - timedelta(milliseconds=1)),
        (4, UNTIL - timedelta(milliseconds=1)),
    ):
        t.tell(site, visitor, at)
    # exactly thirty minutes of silence go on, a millisecond more begins another visit
    noon = datetime(2026, 10, 15, 12, 0, tzinfo=UTC)
    for visitor, gap in ((5, 30 * minute), (6, 30 * minute + timedelta(milliseconds=1))):
        t.tell(site, visitor, noon)
        t.tell(site, visitor, noon + gap, path="/plants")
    # a late event joins two visits
    for at, received in (
        (noon, noon),
        (noon + 50 * minute, noon + 50 * minute),
        (noon + 25 * minute, noon + timedelta(days=2)),
    ):
        t.tell(site, 7, at, path="/journal/a-long-read", received=received)
    # a campaign splits one visit, the same again does not
    tags = "utm_source=letter&utm_medium=email&utm_campaign=october"
    t.tell(site, 8, noon, referrer="https://www.google.com/")
    t.tell(site, 8, noon + 5 * minute, query=tags)
    t.tell(site, 8, noon + 6 * minute, query=tags, path="/plants")
    # over midnight in Warsaw, and over the night the clocks change (25 October, 01:00 UTC)
    t.tell(site, 9, datetime(2026, 10, 12, 21, 50, tzinfo=UTC))
    t.tell(site, 9, datetime(2026, 10, 12, 22, 10, tzinfo=UTC), path="/plants")
    for i in range(8):
        t.tell(site, 10, datetime(2026, 10, 24, 22, 30, tzinfo=UTC) + i * 25 * minute, path=PAGES[i % 3])
    # a refund, a foreign currency, an order of nothing
    t.tell(site, 11, noon)
    t.tell(site, 11, noon + minute, "event", name="purchase", amount="100.10", currency="EUR")
    t.tell(site, 11, noon + 2 * minute, "event", name="refund", amount="-40.05", currency="EUR")
    t.tell(site, 11, noon + 3 * minute, "event", name="purchase", amount="77.00", currency="USD")
    t.tell(site, 11, noon + 4 * minute, "event", name="purchase", amount="0", currency="EUR")
    # the same event delivered three times
    for _ in range(3):
        t.tell(site, 12, noon, event_id=900_000_000 + site, marks=("retried",))
    # vitals and attention long after the visit belong to it; without any they make no visit
    t.tell(site, 13, noon)
    t.tell(site, 13, noon + 45 * minute, "engage", engaged_ms=9_000, scroll=80)
    t.tell(site, 13, noon + 46 * minute, "vital", name="CLS", value=0.3)
    t.tell(site, 14, noon, "engage", engaged_ms=4_000)
    # an event of a server without any page view is no visit
    t.tell(site, 15, noon, "event", name="purchase", amount="12.00", currency="EUR")
    # bots, by name and by network
    for i in range(6):
        t.tell(site, 16, noon + i * minute, path=PAGES[i], agent=GOOGLEBOT, country="US")
    t.tell(site, 17, noon, network="datacentre", country="US")
    # a chain without silence for 50 hours is cut every 24
    start = datetime(2026, 10, 20, 6, 0, tzinfo=UTC)
    for i in range(121):
        t.tell(site, 18, start + i * 25 * minute, path="/cart", agent=FIREFOX)
