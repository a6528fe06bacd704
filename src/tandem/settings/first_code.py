"""The code that proves who set the server up: whoever can read its output or its data folder may claim it."""

import hashlib
import hmac
import os
from base64 import b32encode

from tandem.accounts.store import is_set_up
from tandem.core.context import Context

FILE = "set-up-code"


def code_of(ctx: Context) -> str:
    """The code of this installation, the same on all its servers: 60 bits in three groups of letters and digits."""
    text = b32encode(hmac.new(ctx.secret, b"set-up code", hashlib.sha256).digest()).decode()[:12]
    return "-".join(text[i : i + 4] for i in range(0, 12, 4))


def is_code(ctx: Context, code: str) -> bool:
    """Whether this is the code, however it was typed."""
    typed = "".join(sign for sign in code.upper() if sign.isalnum())
    return hmac.compare_digest(typed.encode(), code_of(ctx).replace("-", "").encode())


def announced(ctx: Context) -> str:
    """What the operator is told while nobody has claimed the server, else ""; the code stands in a file as well."""
    path = ctx.config.folder / FILE
    if is_set_up(ctx.database):
        path.unlink(missing_ok=True)
        return ""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write(code_of(ctx) + "\n")
    url = f"{ctx.config.base_url}/set-up?code={code_of(ctx)}"
    return f"Tandem is not set up yet. Open {url}\nThe code is {code_of(ctx)}. It is also in {path}."
