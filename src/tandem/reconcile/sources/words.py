"""Column heads of reports, as the systems write them in four languages."""

import re
from collections.abc import Iterable
from typing import Final

from tandem.base.currencies import SIGN
from tandem.imports import headers

DAY: Final = "on"
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "on": ("date", "day", "date of visit", "visit date", "дата", "дата визита", "день", "data", "dzień", "data wizyty",
           "datum", "tag", "ym:s:date"),
    "nth_day": ("nth day", "n-й день", "день n", "n-ty dzień", "dzień n", "n. tag"),
    "channel": ("channel", "default channel group", "session default channel group", "session default channel grouping",
                "session primary channel group (default channel group)", "default channel grouping",
                "primary channel group", "канал", "группа каналов", "основная группа каналов сеанса",
                "группа каналов по умолчанию для сеанса", "основная группа каналов для сеанса",
                "группа каналов по умолчанию", "kanał", "domyślna grupa kanałów sesji", "domyślna grupa kanałów",
                "grupa kanałów", "traffic source", "traffic source type", "источник трафика", "тип источника трафика",
                "last significant traffic source", "последний значимый источник трафика", "последний значимый источник",
                "источник трафика (тип)", "źródło ruchu", "ym:s:lastsigntrafficsource", "kanal"),
    "source": ("source", "session source", "utm_source", "источник", "источник сеанса", "источник сессии", "źródło",
               "źródło sesji", "utm source", "quelle"),
    "medium": ("medium", "session medium", "utm_medium", "канал сеанса", "канал сессии", "medium sesji", "utm medium"),
    "source_medium": ("source/medium", "session source/medium", "session source / medium", "source / medium",
                      "источник/канал", "источник или канал", "источник/канал сеанса", "источник / канал",
                      "źródło/medium", "źródło/medium sesji", "źródło / medium", "quelle/medium"),
    "campaign": ("campaign", "session campaign", "campaign name", "utm_campaign", "кампания", "кампания сеанса",
                 "кампания сессии", "рекламная кампания", "kampania", "kampania sesji", "utm campaign", "kampagne"),
    "figure": ("figure", "metric", "показатель", "метрика", "wskaźnik", "dane", "miara"),
    "value": ("value", "значение", "wartość", "wert"),
    "currency": ("currency", "currency code", "валюта", "waluta"),
    "share": ("sample share", "sampled share", "sample_share", "доля выборки", "udział próby"),
    "zone": ("time zone", "timezone", "zone", "часовой пояс", "strefa czasowa"),
    "users": ("users", "total users", "active users", "visitors", "totalusers", "activeusers", "пользователи",
              "всего пользователей", "активные пользователи", "посетители", "użytkownicy", "wszyscy użytkownicy",
              "łączna liczba użytkowników", "aktywni użytkownicy", "nutzer", "ym:s:users"),
    "sessions": ("sessions", "visits", "сеансы", "сессии", "визиты", "sesje", "wizyty", "sitzungen", "ym:s:visits"),
    "pageviews": ("pageviews", "page views", "views", "screenpageviews", "просмотры", "просмотры страниц",
                  "wyświetlenia", "wyświetlenia strony", "odsłony", "aufrufe", "ym:s:pageviews"),
    "conversions": ("conversions", "key events", "keyevents", "goal reaches", "goals", "конверсии", "ключевые события",
                    "достижения цели", "достижения целей", "достижения любой цели", "konwersje", "kluczowe zdarzenia",
                    "realizacje celu", "schlüsselereignisse"),
    "orders": ("orders", "transactions", "purchases", "ecommerce purchases", "заказы", "покупки", "транзакции",
               "zamówienia", "transakcje", "zakupy"),
    "revenue": ("revenue", "total revenue", "purchase revenue", "доход", "общий доход", "выручка", "доход от покупок",
                "przychody", "łączne przychody", "przychód", "gesamtumsatz", "umsatz"),
    "clicks": ("clicks", "ad clicks", "google ads clicks", "клики", "kliknięcia", "klicks"),
    "cost": ("cost", "ad cost", "google ads cost", "расход", "расходы", "стоимость", "koszt", "koszty", "kosten"),
    "leads": ("leads", "лиды", "leady"),
    "deals": ("deals", "сделки", "szanse", "transakcje sprzedaży"),
}  # fmt: skip
_UNIT: Final = re.compile(rf",\s*(%|[a-z]{{3}}|{SIGN})$")
KNOWN: Final = {word: name for name, words in COLUMNS.items() for word in words}

RUSSIAN_OR_POLISH: Final = re.compile(r"[а-яё]|[ąćęłńóśźż]", re.IGNORECASE)
"""Letters of languages that write decimals after a comma."""

TOTALS: Final = re.compile(
    r"^(grand total|totals?|totals and averages|total and average|average|итого.*|всего|в среднем|suma.*|razem|łącznie|"
    r"gesamt.*)$",
    re.IGNORECASE,
)
SAMPLED: Final = re.compile(
    r"(?:sampl|based on|accuracy|выборк|сэмпл|семпл|точност|на основе|prób|na podstawie|dokładn)", re.IGNORECASE
)
PERCENT: Final = re.compile(r"(?<!\d)(\d{1,3}(?:[.,]\d{1,9})?)\s{0,3}%")
THRESHOLDED: Final = re.compile(r"(?:threshold|withheld|пороговые|порогов|próg danych|progów|progi)", re.IGNORECASE)
ZONE: Final = re.compile(r"\b([A-Z][A-Za-z]+/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?)\b")
SPAN_START: Final = re.compile(r"(?:start date|дата начала|data rozpoczęcia|startdatum)\s*:\s*(\d{8})", re.IGNORECASE)

METRIKA_CLASSES: Final[dict[str, tuple[str, ...]]] = {
    "Ad traffic": ("ad traffic", "переходы по рекламе", "ruch z reklam", "ad", "ruch reklamowy"),
    "Search engine traffic": ("search engine traffic", "переходы из поисковых систем", "organic",
                              "ruch z wyszukiwarek"),
    "Social network traffic": ("social network traffic", "переходы из социальных сетей", "social",
                               "ruch z sieci społecznościowych"),
    "Direct traffic": ("direct traffic", "прямые заходы", "direct", "ruch bezpośredni", "wejścia bezpośrednie"),
    "Link traffic": ("link traffic", "переходы по ссылкам на сайтах", "referral", "ruch z linków"),
    "Mailing traffic": ("mailing traffic", "переходы с почтовых рассылок", "email", "ruch z mailingu"),
    "Messenger traffic": ("messenger traffic", "переходы из мессенджеров", "messenger", "ruch z komunikatorów"),
    "Recommendation system traffic": ("recommendation system traffic", "переходы из рекомендательных систем",
                                      "recommend", "ruch z systemów rekomendacji"),
    "Internal traffic": ("internal traffic", "внутренние переходы", "internal", "ruch wewnętrzny"),
    "Not known": ("undefined", "не определено", "(not known)", "nieokreślone", "saved page traffic",
                  "переходы с сохранённых страниц"),
}  # fmt: skip
CLASS_BY_WORD: Final = {word: name for name, words in METRIKA_CLASSES.items() for word in words}


def head_of(text: str) -> str:
    """The meaning of a column's head, or "" where it is none of ours."""
    name = headers.word(text)
    bare_of_comma = _UNIT.sub("", name)
    bare = "" if "%" in name else headers.without_brackets(name)
    return KNOWN.get(name) or KNOWN.get(bare_of_comma) or KNOWN.get(bare, "")


_OWN_HEADS: Final = {
    "metrika": re.compile(
        r"ym:.*|визиты|посетители|wizyty|.*источник трафика.*|last significant traffic source|traffic source type"
    ),
    "ga4": re.compile(
        r"session (?!duration).*|.*сеанс.*|.*\bsesji\b.*|(total|active) ?users|(all|łączna|aktywni).*użytkowni.*|"
        r"всего пользователей|активные пользователи|key ?events|ключевые события|kluczowe zdarzenia|screenpageviews"
    ),
}


def system_of(heads: Iterable[str]) -> str:
    """Which system calls its columns so, or "" where any might. Titles tell nothing: people type them."""
    names = [headers.word(head) for head in heads]
    return next((system for system, own in _OWN_HEADS.items() if any(map(own.fullmatch, names))), "")
