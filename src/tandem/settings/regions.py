"""Time zones and currencies to choose from, and the currency that a zone's country pays in (from CLDR)."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from babel import dates, numbers
from babel.core import get_global

from tandem.base import formats, translations, words
from tandem.base.words import hand_in

REGIONS = {
    "Europe": "150", "Asia": "142", "Africa": "002", "America": "019", "Australia": "053", "Pacific": "009",
    "Atlantic": "", "Indian": "", "Antarctica": "AQ",
}  # fmt: skip
"""The first part of a zone's name, and the code (UN M.49 or ISO 3166) that CLDR names the region by."""


class Zone(msgspec.Struct, frozen=True):
    """A zone to choose: its name, its city in the reader's language, its country's currency, its other names."""

    id: str
    city: str
    currency: str
    also: str


@lru_cache
def zones(language: str) -> list[tuple[str, list[Zone]]]:
    """All zones by region, cities in alphabetical order."""
    locale, text = formats.Formats(language).locale, translations.translations(language).gettext
    aliases, available = get_global("zone_aliases"), available_timezones()
    names: dict[str, list[str]] = {}
    for name in sorted(available):
        if name.partition("/")[0] in REGIONS and "/" in name:
            names.setdefault(aliases.get(name, name), []).append(name)
    grouped: dict[str, list[Zone]] = {region: [] for region in REGIONS}
    for zone, same in names.items():
        if zone in available and (region := zone.partition("/")[0]) in grouped:
            city = dates.get_timezone_location(ZoneInfo(same[0]), locale=locale, return_city=True)
            grouped[region].append(Zone(zone, city, currency_of_zone(zone), " ".join(same)))
    titles = {r: locale.territories.get(code) or text(words.WORDS["OCEANS"][r]) for r, code in REGIONS.items()}
    return [("UTC", [Zone("UTC", "UTC", "", "UTC Etc/UTC")])] + [
        (titles[region], sorted(zones, key=lambda z: z.city)) for region, zones in grouped.items() if zones
    ]


def currency_of_zone(zone: str) -> str:
    """What is paid with where this zone is kept; empty when no country is known."""
    territories, aliases = get_global("zone_territories"), get_global("zone_aliases")
    return _currency_of(territories.get(zone) or territories.get(aliases.get(zone, ""), ""))


def _currency_of(territory: str) -> str:
    currencies = numbers.get_territory_currencies(territory) if territory and territory.isalpha() else []
    return str(currencies[0]) if currencies else ""


def guessed(accept_language: str) -> tuple[str, str]:
    """Zone and currency by the country of a browser's languages; UTC and EUR where it says none."""
    for part in accept_language.split(","):
        territory = part.partition(";")[0].strip().partition("-")[2].upper()
        if len(territory) == 2 and (currency := _currency_of(territory)):
            there = get_global("territory_zones").get(territory, [])
            return (there[0] if len(there) == 1 else "UTC"), currency
    return "UTC", "EUR"


hand_in(
    {
        "OCEANS": {"Atlantic": "Atlantic Ocean", "Indian": "Indian Ocean"},
    }
)
