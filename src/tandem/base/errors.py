"""Errors that people read: what happened, and how to mend it."""

from collections.abc import Callable
from copy import copy

import msgspec

NO_JSON = (msgspec.DecodeError, RecursionError, ValueError)
"""What reading JSON raises where there is none, or none that can be read: bytes that are no UTF-8, nesting without end,
numbers of thousands of digits."""


class UserError(Exception):
    """Something the person can mend: one sentence of what happened and one of what to do.

    Shown on a page with a 4xx status, translated, and on the command line with exit code 2, as it is.

    values   what stands in the sentences for %(name)s, so that they can be translated whole
    others   what else is wrong in the same form, each at a field of its own
    """

    others: "tuple[UserError, ...]" = ()

    def __init__(self, what: str, hint: str = "", status: int = 400, **values: object) -> None:
        self.sentences = (what, hint)
        self.values = values
        self.what = what % values if values else what
        self.hint = hint % values if values else hint
        self.status = status
        self.field = ""
        super().__init__(self.what)

    def at(self, field: str) -> "UserError":
        """The same error, told at this field of a form."""
        self.field = field
        return self

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()


def tell_together(*checks: Callable[[], object]) -> None:
    """Make all checks of a form, so that whoever sent it learns of all its mistakes at once.

    raises   UserError: the first mistake, with the others beside it; at once what is no mistake in a field (not 400)
    """
    mistakes: list[UserError] = []
    for check in checks:
        try:
            check()
        except UserError as error:
            if error.status != 400:
                raise
            mistakes += [error, *error.others]
    if mistakes:
        first = copy(mistakes[0])  # some are made once and raised again and again
        first.others = tuple(mistakes[1:])
        raise first


class Busy(UserError):
    """Too much is going on at once; the same request may pass later."""

    def __init__(self, what: str, hint: str, retry_after_s: int, **values: object) -> None:
        super().__init__(what, hint, status=503, **values)
        self.retry_after_s = retry_after_s


class SignInInstead(UserError):
    """What was asked for is done or void: whoever did it, and lost the answer, signs in."""


class SourceError(Exception):
    """An outside system failed us; the job runner tries again with a growing wait."""

    def __init__(self, system: str, what: str) -> None:
        super().__init__(f"{system}: {what}")
        self.system = system
        self.what = what
