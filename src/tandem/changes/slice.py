"""What the change log adds to the house."""

from tandem.accounts.house import Slice
from tandem.changes.routes import ROUTES

SLICE = Slice(
    name="changes",
    title="Changes",
    routes=ROUTES,
    menu=(("Signal", "Changes", "/changes", "git-commit-horizontal"),),
)
