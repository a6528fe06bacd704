"""The first hour of a site: the page that waits for the first hit and shows it, guides, and the check of the site."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar import Request, Response

from tandem.accounts.model import Site
from tandem.accounts.store import tries
from tandem.accounts.store.first_steps import dismiss
from tandem.accounts.tag import made_tag, picture_tag, script_tag
from tandem.base import clock, translations
from tandem.base.config import Config
from tandem.base.errors import SourceError, UserError
from tandem.base.http import NoAnswerError, RedirectError, WebPage, fetch_page, fetch_script
from tandem.base.reach import is_local
from tandem.collect import store
from tandem.collect.model import site_check
from tandem.collect.model.site_check import SiteProblem, Verdict, problem_of_script
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.first_steps import first_steps
from tandem.core.layout import render_page
from tandem.core.pages import get_page, get_part, post_form
from tandem.core.slice import FirstStep

FRESH = timedelta(days=1)
CHECKS = (20, 300)
HOSTILE = (3, 300)
"""Pages that pass a limit of their reader: each takes seconds of a core, so three are enough for five minutes."""
READ_WITHIN_S = 10.0
TOO_LONG = SiteProblem("Reading the start page takes too long.", "Look for the tag in the page source yourself.")


@get_page("/start", "First visit", may="metrics.read")
def start(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    """The script to copy, how to put it in with the usual tools, and what has come in so far."""
    chosen, base = site_for(ctx, caller, site), ctx.config.base_url
    return render_page(
        request,
        ctx,
        caller,
        "collect/start.html",
        site=chosen,
        script_tag=script_tag(base, chosen),
        made_tag=made_tag(base, chosen),
        picture_tag=picture_tag(base, chosen),
        may_check=caller.may("connections.edit"),
        base=base,
        base_problem=_problem_of(base, chosen),
        **_so_far(ctx, caller, chosen),
    )


def _problem_of(base: str, site: Site) -> str:
    """What keeps the pages of a site from loading the script from this address: `local`, `plain` or nothing.

    Browsers refuse a public page the addresses of private networks, and a page under https whatever comes by http.
    """
    if any(is_local(host) for host in site.hosts):
        return ""
    parts = urlsplit(base)
    if is_local(parts.hostname or ""):
        return "local"
    return "plain" if parts.scheme == "http" else ""


@post_form("/start/put-away", may="metrics.read")
def dismiss_first_steps(ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    """Show whoever is signed in the first steps of a site no more."""
    if caller.user is not None:
        dismiss(ctx.database, caller.user, site_for(ctx, caller, site))
    return Response("", media_type="text/html", status_code=200)


@get_part("/start/now", may="metrics.read")
def start_now(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    """What has come in and been done so far, as a fragment that the page asks for again and again."""
    chosen = site_for(ctx, caller, site)
    return render_page(
        request,
        ctx,
        caller,
        "collect/_now.html",
        site=chosen,
        **_so_far(ctx, caller, chosen),
    )


def _so_far(ctx: Context, caller: Caller, site: Site) -> dict[str, Any]:
    """What came in, and then the list of steps: a hit that comes between is in both or in the list alone."""
    seen = _seen(ctx, caller, site)
    return seen | {"first_steps": first_steps(ctx, caller, site)}


def _seen(ctx: Context, caller: Caller, site: Site) -> dict[str, Any]:
    """The latest page view of the last day by a human and, without one, by a robot, and what was refused meanwhile."""
    now = clock.now()
    hit = store.newest_view(ctx.warehouse, site, now - FRESH)
    robot = None if hit else store.newest_view(ctx.warehouse, site, now - FRESH, is_robot=True)
    has_hits = hit is not None or store.had_views(ctx.warehouse, site, now - FRESH)
    refused: dict[str, int] = {}
    nameless = 0
    if caller.may("ingestion.read") and hit is None:
        since = now.date() - FRESH
        for day in store.ingestion_days(ctx.warehouse, site.id, since):
            for why, count in day.refused.items():
                refused[why] = refused.get(why, 0) + count
        nameless = sum(sum(day.refused.values()) for day in store.ingestion_days(ctx.warehouse, 0, since))
    host = hit.host if hit else ""
    is_own = not host or any(host.removeprefix("www.") == h.removeprefix("www.") for h in site.names)
    return {
        "hit": hit, "robot": robot, "has_hits": has_hits, "refused": refused, "nameless": nameless, "is_own": is_own,
        "now": now,
    }  # fmt: skip


@post_form("/start/check", may="connections.edit")
def start_check(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None
) -> Response[str]:
    """Fetch the site's start page, and say what keeps it from being counted."""
    chosen = site_for(ctx, caller, site)
    asked = str(request.base_url)
    own = _own_addresses(ctx.config, asked)
    page, problems = judged_within(ctx, chosen, caller.workspace_id, own, asked)
    worded = [
        (*(translations.said(caller.language, s, p.values) for s in (p.what, p.hint)), p.is_harmless) for p in problems
    ]
    return render_page(
        request, ctx, caller, "collect/_check.html", site=chosen, problems=worded, page=page
    )  # fmt: skip


def _own_addresses(config: Config, asked: str) -> list[str]:
    """Where this Tandem is: as the operator says, if they do; and as this page was asked for, if that is public."""
    named = [config.base_url] if config.url or not is_local(urlsplit(config.base_url).hostname or "") else []
    return named + ([] if is_local(urlsplit(asked).hostname or "") else [asked])


def judged_within(
    ctx: Context, site: Site, workspace: int, own: Sequence[str] = (), asked: str = ""
) -> tuple[str, list[SiteProblem]]:
    """The same as `_checked`, within what a workspace may have checked; hostile pages have a limit of their own.

    own      the addresses of this Tandem
    asked    the address that it was asked under, by which it is known where `own` is empty
    raises   UserError (429) when a limit is full
    """
    hostile = tries.TryLimit(f"site-check-hostile:{workspace}", *HOSTILE)
    # counted before the page is read, so that many at once do not slip past, and given back unless it was hostile
    tries.take(ctx.database, tries.TryLimit(f"site-check:{workspace}", *CHECKS), hostile)
    problems: list[SiteProblem] = []
    try:
        page, problems = _checked(ctx, site, own, asked)
    finally:
        if TOO_LONG not in problems:
            tries.give_back(ctx.database, hostile)
    return page, problems


def _checked(ctx: Context, site: Site, own: Sequence[str], asked: str = "") -> tuple[str, list[SiteProblem]]:
    """The address that was looked at in the end, and what is wrong there."""
    host = site.hosts[0]
    try:
        page = _fetched(host, ctx.config.reach)
    except RedirectError as error:
        return host, [_of_redirect(error)]
    except SourceError as error:
        return host, [
            SiteProblem(
                "Tandem could not open %(host)s: %(why)s.",
                "Open the site in a private window of your browser. If it opens there, only this check is blocked: "
                "your visit appears at the top of this page once it is counted.",
                {"host": error.system, "why": error.what},
            )
        ]
    except UserError as error:
        if error.status != 403:
            raise
        return host, [SiteProblem(*error.sentences, {k: str(v) for k, v in error.values.items()})]
    verdict = _judged(page, site.key, own)
    doubts = [] if own or not asked else _doubts(verdict.script, asked)
    return page.url, [*_of_script(verdict.script, ctx.config.reach), *verdict.problems, *doubts]


def _doubts(url: str, asked: str) -> list[SiteProblem]:
    """That nobody can tell whether the tag leads here, where this Tandem is known by a private address alone."""
    script, here = urlsplit(url), urlsplit(asked)
    if not url or (is_local(script.hostname or "") and script.port == here.port):
        return []
    return [
        SiteProblem(
            "The tag loads the counter from %(host)s. Whether that is this Tandem is not known.",
            "Compare it with the tag on this page. The operator can set TANDEM_URL to the address of this Tandem.",
            {"host": script.netloc}, is_harmless=True,
        )
    ]  # fmt: skip


def _of_script(url: str, allowed: str) -> list[SiteProblem]:
    """What keeps browsers from loading the counter from the address in the tag."""
    if not url:
        return []
    try:
        script = fetch_script(url, allowed)
    except RedirectError as error:
        return [_of_redirect(error)]
    except SourceError as error:
        return [
            SiteProblem(
                "The counter does not load from %(host)s: %(why)s.",
                "Open %(url)s in a browser. If a script appears there, only this check is blocked.",
                {"host": error.system, "why": error.what, "url": url},
            )
        ]
    except UserError as error:
        if error.status != 403:
            raise
        return [
            SiteProblem(
                "Whether the counter loads from %(host)s could not be checked: seen from Tandem, that is a private "
                "address.",
                "The operator can allow it in TANDEM_REACH.", {"host": urlsplit(url).netloc}, is_harmless=True,
            )
        ]  # fmt: skip
    problem = problem_of_script(url, script.status, script.text)
    return [problem] if problem else []


def _of_redirect(error: RedirectError) -> SiteProblem:
    return SiteProblem(
        "%(host)s redirects to %(target)s: %(why)s.",
        "Visitors are redirected there too. If %(target)s does not open in a browser, correct the redirect or the "
        "server that it leads to.",
        {"host": error.system, "target": error.target, "why": error.what},
    )


def _judged(page: WebPage, key: str, own: Sequence[str] = ()) -> Verdict:
    """What is wrong with a page, read in a process with limits: the page may be made to keep its reader busy."""
    asked = msgspec.json.encode((page.url, page.status, page.text, page.policies, key, own))
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(Path(site_check.__file__))], input=asked, capture_output=True, env={}, cwd="/",
            timeout=READ_WITHIN_S, check=True,
        )  # fmt: skip
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return Verdict([TOO_LONG])
    return msgspec.json.decode(done.stdout, type=Verdict)


def _fetched(host: str, allowed: str) -> WebPage:
    """The start page by https, or by http where nothing answers there."""
    try:
        return fetch_page(f"https://{host}/", allowed)
    except NoAnswerError:
        return fetch_page(f"http://{host}/", allowed)


def steps(ctx: Context, site: Site) -> list[FirstStep]:
    """What this slice needs of a site to be complete."""
    return [
        FirstStep(
            id="hit", title="Get the first visit", why="Install the script on the site, then open it.",
            address="/start", act="ingestion.read", is_done=store.has_visits(ctx.warehouse, site),
        ),
        FirstStep(
            id="goal", title="Choose a main goal", why="Define what counts as success: an order, a lead, a sign-up.",
            address="/goals", act="goals.edit", is_done=bool(store.main_goals(ctx.database, site.id)),
        ),
    ]  # fmt: skip


ROUTES = [start, dismiss_first_steps, start_now, start_check]
