"""Sign-in at an OpenID provider: a local one that signs with a real key, and what an attacker would make of it."""

import hashlib
import hmac
import json
import socket
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tandem.accounts import store
from tandem.accounts.model import Site
from tandem.base.config import Config
from tandem.base.errors import Busy, UserError
from tandem.core.context import Context
from tandem.settings import oidc
from tandem.settings.provider import check
from tests.settings.conftest import PASSWORD, Browser, acts

Open = Callable[..., Browser]
CLIENT, SECRET = "tandem", "known to two"


class Provider:
    """A provider whose tokens a test may spoil: `spoil` changes claims, `sign` the way they are signed."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.issued: dict[str, dict[str, str]] = {}
        self.spoil: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.published: dict[str, Any] = {}
        self.is_awake = threading.Event()
        self.is_awake.set()
        self.is_dripping = False
        self.asked = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)

    def authorize(self, address: str) -> dict[str, str]:
        """What the browser brings back from the provider's page."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        code = f"code-{len(self.issued)}"
        self.issued[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self.issued.pop(form["code"], None)
        digest = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        is_fine = asked and asked["code_challenge"] == digest and asked["redirect_uri"] == form["redirect_uri"]
        if asked is None or not is_fine or (form["client_id"], form["client_secret"]) != (CLIENT, SECRET):
            return None
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "email": "ola@fern.example", "email_verified": True, "name": "Ola",
        }  # fmt: skip
        claims |= self.spoil
        return {"id_token": self.sign({k: v for k, v in claims.items() if v is not None}), "token_type": "Bearer"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                provider.is_awake.wait(10)
                if self.path == "/keys":
                    return self.answer({"keys": [provider.key.as_dict(private=False)], **provider.published})
                url = provider.url
                known = {"issuer": url, "authorization_endpoint": f"{url}/authorize", "token_endpoint": f"{url}/token"}
                return self.answer({**known, "jwks_uri": f"{url}/keys", **provider.published})

            def do_POST(self) -> None:
                provider.is_awake.wait(10)
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                found = provider.token({name: values[0] for name, values in parse_qs(body).items()})
                self.answer(found or {"error": "invalid_grant"}, 200 if found else 400)

            def answer(self, found: dict[str, Any], status: int = 200) -> None:
                self.send_response(status)
                for _ in range(60 if provider.is_dripping else 0):
                    self.wfile.write(b"x-a: b\r\n")
                    time.sleep(0.05)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def provider(ctx: Context, site: Site) -> Iterator[Provider]:
    made = Provider()
    ctx.config = msgspec.structs.replace(
        ctx.config, oidc_issuer=made.url, oidc_client=CLIENT, oidc_secret=SECRET, oidc_name="Fern ID",
        url="http://testserver.local", reach="127.0.0.1",
    )  # fmt: skip
    yield made
    made.server.shutdown()


def signed_in_at(provider: Provider, browser: Browser, onward: str = "/", **more: str) -> Any:
    """The whole way: to the provider, and back with what it gave."""
    away = browser.get("/sign-in/openid", params={"next": onward})
    assert away.status_code == 303, away.text
    back = {**provider.authorize(away.headers["location"]), **more}
    return browser.get("/sign-in/openid/back", params={k: v for k, v in back.items() if v})


def test_a_user_signs_in_at_the_provider(ctx: Context, provider: Provider, open_browser: Open) -> None:
    browser = open_browser()
    assert "Sign in with Fern ID" in browser.get("/sign-in").text
    answer = signed_in_at(provider, browser, "/goals")
    assert (answer.status_code, answer.headers["location"]) == (303, "/goals")
    assert browser.is_in
    entry = store.audit_log(ctx.database, 1)[0]
    assert (entry.act, entry.person, entry.detail) == ("people.signed_in", "Ola", {"way": "openid"})
    assert signed_in_at(provider, open_browser(), "https://evil.example").headers["location"] == "/"


def packed(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return f"{packed({'alg': 'none'})}.{packed(claims)}."


def with_another_key(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))


@pytest.mark.parametrize(
    "spoil",
    [
        {"nonce": "another"}, {"nonce": None}, {"aud": "another client"}, {"aud": None},
        {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "https://evil.example"}, {"iss": None}, {"exp": 1}, {"exp": None},
        {"iat": 4_000_000_000}, {"sub": None},
        {"email_verified": False}, {"email_verified": "true"}, {"email_verified": None}, {"email": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_does_not_fit_signs_nobody_in(
    provider: Provider, open_browser: Open, spoil: dict[str, Any]
) -> None:
    provider.spoil = spoil
    browser = open_browser()
    assert signed_in_at(provider, browser).status_code == 401
    assert not browser.is_in


@pytest.mark.parametrize("sign", [unsigned, with_another_key, lambda claims: "nonsense"], ids=["none", "key", "text"])
def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(
    provider: Provider, open_browser: Open, sign: Any
) -> None:
    provider.sign = sign
    browser = open_browser()
    assert signed_in_at(provider, browser).status_code == 401 and not browser.is_in


def test_the_published_key_is_no_password_for_signing(provider: Provider, open_browser: Open) -> None:
    public = provider.key.as_pem(private=False)

    def sign(claims: dict[str, Any]) -> str:
        head = ".".join(packed(part) for part in ({"alg": "HS256", "kid": "one"}, claims))
        mark = hmac.new(public, head.encode(), hashlib.sha256).digest()
        return f"{head}.{urlsafe_b64encode(mark).decode().rstrip('=')}"

    provider.sign = sign
    assert signed_in_at(provider, open_browser()).status_code == 401


def test_a_code_for_two_parties_needs_ours_to_be_the_one_it_was_given_to(
    provider: Provider, open_browser: Open
) -> None:
    provider.spoil = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert signed_in_at(provider, open_browser()).status_code == 303


def test_what_was_begun_in_one_browser_is_not_ended_in_another_and_never_twice(
    provider: Provider, open_browser: Open
) -> None:
    mine, victim = open_browser(), open_browser()
    back = provider.authorize(mine.get("/sign-in/openid").headers["location"])
    assert victim.get("/sign-in/openid/back", params=back).status_code == 401, "no cookie"
    victim.get("/sign-in/openid")
    assert victim.get("/sign-in/openid/back", params=back).status_code == 401, "another state"
    kept, asked = str(mine.client.cookies.get("tandem_openid")), provider.issued[back["code"]]
    assert mine.get("/sign-in/openid/back", params=back).status_code == 303
    again = open_browser()
    again.client.cookies.set("tandem_openid", kept, path="/sign-in/openid")
    provider.issued["second"] = asked
    second = again.get("/sign-in/openid/back", params={**back, "code": "second"})
    assert second.status_code == 401 and "second" in provider.issued, "the state was used: nothing is asked for it"
    assert not victim.is_in and not again.is_in


@pytest.mark.parametrize(
    "more", [{"state": "another"}, {"state": ""}, {"code": ""}, {"code": "made up"}, {"iss": "https://evil.example"}]
)
def test_an_answer_that_does_not_fit_signs_nobody_in(
    provider: Provider, open_browser: Open, more: dict[str, str]
) -> None:
    assert signed_in_at(provider, open_browser(), **more).status_code == 401


def test_whom_tandem_does_not_know_is_refused_unless_there_is_a_role_for_them(
    ctx: Context, provider: Provider, open_browser: Open
) -> None:
    provider.spoil = {"email": "New@Fern.example", "name": "Nowa"}
    assert signed_in_at(provider, open_browser()).status_code == 403
    assert store.user_by_email(ctx.database, "new@fern.example") is None
    ctx.config = msgspec.structs.replace(ctx.config, oidc_role="viewer")
    assert signed_in_at(provider, open_browser()).status_code == 303
    made = store.user_by_email(ctx.database, "new@fern.example")
    assert made is not None and (made.role, made.name, made.has_password) == ("viewer", "Nowa", False)
    store.change_user(ctx.database, made, is_active=False)
    assert signed_in_at(provider, open_browser()).status_code == 403, "who lost access does not come back this way"


def test_the_second_factor_of_tandem_is_asked_here_too(ctx: Context, provider: Provider, open_browser: Open) -> None:
    from tandem.settings import two_factor

    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    secret = two_factor.new_secret()
    two_factor.switch_on(ctx, ola, secret, two_factor.code_at(secret, int(time.time()) // 30))
    browser = open_browser()
    assert signed_in_at(provider, browser).headers["location"] == "/sign-in/code"
    assert not browser.is_in


def test_a_provider_that_changes_its_keys_is_followed(
    provider: Provider, open_browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = open_browser()
    assert signed_in_at(provider, browser).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, provider.key)
    later = time.monotonic() + 60
    monkeypatch.setattr(oidc.time, "monotonic", lambda: later)
    assert signed_in_at(provider, open_browser()).status_code == 303


@pytest.mark.parametrize(
    "published",
    [
        {"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"},
        {"x": "y" * (2 << 20)}, {"jwks_uri": "https://[x"}, {"jwks_uri": "https://a b/"},
        {"keys": 5}, {"keys": [{"kty": ["RSA"]}]},
    ],
    ids=["another", "no https", "2 MB", "no address", "no host", "no keys", "no key"],
)  # fmt: skip
def test_a_provider_that_does_not_fit_is_not_believed(
    provider: Provider, open_browser: Open, published: dict[str, Any]
) -> None:
    provider.published = published
    assert open_browser().get("/sign-in/openid").status_code == 401


@pytest.fixture
def silence(ctx: Context, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A provider that takes connections and says nothing; gives those it took."""
    monkeypatch.setattr(oidc, "TIMEOUT_S", 0.5)
    taken: list[Any] = []
    server = socket.create_server(("127.0.0.1", 0))

    def take() -> None:
        while True:
            try:
                taken.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=take, daemon=True).start()
    ctx.config = msgspec.structs.replace(ctx.config, oidc_issuer=f"http://127.0.0.1:{server.getsockname()[1]}")
    yield taken
    server.close()


def outcome(act: Callable[[], Any]) -> int:
    try:
        act()
    except UserError as error:
        return error.status
    return 200


def test_a_silent_provider_holds_one_thread_and_is_left_alone_for_a_while(
    ctx: Context, silence: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = oidc.Client(ctx)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        said = sorted(pool.map(lambda _: outcome(lambda: client.leave("/")), range(8)))
    assert said == [401] + [503] * 7, "one waits for it, the others are told to try again"
    assert [outcome(lambda: client.leave("/")) for _ in range(8)] == [401] * 8
    assert time.monotonic() - began < 2 and len(silence) == 1
    later = time.monotonic() + oidc.RESTS_S + 1
    monkeypatch.setattr(oidc.time, "monotonic", lambda: later)
    assert outcome(lambda: client.leave("/")) == 401 and len(silence) == 2


def test_a_provider_that_drips_is_cut_off(ctx: Context, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "WITHIN_S", 0.3)
    provider.is_dripping = True
    began = time.monotonic()
    assert outcome(lambda: oidc.Client(ctx).leave("/")) == 401
    assert time.monotonic() - began < 2


def test_while_one_reads_anew_the_others_use_what_was_read_before(
    ctx: Context, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = oidc.Client(ctx)
    client.leave("/")
    later = time.monotonic() + oidc.FRESH_S + 1
    monkeypatch.setattr(oidc.time, "monotonic", lambda: later)
    provider.is_awake.clear()
    with ThreadPoolExecutor(1) as pool:
        asked, reader = provider.asked, pool.submit(client.leave, "/")
        while provider.asked == asked:
            time.sleep(0.01)
        assert client.leave("/")[0].startswith(provider.url) and not reader.done()
        provider.is_awake.set()
        assert reader.result()[0].startswith(provider.url)


def test_a_provider_that_is_slow_with_its_tokens_holds_a_few_threads(ctx: Context, provider: Provider) -> None:
    client = oidc.Client(ctx)
    left = [client.leave("/") for _ in range(oidc.MOST_AT_ONCE + 1)]
    backs = [lambda a=address, c=cookie: client.come_back(c, provider.authorize(a)) for address, cookie in left]
    provider.is_awake.clear()
    with ThreadPoolExecutor(oidc.MOST_AT_ONCE) as pool:
        waiting = [pool.submit(back) for back in backs[:-1]]
        while len(provider.issued) < oidc.MOST_AT_ONCE:
            time.sleep(0.01)
        time.sleep(0.1)
        with pytest.raises(Busy):
            backs[-1]()
        provider.is_awake.set()
        assert {claims.email for claims, _ in (one.result() for one in waiting)} == {"ola@fern.example"}
    assert backs[-1]()[0].email == "ola@fern.example", "whoever was sent away has used up nothing"


def test_a_sender_leaves_for_the_provider_so_often_and_who_signs_in_uses_up_nothing(
    provider: Provider, open_browser: Open
) -> None:
    for _ in range(2):
        assert signed_in_at(provider, open_browser()).status_code == 303
    browser = open_browser()
    assert [browser.get("/sign-in/openid").status_code for _ in range(41)] == [303] * 40 + [429]


def test_a_provider_in_a_private_network_is_asked_where_the_operator_allows_it(
    ctx: Context, provider: Provider
) -> None:
    ctx.config = msgspec.structs.replace(ctx.config, reach="10.0.0.0/8")
    with pytest.raises(UserError, match="TANDEM_REACH"):
        oidc.Client(ctx).leave("/")


def test_without_a_provider_there_is_no_such_way(ctx: Context, open_browser: Open) -> None:
    assert open_browser().get("/sign-in/openid").status_code == 404
    assert open_browser().sign_in(password=PASSWORD).status_code == 303
    assert ("people.signed_in", "Ola") in acts(ctx)


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "http://login.fern.example", "oidc_client": "x"},
        {"oidc_issuer": "https://login.fern.example"},
        {"oidc_issuer": "https://login.fern.example", "oidc_client": "x", "oidc_role": "boss"},
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_told_at_start(wrong: dict[str, str]) -> None:
    with pytest.raises(UserError):
        check(Config(**wrong))  # type: ignore[arg-type]
