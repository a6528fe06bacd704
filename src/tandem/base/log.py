"""One log event per piece of work: JSON to standard output, pretty only on a terminal."""

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_ENGINE_ERROR = re.compile(r"Code: (\d+)\..*\((\w+)\)", re.S)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|“[^”]*”")


def without_values(text: str) -> str:
    """What may be logged of an error that is not of our own words: it may quote what a visitor or a person wrote.

    The engine's errors repeat the question with all bound values, so only their code and name are left.
    """
    if match := _ENGINE_ERROR.search(text):
        return f"Code {match[1]} ({match[2]})"
    first = text.partition("\n")[0]  # PostgreSQL's next lines tell the values of a row
    return _QUOTED.sub("'…'", first)[:300]


class _Transformer(ExceptionDictTransformer):
    """Traces without local variables and quoted values: those may hold passwords and personal data."""

    def __call__(self, exc_info: Any) -> list[dict[str, Any]]:
        stacks = super().__call__(exc_info)
        for stack in stacks:
            stack["exc_value"] = without_values(stack["exc_value"])
            stack.pop("exc_notes", None)
        return stacks


_TRACES = structlog.processors.ExceptionRenderer(_Transformer(show_locals=False))


def set_up(level: str = "info", pretty: bool | None = None, to: TextIO | None = None) -> None:
    """Choose the format once, at start; `to` is where log events go, standard output if left out."""
    is_pretty = sys.stdout.isatty() if pretty is None else pretty
    last: Any = structlog.dev.ConsoleRenderer() if is_pretty else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if is_pretty else _TRACES,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(to) if to else structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get(area: str) -> Any:
    """The logger of one area; events are named `area.past_verb`."""
    return structlog.get_logger(area=area)
