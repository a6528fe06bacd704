"""Errors as people and programs read them."""

import re
import secrets
import traceback
from collections.abc import Mapping
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from tandem.base import log
from tandem.base.errors import Busy, SignInInstead, UserError
from tandem.base.pages import language_of, page
from tandem.base.translations import said
from tandem.base.warehouse import is_disk_full

_log = log.get("web")
TOO_LONG = UserError("The address is too long.", "Remove some filters.", 414)
NOT_TAKEN_BY_API = UserError("This address does not accept this kind of request.", "See the API documentation.", 405)
NOT_IN_API = UserError("There is no such address.", "See /api/openapi.json for the addresses of the API.", 404)
_MISSING = re.compile(r"Missing required \w+ parameter '(?P<name>[^']*)'")
NOT_TAKEN = UserError(
    "This address does not accept this kind of request.", "Go back and use the button or form on the page.", 405
)

DISK_FULL = UserError(
    "The server's disk is full, so the request was not completed.", "Free some space, then try again.", 503
)


def user_error(request: Request[Any, Any, Any], error: UserError, is_stranger: bool = False) -> Response[Any]:
    """The sentence and how to mend it; whoever is not signed in yet is led to signing in, others to the board."""
    what, hint = error.sentences
    if request.headers.get("hx-request") and not wants_json(request):
        response = _problem(request, error)
    else:
        response = _error_page(request, error.status, what, hint, is_stranger, **error.values)
    if isinstance(error, Busy):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def _problem(request: Request[Any, Any, Any], error: UserError) -> Response[Any]:
    """Told in place, above what was being done; page.js puts what is wrong with a field beside it."""
    language = language_of(request)
    what, hint = (said(language, sentence, error.values) for sentence in error.sentences)
    facts = {"code": error.status, "what": what, "hint": hint, "others": others_said(language, error)}
    facts |= {"signs_in": isinstance(error, SignInInstead)}
    response = page("_problem.html", language, error.status, **facts)
    response.headers.update({"HX-Retarget": "#problem", "HX-Reselect": "#problem", "HX-Reswap": "outerHTML"})
    if error.field:
        response.headers["x-field"] = error.field
    return response


def others_said(language: str, error: UserError) -> list[tuple[str, str, str]]:
    """What else is wrong: the field, what, and how to mend it."""
    return [(o.field, *(said(language, sentence, o.values) for sentence in o.sentences)) for o in error.others]  # type: ignore[misc]


def user_error_as_text(request: Request[Any, Any, Any], error: UserError) -> Response[Any]:
    """The same in two lines, for programs that read text; as JSON for those that ask for it."""
    if wants_json(request):
        return user_error(request, error)
    lines = [said(language_of(request), sentence, error.values) for sentence in error.sentences if sentence]
    return Response("\n".join(lines) + "\n", status_code=error.status, media_type=MediaType.TEXT)


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Errors of the framework (no such page, body that does not fit) in our words."""
    if error.status_code == 404 and request.url.path.startswith("/api/"):
        return user_error(request, NOT_IN_API)
    if error.status_code == 404:
        return _error_page(request, 404, "There is no such page.", "Check the address, or go to the Board.")
    if error.status_code == 405:
        return user_error(request, NOT_TAKEN_BY_API if wants_json(request) else NOT_TAKEN)
    if error.status_code == 400:
        return user_error(request, _invalid(error))
    return _error_page(
        request,
        error.status_code,
        error.detail or "The request is not valid.",
        "Correct the request and send it again.",
    )


def _invalid(error: HTTPException) -> UserError:
    """What the framework says of a parameter that is missing or of another type, in our words."""
    if missing := _MISSING.match(error.detail or ""):
        return UserError(
            "The parameter “%(name)s” is missing.", "Add %(name)s=… to the address.", name=missing["name"][:60]
        )
    wrong = [e for e in error.extra if isinstance(e, Mapping)] if isinstance(error.extra, list) else []
    if not wrong:
        return UserError("The request is not valid.", "Correct the request and send it again.")
    name, why = str(wrong[0].get("key", "?"))[:60], str(wrong[0].get("message", ""))
    if why.startswith("Expected `int`"):
        return UserError("The value of “%(name)s” is not valid.", "Enter a whole number.", name=name)
    if why.startswith("Expected `bool`"):
        return UserError("The value of “%(name)s” is not valid.", "Use true or false.", name=name)
    return UserError(
        "The request is not valid at “%(name)s”: %(why)s.", "Correct the request and send it again.",
        name=name, why=why[:300],
    )  # fmt: skip


def too_deep(request: Request[Any, Any, Any], error: RecursionError) -> Response[Any]:
    """A body nested deeper than it can be read."""
    if not _is_of_the_request(error):
        return bug(request, error)
    return user_error(
        request,
        UserError(
            "The request is nested too deeply.",
            "Send it without the extra nesting, as described in the API documentation.",
        ),
    )


def not_utf8(request: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[Any]:
    """A body with bytes that are no text."""
    if not _is_of_the_request(error):
        return bug(request, error)
    return user_error(request, UserError("The request is not valid UTF-8.", "Send it as UTF-8."))


def _is_of_the_request(error: Exception) -> bool:
    """Whether the framework met this reading the request: our code, which reads files as well, was not reached."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return not any(frame.f_globals.get("__name__", "").startswith("tandem.") for frame in frames)


def bug(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A mistake of ours: one log event with its trace, one plain page with a reference. A full disk is none."""
    if is_disk_full(error):  # also the one on which the framework sets an upload down, before any route is reached
        _log.error("web.disk_full", path=request.url.path, error=type(error).__name__)
        return user_error(request, DISK_FULL)
    reference = secrets.token_hex(4)
    _log.error("web.broke", path=request.url.path, reference=reference, exc_info=error)
    return _error_page(
        request, 500, "Tandem ran into an error.", "Tell the operator the reference %(reference)s.",
        reference=reference,
    )  # fmt: skip


def _error_page(
    request: Request[Any, Any, Any], status: int, what: str, hint: str, is_stranger: bool = False, **values: object
) -> Response[Any]:
    if wants_json(request):
        error = UserError(what, hint, status, **values)
        return Response({"error": error.what, "hint": error.hint}, status_code=status, media_type=MediaType.JSON)
    language = language_of(request)
    facts = {"code": status, "what": said(language, what, values), "hint": said(language, hint, values)}
    if request.headers.get("hx-request"):
        return _problem(request, UserError(what, hint, status, **values))
    return page("error.html", language, status, is_stranger=is_stranger, **facts)


def wants_json(request: Request[Any, Any, Any]) -> bool:
    path = request.url.path
    return path.startswith(("/api/", "/hooks/", "/t/", "/control/")) or "application/json" in request.headers.get(
        "accept", ""
    )
