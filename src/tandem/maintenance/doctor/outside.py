"""Outside systems: the key to their credentials, connections and messages to users."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from tandem.base import vault
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.http import may_reach
from tandem.base.texts import quantity
from tandem.base.vault import Vault
from tandem.connections import store as connections
from tandem.connections.store import UnreadableConnection
from tandem.delivery import smtp
from tandem.delivery import store as outbox
from tandem.maintenance.doctor.finding import (
    OK,
    PROBLEM,
    WARNING,
    Check,
    DoctorFinding,
    Installation,
    lacks_newest_records,
    sites,
)
from tandem.people import store as people
from tandem.people.store.signing import unreadable_secrets
from tandem.settings import provider

CLOSED = "cannot be decrypted with the key of this installation"
SET_AGAIN = "Set the key again that encrypted it (the file “key” in the data folder, or TANDEM_KEY)"


def _key(installation: Installation) -> Iterator[DoctorFinding]:
    """Whether what was sealed can still be opened: a folder that was copied without its key is found out here."""
    if lacks_newest_records(installation):
        return
    assert installation.database is not None
    sealed_texts = [*connections.any_sealed(installation.database), *people.any_sealed(installation.database)]
    given, file = installation.settings.key, installation.settings.folder / vault.FILE
    if not given and not file.exists():
        if sealed_texts:
            cure = f"Restore {file}, or set TANDEM_KEY. Every backup contains the key."
            yield DoctorFinding(
                "key", PROBLEM, "The key that credentials and personal data were encrypted with is missing.", cure
            )
        return
    try:
        key = vault.open_vault(installation.settings.folder, given)
    except UserError as error:
        yield DoctorFinding("key", PROBLEM, error.what, error.hint)
        return
    problems = list(_unreadable(installation, installation.database, key))
    yield from problems or [DoctorFinding("key", OK, "Encrypted values can be decrypted.")]


def _unreadable(installation: Installation, database: Database, key: Vault) -> Iterator[DoctorFinding]:
    """What was sealed with another key. It stops nothing else, so nobody would see it but here and on its page."""
    for one in connections.unreadable(database, key):
        yield from _unreadable_connection(one)
    by_id = {site.id: site.key for site in sites(installation)}
    for site, count in sorted(unreadable_secrets(database, key).items()):
        text = (
            f"Signing secrets of the site {by_id.get(site, site)} that {CLOSED}: {count}. What they sign is not proved."
        )
        cure = f"{SET_AGAIN}, or revoke them on the page “Verify signed-in visitors” and give a new one to your server."
        yield DoctorFinding("key", PROBLEM, text, cure)
    if any(key.try_open(text) is None for text in people.any_sealed(database)):
        text = f"There are phones and e-mails of people that {CLOSED}."
        cure = f"{SET_AGAIN}. With another key an erasure does not find these people."
        yield DoctorFinding("key", PROBLEM, text, cure)


def _unreadable_connection(connection: UnreadableConnection) -> Iterator[DoctorFinding]:
    if connection.has_credentials:
        text = f"“{connection.name}” has credentials that {CLOSED}."
        cure = f"{SET_AGAIN}, or enter the credentials again on the Connections page, or remove the connection there."
        yield DoctorFinding("key", PROBLEM, text, cure)
    if connection.deliveries:
        text = (
            f"“{connection.name}” has waiting webhooks that {CLOSED}: {connection.deliveries}. An erasure leaves them."
        )
        cure = (
            f"{SET_AGAIN}. Without that key they cannot be processed: remove the connection to delete them, or wait. "
            "They are deleted 97 days after they came."
        )
        yield DoctorFinding("key", PROBLEM, text, cure)


def _connections(installation: Installation) -> Iterator[DoctorFinding]:
    if lacks_newest_records(installation):
        return
    assert installation.database is not None
    problems = connections.problems(installation.database)
    for name, problem in problems:
        if problem:
            cure = "See the Connections page. The connection is retried automatically."
            yield DoctorFinding("connections", WARNING, f"“{name}”: {problem}", cure)
    if problems and not any(problem for _, problem in problems):
        yield DoctorFinding("connections", OK, f"{len(problems)} outside systems. All of them respond.")


def _provider(installation: Installation) -> Iterator[DoctorFinding]:
    """Whether the OpenID provider may be called; whether it answers, whoever signs in is told."""
    config = installation.settings
    try:
        provider.check(config)
        if host := urlsplit(config.oidc_issuer).hostname:
            may_reach(host, 443, config.reach)
    except UserError as error:
        yield DoctorFinding("settings", PROBLEM, error.what, error.hint)
    except OSError:
        yield DoctorFinding(
            "settings", WARNING, f"Nobody knows the host {host} of TANDEM_OIDC_ISSUER.", "Mend its name."
        )


def _outbox(installation: Installation) -> Iterator[DoctorFinding]:
    try:
        smtp.check(installation.settings)
    except UserError as error:
        yield DoctorFinding("settings", PROBLEM, error.what, error.hint)
    if installation.database is None or lacks_newest_records(installation):
        return
    state = outbox.state(installation.database)
    if state.dead:
        text = (
            f"Not sent in the last 30 days: {quantity(state.dead, 'message')} to users. Last problem: {state.problem}"
        )
        yield DoctorFinding(
            "outbox", WARNING, text, "Correct the TANDEM_SMTP settings, then send invitations or links again."
        )
    elif state.waiting and state.problem:
        text = f"Waiting: {quantity(state.waiting, 'message')} to users. Last problem: {state.problem}"
        yield DoctorFinding(
            "outbox", WARNING, text, "Check the TANDEM_SMTP settings. Messages are retried automatically."
        )
    elif smtp.is_set(installation.settings):
        yield DoctorFinding("outbox", OK, f"Waiting to be sent: {quantity(state.waiting, 'message')} to users.")
    else:
        yield DoctorFinding("outbox", OK, "No e-mail is sent: TANDEM_SMTP_HOST is not set.")


CHECKS: tuple[Check, ...] = (_key, _connections, _provider, _outbox)
