"""A file that a user chose: uploaded to a page, or named on the command line."""

import ctypes
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from litestar.datastructures import UploadFile

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.core.context import Context

BLOCK = 1 << 20
_PLAIN_ENDING = re.compile(r"\.[A-Za-z0-9]{1,9}\Z")


@contextmanager
def on_disk(upload: IO[bytes] | Iterator[bytes], name: str = "") -> Iterator[Path]:
    """The path of a copy that goes afterwards; an upload lies on disk too, but without a name.

    upload  a file, or its bytes block by block
    name    what the person calls it; its ending is kept if it is a plain one
    """
    with tempfile.NamedTemporaryFile(prefix="tandem-upload-", suffix=_ending(name)) as copy:
        copy.writelines(iter(lambda: upload.read(BLOCK), b"") if hasattr(upload, "read") else upload)
        copy.flush()
        try:
            yield Path(copy.name)
        finally:
            give_back()


def _ending(name: str) -> str:
    """Whoever sends a file names it as they like: with zero bytes, which no path may hold, or a slash."""
    match = _PLAIN_ENDING.search(name)
    return match[0] if match else ""


def _readable(name: str) -> str:
    """A name as stores and pages take it."""
    return "".join(sign for sign in name if sign.isprintable()) or "file"


@contextmanager
def uploaded(data: Mapping[str, Any], cure: str) -> Iterator[tuple[Path, str]]:
    """The file of a form on disk, and what the user calls it.

    cure     which file to choose, where none was
    raises   UserError when none was; what is raised while it is read, at the field of the file
    """
    file = data.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise UserError("No file was chosen.", cure).at("file")
    with on_disk(file.file, file.filename) as path:
        try:
            yield path, _readable(file.filename)
        except UserError as error:  # what cannot be read is told where the file was chosen
            error.field = error.field or "file"
            raise


def named(ctx: Context, args: Mapping[str, Any]) -> tuple[Path, Site]:
    """The file and the site that a command names.

    raises   UserError when there is no such file or site
    """
    path = Path(args["file"])
    if not os.path.isfile(path):  # pathlib raises for a name that is too long
        raise UserError("The file %(path)s does not exist.", "Check the path.", path=path)
    ctx.forget_sites()
    site = ctx.sites().get(args["site"])
    if site is None:
        raise UserError("There is no site “%(site)s”.", "Run `tandem site list` to see them.", site=args["site"][:40])
    return path, site


def digest_of(path: Path, *manners: object) -> str:
    """What tells that a file was imported before: its bytes, and how it was said to be read."""
    digest = hashlib.sha256("".join(f"{manner}:" for manner in manners).encode())
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def give_back() -> None:
    """Memory that is free goes back to the system; the allocator of the C library would keep it for later."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
