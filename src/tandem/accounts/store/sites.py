"""Sites of a workspace."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts import tables as t
from tandem.accounts.model import Site, checked_key, checked_site
from tandem.accounts.pasted import hosts_of, key_of
from tandem.accounts.store.audit import differences, note
from tandem.base import clock
from tandem.base.database import Database, wait_for_turn
from tandem.base.errors import UserError, tell_together
from tandem.base.hosts import own_letters
from tandem.base.reach import is_local


def _site(row: Row[Any]) -> Site:
    fields = {name: row._mapping[name] for name in Site.__struct_fields__}
    return Site(**{**fields, "hosts": tuple(row.hosts)})


def add_site(
    db: Database,
    workspace_id: int,
    key: str,
    name: str,
    hosts: list[str],
    zone: str = "UTC",
    currency: str = "EUR",
    mode: str = "cookieless",
    keep_days: int = 1100,
    by: int | None = None,
) -> Site:
    """A new site to measure; an empty key is made from its first host, and an empty name is that host.

    hosts    as they were pasted
    raises   UserError when the key is taken, an address belongs to another site, or a field does not fit
    """
    tell_together(partial(hosts_of, hosts), *([partial(checked_key, key)] if key else []))
    valid_hosts = hosts_of(hosts)
    key = key or key_of(valid_hosts[0], {s.key for s in all_sites(db)})
    values = site_values(key, name or own_letters(valid_hosts[0]), valid_hosts, zone, currency, mode, keep_days)
    try:
        with db.write() as c:
            _must_be_of_no_other(c, workspace_id, valid_hosts)
            insert_site(c, workspace_id, values, by)
    except IntegrityError as error:
        raise UserError("There is already a site with the key “%(key)s”.", "Choose another key.", key=key).at(
            "key"
        ) from error
    return next(s for s in all_sites(db) if s.key == key)


def site_values(
    key: str, name: str, hosts: list[str], zone: str, currency: str, mode: str, keep_days: int
) -> dict[str, Any]:
    checked_site(key, name, hosts, zone, currency, mode, keep_days)
    return {
        "key": key, "name": name.strip(), "hosts": hosts, "zone": zone, "currency": currency, "mode": mode,
        "keep_days": keep_days, "made_at": clock.now(),
    }  # fmt: skip


def _must_be_of_no_other(c: Connection, workspace_id: int, hosts: Iterable[str]) -> None:
    """Refuse an address that a site of this workspace has: the visits to it would be shared out between two.

    Every developer's machine is called localhost, so local addresses may belong to several sites. Sites of other
    workspaces are not looked at: a refusal would reveal them.
    """
    wait_for_turn(c, t.workspaces, workspace_id)  # two who add the same address at once would both see it free
    wanted = {host for host in hosts if not is_local(host.partition(":")[0])}
    for row in c.execute(select(t.sites).where(t.sites.c.workspace_id == workspace_id).order_by(t.sites.c.id)):
        if shared := [host for host in row.hosts if host in wanted]:
            raise UserError(
                "%(host)s already belongs to the site “%(site)s”.",
                "Open that site. To use the address for another one, remove it from the hosts of that site first.",
                host=own_letters(shared[0]), site=row.name,
            ).at("host")  # fmt: skip


def insert_site(c: Connection, workspace_id: int, values: dict[str, Any], by: int | None) -> None:
    c.execute(insert(t.sites).values(workspace_id=workspace_id, **values))
    note(c, workspace_id, by, "sites.added", values["key"])


def change_site(db: Database, site: Site, by: int | None = None, expired: int = 0, **values: Any) -> Site:
    """The site with what is given changed; the key stays, because pages carry it.

    expired   how many events are deleted because they are kept for fewer days, for the audit log
    raises    UserError when a new address belongs to another site, or a field does not fit
    """
    merged = {**msgspec.structs.asdict(site), **values}
    merged["hosts"] = hosts_of(merged["hosts"], site.hosts) if "hosts" in values else list(site.hosts)
    fields = ("name", "hosts", "zone", "currency", "mode", "keep_days")
    checked_site(site.key, **{k: merged[k] for k in fields})
    with db.write() as c:
        # Only new ones: two sites may share an address since an earlier version, and must stay changeable.
        if new := set(merged["hosts"]) - set(site.hosts):
            _must_be_of_no_other(c, site.workspace_id, new)
        c.execute(update(t.sites).where(t.sites.c.id == site.id).values(**{k: merged[k] for k in fields}))
        changed = differences(
            {**msgspec.structs.asdict(site), "hosts": list(site.hosts)}, {k: merged[k] for k in values}
        )
        deleted = {"expired": expired} if expired else {}
        note(c, site.workspace_id, by, "sites.changed", site.key, **changed, **deleted)
    return next(s for s in all_sites(db) if s.id == site.id)


def all_sites(db: Database) -> list[Site]:
    with db.read() as c:
        return [_site(r) for r in c.execute(select(t.sites).order_by(t.sites.c.id))]


def sites_of(db: Database, workspace_id: int) -> list[Site]:
    return [s for s in all_sites(db) if s.workspace_id == workspace_id]
