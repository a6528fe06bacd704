"""By which rules an outside system counts: what is known of each system, and what a person has said of one."""

import re
from typing import Final
from zoneinfo import available_timezones

import msgspec

from tandem.base.errors import UserError

BOTS: Final = ("none", "undeclared", "all")
ATTRIBUTIONS: Final = ("visit", "last_non_direct")
COUNTS: Final = ("every", "once")
UNDECLARED: Final = ("", "datacentre")
"""Kinds of visits that a filter by the name of the browser lets through: people, and robots that pass for browsers."""

LOOK_BACK_DAYS: Final = 90
_GOAL: Final = re.compile(r"goal_[0-9]{1,9}")


class CountingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a system counts.

    zone              in which its days begin; "" where it is not known, and the site's is taken
    bots              which robots it counts too: none, those that do not say so, all
    sees_cookieless   whether it counts visits without a cookie: those that gave no consent
    attribution       to which visit's source a direct visit counts: its own, or the last one that was not direct
    orders            whether an order whose number comes again counts every time, or once
    goals             whether a goal reached again in the same visit counts every time, or once
    goal_ids          which of our goals its conversions or leads are; none: the main ones
    is_same           of an ad system or a CRM: its conversions, leads and deals are the same things as ours, so that a
                      difference is a fault and not a matter of course
    """

    zone: str = ""
    bots: str = "none"
    sees_cookieless: bool = True
    attribution: str = "visit"
    orders: str = "every"
    goals: str = "every"
    goal_ids: tuple[int, ...] = ()
    is_same: bool = False


def usual(system: str, mode: str) -> CountingRules:
    """What is known of a system before anybody said more. `mode` is how the site uses cookies.

    source   GA4: Google's help on known-bot exclusion, session-scoped traffic sources (last non-direct click) and
             transaction ids. Metrica: its help on robot filtering and the model “last significant visit”
    """
    sees = mode != "consent"
    if system == "ga4":
        return CountingRules(bots="undeclared", sees_cookieless=sees, attribution="last_non_direct", orders="once")
    if system == "metrika":
        return CountingRules(sees_cookieless=sees, attribution="last_non_direct")
    return CountingRules()


def checked(form: dict[str, str]) -> CountingRules:
    """Rules as a form gives them.

    raises   UserError when one does not fit
    """
    zone = form.get("zone", "").strip()
    if zone and zone not in available_timezones():
        raise UserError("There is no such time zone.", "Use a name such as Europe/Warsaw.").at("zone")
    for name, allowed in (("bots", BOTS), ("attribution", ATTRIBUTIONS), ("orders", COUNTS), ("goals", COUNTS)):
        if form.get(name) not in allowed:
            raise UserError("A rule is not valid.", "Choose it from the list.")
    return CountingRules(
        zone=zone, bots=form["bots"], sees_cookieless=form.get("sees_cookieless") == "1",
        attribution=form["attribution"], orders=form["orders"], goals=form["goals"],
        goal_ids=tuple(sorted(int(name[5:]) for name in form if _GOAL.fullmatch(name))),
        is_same=form.get("is_same") == "1",
    )  # fmt: skip
