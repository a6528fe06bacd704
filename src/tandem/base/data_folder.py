"""The data folder as a whole: whether what lies in it is all there."""

from pathlib import Path

from tandem.base.errors import UserError

UNFINISHED = "restore.unfinished"
"""Lies in the folder while a backup is put back into it."""


def check_whole(folder: Path) -> None:
    """Refuse a folder that a restore has filled in part: its pages would show a part of the history as the whole.

    raises   UserError (409)
    """
    if (folder / UNFINISHED).exists():
        raise UserError(
            f"A restore into {folder} did not finish.",
            "Give `tandem restore` with the same backup again: it takes away what is left of the first try.",
            status=409,
        )
