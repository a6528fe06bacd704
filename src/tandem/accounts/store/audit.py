"""The log of what users did."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from tandem.accounts import tables as t
from tandem.accounts.model import AuditEntry
from tandem.base import clock
from tandem.base.database import Database


def note(
    connection: Connection, workspace_id: int | None, person_id: int | None, act: str, what: str, **detail: object
) -> None:
    """Add a line to the audit log, in the transaction of the deed itself."""
    connection.execute(
        insert(t.audit).values(
            workspace_id=workspace_id, at=clock.now(), person_id=person_id, act=act, object=what[:200], detail=detail
        )
    )


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What changed, for the audit log: field -> before ("from") and after ("to")."""
    return {n: {"from": old.get(n), "to": value} for n, value in new.items() if old.get(n) != value}


def audit_log(db: Database, workspace_id: int, most: int = 200) -> list[AuditEntry]:
    """The newest entries first."""
    query = (
        select(t.audit, t.people.c.name.label("person"))
        .outerjoin(t.people, t.people.c.id == t.audit.c.person_id)
        .where(t.audit.c.workspace_id == workspace_id)
        .order_by(t.audit.c.id.desc())
        .limit(most)
    )
    with db.read() as c:
        return [
            AuditEntry(at=r.at, person=r.person or "", act=r.act, object=r.object, detail=r.detail)
            for r in c.execute(query)
        ]
