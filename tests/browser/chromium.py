"""The Chromium that browser tests start: the system's, without its own traffic.

Its headless shell, where that is installed, is the same engine without the window around it: half the time.
"""

import os
from pathlib import Path

SHELL, WHOLE = "/usr/bin/chromium-headless-shell", "/usr/bin/chromium"
CHROMIUM = os.environ.get("TANDEM_CHROMIUM") or (SHELL if Path(SHELL).exists() else WHOLE)
ARGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-gpu-compositing",
    "--in-process-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--renderer-process-limit=1",  # pages of one window share a process: each of its own starts with 60 ms of work
]
