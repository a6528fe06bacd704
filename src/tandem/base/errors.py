"""Errors that people read: what happened, and how to mend it."""


class UserError(Exception):
    """Something the person can mend: one sentence of what happened and one of what to do.

    Shown as it is: on a page with a 4xx status, on the command line with exit code 2.
    """

    def __init__(self, what: str, hint: str = "", status: int = 400) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.status = status

    def __str__(self) -> str:
        return f"{self.what} {self.hint}".strip()


class SourceError(Exception):
    """An outside system failed us; the job runner tries again with a growing wait."""

    def __init__(self, system: str, what: str) -> None:
        super().__init__(f"{system}: {what}")
        self.system = system
        self.what = what
