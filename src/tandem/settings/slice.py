"""What these pages add to the house: their routes, and the warning of a sign-in on a strange device."""

from collections.abc import Callable

from tandem.accounts.model import Person
from tandem.core.context import House
from tandem.core.slice import Slice
from tandem.delivery import smtp
from tandem.settings import letters, provider
from tandem.settings.routes import ROUTES


def _start(house: House) -> Callable[[], None]:
    smtp.check(house.settings)
    provider.check(house.settings)
    link = f"{house.settings.base_url}/account"

    def warn(person: Person, kind: str, agent: str) -> None:
        letters.send(house, person, kind, agent=agent or "?", link=link)

    house.offers.warn_user = warn
    if provider.is_set(house.settings):
        from tandem.settings import oidc

        house.keep(oidc.Client(house))
    return lambda: None


SLICE = Slice(name="settings", title="Settings", routes=ROUTES, start=_start)
