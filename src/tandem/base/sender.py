"""Who sent a request: one rule for pages, counter and webhooks, on both server interfaces.

X-Forwarded-For grows to the right: each proxy appends the address that it was called from. So the chain is read from
the right, as long as the address read is one of our own proxies (TANDEM_PROXIES); the first that is not is the sender.
All to the left of it is what the sender wrote, and proves nothing.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from tandem.base.errors import UserError
from tandem.base.reach import Address, Networks
from tandem.base.remembered import remembered

MOST_HOPS = 32
UNREADABLE = "unreadable"
"""The sender of a request whose proxy named one that cannot be read: all of these together count as one sender."""
LONGEST_KEPT = 100
"""Longer chains of hops are walked anew each time: a stranger writes them, and they would fill the memory."""


class Proxies:
    """The networks of our own reverse proxies.

    networks   by comma, as in TANDEM_PROXIES
    raises     UserError for a text that is no network
    """

    def __init__(self, networks: str) -> None:
        try:
            self._networks = Networks(ipaddress.ip_network(n.strip()) for n in networks.split(",") if n.strip())
        except ValueError as error:
            raise UserError(
                f"TANDEM_PROXIES: {error}.", "Name your proxies, such as 10.0.0.5 or 10.0.0.0/28, by comma."
            ) from error
        self._known = lru_cache(maxsize=4096)(self._walked)  # a visitor's hits come from one address
        self._trusted = lru_cache(maxsize=4096)(self._is_ours)  # asked for each request, of few peers

    def sender(self, peer: str, forwarded: Iterable[str] = ()) -> str:
        """The sender's address in its shortest form; "" when the connection names none.

        peer        the other end of the connection, with or without port
        forwarded   the values of all X-Forwarded-For headers, in their order

        A hop that is no address ("unknown") ends the walk: its proxy does not know the sender, and what stands to the
        left of it may be anybody's invention. The last address known is taken then.
        """
        chain = ",".join(forwarded)
        return (self._known if len(peer) + len(chain) <= LONGEST_KEPT else self._walked)(peer, chain)

    def _walked(self, peer: str, chain: str) -> str:
        sender = address_of(peer)
        if sender is None:
            return ""
        hops = [part for part in chain.split(",") if part.strip()]
        for part in reversed(hops[-MOST_HOPS:]):
            if sender not in self._networks or (hop := address_of(part)) is None:
                break
            sender = hop
        return str(sender)

    def trusts(self, peer: str) -> bool:
        """Whether the other end of a connection is one of our own proxies, behind which many senders stand."""
        return (self._trusted if len(peer) <= LONGEST_KEPT else self._is_ours)(peer)

    def _is_ours(self, peer: str) -> bool:
        address = address_of(peer)
        return address is not None and address in self._networks


@remembered(4096, longest=100)
def address_of(text: str) -> Address | None:
    """An IP address as proxies write it: 192.0.2.1:443, [2001:db8::1]:443, "::ffff:192.0.2.1"; None when it is none.

    An IPv4 address inside an IPv6 one is the same sender as without, so it is taken out.
    """
    text = text.strip().strip('"').strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def household(address: str) -> str:
    """Whom an address belongs to, for limits by sender: an IPv4 address, or the IPv6 network given to one customer.

    address  in its shortest form, as `Proxies.sender` gives it
    source   RFC 6177 and RIPE-690: a /56 for each end site is usual; limits by single addresses would not bind anybody
    """
    return _customer(address) if ":" in address else address


@remembered(4096, longest=100)
def _customer(address: str) -> str:
    ip = address_of(address)
    if ip is None:
        return address
    return str(ip if ip.version == 4 else ipaddress.ip_network((ip, 56), strict=False))


def sender_of(scope: Any, proxies: Proxies) -> str:
    """The sender of a request inside the product's own server (ASGI)."""
    # TRAP: some proxies add a header of their own beside the visitor's; only all of them together tell the truth.
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return proxies.sender(scope["client"][0] if scope.get("client") else "", forwarded)


def sender_of_rsgi(client: str, headers: Any, proxies: Proxies) -> str:
    """The sender of a request to a collector of its own (RSGI); UNREADABLE where a proxy's word on it is lost."""
    host, _, port = client.rpartition(":")  # each connection has a port of its own
    has_port = port.isdecimal() and (":" not in host or host.endswith("]"))
    peer = host if has_port else client
    sender = proxies.sender(peer, headers.get_all("x-forwarded-for"))
    # TRAP: the server drops a value that is not ASCII, and a visitor decides what stands in it. Taken for the proxy
    # behind it, which no limit binds, anybody could leave all limits. Nor does it say whether it dropped one of
    # several, so a visitor from within the trusted networks, whose address stands there in full, looks the same.
    if proxies.trusts(sender) and "x-forwarded-for" in headers:
        return UNREADABLE
    return sender
