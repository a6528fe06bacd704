"""An uploaded file as a file on disk with a path."""

import ctypes
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

BLOCK = 1 << 20


@contextmanager
def on_disk(upload: IO[bytes] | Iterator[bytes], name: str = "") -> Iterator[Path]:
    """The path of a copy that goes afterwards; an upload lies on disk too, but without a name.

    upload  a file, or its bytes block by block
    name    what the person calls it; its ending is kept
    """
    with tempfile.NamedTemporaryFile(prefix="tandem-upload-", suffix=Path(name).suffix[:10]) as copy:
        copy.writelines(iter(lambda: upload.read(BLOCK), b"") if hasattr(upload, "read") else upload)
        copy.flush()
        try:
            yield Path(copy.name)
        finally:
            give_back()


def give_back() -> None:
    """Memory that is free goes back to the system; the allocator of the C library would keep it for later."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
