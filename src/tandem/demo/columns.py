"""Names for the arrays that the history is made of, and three small makers of them."""

from datetime import datetime

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Ids = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
Rng = np.random.Generator


def texts(values: list[str] | tuple[str, ...]) -> Texts:
    """An array of Python strings, which share their memory when picked many times."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def same(value: object, size: int) -> Texts:
    """One object so many times."""
    column = np.empty(size, dtype=object)
    column.fill(value)
    return column


def ms(moment: datetime) -> int:
    """UTC milliseconds of a moment."""
    return round(moment.timestamp() * 1000)
