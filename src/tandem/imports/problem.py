"""What is wrong in a file or a load: where, in words that pages translate, and how to mend it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tandem.base.errors import UserError

Wording = Mapping[str, tuple[str, str]]
"""What is wrong and how to mend it, by a code; %(name)s stands for values."""
LONGEST_VALUE: Final = 120


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, and where.

    line          of the file; 0: of the whole file
    what, cure    texts with %(name)s for values; pages translate them
    code          tells one kind from another where a program must; empty where none does
    """

    what: str = ""
    cure: str = ""
    line: int = 0
    values: dict[str, str] = {}
    code: str = ""

    def said(self, file: str) -> str:
        """As one line of text, in English: for the command line and logs."""
        place = f"{file}, line {self.line}" if self.line else file
        return f"{place}: {self.what % self.values} {self.cure % self.values}".strip()

    @property
    def error(self) -> UserError:
        """The same for somebody who asked for the file at once."""
        return UserError(self.what, self.cure, 400, **self.values)


def problem_of(wording: Wording, code: str, line: int = 0, **values: Any) -> Problem:
    """A problem of a kind that has its words in a table."""
    what, cure = wording[code]
    texts = {name: str(value)[:LONGEST_VALUE] for name, value in values.items()}
    return Problem(what=what, cure=cure, line=line, values=texts, code=code)


def from_error(error: UserError, line: int = 0) -> Problem:
    """The problem that an error tells of."""
    what, cure = error.sentences
    return Problem(what=what, cure=cure, line=line, values={name: str(value) for name, value in error.values.items()})


def from_fault(error: Exception) -> Problem:
    """The problem of a file that broke us: what is wrong with it stands in the log."""
    return Problem(
        what="The file could not be stored (%(error)s).", cure=(
            "This is a bug in Tandem. See the server log for details."
        ),
        values={"error": type(error).__name__},
    )  # fmt: skip


def stopped_at(line: int) -> Problem:
    """That a file has so many problems that what follows this line was not read."""
    return Problem(
        what=sentence("Reading stopped here because there are too many problems."),
        cure=sentence("Correct these rows first, then import the file again."), line=line,
    )  # fmt: skip


def sentence(text: str) -> str:
    """Marks a text that pages translate."""
    return text
