"""Routes of the board, traffic, realtime, the list of metrics, and the questions API."""

from tandem.board.routes import api, board, catalogue, export, realtime, search, traffic

ROUTES = [
    *board.ROUTES,
    *traffic.ROUTES,
    *search.ROUTES,
    *realtime.ROUTES,
    *catalogue.ROUTES,
    *api.ROUTES,
    *export.ROUTES,
]
