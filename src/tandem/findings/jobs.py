"""What findings do on their own: they are written down in the event store, for the metrics of the catalogue."""

import msgspec
import xxhash

from tandem.accounts.model import Site
from tandem.base import log
from tandem.base.jobs import sum_over
from tandem.core.context import Context
from tandem.findings import store
from tandem.findings.model import Fact

_log = log.get("findings")


def write_findings(ctx: Context) -> int:
    """Write down the findings of each site where they are others than before; returns of how many sites.

    A site that fails keeps none of the others waiting.

    raises   the first failure, once all sites have had their turn
    """
    known = store.written_sets(ctx.warehouse)

    def write(site: Site) -> int:
        before = known.get(site.id, store.WrittenSet(site=site.id, version=0, digest=_digest([])))
        facts = store.facts_of(ctx.database, site)
        if (digest := _digest(facts)) == before.digest:
            return 0
        with ctx.database.beside_others():  # a backup has of both stores what is of one moment
            store.write_set(ctx.warehouse, site, facts, digest, before.version)
        _log.info("findings.written", site=site.key, rows=len(facts))
        return 1

    return sum_over(ctx.sites().values(), write)


def _digest(facts: list[Fact]) -> int:
    return xxhash.xxh3_64_intdigest(msgspec.msgpack.encode(facts))
