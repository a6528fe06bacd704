"""Pages: templates, their environment, and the headers that keep them safe."""

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    pass_context,
    select_autoescape,
)
from jinja2.runtime import Context
from litestar import MediaType, Request, Response
from markupsafe import escape

from tandem.base import framework
from tandem.base.formats import Formats
from tandem.base.hosts import own_letters
from tandem.base.hues import HUES
from tandem.base.translations import LANGUAGES, WEB, translations
from tandem.base.words import WORDS

LANGUAGE_OF_CALLER = "tandem.language"
"""Where the language of whoever is signed in stands in a request's state."""
SPOKEN = "tandem_spoken"
"""The cookie with the language of the last page that was made for whoever is signed in. An address that is no page is
answered before anybody is asked who they are."""
_VOWELS = "аеёиоуыэюяaeiouyąęó"
_LONG_WORD = re.compile(r"\w{14,}")
_SYLLABLE = re.compile(rf"(?<=\w\w[{_VOWELS}])(?=[^\W{_VOWELS}][{_VOWELS}]\w)", re.IGNORECASE)
"""Where a word may part in Russian and Polish: behind a vowel, before one consonant and a vowel."""
framework.mend()

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
SAFE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


def hyphenated(text: str) -> str:
    """Long words of a narrow heading with soft hyphens: many browsers know of none in Russian and Polish."""
    return type(text)(_LONG_WORD.sub(lambda word: _SYLLABLE.sub("\u00ad", word[0]), text))  # what is escaped stays so


@lru_cache
def _environment(language: str) -> Environment:
    slices = {p.parent.name: FileSystemLoader(p) for p in WEB.parent.glob("*/templates")}
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(WEB / "templates"), PrefixLoader(slices)]),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = translations(language)
    environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
    environment.globals["gettext"] = _escaped(texts.gettext)
    counted = _grouped(environment.globals["ngettext"], Formats(language))
    environment.filters.update(own_letters=own_letters, hyphenated=hyphenated)
    environment.globals.update(static=static_url, ngettext=counted, HUES=HUES, **WORDS)
    return environment


def _escaped(translated: Callable[[str], str]) -> Callable[..., str]:
    """gettext for templates: a text is escaped as any other, and formatted only where it is given values.

    TRAP: Jinja's own takes every text for HTML and for a format, so one `%` in a name ended the page that showed it.
    """

    def gettext(text: str, /, **values: Any) -> str:
        found = escape(translated(text) if text else "")  # the translation of nothing is the head of the catalogue
        return found % values if values else found

    return gettext


def _grouped(counted: Any, form: "Formats") -> Any:
    """The same ngettext, whose %(num)s is written as the language writes numbers: 1,397 leads."""

    @pass_context
    def ngettext(context: Context, one: str, many: str, count: float, **values: Any) -> Any:
        return counted(context, one, many, count, **{"num": form.number(count)} | values)

    return ngettext


@lru_cache
def static_url(name: str) -> str:
    """The address of a static file, with a mark that changes when the file does."""
    digest = hashlib.sha256((WEB / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def rendered(template: str, language: str, **facts: Any) -> str:
    """A page or fragment as text. Templates of a slice are named `<slice>/<file>`."""
    language = language if language in LANGUAGES else "en"
    form = Formats(language)
    return (
        _environment(language)
        .get_template(template)
        .render(language=language, form=form, period_name=form.period, **facts)
    )


def page(template: str, language: str, status: int = 200, **facts: Any) -> Response[str]:
    """A rendered page as a response."""
    return Response(rendered(template, language, **facts), media_type=MediaType.HTML, status_code=status)


def language_of(request: Request[Any, Any, Any]) -> str:
    """The language of whoever is signed in; of others by their cookies, then by what the browser asks for."""
    if language := request.scope.get("state", {}).get(LANGUAGE_OF_CALLER):
        return str(language)
    for cookie in ("tandem_language", SPOKEN):
        if (chosen := request.cookies.get(cookie, "")) in LANGUAGES:
            return chosen
    for part in request.headers.get("accept-language", "").split(","):
        code = part.partition(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return "en"
