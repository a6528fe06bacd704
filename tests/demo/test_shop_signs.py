"""The demonstration shop signs whose order it was, and nothing of what is typed."""

import re
import urllib.request
from collections.abc import Iterator

import pytest

from tandem.demo.shop import Shop, serve_shop
from tandem.people.model.proof import Outcome, check

COOKIE = "_tdm=00000000000000aa.sddddd"


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = serve_shop("http://127.0.0.1:9", 0, "fern", "cookie", secret="tdms_x").start()
    yield made
    made.stop()


def fetched(address: str, cookie: str, body: bytes | None = None) -> str:
    asked = urllib.request.Request(address, body, {"Cookie": cookie})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return str(answer.read().decode())


def test_whoever_ordered_is_signed_and_nobody_else(shop: Shop) -> None:
    assert "data-proof" not in fetched(shop.url + "/thank-you", COOKIE)
    page = fetched(shop.url + "/checkout", COOKIE, b"email=anna@shop.example")
    told = dict(re.findall(r'data-(crm|at|proof)="([^"]+)"', page))
    outcome = check(
        told["proof"], int(told["at"]), int(told["at"]), "fern", "00000000000000aa", {"crm": told["crm"]}, ["tdms_x"]
    )
    assert outcome == Outcome.SIGNED and told["crm"].startswith("shop:")
    assert "data-proof" not in fetched(shop.url + "/thank-you", "_tdm=00000000000000bb.sddddd")
    assert "data-proof" not in fetched(shop.url + "/checkout", "", b"email=anna@shop.example")
