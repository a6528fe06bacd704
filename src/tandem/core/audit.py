"""The audit log as people read it: what each act is called, and what changed from what to what."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tandem.accounts.model import AuditEntry, Site
from tandem.accounts.store import note
from tandem.base.hosts import own_letters
from tandem.base.words import WORDS
from tandem.core.auth import Caller
from tandem.core.context import Context

ACTS: dict[str, str] = {
    "people.added": "User added",
    "people.changed": "User changed",
    "people.signed_in": "Signed in",
    "people.signed_out": "Signed out",
    "people.sign_in_failed": "Sign-in failed: wrong password",
    "people.password_refused": "Wrong current password while signed in",
    "people.code_failed": "Sign-in failed: wrong code",
    "people.sessions_ended": "Sessions ended",
    "people.password_changed": "Password changed",
    "people.invite_link_made": "Invitation link created",
    "people.reset_link_made": "Password link created",
    "people.two_factor_on": "Two-factor sign-in switched on",
    "people.two_factor_off": "Two-factor sign-in switched off",
    "people.recovery_codes_made": "Recovery codes created",
    "people.recovery_code_used": "Recovery code used",
    "sites.added": "Site added",
    "sites.changed": "Site changed",
    "tokens.made": "API token created",
    "tokens.revoked": "API token revoked",
    "goals.added": "Goal added",
    "goals.retired": "Goal archived",
    "goals.restored": "Goal restored",
    "goals.changed": "Goal changed",
    "changes.added": "Change added",
    "changes.removed": "Change removed",
    "changes.restored": "Change put back",
    "connections.added": "Connection added",
    "connections.changed": "Connection changed",
    "connections.removed": "Connection removed",
    "connections.deliveries_forgotten": "Unprocessed deliveries deleted",
    "ads.imported": "Ad report imported",
    "ads.import_undone": "Ad report import undone",
    "calls.imported": "Calls imported",
    "calls.import_undone": "Calls import undone",
    "calls.tagged": "Call tagged",
    "calls.pool_added": "Number pool added",
    "calls.pool_changed": "Number pool changed",
    "calls.numbers_added": "Numbers added",
    "calls.number_switched": "Number switched on or off",
    "deals.imported": "Deals imported",
    "deals.import_undone": "Deals import undone",
    "deals.mapped": "CRM fields mapped",
    "reconcile.imported": "Reconciliation report imported",
    "reconcile.import_undone": "Reconciliation report import undone",
    "reconcile.rules_set": "Reconciliation rules changed",
    "finding.explained": "Finding explained",
    "finding.ignored": "Finding ignored temporarily",
    "finding.reopened": "Finding reopened",
    "reconcile.finding_settled": "Finding explained",
    "reconcile.finding_reopened": "Finding reopened",
    "reports.kept": "Report saved",
    "signing.secret_made": "Signing secret created",
    "signing.secret_retired": "Signing secret revoked",
    "profiles.opened": "Profile opened",
    "profiles.unmasked": "Profile unmasked",
    "profiles.together": "Profiles merged",
    "profiles.apart": "Profiles separated",
    "profiles.glue": "Identifier marked as one person's",
    "profiles.shared": "Identifier marked as shared",
    "profiles.together_undone": "Merging undone",
    "profiles.apart_undone": "Separation undone",
    "profiles.glue_undone": "Identifier no longer marked as one person's",
    "profiles.shared_undone": "Identifier no longer marked as shared",
    "data.exported": "Data exported",
    "data.backed_up": "Backup started",
    "data.erased": "Person erased",
}
"""act -> what the page calls it; a test holds every act of the source to be here."""

FIELDS: dict[str, str] = {
    "role": "Role", "is_active": "Access", "name": "Name", "hosts": "Hosts", "zone": "Time zone",
    "currency": "Currency", "mode": "Privacy", "keep_days": "Event retention (days)", "is_on": "Switched on",
    "expired": "Events deleted",
    "is_main": "Main goal", "match": "Name or path", "note": "Note", "source": "Source", "model": "Model", "tag": "Tag",
    "until": "Until", "revision": "Version", "other": "Other identifier",
    "scopes": "Permissions", "kind": "Kind", "count": "Count", "rows": "Rows", "events": "Events", "system": "System",
    "secrets": "New secrets", "site": "Site", "price": "Price", "way": "Method", "address": "Address",
    "base": "Address",
    "host": "Host", "token": "Token", "sites": "Sites", "unread_files": "Unreadable files deleted",
    "unread_bytes": "Size in bytes", "deliveries": "Waiting webhooks deleted",
    "finished": "Events of an erasure that was cut off",
    "unreadable_deliveries": "Webhooks encrypted with another key (not searched)",
}  # fmt: skip
"""field -> its label; others show by their own name."""


WAYS: dict[str, str] = {"password": "Password", "link": "Link", "openid": "OpenID"}
"""How somebody signed in."""


CALLED: dict[str, Mapping[str, str]] = {"role": WORDS["ROLES"], "mode": WORDS["MODES"], "way": WAYS}
"""field -> what its values are called; the values of other fields were typed, and are shown as they are."""


class Detail(msgspec.Struct, frozen=True):
    """One field of an entry: before and after, or the one value that there is (before is None).

    is_ours   the values are words of ours, which the page translates
    """

    field: str
    before: str | None
    after: str
    is_ours: bool = False


def details(entry: AuditEntry) -> list[Detail]:
    """What an entry says beside its act and object, in the order of its fields."""
    return [_detail(name, value) for name, value in entry.detail.items() if value not in (None, "")]


def _detail(name: str, value: Any) -> Detail:
    is_change = isinstance(value, dict) and set(value) == {"from", "to"}
    values = [value["from"], value["to"]] if is_change else [value]
    called = CALLED.get(name, {})
    is_ours = all(isinstance(one, bool) or one is None or one in called for one in map(_plain, values))
    *before, after = (_said(called.get(_plain(one), one)) for one in values)
    return Detail(name, before[0] if before else None, after, is_ours)


def _plain(value: Any) -> Any:
    """A value that can be looked up: lists of hosts cannot."""
    return value if isinstance(value, str | bool | None) else str(value)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(own_letters(str(one)) for one in value)
    return "—" if value in (None, "") else str(value)


def note_act(ctx: Context, caller: Caller, site: Site, act: str, what: str, **detail: object) -> None:
    """Add a line of its own to the audit log, before the deed: nobody sees what the log does not know of."""
    detail |= {"site": site.key} | ({"token": caller.token.name} if caller.token is not None else {})
    with ctx.database.write() as c:
        note(c, site.workspace_id, caller.user_id, act, what, **detail)
