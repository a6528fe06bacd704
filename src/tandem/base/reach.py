"""Which addresses are public: reachable for everybody, by IANA's registries and not by what one interpreter knows.

What `ipaddress` knows differs between versions of Python, and some of what it calls global leads into somebody's own
network. A range stands here if either registry of special-purpose addresses does not call it globally reachable.
"""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeVar

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
OfOneVersion = TypeVar("OfOneVersion", ipaddress.IPv4Network, ipaddress.IPv6Network)


class Networks:
    """Networks of both versions of IP: `address in networks`, which is asked for each visitor."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._ranges = {
            4: _ranges(n for n in self._networks if isinstance(n, ipaddress.IPv4Network)),
            6: _ranges(n for n in self._networks if isinstance(n, ipaddress.IPv6Network)),
        }

    def __iter__(self) -> Iterator[Network]:
        return iter(self._networks)

    def __add__(self, others: "Networks") -> "Networks":
        return Networks((*self, *others))

    def __contains__(self, address: Address) -> bool:
        starts, ends = self._ranges[address.version]
        number = int(address)
        at = bisect_right(starts, number) - 1
        return at >= 0 and number <= ends[at]


def _ranges(networks: Iterable[OfOneVersion]) -> tuple[list[int], list[int]]:
    """First and last addresses of the networks, in ascending order and without overlaps."""
    apart = list(ipaddress.collapse_addresses(networks))
    return [int(network.network_address) for network in apart], [int(network.broadcast_address) for network in apart]


def _networks(*texts: str) -> Networks:
    return Networks(map(ipaddress.ip_network, texts))


PRIVATE = _networks(
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
"""Of this machine and of somebody's own network: neighbours have such addresses, and proxies."""
NOT_PUBLIC = PRIVATE + _networks(
    # IPv4: iana-ipv4-special-registry, as of 2025
    "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "240.0.0.0/4",
    # IPv6: iana-ipv6-special-registry, as of 2025
    "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
    # RFC 3879: site-local addresses, no longer in the registry and still in use
    "fec0::/10",
)  # fmt: skip
PUBLIC = _networks(
    "192.0.0.9/32", "192.0.0.10/32",  # anycast of PCP and TURN
    "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/28",
    "2001:30::/28",
)  # fmt: skip
"""Parts of the ranges above that the registries call globally reachable."""


@lru_cache(maxsize=4096)
def is_global(address: Address) -> bool:
    """Whether this address itself is public; an IPv4 address inside it is another matter."""
    if address.is_multicast or (address in NOT_PUBLIC and address not in PUBLIC):
        return False
    return address.is_global or address in PUBLIC


def is_local(host: str) -> bool:
    """Whether a host's name or address leads nowhere from outside: this machine, or a private network."""
    try:
        return not is_global(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".test"))
