"""Sign-in at an OpenID provider: authorization code with PKCE, nonce and state, and an ID token whose signature fits.

What a browser brings back is believed only if it fits what was sealed into its cookie when it left; the ID token only
if one of the provider's published keys signed it for us, now, with our nonce. Users are matched by an e-mail address
that the provider has verified.
"""

import hashlib
import hmac
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tandem.accounts.model import LONGEST_NAME, checked_email
from tandem.accounts.store.tries import TryLimit, take
from tandem.base import log
from tandem.base.errors import Busy, SourceError, UserError
from tandem.base.http import Http
from tandem.core.context import Context
from tandem.settings.provider import CALLBACK, HOLDS_S, Claims, is_safe

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures only: never “none”, and never HMAC, whose key would be what the provider publishes."""
FRESH_S, SKEW_S = 3600.0, 60
TIMEOUT_S, WITHIN_S, RESTS_S = 4.0, 8.0, 10.0
"""How long the provider may take for a piece of an answer, and for all that one step asks; and for how long it is left
alone after a failure."""
MOST_BYTES = 1 << 20
MOST_AT_ONCE = 4
"""How many people's codes are being exchanged at once: each holds a thread that passwords are checked in too."""
_log = log.get("oidc")


class Leaving(msgspec.Struct, frozen=True):
    """What the browser keeps, sealed, while it is at the provider."""

    state: str
    nonce: str
    verifier: str
    next_page: str
    leaves_until: float


class Provider(msgspec.Struct, frozen=True):
    """What a provider publishes about itself (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Published(NamedTuple):
    """What it publishes, and when that was read."""

    provider: Provider
    keys: KeySet
    read_at: float


class Client:
    """Speaks to the provider of one installation. Nobody waits for what another one asks it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._settings = ctx, ctx.config
        self._published: Published | None = None
        self._failure, self._rests_until = UserError(""), 0.0
        self._reading, self._exchanging = threading.BoundedSemaphore(1), threading.BoundedSemaphore(MOST_AT_ONCE)

    def leave(self, onward: str) -> tuple[str, str]:
        """The provider's address to send the browser to, and the sealed cookie that it needs when it comes back."""
        verifier = secrets.token_urlsafe(48)
        leaving = Leaving(secrets.token_urlsafe(24), secrets.token_urlsafe(24), verifier, onward, time.time() + HOLDS_S)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "client_id": self._settings.oidc_client, "redirect_uri": self._back,
            "scope": "openid email profile", "state": leaving.state, "nonce": leaving.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        address = self._known().provider.authorization_endpoint
        joint = "&" if urlsplit(address).query else "?"
        return f"{address}{joint}{urlencode(asked)}", self._ctx.vault.seal(msgspec.json.encode(leaving).decode())

    def come_back(self, cookie: str, query: dict[str, str]) -> tuple[Claims, str]:
        """Whom the provider vouches for, and the page to go on to.

        raises   UserError (401) when anything does not fit; the log says what
        """
        try:
            leaving = msgspec.json.decode(self._ctx.vault.open(cookie), type=Leaving)
        except (UserError, msgspec.DecodeError) as error:
            raise self._refusal("no_cookie") from error
        if leaving.leaves_until < time.time():
            raise self._refusal("too_late")
        if not hmac.compare_digest(leaving.state.encode(), query.get("state", "").encode()):
            raise self._refusal("other_state")
        with _turn(self._exchanging):
            return self._exchanged(leaving, query), leaving.next_page

    @property
    def _back(self) -> str:
        return self._settings.base_url + CALLBACK

    def _exchanged(self, leaving: Leaving, query: dict[str, str]) -> Claims:
        """What the provider says about whoever brought its answer; each state is good for one."""
        try:
            take(self._ctx.database, TryLimit(f"openid:{leaving.state}", 1, HOLDS_S + SKEW_S))
        except UserError as error:
            raise self._refusal("state_used") from error
        if query.get("iss", self._settings.oidc_issuer).rstrip("/") != self._settings.oidc_issuer.rstrip("/"):
            raise self._refusal("other_issuer")
        if "code" not in query:
            raise self._refusal("no_code")
        return self._claims(self._token(query["code"], leaving.verifier), leaving.nonce)

    def _token(self, code: str, verifier: str) -> str:
        """The ID token that the provider gives for a code."""
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._back, "code_verifier": verifier,
            "client_id": self._settings.oidc_client,
        }  # fmt: skip
        if self._settings.oidc_secret:
            form["client_secret"] = self._settings.oidc_secret
        endpoint = self._known().provider.token_endpoint
        with self._http() as http:
            answer = self._asked(http, "POST", endpoint, data=form)
        if not isinstance(token := answer.get("id_token"), str):
            raise self._refusal("no_id_token")
        return token

    def _claims(self, token: str, nonce: str) -> Claims:
        """What a token says, if its signature and all that it must say fit."""
        provider = self._known().provider
        checks = jwt.JWTClaimsRegistry(
            leeway=SKEW_S, iss={"essential": True, "value": provider.issuer},
            aud={"essential": True, "value": self._settings.oidc_client}, exp={"essential": True},
            iat={"essential": True}, sub={"essential": True}, nonce={"essential": True, "value": nonce},
        )  # fmt: skip
        try:
            claims = self._decoded(token).claims
            checks.validate(claims)
        except (JoseError, ValueError) as error:
            raise self._refusal("token", type(error).__name__) from error
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._settings.oidc_client:
            raise self._refusal("other_party")
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise UserError(
                "The provider has not verified your e-mail address.", "Verify it there, then sign in again.", status=401
            )
        return Claims(checked_email(email), _name(claims.get("name")) or email.partition("@")[0])

    def _decoded(self, token: str) -> jwt.Token:
        """The token, if a key that the provider publishes signed it; its keys are read anew once, for they change."""
        try:
            return jwt.decode(token, self._known().keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            if time.monotonic() - self._known().read_at < SKEW_S / 2:
                raise
            return jwt.decode(token, self._known(is_stale=True).keys, algorithms=ALGORITHMS)

    def _known(self, is_stale: bool = False) -> Published:
        """What the provider publishes, read once an hour, by one at a time; a failure holds for some seconds.

        raises   Busy while another one reads it, where what was read before is of no use
        """
        known = self._published
        if known is not None and not is_stale and time.monotonic() - known.read_at < FRESH_S:
            return known
        if time.monotonic() < self._rests_until:
            raise self._failure.with_traceback(None)
        try:
            with _turn(self._reading):
                self._published = self._read()
        except Busy:
            if known is None or is_stale:
                raise
            return known
        except UserError as error:
            self._failure, self._rests_until = error, time.monotonic() + RESTS_S
            raise
        return self._published

    def _read(self) -> Published:
        issuer = self._settings.oidc_issuer.rstrip("/")
        with self._http() as http:
            found = self._asked(http, "GET", f"{issuer}/.well-known/openid-configuration")
            try:
                provider = msgspec.convert(found, Provider)
                if provider.issuer.rstrip("/") != issuer or not all(map(is_safe, msgspec.structs.astuple(provider))):
                    raise self._refusal("other_provider")
                keys = KeySet.import_key_set(self._asked(http, "GET", provider.jwks_uri))  # type: ignore[arg-type]
            except (msgspec.ValidationError, JoseError, ValueError, KeyError, TypeError) as error:
                raise self._refusal("unreadable", type(error).__name__) from error
        return Published(provider, keys, time.monotonic())

    def _http(self) -> AbstractContextManager[Http]:
        http = Http(
            "OpenID", "", per_second=1000, allowed=self._settings.reach, timeout_s=TIMEOUT_S, tries=1,
            most_bytes=MOST_BYTES,
        )  # fmt: skip
        return http.within(WITHIN_S)

    def _asked(self, http: Http, method: str, url: str, **options: Any) -> dict[str, Any]:
        try:
            found = http.request(method, url, **options).json()
        except SourceError as error:
            raise self._refusal("no_answer", error.what.partition(";")[0]) from error
        except (httpx.InvalidURL, ValueError, RecursionError) as error:
            raise self._refusal("no_answer", type(error).__name__) from error
        if not isinstance(found, dict):
            raise self._refusal("no_object")
        return found

    @staticmethod
    def _refusal(why: str, detail: str = "") -> UserError:
        _log.warning("oidc.refused", why=why, detail=detail)
        return UserError("Single sign-on failed.", "Start again. If it fails again, see the server log.", 401)


@contextmanager
def _turn(places: threading.BoundedSemaphore) -> Iterator[None]:
    """One of a few places, for those who find one free.

    raises   Busy at once for all others
    """
    if not places.acquire(blocking=False):
        raise Busy(
            "Others are signing in at the provider at this moment.", "Try again in a few seconds.", retry_after_s=5
        )
    try:
        yield
    finally:
        places.release()


def _name(claim: object) -> str:
    """A provider's name of somebody, as far as it can be read."""
    return "".join(sign for sign in str(claim or "") if sign.isprintable())[:LONGEST_NAME].strip()
