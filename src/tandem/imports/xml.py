"""Small XML documents from outside: without entities, and no deeper and no larger than a list of anything needs."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from tandem.imports.process import UnreadableFile

MOST_BYTES = 16 << 20
DEEPEST = 50
MOST_ELEMENTS = 1_000_000


def element_of(content: bytes) -> Element:
    """The root of a document.

    raises   UnreadableFile when it is no XML, declares a document type, or passes a limit
    """
    if len(content) > MOST_BYTES:
        raise UnreadableFile("it is larger than 16 MB")
    builder, depth, count = TreeBuilder(), 0, 0

    def starts(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEEPEST or count > MOST_ELEMENTS:
            raise UnreadableFile("it is too deep or has too many elements")
        builder.start(_named(name), attributes)

    def ends(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    def refuses(*_: object) -> None:
        raise UnreadableFile("it contains a document type declaration")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = starts, ends, builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuses
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, LookupError, ValueError, AssertionError) as error:  # an encoding that nobody knows
        raise UnreadableFile(str(error)) from error


def _named(name: str) -> str:
    """Names with a name space as ElementTree writes them."""
    return "{" + name if "}" in name else name
