"""Which addresses are public: by IANA's registries, whatever the interpreter at hand knows."""

import ipaddress

import pytest

from tandem.base.reach import NOT_PUBLIC, Networks, is_global

HIDDEN = (
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.0.0.1", "192.0.0.8",
    "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.19.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1",
    "2001:10::1", "2001:db8::1", "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1",
    "ff02::1",
)  # fmt: skip
OPEN = (
    "8.8.8.8", "192.0.0.9", "192.0.0.10", "192.0.1.1", "192.31.196.1", "192.52.193.1", "192.88.98.1", "192.175.48.1",
    "100.63.255.255", "100.128.0.1", "2001:1::1", "2001:1::2", "2001:4:112::1", "2001:20::1", "2001:30::1",
    "2001:4860:4860::8888", "2606:4700::1111", "2620:4f:8000::1", "3ffe::1", "4000::1",
)  # fmt: skip


@pytest.mark.parametrize("address", HIDDEN)
def test_what_no_registry_calls_global_is_not_public(address: str) -> None:
    assert not is_global(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_what_the_registries_call_global_is_public(address: str) -> None:
    assert is_global(ipaddress.ip_address(address))


@pytest.mark.parametrize("network", NOT_PUBLIC, ids=str)
def test_both_ends_of_a_range_are_closed(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
    assert not is_global(network[0])
    assert not is_global(network[-1])


def test_an_address_is_in_networks_as_it_is_in_one_of_them() -> None:
    """Overlapping, adjacent and single ones, and the addresses at and around their ends."""
    each = [
        ipaddress.ip_network(text)
        for text in ("10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "192.0.2.7/32", "0.0.0.0/32", "255.255.255.255/32")
    ] + [ipaddress.ip_network(text) for text in ("fd00::/8", "fd00::/64", "::/128", "2001:db8::/32")]
    networks = Networks(each)
    ends = {int(end) + beside for network in each for end in (network[0], network[-1]) for beside in (-1, 0, 1)}
    for kind, bits in ((ipaddress.IPv4Address, 32), (ipaddress.IPv6Address, 128)):
        for address in (kind(number) for number in ends if 0 <= number < 1 << bits):
            assert (address in networks) == any(address in n for n in each if n.version == address.version), address
    assert [*networks] == each and ipaddress.ip_address("10.0.0.1") not in Networks([])
