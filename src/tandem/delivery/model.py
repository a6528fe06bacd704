"""A message, where it stands, and which kinds a user may switch off."""

from datetime import datetime, timedelta

import msgspec

EMAIL = "email"
MOST_TRIES = 10
LONGEST_WAIT = timedelta(hours=2)
KINDS: dict[str, str] = {"sign_in": "Somebody signs in to my account on a new device"}
"""Kinds of messages that a user may switch off, and how the page calls them. All others are always sent."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: plain text to one address."""

    to: str
    subject: str
    text: str


class DueMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message whose turn has come."""

    id: int
    channel: str
    kind: str
    message: Message
    made_at: datetime
    expires_at: datetime
    tries: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How the outbox is doing."""

    waiting: int
    dead: int
    problem: str


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many tries that failed: 15 s, 30 s, 1 min … at most two hours."""
    return min(LONGEST_WAIT, timedelta(seconds=15 * 2 ** min(tries - 1, 12)))
