"""What findings do on their own: they are written down in the event store, for the metrics of the catalogue."""

import msgspec
import xxhash

from tandem.base import log
from tandem.core.context import Context
from tandem.findings import store
from tandem.findings.model import Fact

_log = log.get("findings")


def write_findings(ctx: Context) -> int:
    """Write down the findings of each site where they are others than before; returns of how many sites.

    A site that fails keeps none of the others waiting.

    raises   the first failure, once all sites have had their turn
    """
    written, failures, known = 0, list[Exception](), store.written_sets(ctx.warehouse)
    for site in ctx.sites().values():
        before = known.get(site.id, store.WrittenSet(site=site.id, version=0, digest=_digest([])))
        try:
            facts = store.facts_of(ctx.database, site)
            if (digest := _digest(facts)) != before.digest:
                with ctx.database.beside_others():  # a backup has of both stores what is of one moment
                    store.write_set(ctx.warehouse, site, facts, digest, before.version)
                _log.info("findings.written", site=site.key, rows=len(facts))
                written += 1
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return written


def _digest(facts: list[Fact]) -> int:
    return xxhash.xxh3_64_intdigest(msgspec.msgpack.encode(facts))
