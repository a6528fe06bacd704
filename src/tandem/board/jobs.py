"""What the board does on its own: the past of each site is looked up before somebody opens a page."""

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.jobs import sum_over
from tandem.board.model import BOARD_METRICS
from tandem.core.context import Context
from tandem.metrics.address import address_of
from tandem.metrics.history import history_of


def look_ahead(ctx: Context) -> int:
    """Know how much the days of each site scatter; returns for how many figures it does.

    Whether a change is beyond chance rests on eight weeks of the site's own past, as many days as the rest of the board
    reads together: on large sites nobody is to wait for them. What is known already is not asked again.

    raises   the first failure, once all sites have had their turn
    """

    def look(site: Site) -> int:
        address = address_of({}, [], site, "", clock.now())
        scatters = history_of(ctx).scatters(address, BOARD_METRICS)
        return sum(scatter is not None for scatter in scatters.values())

    return sum_over(ctx.sites().values(), look)
