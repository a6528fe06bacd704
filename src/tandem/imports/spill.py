"""Many records set down on disk until they are needed, so that a large file costs no memory."""

import tempfile
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class Spill(Generic[T]):
    """Records of one type in a file without a name, which goes when this does. Use it as a context."""

    def __init__(self, kind: type[T]) -> None:
        self._file = tempfile.TemporaryFile(prefix="tandem-spill-")  # noqa: SIM115 - closed by __exit__
        self._encoder, self._decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(kind)
        self._count = 0

    def __enter__(self) -> "Spill[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def add(self, one: T) -> None:
        body = self._encoder.encode(one)
        self._file.write(len(body).to_bytes(4, "big") + body)
        self._count += 1

    def __contains__(self, one: object) -> bool:
        return any(one == item for item in self)

    def __iter__(self) -> Iterator[T]:
        self._file.seek(0)
        for _ in range(self._count):
            size = int.from_bytes(self._file.read(4), "big")
            yield self._decoder.decode(self._file.read(size))
        self._file.seek(0, 2)

    def batches(self, size: int) -> Iterator[list[T]]:
        """The records in their order, so many at a time."""
        batch = list[T]()
        for one in self:
            batch.append(one)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch
