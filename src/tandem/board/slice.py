"""What the board adds to the house."""

from tandem.accounts.house import Slice
from tandem.board.routes import ROUTES

SLICE = Slice(
    name="board",
    title="Board",
    routes=ROUTES,
    menu=(
        ("", "Board", "/board", "layout-dashboard"),
        ("Measure", "Traffic", "/traffic", "chart-line"),
        ("Measure", "Realtime", "/realtime", "activity"),
        ("Library", "Figures", "/figures", "book-open"),
    ),
)
