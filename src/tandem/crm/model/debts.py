"""What marketing and sales owe each other on a record."""

from typing import NamedTuple


class HygieneIssue(NamedTuple):
    """Something that is wrong with records: its title, what it means, and which side puts it right."""

    title: str
    meaning: str
    owner: str


def _told(title: str, meaning: str, owner: str) -> HygieneIssue:
    return HygieneIssue(title, meaning, owner)


HYGIENE = {
    "sourceless": _told(
        "Leads without a source",
        "Neither a visit nor the CRM shows where they came from. Send the visitor ID along with the form.",
        "marketing",
    ),
    "waiting": _told("Leads not yet worked on", "They have stayed in their first stage longer than agreed.", "sales"),
    "still": _told(
        "Stalled records",
        "They are open, and their stage has not changed for longer than agreed.",
        "sales",
    ),
    "duplicate": _told(
        "Possible duplicates (same phone)", "Several open records have the same phone, however it is written.", "sales"
    ),
    "unpriced": _told(
        "Won deals without an amount in our currency",
        "They are missing from revenue: they have no amount, or a currency without a rate.",
        "sales",
    ),
}
