"""The signature by which a site's server proves who a browser is.

Told without it, a claim is a stranger's word. Signed is what the page tells, the site, the moment and, where there is a
cookie, the browser: so a signature is of no use for other words, on another site, later, or in another browser.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

TELLING = ("phone", "email", "login", "crm")
"""What may be told of a person, and is signed."""
FIRST_LINE = "tandem-identify-1"
VALID_S = 30 * 60
"""A page that was made half an hour ago has told by now who is signed in."""
AHEAD_S = 5 * 60
_is_digest = re.compile(r"[0-9a-fA-F]{64}").fullmatch


class Outcome(StrEnum):
    """What became of a claim as it came in; everything but the first two is kept as a hint only."""

    SIGNED = "signed"
    SERVER = "server"  # by the interface for servers, with a token
    UNSIGNED = "unsigned"
    WRONG = "wrong_signature"
    EXPIRED = "expired"
    REPLAYED = "replayed"
    NO_SECRET = "no_secret"


PROVED = frozenset({Outcome.SIGNED, Outcome.SERVER})


def text_of(site: str, at: int, browser: str, values: Mapping[str, str]) -> str:
    """What is signed: the site's key, the moment, the browser, and each claim in hex, so that no value can pose as two.

    at        seconds since 1970
    browser   the first 16 signs of the cookie `_tdm`, or empty where the server sees none
    """
    claims = [f"{name}={values[name].encode(errors='replace').hex()}" for name in sorted(values) if name in TELLING]
    return "\n".join([FIRST_LINE, site, str(at), browser, *claims])


def sign(secret: str, site: str, at: int, browser: str, claims: Mapping[str, str]) -> str:
    """HMAC-SHA256 as 64 hex digits; what a site's server does (docs/counter.md has it in PHP, Python and Node)."""
    return hmac.new(secret.encode(), text_of(site, at, browser, claims).encode(), hashlib.sha256).hexdigest()


def check(
    proof: str, at: int, now: int, site: str, browser: str, claims: Mapping[str, str], secrets: Sequence[str]
) -> Outcome:
    """What a proof proves. A signature that names no browser is good for any, but for one only: the loader sees to it.

    at, now   seconds since 1970, by the signer's clock and ours
    secrets   those of the site that are valid: more than one while a new one is being rolled out
    """
    if not proof:
        return Outcome.UNSIGNED
    if not secrets:
        return Outcome.NO_SECRET
    if not _is_digest(proof):
        return Outcome.WRONG
    browsers = {browser, ""}
    # All are compared, and each in constant time: how long it takes tells nothing of how near a guess was.
    matches = [
        hmac.compare_digest(sign(secret, site, at, one, claims), proof.lower())
        for secret in secrets
        for one in browsers
    ]
    if not any(matches):
        return Outcome.WRONG
    return Outcome.SIGNED if now - VALID_S <= at <= now + AHEAD_S else Outcome.EXPIRED
