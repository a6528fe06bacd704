"""Phones and e-mails in their normal form, and what a reader without permission sees of them."""

import pytest

from tandem.accounts.model import Site
from tandem.people.model.identifier import email, email_of, masked, phone_of, read, region_of


@pytest.mark.parametrize(
    ("text", "region", "wanted"),
    [
        ("+48 600 100 200", "", "+48600100200"),
        ("600-100-200", "PL", "+48600100200"),
        ("0048600100200", "", "+48600100200"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("tel:+7-495-123-45-67", "", "+74951234567"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("650-555-1212", "RU", None),  # possible by its length, but no such number
        ("600 100 200", "", None),  # nobody said of which country
        ("12345", "PL", None),
        ("anonymous", "PL", None),
        ("", "PL", None),
        ("+999 123 456 789", "", None),
        ("sip:+48600100200@pbx.example:5060", "", "+48600100200"),
        ('"Jan" <sip:600100200@192.0.2.4;user=phone>', "PL", "+48600100200"),
        ("SIPS:48600100200;phone-context=x@pbx.example", "PL", "+48600100200"),
        ("sip:anonymous@anonymous.invalid", "PL", None),
        ("sip:101@pbx.example", "PL", None),
        ("+48 600 100 200 (Anna)", "", "+48600100200"),
        ("600 100 200 mob.", "PL", "+48600100200"),
        ("600100200 po 16:00", "PL", "+48600100200"),
        ("8 (495) 123-45-67 доб. 12", "RU", "+74951234567"),
        ("600\u200b100\u2060200", "PL", "+48600100200"),
        ("600 100 items", "PL", None),
        ("600 100 200 600 100 201", "PL", None),
    ],
)
def test_a_phone_has_one_form_or_is_none(text: str, region: str, wanted: str | None) -> None:
    assert phone_of(text, region) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (" Anna.Nowak@Shop.Example ", "anna.nowak@shop.example"),
        ("<a@b.example>", "a@b.example"),
        ("a+tag@b.example", "a+tag@b.example"),
        ("żółw@b.example", "żółw@b.example"),
        ("a@b", None),
        ("a@@b.example", None),
        ("two@b.example, three@b.example", None),
        ("", None),
        ("x" * 65 + "@b.example", None),
        ("\ufeffan\u00adna\u200b@shop.example\u200e", "anna@shop.example"),
    ],
)
def test_an_email_has_one_form_or_is_none(text: str, wanted: str | None) -> None:
    assert email_of(text) == wanted


def test_a_role_is_nobody() -> None:
    assert email("info@shop.example") is None
    assert email("Sales@shop.example") is None
    assert email("information@shop.example") is not None


def test_a_masked_value_tells_nobody() -> None:
    assert masked("phone", "+48600100200") == "+48 ••• ••• 00"
    assert masked("email", "anna.nowak@shop.example") == "a•••@shop.example"
    assert masked("login", "anna77") == "a•••"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("00000000000000AA", "visitor"),
        ("+48 600 100 200", "phone"),
        ("a@b.example", "email"),
        ("bitrix24:412", "crm"),
        ("anything else", None),
    ],
)
def test_a_search_box_understands_what_is_typed(text: str, kind: str | None) -> None:
    found = read(text)
    assert (found.kind if found else None) == kind


@pytest.mark.parametrize(
    ("hosts", "wanted"), [(("shop.pl", "shop.de"), "PL"), (("shop.example",), ""), (("localhost",), ""), ((), "")]
)
def test_phones_are_read_as_the_country_of_the_first_host(hosts: tuple[str, ...], wanted: str) -> None:
    site = Site(id=1, workspace_id=1, key="fern", name="Fern", hosts=hosts, zone="UTC", currency="EUR",
                mode="cookie", keep_days=30)  # fmt: skip
    assert region_of(site) == wanted
