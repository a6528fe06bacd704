"""E-mail by SMTP, encrypted unless the operator says otherwise."""

import smtplib
import ssl
from base64 import b64encode
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from tandem.base.config import Config
from tandem.base.errors import SourceError, UserError
from tandem.base.hosts import in_ascii
from tandem.delivery.model import DueMessage

TIMEOUT_S = 30.0
TLS = ("starttls", "implicit", "none")


class MessageRefused(SourceError):
    """The server will never take this message: trying again is of no use."""


def is_set(config: Config) -> bool:
    return bool(config.smtp_host)


def send(config: Config, waiting: DueMessage) -> None:
    """Send one message.

    raises   MessageRefused when the server refuses it for good; SourceError when it may work later
    """
    try:
        with _connected(config) as server:
            if config.smtp_user:
                _sign_in(server, config.smtp_user, config.smtp_password)
            server.send_message(written(config, waiting))
    except smtplib.SMTPResponseException as error:
        is_final = 500 <= error.smtp_code < 600 and not isinstance(error, smtplib.SMTPAuthenticationError)
        raise (MessageRefused if is_final else SourceError)("SMTP", _said(error.smtp_code)) from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise (MessageRefused if all(500 <= code < 600 for code in codes) else SourceError)(
            "SMTP", _said(codes[0])
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise SourceError(
            "SMTP", "offers no encryption, or no sign-in, such as the TANDEM_SMTP settings ask for"
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise SourceError("SMTP", f"does not respond ({type(error).__name__})") from error


def _connected(config: Config) -> smtplib.SMTP:
    host, port = config.smtp_host, config.smtp_port
    context = ssl.create_default_context(cafile=config.smtp_ca or None)
    if config.smtp_tls == "implicit":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    if config.smtp_tls == "starttls":
        server.starttls(context=context)  # raises where the server does not offer it: nothing goes out in the clear
    return server


def _sign_in(server: smtplib.SMTP, user: str, password: str) -> None:
    if (user + password).isascii():
        server.login(user, password)
        return
    server.ehlo_or_helo_if_needed()  # smtplib knows ASCII only; RFC 4616 says UTF-8
    code, said = server.docmd("AUTH", "PLAIN " + b64encode(f"\0{user}\0{password}".encode()).decode())
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said)


def _said(code: int) -> str:
    """Why a server says no, without its words: those may hold addresses."""
    return f"rejected the user name or password ({code})" if code in (530, 534, 535) else f"answered {code}"


def written(config: Config, waiting: DueMessage) -> EmailMessage:
    """The message as it goes out. The same one keeps its id, so a doubled delivery can be told.

    raises   MessageRefused when it has no sender, or an address or subject that no header may hold
    """
    name, sender = parseaddr(config.smtp_from)
    if "@" not in sender:
        raise MessageRefused("SMTP", "has no sender: set TANDEM_SMTP_FROM")
    try:
        return _letter(name, _on_the_wire(sender), waiting)
    except (ValueError, MessageError) as error:
        raise MessageRefused(
            "SMTP", "cannot be written: its address or subject contains characters not allowed in a header"
        ) from error


def _on_the_wire(address: str) -> str:
    """An address as every server takes it: its host in ASCII.

    raises   MessageRefused when the part before the @ is not
    """
    local, _, host = address.rpartition("@")
    if not local.isascii() or not (found := in_ascii(host)):
        raise MessageRefused("SMTP", "cannot be sent: an address has signs that e-mail servers do not take")
    return f"{local}@{found}"


def _letter(name: str, sender: str, waiting: DueMessage) -> EmailMessage:
    from email.headerregistry import Address  # a grammar of 3,000 lines, for whoever sends a letter

    letter = EmailMessage()
    letter["From"] = Address(name or "Tandem", addr_spec=sender)
    letter["To"] = Address(addr_spec=_on_the_wire(waiting.message.to))
    letter["Subject"] = waiting.message.subject
    letter["Date"] = format_datetime(waiting.made_at)
    letter["Message-ID"] = f"<tandem-{waiting.id}-{int(waiting.made_at.timestamp())}@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(waiting.message.text)
    return letter


def check(config: Config) -> None:
    """Raises UserError naming the setting of e-mail that does not fit."""
    if config.smtp_tls not in TLS:
        raise UserError(f"TANDEM_SMTP_TLS is “{config.smtp_tls}”.", f"Choose one of {', '.join(TLS)}.")
    if is_set(config) and "@" not in parseaddr(config.smtp_from)[1]:
        raise UserError(
            "TANDEM_SMTP_HOST is set, but TANDEM_SMTP_FROM is not.", "Set TANDEM_SMTP_FROM to one of your addresses."
        )
    if config.smtp_user and config.smtp_tls == "none":
        raise UserError("The SMTP password would be sent unencrypted.", "Set TANDEM_SMTP_TLS to starttls or implicit.")
