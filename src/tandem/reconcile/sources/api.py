"""What the APIs of analytics systems have in common: an account that is ready to be asked."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from tandem.base.errors import SourceError
from tandem.base.http import Http
from tandem.connections.model import Field
from tandem.reconcile.model.outside import OutsideReport

Open = Callable[[str, Mapping[str, str]], Http]
"""Opens a client for an address, with headers that go with each request."""


class AnalyticsAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account of one system: its settings, and how to reach it."""

    settings: Mapping[str, str]
    open: Open

    def setting(self, name: str, default: str = "") -> str:
        return self.settings.get(name) or default


class AnalyticsApi(msgspec.Struct, frozen=True, kw_only=True):
    """An API that gives figures by day.

    reports   what it says of [first, last], both included: one report a split
    settles   days for which the system still changes its figures; they are asked for again
    at_once   most days one question may span
    account   the setting that names the account
    """

    system: str
    label: str
    settles: int
    at_once: int
    account: str
    fields: tuple[Field, ...]
    reports: Callable[[AnalyticsAccount, date, date], list[OutsideReport]]
    note: str = ""


def decimal(system: str, value: Any) -> Decimal:
    """A number as APIs write it, to four decimal places; nothing is 0.

    raises   SourceError for anything else
    """
    try:
        number = Decimal(str(value)) if value not in (None, "") else Decimal(0)
        return number.quantize(Decimal("0.0001"))
    except InvalidOperation as error:
        raise SourceError(system, f"sent “{str(value)[:40]}” instead of a number") from error


def day(system: str, value: Any) -> date:
    """A day as APIs write it: 20261031 or 2026-10-31.

    raises   SourceError for anything else
    """
    text = str(value)
    try:
        return date.fromisoformat(text[:10] if "-" in text else f"{text[:4]}-{text[4:6]}-{text[6:8]}")
    except ValueError as error:
        raise SourceError(system, f"sent “{text[:40]}” instead of a day") from error
