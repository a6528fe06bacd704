"""One colour a channel, the same on every page."""

HUES: dict[str, str] = {
    "Direct": "grey",
    "Organic Search": "green",
    "Paid Search": "orange",
    "Referral": "sky",
    "Email": "yellow",
    "Organic Social": "purple",
    "Paid Social": "vermilion",
    "AI Assistants": "blue",
    "Display": "orange-ring",
    "Paid Shopping": "vermilion-ring",
    "Paid Video": "yellow-ring",
    "Paid Other": "orange-ring",
    "Cross-network": "orange-ring",
    "Organic Shopping": "green-ring",
    "Organic Video": "purple-ring",
    "Messengers": "purple-ring",
    "Maps": "sky-ring",
    "Marketplaces": "green-ring",
    "Affiliates": "sky-ring",
    "Audio": "yellow-ring",
    "SMS": "yellow-ring",
    "Mobile Push Notifications": "yellow-ring",
    "Unassigned": "grey-ring",
    "No visit": "grey-ring",
}
"""Okabe-Ito, and rings for the rarer kin of a colour."""
