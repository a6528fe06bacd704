"""People, sites and tokens, and the pure rules about them."""

import re
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from tandem.accounts.permissions import SCOPES, Role, may
from tandem.base.errors import UserError, tell_together
from tandem.base.texts import short_text
from tandem.base.words import hand_in

MODES = ("cookieless", "cookie", "consent")
LANGUAGES = ("en", "ru", "pl")
_KEY = re.compile(r"^[a-z0-9][a-z0-9-]{1,39}\Z")
_HOST = re.compile(
    r"^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(:\d+)?\Z"
)
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
LONGEST_NAME = 100
MOST_HOSTS = 500
_EMAIL = re.compile(rf"[^@\s<>()\[\]\\\",;:]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One measured property: hosts, time zone, currency."""

    id: int
    workspace_id: int
    key: str
    name: str
    hosts: tuple[str, ...]
    zone: str
    currency: str
    mode: str
    keep_days: int

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def names(self) -> frozenset[str]:
        """The hosts as hits and referrers name them: without a port."""
        return frozenset(host.partition(":")[0] for host in self.hosts)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in; never a visitor of the site."""

    id: int
    workspace_id: int
    email: str
    name: str
    role: Role
    language: str = "en"
    theme: str = "auto"
    is_active: bool = True
    has_password: bool = True  # not yet, while an invitation waits
    has_totp: bool = False

    def may(self, act: str) -> bool:
        return self.is_active and may(self.role, act)


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a program may do in one workspace; the secret itself is shown once and never stored.

    maker           the role that whoever made it has now; None when they have no access any more
    former_scopes   those of its scopes that it was made with under a former name
    """

    id: int
    workspace_id: int
    site_id: int | None
    name: str
    scopes: tuple[str, ...]
    made_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    maker: Role | None = None
    former_scopes: tuple[str, ...] = ()

    def may(self, act: str) -> bool:
        """Whether a scope of it says so and its maker may still do it."""
        return (
            self.maker is not None and may(self.maker, act) and any(SCOPES.get(scope) == act for scope in self.scopes)
        )

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser in which a user is signed in. `name` stands for it in addresses and opens nothing."""

    name: str
    agent: str
    made_at: datetime
    seen_at: datetime
    is_this: bool


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, and when."""

    at: datetime
    person: str
    act: str
    object: str
    detail: dict[str, Any]


def checked_site(key: str, name: str, hosts: list[str], zone: str, currency: str, mode: str, keep_days: int) -> None:
    """Refuse a site that cannot be measured.

    raises   UserError naming the field and what it takes
    """
    tell_together(
        partial(checked_key, key),
        partial(_checked_title, name),
        partial(_checked_hosts, hosts),
        partial(checked_zone, zone),
        partial(checked_currency, currency),
        partial(_checked_mode, mode),
        partial(checked_keep_days, keep_days),
    )


def checked_key(key: str) -> None:
    if not _KEY.match(key):
        raise UserError(
            "“%(value)s” cannot be a site key.", "Use 2 to 40 lower-case letters, digits and hyphens.", value=key
        ).at("key")


def _checked_title(name: str) -> None:
    if not short_text(name, "name"):
        raise UserError("The site has no name.", "Enter a name that people recognise.").at("name")


def _checked_hosts(hosts: list[str]) -> None:
    if not hosts:
        raise UserError("The site has no host.", "Enter at least one, such as shop.example.").at("host")
    if len(hosts) > MOST_HOSTS:
        raise UserError(
            "A site can have at most %(most)s hosts.", "Add another site for the rest.", most=MOST_HOSTS
        ).at("host")
    for host in hosts:
        if not _HOST.match(host):
            raise UserError(
                "“%(value)s” is not a host name.",
                ("Leave out https:// and the path, for example shop.example."),
                value=host,
            ).at("host")


def checked_zone(zone: str) -> None:
    if zone not in available_timezones():
        raise UserError("“%(value)s” is not a time zone.", "Use a name such as Europe/Warsaw.", value=zone).at("zone")


def checked_currency(currency: str) -> None:
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise UserError("“%(value)s” is not a currency.", "Use a three-letter code such as EUR.", value=currency).at(
            "currency"
        )


def _checked_mode(mode: str) -> None:
    if mode not in MODES:
        raise UserError(
            "“%(value)s” is not a privacy mode.", "Choose one of %(choices)s.", value=mode, choices=", ".join(MODES)
        )


def checked_keep_days(days: int) -> None:
    if not 1 <= days <= 36500:
        raise UserError("Events can be kept for 1 to 36,500 days.", "Enter a number in this range.").at("keep_days")


def email_of(text: str) -> str | None:
    """The e-mail address that somebody typed, trimmed and in lower case; None when it is none.

    source   RFC 5321: at most 64 signs before the @ and 254 in all. Rarer forms (quoted, at a number) are refused, and
             so are signs that nobody sees.
    """
    address = text.strip().lower()
    return address if len(address) <= 254 and address.isprintable() and _EMAIL.fullmatch(address) else None


def checked_email(text: str) -> str:
    """The same, for whatever will be stored or written to: invitations, set-up, a provider's claims.

    raises   UserError when it is no address
    """
    if (email := email_of(text)) is None:
        shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:80])
        raise UserError(
            "“%(value)s” is not an e-mail address.", ("Use an address such as anna@shop.example."), value=shown
        ).at("email")
    return email


def checked_name(name: str) -> None:
    """Refuse a user's name that nobody could read.

    raises   UserError
    """
    if not name.strip():
        raise UserError("The name is missing.", "Enter the name your colleagues will see.").at("name")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise UserError(
            "The name has more than 100 characters, or contains invisible ones.",
            "Enter the name your colleagues will see.",
        ).at("name")


def checked_user(email: str, name: str, role: str) -> None:
    """Refuse a person who could not sign in.

    raises   UserError naming the field and what it takes
    """
    tell_together(partial(checked_email, email), partial(checked_name, name), partial(_checked_role, role))


def _checked_role(role: str) -> None:
    if role not in set(Role):
        raise UserError("“%(value)s” is not a role.", "Choose one of %(choices)s.", value=role, choices=", ".join(Role))


hand_in(
    {
        "MODES": {
            "cookieless": "Without cookies",
            "cookie": "First-party cookie",
            "consent": "Cookie after consent",
        },
        "MODES_SAID": {
            "cookieless": "without cookies",
            "cookie": "with a first-party cookie",
            "consent": "with a cookie after consent",
        },
    }
)
