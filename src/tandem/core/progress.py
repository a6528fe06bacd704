"""How far long work is: asked by the page that waits for it, stopped by whoever began it."""

from contextlib import AbstractContextManager
from typing import Any

import msgspec
from litestar import Request

from tandem.base import formats, pages, translations
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.pages import SIGNED_IN, get_part, post_form

LONGEST_NAME = 40


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is done (0 to 1), how to say it, and whether it can be stopped; `share` is None while nothing is told."""

    share: float | None = None
    text: str = ""
    can_stop: bool = False


def tracked(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> AbstractContextManager[None]:
    """What is done inside can be followed by the page that sent this request, under the name that it chose."""
    name = request.headers.get("x-work", "")[:LONGEST_NAME] if caller.user_id else ""
    return ctx.progress.tracked(caller.user_id or 0, name)


@get_part("/work/{name:str}", may=SIGNED_IN)
def progress(request: Request[Any, Any, Any], ctx: Context, caller: Caller, name: str) -> Progress:
    work = ctx.progress.find(caller.user_id or 0, name)
    if work is None or not work.share:
        return Progress(can_stop=bool(work and work.can_stop))
    language = pages.language_of(request)
    form, texts = formats.Formats(language), translations.translations(language)
    share = form.figure(work.share, "share")
    if work.left_s is None:
        return Progress(share=work.share, text=share, can_stop=work.can_stop)
    text = texts.gettext("%(share)s, about %(time)s left") % {"share": share, "time": form.span(work.left_s)}
    return Progress(share=work.share, text=text, can_stop=work.can_stop)


@post_form("/work/{name:str}/stop", may=SIGNED_IN, status_code=204)
def stop(ctx: Context, caller: Caller, name: str) -> None:
    if work := ctx.progress.find(caller.user_id or 0, name):
        work.is_stopped = True


ROUTES = [progress, stop]
