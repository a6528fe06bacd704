"""Whatever people paste becomes hosts and a key, or is refused where it was typed."""

import pytest

from tandem.accounts import store
from tandem.accounts.pasted import hosts_of, key_of
from tandem.base.currencies import tenders
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.hosts import own_letters
from tandem.settings.regions import currency_of_zone, guessed, zones

PASTED = [
    ("https://www.Shop.example/path?x#y", ["www.shop.example", "shop.example"]),
    ("shop.example:8080", ["shop.example:8080"]),
    ("https://shop.example:443/", ["shop.example"]),
    ("Пример.рф", ["xn--e1afmkfd.xn--p1ai"]),
    ("https://mañana.example/ñ", ["xn--maana-pta.example"]),
    ("http://user:pw@shop.example", ["shop.example"]),
    ("  shop.example , www.shop.example ", ["shop.example", "www.shop.example"]),
    ("https://shop.example/a,b.html?c=d,e https://two.example", ["shop.example", "two.example"]),
    ("https://a.example/x,https://b.example/y", ["a.example", "b.example"]),
    ("a.example;b.example\nc.example", ["a.example", "b.example", "c.example"]),
    ("<https://shop.example/>", ["shop.example"]),
    ("shop.example.", ["shop.example"]),
    ("//cdn.shop.example/x", ["cdn.shop.example"]),
    ("shop.example/de?next=https://other.example", ["shop.example"]),
    ("localhost:8000", ["localhost:8000"]),
    ("http://intranet/start", ["intranet"]),
    ("http://127.0.0.1:80/", ["127.0.0.1"]),
    ("http://my_shop.example", ["my_shop.example"]),
    ("https://a.example/x;jsessionid=1", ["a.example"]),
    ("https://a.example/my page, here", ["a.example"]),
    ("https://a.example/my page.html", ["a.example"]),
    ("https://a.example/x;y=1;https://b.example/z", ["a.example", "b.example"]),
    ("https://a.example/x; b.example/y z, c.example", ["a.example", "b.example", "c.example"]),
    ("a.example/x , b.example", ["a.example", "b.example"]),
    ("a.example/x y\nb.example", ["a.example", "b.example"]),
    ("view-source:https://shop.example/a?b", ["shop.example"]),
    ("https:/shop.example", ["shop.example"]),
    ("HTTPS:shop.example/x", ["shop.example"]),
    ("http:///shop.example", ["shop.example"]),
    ("https//shop.example/x", ["shop.example"]),
    ("https://https://shop.example", ["shop.example"]),
    ("http://https//shop.example:8443/x", ["shop.example:8443"]),
    ("„https://shop.example”", ["shop.example"]),
    ("„shop.example”, ‘two.example’", ["shop.example", "two.example"]),
    ("(https://shop.example)", ["shop.example"]),
    ("**shop.example**", ["shop.example"]),
    ("\ufeffhttps://shop.example\u200b", ["shop.example"]),
    ("https%3A%2F%2Fshop.example%2Fa%2Cb.example", ["shop.example"]),
    ("[Shop](https://shop.example/x)", ["shop.example"]),
    ("Shop: https://shop.example", ["shop.example"]),
    ("Our shop — https://shop.example/x y", ["shop.example"]),
    ("Адрес: shop.example\nBlog: blog.example", ["shop.example", "blog.example"]),
    ("https: //shop.example", ["shop.example"]),
    ("*.shop.example", ["shop.example"]),
    ("https://*.shop.example/*", ["shop.example"]),
    ("http.example", ["http.example"]),
    ("https://https.example/", ["https.example"]),
]
REFUSED = [
    "", " , ", "https://", "our shop", "anna@shop.example", "javascript:alert(1)", "C:\\shop\\index.html", "1.2",
    "http://[::1]/", "shop..example", "-shop.example", "http://shop.example:99999", "shop.example:port",
    "x" * 64 + ".example", "https://a.example/x, b..example",
    "a.example: https://b.example", "mailto: anna@shop.example", "Shop: our shop", "*.", "*.*.example",
    "javascript:a.b", "a.*.example", "user:pw@shop.example", "shop.example%2Fx", "()",
    "a." * 130 + "example", "<b>shop</b>", "http://a b@c",
]  # fmt: skip


@pytest.mark.parametrize(("pasted", "hosts"), PASTED)
def test_what_is_pasted_becomes_hosts(pasted: str, hosts: list[str]) -> None:
    assert hosts_of(pasted) == hosts
    assert hosts_of(hosts, existing=hosts) == hosts, "what a site has stays what it is"


@pytest.mark.parametrize("pasted", REFUSED)
def test_what_cannot_be_an_address_is_told_at_its_field(pasted: str) -> None:
    with pytest.raises(UserError) as told:
        hosts_of(pasted)
    assert told.value.field == "host" and told.value.hint.startswith("Paste it from the browser")


def test_a_password_in_an_address_is_never_told() -> None:
    with pytest.raises(UserError) as told:
        hosts_of("http://anna:geheim@no..host/")
    assert "geheim" not in str(told.value)


def test_a_site_keeps_a_short_host_that_it_has() -> None:
    assert hosts_of("intranet, new.example", existing=("intranet",)) == ["intranet", "new.example"]


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("www.shop.example", "shop"), ("shop.example.co.uk", "shop-example-co"), ("a.example", "site-a"),
        ("localhost:8000", "localhost"), ("127.0.0.1", "127-0-0-1"), ("xn--e1afmkfd.xn--p1ai", "primer"),
        ("my_shop.example", "my-shop"), ("x" * 63 + ".example", "x" * 36),
    ],
)  # fmt: skip
def test_a_key_is_made_from_the_host(host: str, key: str) -> None:
    assert key_of(host) == key


def test_keys_are_unique_by_themselves(database: Database) -> None:
    workspace = store.make_workspace(database, "Fern")
    pasted = ("https://www.shop.example/de", "shop.de", "https://shop.fr/")
    assert [store.add_site(database, workspace, "", "", [p]).key for p in pasted] == ["shop", "shop-2", "shop-3"]
    site = store.sites_of(database, workspace)[0]
    assert (site.name, site.hosts) == ("www.shop.example", ("www.shop.example", "shop.example"))
    assert store.change_site(database, site, hosts=["HTTPS://New.example/x"]).hosts == ("new.example",)
    assert store.change_site(database, site, name="Shop").hosts == ("www.shop.example", "shop.example")


def test_zones_know_their_cities_and_currencies() -> None:
    for language, city in (("en", "Warsaw"), ("ru", "Варшава"), ("pl", "Warszawa")):
        listed = {z.id: z for _, found in zones(language) for z in found}
        assert len(listed) > 400 and listed["Europe/Warsaw"].city == city
        assert "Asia/Calcutta" in listed["Asia/Kolkata"].also.split(), "browsers call it by the old name"
    assert [currency_of_zone(z) for z in ("Europe/Moscow", "Asia/Calcutta", "America/New_York", "UTC")] == [
        "RUB", "INR", "USD", "",
    ]  # fmt: skip
    assert ("EUR", "евро") in tenders("ru")
    assert guessed("pl-PL,pl;q=0.9") == ("Europe/Warsaw", "PLN") and guessed("en") == ("UTC", "EUR")


def test_hosts_come_back_from_the_form_as_it_shows_them() -> None:
    known = ["xn--e1afmkfd.xn--p1ai", "xn--maana-pta.example:8080", "old_host"]
    shown = ", ".join(map(own_letters, known))
    assert shown == "пример.рф, mañana.example:8080, old_host"
    assert hosts_of(shown, known) == known


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://xn--e1afmkfd.xn--p1ai/a?b", "https://пример.рф/a?b"), ("XN--E1AFMKFD.xn--p1ai", "пример.рф"),
        ("my-xn--thing.example", "my-xn--thing.example"), ("xn--.example", "xn--.example"), ("", ""),
    ],
)  # fmt: skip
def test_addresses_are_shown_in_their_own_letters(text: str, told: str) -> None:
    assert own_letters(text) == told
