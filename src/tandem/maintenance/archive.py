"""The file of a backup: a tar of gzipped parts, readable without Tandem, and a manifest of what must be in it."""

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from tandem.base import progress
from tandem.base.errors import NO_JSON, UserError
from tandem.maintenance.draft import Draft

FORMAT = 1
MANIFEST = "manifest.json"
CHECKSUM = "manifest.sha256"
"""Of the manifest; backups up to 0.3 have none."""
BLOCK = 1 << 20
LARGEST_MANIFEST = 64 << 20
LEVEL = 3


class Part(msgspec.Struct, frozen=True):
    """One file of the tar: rows are lines, the checksum is that of the compressed bytes."""

    file: str
    rows: int
    bytes: int
    sha256: str


class ArchiveTable(msgspec.Struct, frozen=True):
    """One table, in parts."""

    store: str  # events or records
    name: str
    columns: tuple[str, ...]
    rows: int
    parts: tuple[Part, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup and what made it."""

    format: int
    tandem: str
    made_at: str
    revision: str
    steps: tuple[str, ...]
    tables: tuple[ArchiveTable, ...]
    left_out: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


class Writer:
    """Writes an archive as a draft; `finish` puts it in its place."""

    def __init__(self, path: Path) -> None:
        """raises UserError when the file exists or cannot be written"""
        self._draft = Draft(path)
        self._tar = tarfile.open(fileobj=self._draft, mode="w")  # type: ignore[call-overload]  # noqa: SIM115

    def add(self, name: str, blocks: Iterable[bytes]) -> Part:
        """Put lines into the archive as one part, compressed."""
        packer, packed = zlib.compressobj(LEVEL, zlib.DEFLATED, 31), io.BytesIO()
        rows = size = 0
        for block in blocks:
            rows, size = rows + block.count(b"\n"), size + len(block)
            packed.write(packer.compress(block))
        packed.write(packer.flush())
        self._put(name, packed.getvalue())
        return Part(name, rows, size, hashlib.sha256(packed.getbuffer()).hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, read everything again, and give the file its name.

        raises   UserError when what was written does not read back, or the name was taken meanwhile
        """
        content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._put(MANIFEST, content)
        self._put(CHECKSUM, _checksum(content))
        self._tar.close()
        self._draft.flush()
        if verify(self._draft.path) != manifest:
            raise UserError(
                "The backup could not be verified: it does not match the data written.",
                "Check the disk, then try again.",
            )
        self._draft.publish()

    def discard(self) -> None:
        """Take the unfinished file away."""
        self._draft.discard()

    def _put(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o600
        self._tar.addfile(entry, io.BytesIO(content))


class Reader:
    """Reads an archive."""

    def __init__(self, path: Path) -> None:
        try:
            self._tar = tarfile.open(path, mode="r:")  # noqa: SIM115 - closed by close()
            content = self._bytes(MANIFEST)
            if CHECKSUM in self._tar.getnames() and self._bytes(CHECKSUM) != _checksum(content):
                raise tarfile.ReadError
            self.manifest = msgspec.json.decode(content, type=Manifest)
        except FileNotFoundError as error:
            raise UserError(f"There is no file {path}.", "Give a file created by `tandem backup`.") from error
        except (tarfile.TarError, KeyError, EOFError, *NO_JSON, OSError) as error:
            hint = "Give a file created by `tandem backup`."
            raise UserError(f"{path} is not a complete backup of Tandem.", hint) from error
        if self.manifest.format != FORMAT:
            raise UserError(
                f"The backup has format {self.manifest.format}. This Tandem reads format {FORMAT}.",
                f"Restore it with Tandem {self.manifest.tandem} or newer.",
            )

    def lines(self, part: Part) -> BinaryIO:
        """The lines of one part, unpacked while they are read."""
        return gzip.GzipFile(fileobj=self._open(part.file))  # type: ignore[return-value]

    def check(self, part: Part) -> None:
        """Raises UserError unless the part is what the manifest says."""
        try:
            digest = hashlib.sha256()
            for block in _blocks(self._open(part.file)):
                digest.update(block)
            is_whole = digest.hexdigest() == part.sha256
            rows = size = 0
            for block in _blocks(self.lines(part)):
                rows, size = rows + block.count(b"\n"), size + len(block)
                if size > part.bytes:
                    break
        except (KeyError, OSError, EOFError, zlib.error, tarfile.TarError):
            is_whole, rows, size = False, 0, 0
        if not is_whole or (rows, size) != (part.rows, part.bytes):
            raise UserError(f"The backup is damaged: {part.file} does not match its checksum.", "Use another backup.")

    def close(self) -> None:
        self._tar.close()

    def _open(self, name: str) -> BinaryIO:
        file = self._tar.extractfile(name)
        if file is None:
            raise KeyError(name)
        return file  # type: ignore[return-value]

    def _bytes(self, name: str) -> bytes:
        size = self._tar.getmember(name).size
        if size > LARGEST_MANIFEST:
            raise KeyError(name)
        content = self._open(name).read()
        if len(content) != size:
            raise EOFError(name)
        return content


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def verify(path: Path) -> Manifest:
    """The manifest of an archive all of whose parts are whole.

    raises   UserError naming the part that is not
    """
    reader = Reader(path)
    try:
        for table in reader.manifest.tables:
            for part in table.parts:
                progress.look()
                reader.check(part)
            if sum(part.rows for part in table.parts) != table.rows:
                raise UserError(f"The backup is damaged: rows of {table.name} are missing.", "Use another backup.")
        return reader.manifest
    finally:
        reader.close()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK):
        yield block
