"""A change: something somebody did to the site, with time, author, kind and scope."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from statistics import fmean, variance
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tandem.base.errors import UserError
from tandem.base.words import hand_in

KINDS = ("deploy", "campaign", "content", "price", "robots", "outage", "tool", "other")
DAYS, EVERY_DAY = 120, 84_000
"""How far back the page looks, and what reaches back to the first year that a change may have."""
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2201, 1, 2, tzinfo=UTC)
"""Before all that a log can have, and behind whatever may be planned."""


LONGEST = {"title": 300, "author": 200, "scope": 200, "note": 5000, "url": 1000}
"""Signs of each text that are kept: a form with more is refused, what a program sends is cut."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the change log. `scope` says what it touched: paths, a service, a channel; empty means the site."""

    at: datetime
    kind: str
    title: str
    author: str = ""
    scope: str = ""
    note: str = ""
    url: str = ""
    source: str = "manual"
    external_id: str | None = None
    id: int = 0


class ChangeFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which changes of a log somebody asks for. Several values of a field mean any of them; empty means all.

    part          words of what it touched; `text` words of anything that it says
    first, last   days in the site's zone, both included; without them, the last `days` and whatever is planned
    """

    kinds: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    part: str = ""
    text: str = ""
    first: date | None = None
    last: date | None = None
    days: int = DAYS

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """Names and values as the address writes them, without the period."""
        several = (("kind", self.kinds), ("source", self.sources), ("who", self.authors))
        one = (("part", self.part), ("q", self.text))
        return [(name, value) for name, values in several for value in values] + [pair for pair in one if pair[1]]

    @property
    def period(self) -> list[tuple[str, str]]:
        days = [(name, day.isoformat()) for name, day in (("first", self.first), ("last", self.last)) if day]
        return days or ([("days", str(self.days))] if self.days != DAYS else [])

    @property
    def needs_reading(self) -> bool:
        """Whether words are looked for, which takes every change in hand."""
        return bool(self.part or self.text)

    def span(self, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
        """The moments [since, until) that it asks for."""
        if self.first is None and self.last is None:
            return now - timedelta(days=self.days), LAST
        first, last = self.first or FIRST.date(), self.last or LAST.date()
        return (
            datetime.combine(first, time(), zone).astimezone(UTC),
            datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
        )

    def has(self, change: Change) -> bool:
        """Whether a change meets all but the period, in any letter case of any script."""
        texts = "\n".join((change.title, change.note, change.author, change.scope, change.url)).casefold()
        return (
            (not self.kinds or change.kind in self.kinds)
            and (not self.sources or change.source in self.sources)
            and (not self.authors or change.author in self.authors)
            and self.part.casefold() in change.scope.casefold()
            and all(word in texts for word in self.text.casefold().split())
        )


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a change did to a metric, as somebody measured it over the days from `first_on` to `last_on`.

    metric    its id in the catalogue; `label` its name there, `needs` the permission of its readers
    method    how it was measured; a method measures a metric of a change once, and again in its place
    share     relative change: 0.14 is 14% more; `low` and `high` are the ends of its range
    """

    change_id: int
    metric: str
    label: str
    needs: str
    method: str
    share: float
    low: float
    high: float
    first_on: date
    last_on: date

    def __post_init__(self) -> None:
        ends = (self.low, self.share, self.high)
        if not all(map(math.isfinite, ends)) or list(ends) != sorted(ends) or self.first_on > self.last_on:
            raise ValueError(f"no effect: {ends} from {self.first_on} to {self.last_on}")


WEEKS, FEWEST_WEEKS = 8, 4
"""The same weekday of so many weeks before an outage is what its hours are compared with, and of how many at least."""
LONGEST_OUTAGE, HOUR, WEEK = timedelta(days=1), timedelta(hours=1), timedelta(days=7)
COUNTED_WITHIN = timedelta(minutes=10)
"""After so long an hour's visits are counted."""
STUDENT = {4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
"""Student's t of 95% on both sides, by the number of weeks."""
Hours = Mapping[datetime, tuple[float, float]]
"""Visits and revenue by hour, in the site's time and without its zone."""


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """How much less there was than usual; the range holds 95% of what the earlier days allow."""

    value: float
    low: float
    high: float


class OutageCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the hours of an outage lack against the same hours of `days` earlier days of the same weekday.

    since, until   whole hours: the one in which it began, and those after it with fewer than half of the usual visits
    visits         None where the difference could be chance; revenue likewise
    why            "goes_on" or "few_days" where nothing can be said
    """

    since: datetime
    until: datetime
    days: int = 0
    visits: Shortfall | None = None
    revenue: Shortfall | None = None
    why: str = ""


def outage_cost(at: datetime, now: datetime, hours: Hours, outages: Collection[date]) -> OutageCost:
    """What an outage cost that began at this moment.

    at, now   in the site's time, without its zone
    hours     from `WEEKS` weeks before it on; days without any visit were not measured
    outages   days with one: nothing is compared with them
    """
    since = at.replace(minute=0, second=0, microsecond=0)
    measured = {hour.date() for hour, (visits, _) in hours.items() if visits}
    begun = min(measured, default=since.date())
    if begun > (since - WEEKS * WEEK).date():
        measured.discard(begun)  # a part of a day
    earlier = [since - n * WEEK for n in range(1, WEEKS + 1)]
    backs = [since - day for day in earlier if day.date() in measured - set(outages)]
    if len(backs) < FEWEST_WEEKS:
        return OutageCost(since=since, until=since + HOUR, why="few_days")
    until = _outage_end(since, now - COUNTED_WITHIN, hours, backs)
    if until is None:
        return OutageCost(since=since, until=since + HOUR, why="goes_on")
    span = [since + HOUR * n for n in range((until - since) // HOUR)]
    lacks = []
    for metric, is_count in ((0, True), (1, False)):
        sums = [sum(hours.get(hour - back, NONE)[metric] for hour in span) for back in backs]
        lacks.append(shortfall(sum(hours.get(hour, NONE)[metric] for hour in span), sums, is_count))
    return OutageCost(since=since, until=until, days=len(backs), visits=lacks[0], revenue=lacks[1])


NONE = (0.0, 0.0)


def _outage_end(since: datetime, now: datetime, hours: Hours, backs: Sequence[timedelta]) -> datetime | None:
    """The end of its last hour; None while an hour that decides is not over."""
    until = since + HOUR
    while until - since < LONGEST_OUTAGE:
        if until + HOUR > now:
            return None
        usual = fmean(hours.get(until - back, NONE)[0] for back in backs)
        if hours.get(until, NONE)[0] >= usual / 2:
            break
        until += HOUR
    return until if until <= now else None


def shortfall(actual: float, earlier: Sequence[float], is_count: bool) -> Shortfall | None:
    """How much less there was than on the earlier days; None where their differences explain it.

    source   the prediction interval of one more value: mean ± t · s · √(1 + 1/n); counts scatter by √mean at least
    """
    mean, scatter = fmean(earlier), variance(earlier)
    error = STUDENT[len(earlier)] * math.sqrt((max(scatter, mean) if is_count else scatter) * (1 + 1 / len(earlier)))
    lack = mean - actual
    return Shortfall(value=lack, low=lack - error, high=lack + error) if lack > error else None


def must_be_kind(kind: str) -> None:
    """Raises UserError for what is no kind of change."""
    if kind not in KINDS:
        raise UserError(
            "“%(value)s” is not a kind of change.", "Use one of %(choices)s.", value=kind[:40],
            choices=", ".join(KINDS),
        )  # fmt: skip


def checked(change: Change) -> Change:
    """The change, if it can be kept.

    raises   UserError naming the field and what it takes
    """
    must_be_kind(change.kind)
    if not change.title.strip():
        raise UserError("The change has no title.", "Describe the change in a few words.").at("title")
    if change.at.tzinfo is None:
        raise UserError("The time has no time zone.", "Use the format 2026-11-22T14:30:00+01:00.")
    if not 1971 <= change.at.year <= 2200:
        raise UserError("The year must be between 1971 and 2200.", "Choose another day.").at("at")
    if change.external_id is not None and not 1 <= len(change.external_id) <= 200:
        raise UserError("The ID is empty or too long.", "Use 1 to 200 characters.")
    if change.url and not change.url.startswith(("https://", "http://")):
        raise UserError("The link is not a web address.", "Start it with https://.").at("url")
    return msgspec.structs.replace(
        change, **{name: getattr(change, name).strip()[:most] for name, most in LONGEST.items()}
    )


def from_github(event: str, body: dict[str, Any]) -> Change | None:
    """The change a GitHub webhook tells of: a deployment that succeeded, or a published release; else None."""
    repository = str(_part(body, "repository").get("full_name", ""))
    if event == "deployment_status":
        status, deployment = _part(body, "deployment_status"), _part(body, "deployment")
        if status.get("state") != "success":
            return None
        environment = str(deployment.get("environment") or "")
        ref = str(deployment.get("ref") or deployment.get("sha") or "")[:60]
        return Change(
            at=_moment(status.get("created_at")),
            kind="deploy",
            scope=environment,
            title=_words("Deployed", repository, ref),
            author=_login(deployment.get("creator")),
            note=str(deployment.get("description") or ""),
            url=_link(status.get("target_url")),
            source="github",
            external_id=_outer_id("deployment", deployment.get("id")),
        )
    if event == "release" and body.get("action") == "published":
        release = _part(body, "release")
        return Change(
            at=_moment(release.get("published_at")),
            kind="deploy",
            title=_words("Released", repository, _name(release)),
            author=_login(release.get("author")),
            note=str(release.get("body") or ""),
            url=_link(release.get("html_url")),
            source="github",
            external_id=_outer_id("release", release.get("id")),
        )
    return None


def from_gitlab(event: str, body: dict[str, Any]) -> Change | None:
    """The change a GitLab webhook tells of: a deployment that succeeded, or a created release; else None."""
    project = str(_part(body, "project").get("path_with_namespace", ""))
    if event == "Deployment Hook" and body.get("status") == "success":
        return Change(
            at=_moment(body.get("status_changed_at")),
            kind="deploy",
            scope=str(body.get("environment") or ""),
            title=_words("Deployed", project, str(body.get("ref") or body.get("short_sha") or "")),
            author=str(_part(body, "user").get("name") or ""),
            note=str(body.get("commit_title") or ""),
            url=_link(body.get("deployable_url")),
            source="gitlab",
            external_id=_outer_id("deployment", body.get("deployment_id")),
        )
    if event == "Release Hook" and body.get("action") == "create":
        return Change(
            at=_moment(body.get("released_at") or body.get("created_at")),
            kind="deploy",
            title=_words("Released", project, str(body.get("name") or body.get("tag") or "")),
            author=str(_part(_part(body, "commit"), "author").get("name") or ""),
            note=str(body.get("description") or ""),
            url=_link(body.get("url")),
            source="gitlab",
            external_id=_outer_id("release", body.get("id")),
        )
    return None


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    """An object inside the body, or an empty one when something else stands there."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _outer_id(kind: str, value: Any) -> str | None:
    """What tells that a delivery came before; None when the sender gave nothing to tell it by."""
    return f"{kind}:{value}"[:200] if value not in (None, "") else None


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _name(release: dict[str, Any]) -> str:
    return str(release.get("name") or release.get("tag_name") or "")


def _login(person: Any) -> str:
    return str(person.get("login") or "") if isinstance(person, dict) else ""


def _link(url: Any) -> str:
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def _moment(text: Any) -> datetime:
    """A moment as GitHub (2026-11-22T10:00:00Z) and GitLab (2026-11-22 10:00:00 +0100, … UTC) write it."""
    written = str(text or "").strip().replace(" UTC", "+00:00").replace("Z", "+00:00")
    if len(written) > 19 and written[-6:-5] == " ":
        written = written[:-6] + written[-5:]
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise UserError(
            "“%(value)s” is not a date and time.", "Send the time with its time zone.", status=422, value=written[:40]
        ) from error
    if moment.tzinfo is None:
        raise UserError(
            "“%(value)s” has no time zone.", ("Send the time with its time zone."), status=422, value=written[:40]
        )
    return moment


hand_in(
    {
        "KINDS": {
            "deploy": "Deploy",
            "campaign": "Campaign",
            "content": "Content",
            "price": "Price",
            "robots": "robots.txt",
            "outage": "Outage",
            "tool": "Tool",
            "other": "Other",
        },
        "CHANGE_SOURCES": {
            "manual": "Added by hand",
            "cli": "Command line",
            "api": "API",
            "github": "GitHub",
            "gitlab": "GitLab",
        },
    }
)
