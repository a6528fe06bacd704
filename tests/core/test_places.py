"""Requests of one user that wait keep nobody else waiting: neither other users, nor strangers, nor monitoring."""

import asyncio
import threading
from collections import Counter
from typing import Any

import httpx
from litestar import Litestar, get, post

from tandem import app as product
from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import error_pages, places
from tandem.base.deadline import InTime
from tandem.base.errors import UserError
from tandem.base.threads import Lane, Threads
from tandem.core.auth import COOKIE, guard
from tandem.core.context import Context
from tandem.core.pages import ANYONE, SIGNED_IN, get_part

PASSWORD = "a long password"


def signed_in(ctx: Context, email: str) -> dict[str, str]:
    found = accounts.sign_in(ctx.database, email, PASSWORD)
    assert found is not None
    return {"cookie": f"{COOKIE}={found[1]}"}


def served(ctx: Context, *routes: Any) -> httpx.AsyncClient:
    pages = Litestar(route_handlers=routes, guards=[guard(ctx)], exception_handlers={UserError: error_pages.user_error})

    async def front(scope: Any, receive: Any, send: Any) -> None:
        await product._answered(pages, scope, InTime(receive), send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(app=front), base_url="http://tandem.example", timeout=60)


def test_one_users_many_questions_hold_up_nobody_else(ctx: Context, site: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr(places.CallerPlaces.__init__, "__defaults__", (places.AT_ONCE, 0.5))
    accounts.add_user(ctx.database, site.workspace_id, "jan@fern.example", "Jan", "viewer", PASSWORD)
    go_on = threading.Event()

    @get_part("/slow", may=SIGNED_IN)
    def slow() -> str:
        go_on.wait(30)
        return "done"

    @get_part("/quick", may=SIGNED_IN)
    def quick() -> str:
        return "quick"

    @get_part("/sign-in", may=ANYONE)
    def stranger() -> str:
        return "form"

    @get_part("/healthz", may=ANYONE, lane=Lane.HEALTH)
    def healthz() -> str:
        return "ok"

    @get("/count", may=SIGNED_IN)
    async def counted() -> str:
        return "no thread needed"

    async def story() -> None:
        asyncio.get_running_loop().set_default_executor(Threads())
        greedy, modest = signed_in(ctx, "jan@fern.example"), signed_in(ctx, "ola@fern.example")
        async with served(ctx, slow, quick, stranger, healthz, counted) as client:
            asked = [asyncio.create_task(client.get("/slow", headers=greedy)) for _ in range(60)]
            await asyncio.sleep(0.1)
            for path, headers in (("/healthz", {}), ("/sign-in", {}), ("/quick", modest), ("/count", greedy)):
                assert (await asyncio.wait_for(client.get(path, headers=headers), 10)).status_code == 200, path
            refused, _ = await asyncio.wait(asked, timeout=3)
            go_on.set()
            answers = await asyncio.gather(*asked)
            assert Counter(a.status_code for a in answers) == {503: 60 - places.AT_ONCE, 200: places.AT_ONCE}
            told = next(iter(refused)).result()
            assert (told.status_code, told.headers["retry-after"]) == (503, "10")
            assert "Too many of your queries" in told.text
            assert (await client.get("/quick", headers=greedy)).status_code == 200, "places are given back"

    asyncio.run(story())


def test_places_are_given_back_by_whoever_is_refused_or_fails(ctx: Context, site: Site) -> None:
    @get_part("/bad", may=SIGNED_IN)
    def bad() -> str:
        raise UserError("No.")

    @post("/forms", may="goals.edit", sync_to_thread=True, status_code=200)
    def form(data: dict[str, int]) -> str:
        return "done"

    async def story() -> None:
        user = signed_in(ctx, "ola@fern.example")
        async with served(ctx, bad, form) as client:
            for _ in range(3 * places.AT_ONCE):
                assert (await client.get("/bad", headers=user)).status_code == 400
                assert (await client.post("/forms", headers=user, content=b"{")).status_code in (400, 403)

    asyncio.run(story())
