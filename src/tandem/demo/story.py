"""What happened at Fern & Oak and when: the planted causes and the change log, told backwards from `until`."""

from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from tandem.demo.catalogue import HOST, ZONE
from tandem.demo.truth import Planted

Kind = Literal["deploy", "campaign", "robots", "outage", "tool", "content", "price"]


class DemoChange(msgspec.Struct, frozen=True):
    """One entry of the change log; `at` is in UTC, `scope` a path pattern, a campaign or a system."""

    at: datetime
    kind: Kind
    scope: str
    author: str
    title: str
    note: str = ""


class Calendar:
    """Local days counted backwards: day 0 is the day in the site's zone that `until` lies in."""

    def __init__(self, until: datetime, days: int) -> None:
        self.zone = ZoneInfo(ZONE)
        self.until = until
        self.days = days
        self.last = (until - timedelta(microseconds=1)).astimezone(self.zone).date()
        self.first = self.last - timedelta(days=days - 1)

    def on(self, day: int) -> date:
        """The date of a day, `day` being 0 or negative."""
        return self.last + timedelta(days=day)

    def moment(self, day: int, clock: str = "00:00") -> datetime:
        """The local time `clock` of that day, in UTC."""
        local = datetime.combine(self.on(day), time.fromisoformat(clock), tzinfo=self.zone)
        return local.astimezone(ZoneInfo("UTC"))


def is_newsletter_day(on: date) -> bool:
    """Whether a newsletter goes out: each second Tuesday."""
    return on.weekday() == 1 and on.toordinal() // 7 % 2 == 0


def planted(calendar: Calendar) -> dict[str, Planted]:
    """Each cause whose time has begun within the history, by name."""
    at = calendar.moment
    end = calendar.until
    causes = [
        Planted("robots_accident", at(-75, "08:00"), at(-69, "14:00"), "Organic Search", "visits",
                "robots.txt of the test server went live: search engines were told to stay out.",
                times=0.35, within=0.12, fades_days=10),
        Planted("robots_accident_crawl", at(-75, "08:00"), at(-69, "14:00"), "search bots", "pageviews",
                "Search bots obeyed robots.txt at once, and came back at once.", times=0.12, within=0.12),
        Planted("display_reach", at(-60), at(-49), "utm_campaign=display_reach", "engaged share of visits",
                "Many cheap visits that nobody meant to make: 8% engaged, no purchase at all.",
                plus=0.08, within=0.03),
        Planted("slow_release", at(-46, "10:20"), at(-41, "16:05"), "product pages on mobile", "LCP, ms",
                "The new image gallery loads full-size pictures on phones.", plus=1400.0, within=250.0),
        Planted("slow_release_orders", at(-46, "10:20"), at(-41, "16:05"), "mobile", "purchases per visit",
                "Phones wait too long for the product page and fewer people buy.", times=0.72, within=0.14),
        Planted("outage", at(-30, "19:10"), at(-30, "20:44"), "the whole site", "events",
                "Database ran out of connections: 94 minutes without a single event.", times=0.0),
        Planted("spring_sale", at(-21, "08:00"), end, "Paid Search and Paid Social", "visits",
                "Launch on Google and Meta: paid traffic doubles, and it buys.", times=2.0, within=0.25),
        Planted("chat_tool", at(-18, "11:00"), end, "desktop", "INP, ms",
                "A third-party chat window keeps the main thread busy.", plus=60.0, within=15.0),
        Planted("checkout_improvement", at(-14, "10:30"), end, "all visits", "purchases per visit",
                "Guest checkout and fewer fields.", times=1.18, within=0.12),
        Planted("newsletter_form_broken", at(-12, "10:00"), at(-9, "10:00"), "form letters", "form submits",
                "A release renamed a field and the form refuses every address.", times=0.0),
        Planted("bot_surge", at(-5), at(-2), "GPTBot", "pageviews",
                "One AI crawler reads the whole shop again and again.", times=12.0, within=2.5),
    ]  # fmt: skip
    start = calendar.moment(1 - calendar.days)
    return {cause.name: cause for cause in causes if start <= cause.since < end}


_DEPLOYS = (
    ("Basket: faster totals", "marta", "/cart"),
    ("Update image library", "olek", "product pages"),
    ("Search: forgive typing mistakes", "jana", "/search"),
    ("Smaller fonts bundle", "olek", "whole site"),
    ("Fix rounding of shipping costs", "marta", "/checkout"),
    ("Category filters keep their state", "jana", "/plants"),
    ("Accessibility: labels of the forms", "piotr", "whole site"),
    ("Cache product pages at the edge", "olek", "product pages"),
    ("Ukrainian translation", "jana", "whole site"),
    ("Plant finder: light question first", "piotr", "/finder"),
    ("Upgrade framework to 5.2", "marta", "whole site"),
    ("Structured data for products", "piotr", "product pages"),
    ("Retry failed payment callbacks", "marta", "/checkout"),
    ("Journal: related plants below each post", "jana", "/journal/*"),
    ("Remove unused styles", "olek", "whole site"),
    ("Stock level on product pages", "piotr", "product pages"),
)
_OTHERS: tuple[tuple[int, str, Kind, str, str, str], ...] = (
    (-117, "09:00", "content", "/journal/*", "hanna", "New post: ten plants for beginners"),
    (-112, "10:00", "price", "/plants", "hanna", "Prices of house plants up by 3%"),
    (-104, "12:30", "tool", "whole site", "piotr", "Consent banner updated to version 4"),
    (-97, "09:15", "content", "/journal/*", "hanna", "New post: plants safe for cats"),
    (-88, "15:00", "campaign", "search_pots", "tomek", "Google: search_pots gets a larger budget"),
    (-83, "09:00", "content", "product pages", "hanna", "Care notes for forty plants rewritten"),
    (-66, "11:00", "tool", "whole site", "tomek", "TikTok pixel added through the tag manager"),
    (-55, "09:30", "content", "/journal/*", "hanna", "New post: brown tips on ferns"),
    (-52, "14:00", "price", "/pots-and-tools", "hanna", "Terracotta pots reduced by 10%"),
    (-37, "10:00", "campaign", "lookalike_de", "tomek", "Meta: lookalike_de with new creatives"),
    (-33, "09:00", "content", "/plants", "hanna", "New photographs on the plants page"),
    (-26, "13:00", "price", "/plants/olive-tree", "hanna", "Olive tree: spring price 59 EUR"),
    (-7, "09:00", "content", "/journal/*", "hanna", "New post: balcony in April"),
)
_CAUSED: tuple[tuple[int, str, Kind, str, str, str, str], ...] = (
    (-75, "07:55", "robots", "robots.txt", "olek", "New server image", "Came with the robots.txt of the test server."),
    (-69, "14:00", "robots", "robots.txt", "olek", "Restore robots.txt", "Disallow: / removed."),
    (-60, "00:00", "campaign", "display_reach", "tomek", "display_reach starts", "DV360, reach goal, 11 days."),
    (-49, "00:00", "campaign", "display_reach", "tomek", "display_reach ends", ""),
    (-46, "10:20", "deploy", "product pages", "marta", "Release 4.18: new image gallery", ""),
    (-41, "16:05", "deploy", "product pages", "marta", "Hotfix 4.18.1: right picture sizes on phones", ""),
    (-30, "19:10", "outage", "whole site", "monitoring", "Site does not answer", "94 minutes, database connections."),
    (-30, "20:44", "deploy", "whole site", "olek", "Raise the connection limit of the database", "Ends the outage."),
    (-21, "08:00", "campaign", "spring_sale", "tomek", "spring_sale starts on Google and Meta", ""),
    (-18, "11:00", "tool", "whole site", "hanna", "Chat window added", "Third-party script on every page."),
    (-14, "10:30", "deploy", "/checkout", "piotr", "Release 4.22: guest checkout, fewer fields", ""),
    (-12, "10:00", "deploy", "whole site", "jana", "Release 4.23: new footer", "Footer holds the newsletter form."),
    (-9, "10:00", "deploy", "whole site", "jana", "Fix the newsletter form", "Field e-mail had been renamed."),
)


def change_log(calendar: Calendar, seed: int) -> list[DemoChange]:
    """The change log in order of time: ordinary work, newsletters, and what caused the planted effects."""
    changes = [
        DemoChange(calendar.moment(day, clock), kind, scope, author, title, note)
        for day, clock, kind, scope, author, title, note in _CAUSED
    ]
    changes += [
        DemoChange(calendar.moment(day, clock), kind, scope, author, title)
        for day, clock, kind, scope, author, title in _OTHERS
    ]
    changes += _ordinary_deploys(calendar, seed)
    for day in range(1 - calendar.days, 1):
        if is_newsletter_day(calendar.on(day)):
            title = f"Newsletter of {calendar.on(day):%Y-%m-%d} sent"
            changes.append(DemoChange(calendar.moment(day, "08:00"), "campaign", "newsletter", "hanna", title))
    start = calendar.moment(1 - calendar.days)
    return sorted((c for c in changes if start <= c.at < calendar.until), key=lambda c: (c.at, c.title))


def _ordinary_deploys(calendar: Calendar, seed: int) -> list[DemoChange]:
    rng = np.random.default_rng([seed, 55])
    taken = {day for day, *_ in _CAUSED}
    deploys: list[DemoChange] = []
    for day in range(1 - calendar.days, 0):
        # Mondays and Thursdays at the latest: nobody here ships on a Friday.
        if calendar.on(day).weekday() not in (0, 3) or day in taken or rng.random() < 0.25:
            continue
        title, author, scope = _DEPLOYS[len(deploys) % len(_DEPLOYS)]
        clock = f"{int(rng.integers(9, 16)):02d}:{int(rng.integers(0, 60)):02d}"
        deploys.append(DemoChange(calendar.moment(day, clock), "deploy", scope, author, title, f"Deployed to {HOST}."))
    return deploys
