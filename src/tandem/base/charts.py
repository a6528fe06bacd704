"""What web/static/chart.js draws, with all texts written in the reader's language."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tandem.base.formats import Formats

Points = Sequence[tuple[Any, Any]]
"""A moment or day each, and the value then; None where none is known."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A change beside the point of the chart it fell on."""

    at: int
    title: str
    kind: str
    author: str
    time: str
    url: str


class Drawn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line over time, in front of a paler one; `is_partial`: its last point is not over."""

    figure: str
    unit: str
    currency: str
    is_partial: bool
    ticks: list[str]
    names: list[str]
    values: list[Any]
    texts: list[str]
    before: list[Any]
    before_names: list[str]
    before_texts: list[str]
    marks: list[Mark]


def chart_json(
    form: Formats, figure: str, unit: str, currency: str, step: str, points: Points, before: Points = (),
    before_name: str = "", is_partial: bool = False, marks: Sequence[Mark] = (),
) -> str:  # fmt: skip
    """The facts of a time chart, as JSON.

    step         what a point stands for: hour, day, week or month
    before       the paler line: an earlier time, or something else of the same time, which `before_name` then names
    """
    beyond = [] if before_name else before[len(points) :]
    drawn = Drawn(
        figure=figure, unit=unit, currency=currency, is_partial=is_partial,
        ticks=[form.tick(at, step) for at, _ in (*points, *beyond)],
        names=[form.bucket(at, step) for at, _ in points],
        values=[value for _, value in points],
        texts=[form.figure(value, unit, currency) for _, value in points],
        before=[value for _, value in before],
        before_names=[before_name or form.bucket(at, step) for at, _ in before],
        before_texts=[form.figure(value, unit, currency) for _, value in before],
        marks=list(marks),
    )  # fmt: skip
    return msgspec.json.encode(drawn).decode()
