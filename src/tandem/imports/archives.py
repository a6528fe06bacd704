"""The file inside a zip or gzip archive, unpacked as a stream within limits."""

import tempfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from tandem.imports.process import UnreadableFile, ask

MOST_UNPACKED = 1 << 30
__all__ = ["MOST_UNPACKED", "UnreadableFile", "unpacked", "unpacked_bytes", "unpacked_into"]


def unpacked(path: Path, most: int = MOST_UNPACKED) -> Generator[bytes, None, None]:
    """The file in an archive, block by block.

    raises   UnreadableFile when it is damaged; UserError when it holds several files or an archive, or unpacks to
             more than `most` bytes
    """
    yield from ask("unpack", path, most)


def unpacked_into(path: Path, target: Path, most: int = MOST_UNPACKED) -> None:
    """The file in an archive as a file of its own; raises what `unpacked` does."""
    with target.open("wb") as file, closing(unpacked(path, most)) as blocks:
        for block in blocks:
            file.write(block)


def unpacked_bytes(content: bytes, most: int) -> bytes:
    """The file in a small archive that is in memory already; raises what `unpacked` does."""
    with tempfile.NamedTemporaryFile(prefix="tandem-archive-") as packed:
        packed.write(content)
        packed.flush()
        return b"".join(unpacked(Path(packed.name), most))
