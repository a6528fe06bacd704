"""What is written to users, in their language."""

from datetime import timedelta

from tandem.accounts.model import User
from tandem.base import translations
from tandem.core.context import Context
from tandem.delivery import smtp, store
from tandem.delivery.model import Message

LETTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "invite": (
        "You are invited to Tandem",
        (
            "%(by)s has invited you to the Tandem of %(company)s.",
            "Choose your password here:",
            "%(link)s",
            "The link works once, for seven days.",
        ),
    ),
    "reset": (
        "New password for Tandem",
        (
            "Somebody asked for a new password for your account.",
            "Choose one here:",
            "%(link)s",
            "The link works once, for one hour. If this was not you, do nothing: your password stays as it is.",
        ),
    ),
    "password": (
        "Your Tandem password has been changed",
        (
            "The password of your account has been changed.",
            ("If this was not you, tell an admin of your workspace at once."),
        ),
    ),
    "two_factor_on": (
        "Two-factor sign-in is on",
        (
            "From now on, Tandem asks for a code from your app when you sign in.",
            "If this was not you, tell an admin of your workspace at once.",
        ),
    ),
    "two_factor_off": (
        "Two-factor sign-in is off",
        (
            "Tandem no longer asks for a code when you sign in.",
            "If this was not you, tell an admin of your workspace at once.",
        ),
    ),
    "sign_in": (
        "New sign-in to Tandem",
        (
            "Somebody signed in to your account on a new device: %(agent)s.",
            "If this was not you, change your password and end all other sessions under My account:",
            "%(link)s",
        ),
    ),
}
"""kind -> subject and paragraphs; a test holds their translations to be complete."""


def letter(user: User, kind: str, **values: str) -> Message:
    """The message of one kind to one user."""
    gettext = translations.translations(user.language).gettext
    subject, paragraphs = LETTERS[kind]
    lines = [gettext(paragraph) % values if values else gettext(paragraph) for paragraph in paragraphs if paragraph]
    greeting = gettext("Hello %(name)s,") % {"name": user.name}
    return Message(to=user.email, subject=gettext(subject), text="\n\n".join([greeting, *lines, "Tandem"]))


def send(ctx: Context, user: User, kind: str, holds: timedelta = timedelta(days=1), **values: str) -> None:
    """Put a letter into the outbox, where this installation can send e-mail at all."""
    if smtp.is_set(ctx.config):
        store.put(ctx, user, kind, letter(user, kind, **values), holds)
