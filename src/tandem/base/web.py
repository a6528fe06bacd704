"""Pages: templates, translations, formats, safe headers, and errors that people can read."""

import gettext
import hashlib
import math
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    pass_context,
    select_autoescape,
)
from jinja2.runtime import Context
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from tandem.base import framework, log
from tandem.base.errors import UserError
from tandem.base.hosts import own_letters

WEB = Path(__file__).parents[1] / "web"
LANGUAGES = ("en", "ru", "pl")
LANGUAGE_OF_CALLER = "tandem.language"
"""Where the language of whoever is signed in stands in a request's state."""
_log = log.get("web")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
SAFE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


framework.mend()


@lru_cache
def translations(language: str) -> gettext.NullTranslations:
    """The texts of one language, read from web/locale/<language>/*.po, a file per area; English needs none."""
    texts = gettext.NullTranslations() if language == "en" else Translations(_compiled(catalog(language)))
    return texts


def catalog(language: str) -> Catalog:
    """The messages of all areas in one catalogue; an area's own file holds what no other has."""
    whole: Catalog | None = None
    for path in sorted((WEB / "locale" / language).glob("*.po")):
        with path.open("rb") as file:
            part = read_po(file, locale=language)
        if whole is None:
            whole = part
            continue
        for message in part:
            if message.id:
                whole[message.id] = message
    assert whole is not None, f"no translations for {language}"
    return whole


def _compiled(messages: Catalog) -> BytesIO:
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return compiled


@lru_cache
def _environment(language: str) -> Environment:
    slices = {p.parent.name: FileSystemLoader(p) for p in WEB.parent.glob("*/templates")}
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(WEB / "templates"), PrefixLoader(slices)]),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = translations(language)
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    counted = _grouped(environment.globals["ngettext"], Formats(language))
    environment.filters["own_letters"] = own_letters
    environment.globals.update(static=static_url, ngettext=counted, **WORDS)
    return environment


def _grouped(counted: Any, form: "Formats") -> Any:
    """The same ngettext, whose %(num)s is written as the language writes numbers: 1,397 leads."""

    @pass_context
    def ngettext(context: Context, one: str, many: str, count: float, **values: Any) -> Any:
        return counted(context, one, many, count, **{"num": form.number(count)} | values)

    return ngettext


WORDS: dict[str, dict[str, str]] = {
    "PERIODS": {
        "today": "Today",
        "yesterday": "Yesterday",
        "7d": "Last 7 days",
        "30d": "Last 30 days",
        "90d": "Last 90 days",
        "month": "This month",
        "last-month": "Last month",
        "12mo": "Last 12 months",
    },
    "COMPARED": {"previous": "The period before", "year": "The same days a year ago", "none": "Nothing"},
    "OPS": {"is": "is", "is_not": "is not", "contains": "contains", "contains_not": "does not contain"},
    "LENSES": {"marketing": "Marketing", "engineering": "Engineering", "executive": "Executive"},
    "OWNERS": {"marketing": "Marketing", "engineering": "Engineering", "both": "Both sides"},
    "THEMES": {"auto": "As the system", "light": "Light", "dark": "Dark"},
    "ROLES": {
        "admin": "Admin",
        "marketing": "Marketing",
        "engineering": "Engineering",
        "executive": "Executive",
        "finance": "Finance",
        "agency": "Agency",
        "viewer": "Viewer",
    },
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
    "MODES": {
        "cookieless": "Without cookies",
        "cookie": "First-party cookie",
        "consent": "Cookie after consent",
    },
    "MODES_SAID": {
        "cookieless": "without cookies",
        "cookie": "with a first-party cookie",
        "consent": "with a cookie after consent",
    },
    "OCEANS": {"Atlantic": "Atlantic Ocean", "Indian": "Indian Ocean"},
    "REFUSED": {
        "unknown_site": "unknown site",
        "bad_json": "not readable",
        "oversized": "larger than 64 KB",
        "unknown_kind": "unknown kind of event",
        "no_id": "without an id",
        "no_url": "without an address",
        "property_explosion": "too many properties",
        "url_too_long": "address too long",
        "bad_value": "a value out of range",
        "bad_event": "an event that is not readable",
        "too_much": "more than one visitor may send in a day",
        "flood": "more than one address may send in an hour",
        "quarantined": "could not be loaded and was put aside",
        "damaged": "damaged on disk and put aside",
        "wrong_clock": "dated by a wrong clock and put aside",
    },
    "UNITS": {
        "count": "Counts",
        "share": "Shares",
        "money": "Money",
        "seconds": "Attention and time",
        "milliseconds": "Milliseconds",
        "score": "Scores",
        "per_visit": "Per visit",
    },
}
"""How ids that people see are called in English; templates translate them."""


@lru_cache
def static_url(name: str) -> str:
    """The address of a static file, with a mark that changes when the file does."""
    found = hashlib.sha256((WEB / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={found}"


def rendered(template: str, language: str, **facts: Any) -> str:
    """A page or fragment as text. Templates of a slice are named `<slice>/<file>`."""
    language = language if language in LANGUAGES else "en"
    form = Formats(language)
    return (
        _environment(language)
        .get_template(template)
        .render(language=language, form=form, period_name=form.period, **facts)
    )


def page(template: str, language: str, status: int = 200, **facts: Any) -> Response[str]:
    """A rendered page as a response."""
    return Response(rendered(template, language, **facts), media_type=MediaType.HTML, status_code=status)


UNITS = {"en": ("ms", "s", "min", "h"), "ru": ("мс", "с", "мин", "ч"), "pl": ("ms", "s", "min", "godz.")}
GAP = "\N{NO-BREAK SPACE}"


class Formats:
    """Numbers, shares, money, spans and dates as a language writes them; the unit decides, in this one place."""

    def __init__(self, language: str) -> None:
        self.locale = Locale.parse({"en": "en_GB"}.get(language, language))
        self._text = translations(language).gettext
        self._units = UNITS[self.locale.language]

    def figure(self, value: float | None, unit: str, currency: str = "EUR") -> str:
        """A figure in full; "—" when there is no data."""
        if value is None:
            return "—"
        if unit == "share":
            pattern = "0.00" if abs(value) < 0.1 else "0.0" if abs(value) < 0.9995 else "0"
            return str(numbers.format_percent(value, f"#,##{pattern if value else '0'}%", locale=self.locale))
        if unit == "money":
            digits = 0 if abs(value) >= 1000 else 2
            return str(
                numbers.format_currency(
                    round(value, digits),
                    currency,
                    locale=self.locale,
                    currency_digits=False,
                    format=None if digits else "¤#,##0" if self.locale.language == "en" else "#,##0\xa0¤",
                )
            )
        if unit == "seconds":
            return self.span(value)
        if unit == "milliseconds":
            thousandths, whole = self._units[:2]
            return (
                f"{self.number(value / 1000, 2)}{GAP}{whole}"
                if value >= 1000
                else f"{self.number(value)}{GAP}{thousandths}"
            )
        if unit == "score":
            return self.number(value, 3)
        if unit == "per_visit":
            return self.number(value, 2)
        return self.number(value, 0)

    def number(self, value: float, digits: int = 0) -> str:
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(numbers.format_decimal(round(value, digits), pattern, locale=self.locale))

    def short(self, value: float | None, unit: str, currency: str = "EUR") -> str:
        """A figure in few characters, for tiles and axes."""
        if value is None or unit != "count" or abs(value) < 100_000:
            return self.figure(value, unit, currency)
        return str(numbers.format_compact_decimal(value, locale=self.locale, fraction_digits=1))

    def span(self, seconds: float) -> str:
        """A length of time: 45 s, 3 min 20 s, 5 h 12 min."""
        _, second, minute, hour = self._units
        whole = round(seconds)
        if whole < 60:
            return f"{self.number(seconds)}{GAP}{second}"
        if whole < 3600:
            return f"{whole // 60}{GAP}{minute} {whole % 60}{GAP}{second}"
        return f"{self.number(whole // 3600)}{GAP}{hour} {whole % 3600 // 60}{GAP}{minute}"

    def change(self, share: float | None) -> str:
        """A relative change with its sign, or "" when there is none to speak of."""
        if share is None:
            return ""
        digits = "0" if abs(share) >= 0.1 else "0.0"
        return str(numbers.format_percent(share, f"+#,##{digits}%;-#,##{digits}%", locale=self.locale))

    def percent(self, share: float) -> str:
        """How much is done: whole per cents, and 100 only when all is."""
        return str(numbers.format_percent(math.floor(share * 100) / 100, "#,##0%", locale=self.locale))

    def day(self, moment: date) -> str:
        return str(dates.format_date(moment, "d MMM y", locale=self.locale))

    def moment(self, moment: datetime, zone: str = "UTC") -> str:
        return str(dates.format_datetime(moment, "d MMM y, HH:mm", tzinfo=ZoneInfo(zone), locale=self.locale))

    def ago(self, moment: datetime, now: datetime) -> str:
        return str(dates.format_timedelta(moment - now, add_direction=True, locale=self.locale))

    def days(self, first: date, last: date) -> str:
        """A span of days, as short as it stays clear: 1–30 Nov 2026."""
        if first == last:
            return self.day(first)
        return str(dates.format_interval(first, last, "yMMMd", locale=self.locale))

    def period(self, period: Any) -> str:
        """A period by its name, or by its days if it has none."""
        name = WORDS["PERIODS"].get(period.name)
        return self._text(name) if name else self.days(period.first, period.last)

    def time(self, moment: datetime, zone: str = "UTC") -> str:
        return str(dates.format_datetime(moment, "HH:mm", tzinfo=ZoneInfo(zone), locale=self.locale))

    def weekday(self, moment: date) -> str:
        """A day with its name, for lists by day."""
        return str(dates.format_date(moment, "EEEE, d MMMM", locale=self.locale))

    def bucket(self, moment: date | datetime, step: str) -> str:
        """One step of a time chart."""
        if isinstance(moment, datetime):
            pattern = "d MMM, HH:mm" if step == "hour" else "HH:mm"
            return str(dates.format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=self.locale))
        if step == "month":
            return str(dates.format_skeleton("yMMM", moment, locale=self.locale))
        if step == "week":
            return self.days(moment, moment + timedelta(days=6))
        return str(dates.format_skeleton("EEEdMMM", moment, locale=self.locale))

    def tick(self, moment: date | datetime, step: str) -> str:
        """The same on an axis, where there is little room."""
        if isinstance(moment, datetime):
            return str(dates.format_datetime(moment, "HH:mm", tzinfo=moment.tzinfo, locale=self.locale))
        return str(dates.format_skeleton("MMM" if step == "month" else "dMMM", moment, locale=self.locale))

    def country(self, code: str) -> str:
        """The name of a country by its two letters."""
        return str(self.locale.territories.get(code.upper(), code))

    def host(self, name: str) -> str:
        """A host in its own letters."""
        return own_letters(name)

    def member(self, by: str, value: str) -> str:
        """How people read one value of a dimension: a country's name instead of its letters."""
        if value == "":
            is_found_out = by in ("country", "city", "language", "browser", "os")
            return self._text("(not known)") if is_found_out else self._text("(none)")
        if by == "country":
            return self.country(value)
        if by == "language":
            name, _, region = value.partition("-")
            known = self.locale.languages.get(name)
            named = f"{known[:1].upper()}{known[1:]}" if known else name
            return f"{named} ({self.country(region)})" if region else named
        if by in ("host", "referrer"):
            return self.host(value)
        if by in ("channel", "device", "loyalty", "bot", "network", "kind"):
            return self._text(MEMBERS.get((by, value), value))
        return value


MEMBERS = {
    ("device", "desktop"): "Desktop",
    ("device", "mobile"): "Phone",
    ("device", "tablet"): "Tablet",
    ("device", "tv"): "Television",
    ("device", "bot"): "Robot",
    ("device", "other"): "Other device",
    ("device", "console"): "Game console",
    ("device", "wearable"): "Watch",
    ("loyalty", "new"): "New visitors",
    ("loyalty", "returning"): "Returning visitors",
    ("loyalty", "unknown"): "Not known (no cookie)",
    ("network", "datacentre"): "Data centre",
    ("kind", "event"): "Own event",
    ("kind", "outbound"): "Link out",
    ("kind", "download"): "Download",
    ("kind", "form"): "Form",
    ("kind", "search"): "Site search",
    ("bot", "search"): "Search engine",
    ("bot", "ai"): "AI crawler",
    ("bot", "seo"): "SEO tool",
    ("bot", "monitoring"): "Monitoring",
    ("bot", "social preview"): "Link preview",
    ("bot", "feed"): "Feed reader",
    ("bot", "archive"): "Archive",
    ("bot", "tool"): "Program",
    ("bot", "security"): "Security scanner",
    ("bot", "datacentre"): "Data centre",
    ("bot", "other"): "Other robot",
}
"""Values that are words of ours, by dimension; channels are named as they are stored."""


# ── errors at the edge ──


def user_error(request: Request[Any, Any, Any], error: UserError) -> Response[Any]:
    """The sentence and how to mend it."""
    what, hint = error.sentences
    response = _told(request, error.status, what, hint, **error.values)
    if error.field and request.headers.get("hx-request"):
        response.headers["x-field"] = error.field  # page.js puts the problem beside it
    return response


def user_error_as_text(request: Request[Any, Any, Any], error: UserError) -> Response[Any]:
    """The same in two lines, for programs that read text; as JSON for those that ask for it."""
    if wants_json(request):
        return user_error(request, error)
    lines = [said(language_of(request), sentence, error.values) for sentence in error.sentences if sentence]
    return Response("\n".join(lines) + "\n", status_code=error.status, media_type=MediaType.TEXT)


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Errors of the framework (no such page, body that does not fit) in our words."""
    if error.status_code == 404:
        return _told(request, 404, "There is no such page.", "Check the address, or start at the board.")
    if error.status_code == 405:
        return _told(request, 405, "This address does not take that kind of request.", "See the API document.")
    what = error.detail or "The request does not fit."
    if isinstance(error.extra, list) and error.extra:
        what += " " + "; ".join(
            f"{e.get('key', '?')}: {e.get('message', '')}" for e in error.extra if isinstance(e, Mapping)
        )
    return _told(request, error.status_code, what, "Mend the request and send it again.")


def too_deep(request: Request[Any, Any, Any], _: RecursionError) -> Response[Any]:
    """A body nested deeper than it can be read."""
    told = UserError("What was sent is nested too deeply.", "Send it flat, as the API's document shows.")
    return user_error(request, told)


def not_utf8(request: Request[Any, Any, Any], _: UnicodeDecodeError) -> Response[Any]:
    """A body with bytes that are no text."""
    return user_error(request, UserError("What was sent is not valid UTF-8.", "Send it as UTF-8."))


def bug(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A mistake of ours: one log event with its trace, one plain page with a reference."""
    reference = secrets.token_hex(4)
    _log.error("web.broke", path=request.url.path, reference=reference, exc_info=error)
    return _told(
        request, 500, "Something broke on our side.", "Tell the operator the reference %(reference)s.",
        reference=reference,
    )  # fmt: skip


def _told(request: Request[Any, Any, Any], status: int, what: str, hint: str, **values: object) -> Response[Any]:
    if wants_json(request):
        error = UserError(what, hint, status, **values)
        return Response({"error": error.what, "hint": error.hint}, status_code=status, media_type=MediaType.JSON)
    language = language_of(request)
    facts = {"code": status, "what": said(language, what, values), "hint": said(language, hint, values)}
    if request.headers.get("hx-request"):  # told in place, above what was being done
        response = page("_problem.html", language, status, **facts)
        response.headers.update({"HX-Retarget": "#problem", "HX-Reselect": "#problem", "HX-Reswap": "outerHTML"})
        return response
    return page("error.html", language, status, **facts)


ADDRESSES = ("host", "hosts", "url", "page")
"""Values of sentences that are or hold a host. What is to be copied, as an origin into a policy, is none of them."""


def said(language: str, sentence: str, values: Mapping[str, object]) -> str:
    """A sentence in a language, with its values, which may be words of ours too; hosts stand in their own letters."""
    texts = translations(language)
    told = texts.gettext(sentence) if sentence else ""
    written = {n: own_letters(str(v)) if n in ADDRESSES else str(v) for n, v in values.items()}
    return told % {n: texts.gettext(v) if v else "" for n, v in written.items()} if values else told


def wants_json(request: Request[Any, Any, Any]) -> bool:
    path = request.url.path
    return path.startswith(("/api/", "/hooks/", "/t/", "/control/")) or "application/json" in request.headers.get(
        "accept", ""
    )


def language_of(request: Request[Any, Any, Any]) -> str:
    """The language of whoever is signed in; of others by their cookie, then by what the browser asks for."""
    if known := request.scope.get("state", {}).get(LANGUAGE_OF_CALLER):
        return str(known)
    chosen = request.cookies.get("tandem_language", "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "").split(","):
        code = part.partition(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return "en"
