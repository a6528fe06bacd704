"""Which addresses are public: reachable for everybody, by IANA's registries and not by what one interpreter knows.

What `ipaddress` knows differs between versions of Python, and some of what it calls global leads into somebody's own
network. A range stands here if either registry of special-purpose addresses does not call it globally reachable.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


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
    if address.is_multicast or (is_within(address, NOT_PUBLIC) and not is_within(address, PUBLIC)):
        return False
    return address.is_global or is_within(address, PUBLIC)


def is_local(host: str) -> bool:
    """Whether a host's name or address leads nowhere from outside: this machine, or a private network."""
    try:
        return not is_global(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".test"))


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
