"""One log event per piece of work: JSON to standard output, pretty only on a terminal."""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

# Traces without local variables: those may hold passwords and personal data.
_TRACES = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


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
