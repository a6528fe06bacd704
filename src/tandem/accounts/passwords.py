"""Passwords: what may be one (after NIST SP 800-63B), and hashing that cannot be made to exhaust the memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from tandem.base.errors import UserError

SHORTEST, LONGEST = 10, 500
AT_ONCE, MOST_WAITING = 4, 16
"""Each hash takes 64 MB while it is computed: 256 MB in all, and a short queue before it."""

_hasher = PasswordHasher()
_turns = threading.Semaphore(AT_ONCE)
_room = threading.Semaphore(AT_ONCE + MOST_WAITING)


def check(password: str, *about: str) -> None:
    """Refuse a password that others would guess. Length counts, composition does not.

    about    words that belong to the user: e-mail, name, company
    raises   UserError saying what to do instead
    """
    if len(password) < SHORTEST:
        raise UserError("The password is too short.", ("Use at least 10 characters. A few words work best.")).at(
            "password"
        )
    if len(password) > LONGEST:
        raise UserError("The password is too long.", "Use 500 characters or fewer.").at("password")
    plain = password.casefold().strip()
    words = {part for text in about for part in (text.casefold().strip(), text.casefold().partition("@")[0])}
    if plain in _commonest() or plain in words or _is_one_piece_again_and_again(plain):
        raise UserError(
            "This password is too easy to guess.", ("Use a few words that only you would put together.")
        ).at("password")


def hashed(password: str) -> str:
    """What is stored of a password (Argon2id).

    raises   UserError (503) when too many are being computed
    """
    with _turn():
        return _hasher.hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Whether this is the password; takes as long when nothing is stored.

    raises   UserError (503) when too many are being computed
    """
    with _turn():
        try:
            return _hasher.verify(stored or _nobodys(), password) and bool(stored)
        except (VerifyMismatchError, InvalidHashError):
            return False


@lru_cache(maxsize=1)
def _nobodys() -> str:
    """Checked when the address is unknown, so that the answer takes as long as for a known one."""
    return _hasher.hash("nobody has this password")


@contextmanager
def _turn() -> Iterator[None]:
    if not _room.acquire(blocking=False):
        raise UserError("Too many people are signing in right now.", "Try again in a few seconds.", status=503)
    try:
        with _turns:
            yield
    finally:
        _room.release()


def _is_one_piece_again_and_again(text: str) -> bool:
    """aaaaaaaaaa, 1212121212, abcabcabcabc: at most four signs, repeated."""
    return any(text == (text[:n] * len(text))[: len(text)] for n in range(1, 5))


@lru_cache
def _commonest() -> frozenset[str]:
    lines = (Path(__file__).parent / "common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line and not line.startswith("#"))
