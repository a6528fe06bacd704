"""Where an address is: country and city from files on disk, and whether it belongs to a data centre.

Addresses are looked at and let go: nothing here stores them, beyond a bounded cache in memory.
"""

import ipaddress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import maxminddb
import msgspec

from tandem.base.errors import UserError
from tandem.base.reach import is_global
from tandem.collect.rules import shipped

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

CACHED: Final = 8192


class Place(msgspec.Struct, frozen=True):
    """Where an address is. Unknown, private and broken addresses have empty texts."""

    country: str  # ISO 3166-1 alpha-2
    city: str
    network: str  # 'datacentre' or ''


UNKNOWN: Final = Place("", "", "")


class PlaceFinder:
    """Finds places. Files are opened once and mapped into memory; any number of threads may ask."""

    def __init__(
        self, country_path: Path | None = None, city_path: Path | None = None, asn_path: Path | None = None
    ) -> None:
        """Open the files.

        country_path  None: the file that ships with Tandem
        city_path     the operator's own, in MaxMind's or DB-IP's layout; its country, when it has one, wins
        asn_path      the operator's own, with `autonomous_system_number`; without it no network is known
        raises        UserError when a file is missing or is no MMDB file
        """
        self._is_bundled = country_path is None
        self._country = _opened(country_path or bundled_countries())
        self._city = _opened(city_path) if city_path else None
        self._asn = _opened(asn_path) if asn_path else None
        self._doubtful = _doubtful() if self._is_bundled else ()
        self._found = lru_cache(maxsize=CACHED)(self._look_up)

    def find(self, ip: str) -> Place:
        """Return the place of an address, IPv4 or IPv6."""
        return self._found(ip)

    def _look_up(self, ip: str) -> Place:
        address = _public(ip)
        if address is None:
            return UNKNOWN
        country, city = self._city_of(address)
        return Place(country or self._country_of(address), city, self._network_of(address))

    def _country_of(self, address: Address) -> str:
        country = _country(_record(self._country, address))
        is_doubtful = any(country == code and address in network for code, network in self._doubtful)
        return "" if is_doubtful else country

    def _city_of(self, address: Address) -> tuple[str, str]:
        if self._city is None:
            return "", ""
        record = _record(self._city, address)
        city = record.get("city")
        names = city.get("names") if isinstance(city, dict) else None
        name = names.get("en", "") if isinstance(names, dict) else city
        return _country(record), name if isinstance(name, str) else ""

    def _network_of(self, address: Address) -> str:
        if self._asn is None:
            return ""
        number = _record(self._asn, address).get("autonomous_system_number")
        return "datacentre" if number in _datacentres() else ""


def bundled_countries() -> Path:
    """Return the country file that ships with Tandem."""
    return shipped.path("country.mmdb")


def _opened(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise UserError(
            "The location file %(path)s cannot be read.", "Enter the path of an MMDB file.", path=path
        ) from error


def _record(reader: maxminddb.Reader, address: Address) -> dict[str, Any]:
    if address.version == 6 and reader.metadata().ip_version == 4:
        return {}
    record = reader.get(address)
    return record if isinstance(record, dict) else {}


def _country(record: dict[str, Any]) -> str:
    """Return the country of a record in one of the two usual layouts."""
    nested = record.get("country")
    code = nested.get("iso_code") if isinstance(nested, dict) else record.get("country_code", nested)
    # "EU", "AP" and "ZZ" are no countries.
    is_country = isinstance(code, str) and len(code) == 2 and code.isalpha() and code.upper() not in ("EU", "AP", "ZZ")
    return code.upper() if is_country and isinstance(code, str) else ""


def _public(ip: str) -> Address | None:
    try:
        address = ipaddress.ip_address(ip.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.scope_id is not None:
            return None
    return address if is_global(address) else None


@cache
def _doubtful() -> tuple[tuple[str, ipaddress.IPv4Network | ipaddress.IPv6Network], ...]:
    rows = shipped.toml("networks.toml")["doubtful"]
    return tuple((row["country"], ipaddress.ip_network(text)) for row in rows for text in row["ranges"])


@cache
def _datacentres() -> frozenset[int]:
    networks = shipped.toml("networks.toml")["datacentres"]
    return frozenset(number for numbers in networks.values() for number in numbers)
