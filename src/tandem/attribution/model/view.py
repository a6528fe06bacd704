"""The address of the page with all of its state, and the links that change one part of it."""

from urllib.parse import parse_qsl

import msgspec

from tandem.metrics.address import Address
from tandem.metrics.ask import Filter


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows: the address's state, and its own choices (`keep`)."""

    path: str
    address: Address
    keep: dict[str, str]

    def link(self, **changed: str | None) -> str:
        return f"{self.path}?{self.address.query(**(self.keep | changed))}"

    def to(self, path: str, **changed: str | None) -> str:
        """Another address with the same state."""
        return f"{path}?{self.address.query(**changed)}"

    def at(self, path: str, **changed: str | None) -> str:
        """Another address with the same state and the page's own choices."""
        return f"{path}?{self.address.query(**(self.keep | changed))}"

    def narrowed(self, by: str, value: str) -> str:
        """This page, for persons with a visit of this value."""
        where = (*(f for f in self.address.where if f.by != by), Filter(by, "is", (value,)))
        return self._where(where).link()

    def without(self, gone: Filter) -> str:
        return self._where(tuple(f for f in self.address.where if f != gone)).link()

    @property
    def unfiltered(self) -> str:
        return self._where(()).link()

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The state as hidden fields of a form."""
        return parse_qsl(self.link().partition("?")[2], keep_blank_values=True)

    def _where(self, where: tuple[Filter, ...]) -> "View":
        return msgspec.structs.replace(self, address=msgspec.structs.replace(self.address, where=where))
