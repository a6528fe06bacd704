"""The texts of the product in other languages, and whose language it is."""

import gettext
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from tandem.base.hosts import own_letters

WEB = Path(__file__).parents[1] / "web"
LANGUAGES = ("en", "ru", "pl")


@lru_cache
def translations(language: str) -> gettext.NullTranslations:
    """The texts of one language, read from web/locale/<language>/*.po, a file per area; English needs none."""
    texts = gettext.NullTranslations() if language == "en" else Translations(_compiled(catalog(language)))
    return texts


def catalog(language: str) -> Catalog:
    """The messages of all areas in one catalogue; an area's own file holds what no other has."""
    whole: Catalog | None = None
    for path in sorted((WEB / "locale" / language).glob("*.po")):
        with path.open("rb") as file:
            part = read_po(file, locale=language)
        if whole is None:
            whole = part
            continue
        for message in part:
            if message.id:
                whole[message.id] = message
    assert whole is not None, f"no translations for {language}"
    return whole


def _compiled(messages: Catalog) -> BytesIO:
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return compiled


ADDRESSES = ("host", "hosts", "url", "page", "target")
"""Values of sentences that are or hold a host. What is to be copied, as an origin into a policy, is none of them."""


def said(language: str, sentence: str, values: Mapping[str, object]) -> str:
    """A sentence in a language, with its values, which may be words of ours too; hosts stand in their own letters."""
    texts = translations(language)
    translated = texts.gettext(sentence) if sentence else ""
    written = {n: own_letters(str(v)) if n in ADDRESSES else str(v) for n, v in values.items()}
    return translated % {n: texts.gettext(v) if v else "" for n, v in written.items()} if values else translated
