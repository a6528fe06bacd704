"""Numbers, shares, money, spans and dates, as a language writes them."""

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers

from tandem.base import clock
from tandem.base.hosts import own_letters
from tandem.base.translations import translations
from tandem.base.words import MEMBERS, WORDS

UNITS = {"en": ("ms", "s", "min", "h"), "ru": ("мс", "с", "мин", "ч"), "pl": ("ms", "s", "min", "godz.")}
GAP = "\N{NO-BREAK SPACE}"


def _minus(text: str) -> str:
    """A number with the sign of subtraction; locales write the hyphen of the keyboard."""
    return text.replace("-", "\N{MINUS SIGN}")


@lru_cache(100)
def _pattern_of(locale: str, skeleton: str) -> str:
    """How a locale writes a skeleton (CLDR): looked for once, as `dates.format_skeleton` does for every date anew."""
    patterns = Locale.parse(locale).datetime_skeletons
    return str(patterns[dates.match_skeleton(skeleton, patterns)].pattern)


def _share_pattern(value: float) -> str:
    """The decimals of a share that stands alone."""
    size = abs(value)
    return "0" if not value or size >= 0.9995 else "0.00" if size < 0.1 else "0.0"


def _column_of_shares(largest: float) -> str:
    size = abs(largest)
    return "0.00" if size < 0.1 else "0.0" if size < 10 else "0"


class Formats:
    """Numbers, shares, money, spans and dates as a language writes them; the unit decides, in this one place."""

    def __init__(self, language: str) -> None:
        self.locale = Locale.parse({"en": "en_GB"}.get(language, language))
        self._text = translations(language).gettext
        self._units = UNITS[self.locale.language]

    def figure(self, value: float | None, unit: str, currency: str = "EUR", largest: float | None = None) -> str:
        """A figure in full; "—" when there is no data.

        largest   of the column that it stands in: all of a column have the decimals that suit this one
        """
        if value is None:
            return "—"
        if unit == "share":
            pattern = _share_pattern(value) if largest is None else _column_of_shares(largest)
            return _minus(numbers.format_percent(value, f"#,##{pattern}%", locale=self.locale))
        size = abs(value if largest is None else largest)
        if unit == "money":
            digits = 0 if size >= 1000 else 2
            return _minus(
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
                if size >= 1000
                else f"{self.number(value)}{GAP}{thousandths}"
            )
        if unit == "score":
            return self.number(value, 3)
        if unit == "per_visit":
            return self.number(value, 2)
        return self.number(value, 0)

    def number(self, value: float, digits: int = 0) -> str:
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return _minus(numbers.format_decimal(round(value, digits), pattern, locale=self.locale))

    def column(self, values: Iterable[float | None]) -> float:
        """The largest of a column's figures, as `figure` wants it."""
        return max((abs(float(value)) for value in values if value is not None), default=0.0)

    def count(self, value: float, column: Iterable[float]) -> str:
        """A count that may be in parts: with one decimal where any of its column has a part."""
        return self.number(value, 0 if all(abs(one - round(one)) < 1e-6 for one in column) else 1)

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
        if not round(share, 3):
            return self.figure(0, "share")
        digits = "0" if abs(share) >= 0.1 else "0.0"
        return _minus(numbers.format_percent(share, f"+#,##{digits}%;-#,##{digits}%", locale=self.locale))

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
        """A day with its name, for lists by day; with its year where that is another one."""
        pattern = "EEEE, d MMMM" if moment.year == clock.now().year else "EEEE, d MMMM y"
        return str(dates.format_date(moment, pattern, locale=self.locale))

    def bucket(self, moment: date | datetime, step: str) -> str:
        """One step of a time chart."""
        if isinstance(moment, datetime):
            pattern = "d MMM, HH:mm" if step == "hour" else "HH:mm"
            return str(dates.format_datetime(moment, pattern, tzinfo=moment.tzinfo, locale=self.locale))
        if step == "month":
            return str(dates.format_datetime(moment, self._pattern("yMMM"), locale=self.locale))
        if step == "week":
            return self.days(moment, moment + timedelta(days=6))
        return str(dates.format_datetime(moment, self._pattern("EEEdMMM"), locale=self.locale))

    def tick(self, moment: date | datetime, step: str) -> str:
        """The same on an axis, where there is little room."""
        if isinstance(moment, datetime):
            return str(dates.format_datetime(moment, "HH:mm", tzinfo=moment.tzinfo, locale=self.locale))
        pattern = self._pattern("MMM" if step == "month" else "dMMM")
        return str(dates.format_datetime(moment, pattern, locale=self.locale))

    def _pattern(self, skeleton: str) -> str:
        return _pattern_of(str(self.locale), skeleton)

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
            language = self.locale.languages.get(name)
            named = f"{language[:1].upper()}{language[1:]}" if language else name
            return f"{named} ({self.country(region)})" if region else named
        if by in ("host", "referrer"):
            return self.host(value)
        ours = MEMBERS.get((by, value))
        return self._text(ours) if ours else value
