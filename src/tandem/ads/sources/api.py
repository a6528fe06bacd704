"""What the APIs of ad systems have in common: how one is described, opened and paged through."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tandem.ads.model import AdDay
from tandem.base.errors import SourceError
from tandem.base.http import Http, value_at
from tandem.connections.model import Field
from tandem.imports.cells import DIGITS

Open = Callable[[str, Mapping[str, str]], Http]
"""Opens a client for an address, with headers that go with each request."""

Sleep = Callable[[float], None]


class AdAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one ad system: its settings, and how to reach it. `zone` is the site's."""

    settings: Mapping[str, str]
    open: Open
    sleep: Sleep
    zone: tzinfo = UTC

    def setting(self, name: str, default: str = "") -> str:
        return self.settings.get(name) or default


class AdApi(msgspec.Struct, frozen=True, kw_only=True):
    """An API that gives days of ads.

    days       rows of [first, last], both included, in batches
    level      how finely it splits the cost
    settles    days for which the system still changes its figures; they are asked for again and again
    at_once    most days one question may span
    account    the setting that names the account
    """

    system: str
    label: str
    level: str
    settles: int
    at_once: int
    account: str
    fields: tuple[Field, ...]
    days: Callable[[AdAccount, date, date], Iterator[list[AdDay]]]
    note: str = ""


def address(default: str) -> Field:
    """The setting for another address: a sandbox, a region, a proxy."""
    return Field(name="address", label="Address of the API", is_required=False, default=default, is_address=True)


def secret(name: str, label: str, hint: str = "") -> Field:
    return Field(name=name, label=label, hint=hint, is_secret=True)


def decimal(system: str, value: Any) -> Decimal:
    """A number as APIs write it: as text, whole or with a point; nothing is 0.

    raises   SourceError for anything else
    """
    try:
        number = Decimal(str(value)) if value not in (None, "", "-", "--") else Decimal(0)
        if not number.is_finite() or number.adjusted() >= DIGITS:
            raise InvalidOperation
        return number
    except InvalidOperation as error:
        raise SourceError(system, f"sent “{str(value)[:40]}” instead of a number") from error


def whole(system: str, value: Any) -> int:
    return int(decimal(system, value))


def day(system: str, value: Any) -> date:
    """A day as APIs write it, with or without a time behind it.

    raises   SourceError for anything else
    """
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise SourceError(system, f"sent “{str(value)[:40]}” instead of a day") from error


def granted(account: AdAccount, system: str, where: str, form: Mapping[str, str]) -> str:
    """An access token for a refresh token (OAuth 2.0).

    raises   SourceError when the system refuses it
    """
    base, _, path = where.partition("://")[2].partition("/")
    with account.open(f"{where.partition('://')[0]}://{base}", {}) as http:
        reply = http.post(f"/{path}", data=dict(form)).json()
    return str(value_at(system, reply, "access_token"))
