"""Who a browser says it is: the site tells a phone, an e-mail, a login or a CRM record, which become evidence."""

from collections.abc import Iterator, Sequence

import msgspec

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.collect.jobs import Identified
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Kind, Link, email, phone, visitor


def keep(house: House, site: Site, told: Sequence[Identified]) -> None:
    """Record what sites told of browsers; a value that is no phone, e-mail, login or record is left out."""
    people.record(house, site, [link for one in told for link in _links(house, one)])


def _links(house: House, told: Identified) -> Iterator[Link]:
    values = msgspec.json.decode(house.vault.open(told.sealed), type=dict[str, str])
    known = [found for name, value in values.items() if (found := _identifier(name, value, told.country))]
    for identifier in known:
        yield Link(
            a=visitor(told.visitor), b=identifier, at=clock.from_ms(told.at), source="site", ref=f"{told.event:016x}"
        )


def _identifier(name: str, value: str, country: str) -> Identifier | None:
    if name == "phone":
        return phone(value, country)
    if name == "email":
        return email(value)
    text = value.strip()[:200]
    return Identifier(Kind.LOGIN if name == "login" else Kind.CRM, text) if text else None
