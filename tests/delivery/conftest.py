"""A real SMTP server on this machine, with a certificate of its own."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import free_port


class Post:
    """Takes messages in; `answers` are given first, one a message."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.was_encrypted: list[bool] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answers:
            return self.answers.pop(0)
        self.was_encrypted.append(session.ssl is not None)
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 taken"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 and localhost."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "smtp.key", folder / "smtp.pem"
    paths[0].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    paths[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return paths


@pytest.fixture
def post_office(tmp_path: Path) -> Iterator[Callable[..., tuple[Post, dict[str, Any]]]]:
    """Opens an SMTP server; gives what it took, and the settings that reach it."""
    opened: list[Controller] = []

    def open_one(tls: str = "starttls", user: str = "", password: str = "right") -> tuple[Post, dict[str, Any]]:
        post, port = Post(), free_port()
        key, cert = certificate(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)

        def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            is_right = isinstance(data, LoginPassword) and data == LoginPassword(user.encode(), password.encode())
            return AuthResult(success=is_right, handled=is_right)

        more: dict[str, Any] = {"ssl_context": context} if tls == "implicit" else {}
        if tls == "starttls":
            more = {"tls_context": context, "require_starttls": True}
        if user:
            more |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": tls == "starttls"}
        controller = Controller(post, hostname="localhost", port=port, **more)
        controller.start()
        opened.append(controller)
        return post, {
            "smtp_host": "localhost", "smtp_port": port, "smtp_tls": tls, "smtp_from": "Tandem <tandem@fern.example>",
            "smtp_ca": str(cert), "smtp_user": user, "smtp_password": password if user else "",
        }  # fmt: skip

    yield open_one
    for controller in opened:
        controller.stop()
