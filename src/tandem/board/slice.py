"""What the board adds to the house."""

from tandem.board.routes import ROUTES
from tandem.core.slice import Slice

SLICE = Slice(
    name="board",
    title="Board",
    routes=ROUTES,
)
