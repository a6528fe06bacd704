"""Where addresses are: networks whose country is beyond doubt, and broken input."""

from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maxminddb import Reader

from tandem.base.errors import UserError
from tandem.collect.sources.places import Place, PlaceFinder, bundled_countries

# Universities, public resolvers, broadcasters and national carriers: they do not move.
KNOWN = """
8.8.8.8 US                  8.8.4.4 US                  18.0.0.1 US                 128.30.1.1 US
128.32.1.1 US               9.9.9.9 US                  17.253.144.10 US            77.88.55.60 RU
77.88.8.8 RU                213.180.193.1 RU            87.250.250.242 RU           5.255.255.70 RU
217.69.139.200 RU           94.100.180.200 RU           212.77.98.9 PL              213.180.141.140 PL
194.204.159.1 PL            83.0.0.1 PL                 193.0.96.1 PL               157.158.1.1 PL
149.156.1.1 PL              193.99.144.80 DE            134.76.10.1 DE              129.187.1.1 DE
80.128.0.1 DE               193.0.6.139 NL              130.89.1.1 NL               212.58.244.20 GB
131.111.8.1 GB              129.67.1.1 GB               86.128.0.1 GB               90.0.0.1 FR
212.27.48.10 FR             193.48.1.1 FR               129.132.1.1 CH              193.205.1.1 IT
130.206.1.1 ES              193.136.128.1 PT            195.113.1.1 CZ              147.251.1.1 CZ
193.6.1.1 HU                193.166.3.2 FI              130.225.1.1 DK              129.240.1.1 NO
130.237.1.1 SE              132.248.10.1 MX             200.147.3.157 BR            143.107.1.1 BR
133.11.0.1 JP               202.108.22.5 CN             166.104.1.1 KR              196.25.1.1 ZA
130.102.1.1 AU              130.216.1.1 NZ              142.103.1.1 CA              93.84.112.1 BY
178.88.1.1 KZ               85.132.1.1 AZ               2001:4860:4860::8888 US     2606:4700:4700::1111 US
2a02:6b8::feed:ff RU        2a02:6b8:a::a RU            2a01:4f8::1 DE              2001:41d0::1 FR
2a02:a300::1 PL             2001:6a0::1 PL              2001:638::1 DE              2001:630::1 GB
2001:660::1 FR              2a00:1fa0::1 RU             2001:718::1 CZ              2001:8003::1 AU
2804::1 BR                  240e::1 CN                  2a02:2698::1 RU
"""
WORDS = KNOWN.split()


@pytest.fixture(scope="module")
def places() -> PlaceFinder:
    return PlaceFinder()


@pytest.mark.parametrize(("ip", "country"), list(zip(WORDS[::2], WORDS[1::2], strict=True)))
def test_a_well_known_address_has_its_country(places: PlaceFinder, ip: str, country: str) -> None:
    assert places.find(ip) == Place(country, "", "")


@pytest.mark.parametrize("ip", ["2001:da8::1", "2001:200::1", "2001:e60::1"])
def test_a_doubtful_answer_is_no_answer(places: PlaceFinder, ip: str) -> None:
    assert places.find(ip).country == ""


@pytest.mark.parametrize(
    "ip",
    ["", " ", "localhost", "10.0.0.1", "192.168.1.1", "172.16.0.9", "127.0.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0",
     "255.255.255.255", "224.0.0.1", "192.0.2.1", "::", "::1", "fe80::1%eth0", "fd00::1", "2001:db8::1", "ff02::1",
     "8.8.8", "8.8.8.8.8", "8.8.8.8:53", "999.1.1.1", "::ffff:10.0.0.1", "\x00"],
)  # fmt: skip
def test_a_private_or_broken_address_has_no_place(places: PlaceFinder, ip: str) -> None:
    assert places.find(ip) == Place("", "", "")


def test_an_ipv4_address_inside_ipv6_is_found(places: PlaceFinder) -> None:
    assert places.find("::ffff:212.77.98.9").country == "PL"


def test_an_operators_file_replaces_the_bundled_one() -> None:
    assert PlaceFinder(bundled_countries()).find("8.8.8.8").country == "US"
    # The city file of an operator may be any MMDB: without a city in it there is none.
    assert PlaceFinder(None, bundled_countries(), bundled_countries()).find("8.8.8.8") == Place("US", "", "")


class Records:
    """Stands for an operator's own file: one record for every address."""

    def __init__(self, record: object, ip_version: int = 6) -> None:
        self.record, self.ip_version = record, ip_version

    def get(self, _: object) -> object:
        return self.record

    def metadata(self) -> "Records":
        return self


@pytest.mark.parametrize(
    ("record", "place"),
    [
        (
            {"city": {"names": {"en": "Warsaw", "pl": "Warszawa"}}, "country": {"iso_code": "PL"}},
            Place("PL", "Warsaw", ""),
        ),
        ({"city": {"names": {"pl": "Warszawa"}}}, Place("US", "", "")),
        ({"city": "Warsaw", "country_code": "pl"}, Place("PL", "Warsaw", "")),
        ({"city": 5, "country": {"iso_code": "EU"}}, Place("US", "", "")),
        (None, Place("US", "", "")),
    ],
)
def test_an_operators_city_file_is_read_in_the_usual_layouts(record: object, place: Place) -> None:
    places = PlaceFinder()
    places._city = cast(Reader, Records(record))
    assert places.find("8.8.8.8") == place


def test_a_hosting_company_is_a_data_centre_when_the_operator_has_a_file_of_networks() -> None:
    places = PlaceFinder()
    places._asn = cast(Reader, Records({"autonomous_system_number": 24940}))
    assert places.find("8.8.8.8").network == "datacentre"
    places = PlaceFinder()
    places._asn = cast(Reader, Records({"autonomous_system_number": 5617}))
    assert places.find("8.8.8.8").network == ""
    places._asn = cast(Reader, Records({"autonomous_system_number": 24940}, ip_version=4))
    assert places.find("2606:4700:4700::1111").network == ""


def test_a_missing_file_is_said_in_plain_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        PlaceFinder(tmp_path / "none.mmdb")
    (tmp_path / "broken.mmdb").write_text("no database")
    with pytest.raises(UserError, match=r"broken\.mmdb"):
        PlaceFinder(None, tmp_path / "broken.mmdb")


@given(st.text() | st.ip_addresses().map(str))
def test_any_text_has_an_answer(ip: str) -> None:
    assert len(_PLACES.find(ip).country) in (0, 2)


_PLACES = PlaceFinder()
