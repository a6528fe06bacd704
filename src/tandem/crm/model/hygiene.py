"""What is wrong with records, and which side puts it right."""

from typing import NamedTuple


class HygieneIssue(NamedTuple):
    """Something that is wrong with records: its title, what it means, and which side puts it right."""

    title: str
    meaning: str
    owner: str


def _issue(title: str, meaning: str, owner: str) -> HygieneIssue:
    return HygieneIssue(title, meaning, owner)


HYGIENE = {
    "sourceless": _issue(
        "Leads without a source",
        "Neither a visit nor the CRM shows where they came from. Send the visitor ID along with the form.",
        "marketing",
    ),
    "waiting": _issue("Leads not yet worked on", "They have stayed in their first stage longer than agreed.", "sales"),
    "still": _issue(
        "Stalled records",
        "They are open, and their stage has not changed for longer than agreed.",
        "sales",
    ),
    "duplicate": _issue(
        "Possible duplicates (same phone)", "Several open records have the same phone, however it is written.", "sales"
    ),
    "unpriced": _issue(
        "Won deals without an amount in our currency",
        "They are missing from revenue: they have no amount, or a currency without a rate.",
        "sales",
    ),
}
