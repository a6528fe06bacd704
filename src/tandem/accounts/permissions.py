"""Who may do what: the one table. Marketing owns the customer base, engineering owns systems and data handling.

Read a row as: these roles may do this. Every row is tested, and so is every role that is not in it.
"""

from enum import StrEnum

from tandem.base.words import hand_in


class Role(StrEnum):
    ADMIN = "admin"
    MARKETING = "marketing"
    ENGINEERING = "engineering"
    EXECUTIVE = "executive"
    FINANCE = "finance"
    AGENCY = "agency"
    VIEWER = "viewer"


EVERYONE = frozenset(Role)
BOTH_SIDES = frozenset({Role.ADMIN, Role.MARKETING, Role.ENGINEERING})

MAY: dict[str, frozenset[Role]] = {
    # looking
    "metrics.read": EVERYONE,
    "metrics.export": EVERYONE - {Role.VIEWER},
    "changes.read": EVERYONE,
    "ingestion.read": BOTH_SIDES | {Role.EXECUTIVE},
    "audit.read": frozenset({Role.ADMIN, Role.ENGINEERING, Role.EXECUTIVE}),
    "money.read": EVERYONE - {Role.VIEWER},
    "calls.read": EVERYONE - {Role.VIEWER},
    "deals.read": EVERYONE - {Role.VIEWER},
    "profiles.read": BOTH_SIDES | {Role.EXECUTIVE},
    # doing, both sides
    "changes.add": BOTH_SIDES | {Role.AGENCY},
    "goals.edit": BOTH_SIDES,
    "connections.edit": BOTH_SIDES,
    # marketing: the customer base, audiences and messages
    "campaigns.edit": frozenset({Role.ADMIN, Role.MARKETING, Role.AGENCY}),
    "ads.import": frozenset({Role.ADMIN, Role.MARKETING, Role.AGENCY, Role.FINANCE}),
    "calls.edit": frozenset({Role.ADMIN, Role.MARKETING}),
    "deals.edit": frozenset({Role.ADMIN, Role.MARKETING}),
    "profiles.edit": frozenset({Role.ADMIN, Role.MARKETING}),
    "profiles.unmask": frozenset({Role.ADMIN, Role.MARKETING}),
    "reports.keep": BOTH_SIDES | {Role.EXECUTIVE, Role.FINANCE, Role.AGENCY},
    # engineering: systems, data handling, access
    "sites.edit": frozenset({Role.ADMIN, Role.ENGINEERING}),
    "tokens.edit": frozenset({Role.ADMIN, Role.ENGINEERING}),
    "events.send": frozenset({Role.ADMIN, Role.ENGINEERING}),
    "rules.heal": frozenset({Role.ADMIN, Role.ENGINEERING}),
    "data.erase": frozenset({Role.ADMIN, Role.ENGINEERING}),
    # running the workspace
    "people.edit": frozenset({Role.ADMIN}),
}

DEEDS: dict[str, str] = {
    "metrics.read": "see metrics",
    "metrics.export": "export metrics",
    "changes.read": "see changes",
    "ingestion.read": "see data received",
    "audit.read": "see the audit log",
    "money.read": "see money",
    "calls.read": "see calls",
    "deals.read": "see leads and deals",
    "profiles.read": "see people's profiles",
    "changes.add": "add changes",
    "goals.edit": "edit goals",
    "connections.edit": "edit connections",
    "campaigns.edit": "edit campaigns",
    "ads.import": "import ad reports",
    "calls.edit": "edit calls and number pools",
    "deals.edit": "edit CRM field mapping",
    "profiles.edit": "merge and separate profiles",
    "profiles.unmask": "see phones and e-mail addresses in full",
    "reports.keep": "save reports",
    "sites.edit": "edit sites",
    "tokens.edit": "create and revoke API tokens",
    "events.send": "send events",
    "rules.heal": "rebuild visits",
    "data.erase": "erase data",
    "people.edit": "edit users",
}
"""What people are told that they may not do; a test holds every permission to be here."""

SCOPES: dict[str, str] = {
    "events:write": "events.send",
    "metrics:read": "metrics.read",
    "ingestion:read": "ingestion.read",
    "money:read": "money.read",
    "calls:read": "calls.read",
    "deals:read": "deals.read",
    "changes:write": "changes.add",
    "changes:read": "changes.read",
}
"""What an API token may be allowed, and the permission its maker must hold."""
FORMER_SCOPES = {"figures:read": "metrics:read", "reception:read": "ingestion:read"}
"""Names that tokens were made with before, taken until 0.4."""

SIDES: dict[Role, str] = {
    Role.MARKETING: "marketing",
    Role.AGENCY: "marketing",
    Role.ENGINEERING: "engineering",
    Role.ADMIN: "executive",
    Role.EXECUTIVE: "executive",
    Role.FINANCE: "executive",
    Role.VIEWER: "marketing",
}
"""The lens a role starts with."""


def may(role: Role, act: str) -> bool:
    """Whether this role may do this. An act that is not in the table is a mistake in the code, not a no."""
    return role in MAY[act]


hand_in(
    {
        "ROLES": {
            "admin": "Admin",
            "marketing": "Marketing",
            "engineering": "Engineering",
            "executive": "Executive",
            "finance": "Finance",
            "agency": "Agency",
            "viewer": "Viewer",
        },
    }
)
