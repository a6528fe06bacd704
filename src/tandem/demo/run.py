"""`tandem demo`: the invented company, seeded once, with its shop beside it."""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from tandem.app import make_app, open_context
from tandem.base.config import Config
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.demo.company import SITE_KEY
from tandem.demo.seed import EVENTS, PASSWORD, PEOPLE, SeedProgress, seed
from tandem.demo.shop import serve_shop
from tandem.people.signing import FreshSecrets
from tandem.people.store.signing import make_secret
from tandem.serve import holding_port, serve

SHOP_HOST = "127.0.0.1"
BEGUN, DONE = "demo.begun", "demo.done"


Around = Callable[[Context], AbstractContextManager[Callable[[Any], Any]]]


def run(config: Config, around: Around, events: int = EVENTS, fresh: bool = False) -> None:
    """Seed the company unless it is there already, then serve Tandem and the shop until stopped.

    around   lasts while Tandem is served, and gives what stands in front of its pages
    """
    if config.data == Config().data:
        config = msgspec.structs.replace(config, data="data/demo")
    shop_port = config.port + 1
    with holding_port(config.host, config.port), holding_port(SHOP_HOST, shop_port):
        ctx = _opened(config, events, fresh)
    shop = serve_shop(config.base_url, shop_port, SITE_KEY, secret=_secret(ctx))
    shop.start()
    try:
        with around(ctx) as in_front_of:
            serve(in_front_of(make_app(ctx)), config, meanwhile=lambda: _welcome(config, shop_port))
    finally:
        shop.stop()


def _opened(config: Config, events: int, fresh: bool) -> Context:
    """The demo's stores, seeded if they were not."""
    folder = config.folder
    if fresh or ((folder / BEGUN).exists() and not (folder / DONE).exists()):
        _clear(folder)
    is_seeded = (folder / DONE).exists()
    if not is_seeded and folder.exists() and any(folder.iterdir()):
        raise UserError(
            f"{folder} holds something else than a demo.", "Name an empty folder with TANDEM_DATA, or leave it unset."
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BEGUN).touch()
    ctx = open_context(config)
    if not is_seeded:
        _seeded(ctx, events)
        (folder / DONE).touch()
    ctx.offers.demo_sign_ins = [(role, email, PASSWORD) for role, _, email in PEOPLE]
    return ctx


def _secret(ctx: Context) -> str:
    """What the shop signs with: the newest secret of its site, made at the first start."""
    site = ctx.sites()[SITE_KEY]
    secrets = FreshSecrets(ctx)(site.id)
    return secrets[-1] if secrets else make_secret(ctx, site)


def _clear(folder: Path) -> None:
    """Take away a demo that was not finished, and nothing that is none."""
    if (folder / BEGUN).exists():
        shutil.rmtree(folder)


def _seeded(ctx: Context, events: int) -> None:
    is_terminal, began = sys.stdout.isatty(), time.monotonic()
    shown = [-1]

    def tell(progress: SeedProgress) -> None:
        percent = int(progress.share * 100)
        if percent == shown[0] or (not is_terminal and percent % 10):
            return
        shown[0] = percent
        left = (time.monotonic() - began) * (1 - progress.share) / progress.share if progress.share > 0.02 else 0
        text = f"  {percent:3d} %  {progress.text}" + (f", {left:.0f} s left" if left and percent < 100 else "")
        _say(f"\r{text:<60}" if is_terminal else text, end="" if is_terminal and percent < 100 else "\n")

    seed(ctx, events=events, tell=tell)


async def _welcome(config: Config, shop_port: int) -> None:
    await asyncio.sleep(0.3)
    lines = [
        "",
        f"  Tandem   {config.base_url}",
        f"  Shop     http://127.0.0.1:{shop_port}   walk through it and watch {config.base_url}/realtime",
        "",
        "  Sign in as",
        *(f"    {role:<12} {email:<26} {PASSWORD}" for role, _, email in PEOPLE),
        "",
        f"  Stop with Ctrl+C. `{sys.argv[0]} demo` again starts at once; with `--fresh` it makes the company anew.",
        "",
    ]
    _say("\n".join(lines))


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()
