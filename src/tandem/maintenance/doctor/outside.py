"""Outside systems: the key to their credentials, connections and messages to users."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from tandem.base import vault
from tandem.base.errors import UserError
from tandem.base.http import may_reach
from tandem.connections import store as connections
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
)
from tandem.people import store as people
from tandem.settings import provider


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
        for text in sealed_texts:
            key.open(text)
        yield DoctorFinding("key", OK, "Encrypted values can be decrypted.")
    except UserError as error:
        yield DoctorFinding("key", PROBLEM, error.what, error.hint)


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
        text = f"{state.dead} messages to users could not be sent in the last 30 days. Last problem: {state.problem}"
        yield DoctorFinding(
            "outbox", WARNING, text, "Correct the TANDEM_SMTP settings, then send invitations or links again."
        )
    elif state.waiting and state.problem:
        text = f"{state.waiting} messages to users are waiting. Last problem: {state.problem}"
        yield DoctorFinding(
            "outbox", WARNING, text, "Check the TANDEM_SMTP settings. Messages are retried automatically."
        )
    elif smtp.is_set(installation.settings):
        yield DoctorFinding("outbox", OK, f"{state.waiting} messages to users are waiting to be sent.")
    else:
        yield DoctorFinding("outbox", OK, "No e-mail is sent: TANDEM_SMTP_HOST is not set.")


CHECKS: tuple[Check, ...] = (_key, _connections, _provider, _outbox)
