"""How far long work is: asked by the page that waits for it, stopped by whoever began it."""

from contextlib import AbstractContextManager
from typing import Any

import msgspec
from litestar import Request, get, post

from tandem.accounts.guard import Caller
from tandem.accounts.house import House
from tandem.base import web
from tandem.base.progress import Works

LONGEST_NAME = 40


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is done (0 to 1), how to say it, and whether it can be stopped; `share` is None while nothing is told."""

    share: float | None = None
    text: str = ""
    can_stop: bool = False


def _works(house: House) -> Works:
    found: Works = house.parts.setdefault("works", Works())
    return found


def watched(request: Request[Any, Any, Any], house: House, caller: Caller) -> AbstractContextManager[None]:
    """What is done inside can be followed by the page that sent this request, under the name that it chose."""
    name = request.headers.get("x-work", "")[:LONGEST_NAME] if caller.person_id else ""
    return _works(house).watched(caller.person_id or 0, name)


@get("/work/{name:str}", sync_to_thread=True, include_in_schema=False)
def progress(request: Request[Any, Any, Any], house: House, caller: Caller, name: str) -> Progress:
    work = _works(house).find(caller.person_id or 0, name)
    if work is None or not work.share:
        return Progress(can_stop=bool(work and work.can_stop))
    language = web.language_of(request)
    form, texts = web.Formats(language), web.translations(language)
    share = form.figure(work.share, "share")
    if work.left_s is None:
        return Progress(share=work.share, text=share, can_stop=work.can_stop)
    told = texts.gettext("%(share)s, about %(time)s left") % {"share": share, "time": form.span(work.left_s)}
    return Progress(share=work.share, text=told, can_stop=work.can_stop)


@post("/work/{name:str}/stop", sync_to_thread=True, status_code=204, include_in_schema=False)
def stop(house: House, caller: Caller, name: str) -> None:
    if work := _works(house).find(caller.person_id or 0, name):
        work.is_stopped = True


ROUTES = [progress, stop]
