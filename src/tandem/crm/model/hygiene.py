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
        "Neither a visit nor a mark in the CRM tells where they came from. Send the visitor along with the form.",
        "marketing",
    ),
    "waiting": _issue(
        "Leads that nobody has touched", "They still stand in their first stage, longer than agreed.", "sales"
    ),
    "still": _issue(
        "Records that have stopped moving",
        "They are open, and their stage has not changed for longer than agreed.",
        "sales",
    ),
    "duplicate": _issue(
        "Possible duplicates (same phone)", "Several open records have the same phone, however it is written.", "sales"
    ),
    "unpriced": _issue(
        "Won deals without an amount in our currency",
        "Revenue lacks them: they say no amount, or one in a currency without a rate.",
        "sales",
    ),
}
