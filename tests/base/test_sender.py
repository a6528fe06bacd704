"""Who sent a request: read from the right, past our own proxies and no further."""

from types import SimpleNamespace
from typing import Any

import pytest

from tandem.base.errors import UserError
from tandem.base.sender import UNREADABLE, Proxies, address_of, sender_of, sender_of_rsgi


class Fields:
    """Headers as a collector's server gives them: those that can be read, and whether there are any at all."""

    def __init__(self, readable: list[str] | None = None, is_sent: bool | None = None) -> None:
        self._readable = readable or []
        self._is_sent = bool(readable) if is_sent is None else is_sent

    def __contains__(self, name: str) -> bool:
        return self._is_sent and name == "x-forwarded-for"

    def get_all(self, name: str) -> list[str]:
        return self._readable if name == "x-forwarded-for" else []


OURS = Proxies("127.0.0.0/8, ::1/128, 10.0.0.0/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("198.51.100.1", ["203.0.113.9"], "198.51.100.1"),  # a visitor lies
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # what the visitor put before does not count
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9", "10.1.1.1"], "203.0.113.9"),  # each proxy added a header of its own
        ("127.0.0.1", ["127.0.0.1, 10.1.1.1"], "127.0.0.1"),
        ("::1", ["2001:db8::7"], "2001:db8::7"),
        ("::1", [], "::1"),
        ("127.0.0.1", [" , "], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9, , "], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, unknown"], "127.0.0.1"),  # our proxy does not know; 1.2.3.4 is anybody's word
        ("127.0.0.1", ["unknown, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["<script>, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1:4711", ["203.0.113.9:51008"], "203.0.113.9"),
        ("[::1]:4711", ["[2001:DB8:0::7]:443"], "2001:db8::7"),
        ("127.0.0.1", ['"[2001:db8::7]:443"'], "2001:db8::7"),
        ("::ffff:127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        ("", ["203.0.113.9"], ""),
        ("127.0.0.1", ["203.0.113.9," + "10.0.0.1," * 5000], "10.0.0.1"),  # a chain without end is not walked
    ],
)
def test_the_sender_is_the_first_address_that_is_not_one_of_our_proxies(
    peer: str, forwarded: list[str], sender: str
) -> None:
    assert OURS.sender(peer, forwarded) == sender


def test_one_browser_behind_changing_ports_is_one_sender() -> None:
    assert {OURS.sender("127.0.0.1", [f"81.2.69.142:{port}"]) for port in (51008, 51010, 51012)} == {"81.2.69.142"}


def test_both_server_interfaces_see_the_same_sender() -> None:
    sent = ["203.0.113.9", "10.1.1.1"]

    fields = Fields(sent)
    asgi: dict[str, Any] = {
        "client": ("127.0.0.1", 5),
        "headers": [(b"host", b"x"), *((b"x-forwarded-for", v.encode()) for v in sent)],
    }
    rsgi = SimpleNamespace(client="127.0.0.1:5", headers=fields)
    assert sender_of(asgi, OURS) == sender_of_rsgi(rsgi.client, rsgi.headers, OURS) == "203.0.113.9"
    assert sender_of({"client": None, "headers": []}, OURS) == ""


@pytest.mark.parametrize(
    ("readable", "sender"),
    [
        ([], UNREADABLE),
        (["10.0.0.5"], UNREADABLE),  # another line beside it may have been dropped
        (["10.0.0.5, 203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.5"], "203.0.113.9"),
    ],
)
def test_a_collector_knows_nobody_by_an_address_of_the_proxies(readable: list[str], sender: str) -> None:
    assert sender_of_rsgi("127.0.0.1:5", Fields(readable, is_sent=True), OURS) == sender
    assert sender_of_rsgi("127.0.0.1:5", Fields(), OURS) == "127.0.0.1"


@pytest.mark.parametrize("text", ["", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "[", "a:b", "300.1.1.1", "x" * 9000])
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None


def test_networks_that_are_none_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="TANDEM_PROXIES"):
        Proxies("10.0.0.0/8, everybody")


def test_chains_as_long_as_a_stranger_likes_are_not_kept() -> None:
    proxies = Proxies("127.0.0.1")
    for i in range(20):
        assert proxies.sender("127.0.0.1:9", [f"{'unknown, ' * 50}203.0.113.{i}"]) == f"203.0.113.{i}"
    assert proxies._known.cache_info().currsize == 0
    assert proxies.sender("127.0.0.1:9", ["203.0.113.7"]) == "203.0.113.7"
    assert proxies._known.cache_info().currsize == 1


@pytest.mark.parametrize("client", ["203.0.113.9:{}", "[2001:db8::9]:{}"])
def test_a_connection_of_its_own_is_no_sender_of_its_own(client: str) -> None:
    """Each has another port: kept with it, a busy sender would push all others out."""
    proxies, headers = Proxies("127.0.0.1"), Fields()
    senders = {sender_of_rsgi(client.format(port), headers, proxies) for port in range(4000, 4050)}
    assert len(senders) == 1 and proxies._known.cache_info().currsize == 1


def test_an_address_without_a_port_is_whole() -> None:
    assert sender_of_rsgi("2001:db8::9", Fields(), OURS) == "2001:db8::9"
