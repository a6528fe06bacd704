"""Which visit a call came from: not one name, but how certain each candidate is."""

from collections.abc import Sequence

import msgspec
import numpy as np

from tandem.calls.model.delay import Delay

CLICK_LIFT = 400.0
"""How many times likelier a call is from a visit that tapped a `tel:` link in the minutes before it."""
FORM_LIFT = 2_000.0
"""… from a visit whose form named the caller's phone."""
KNOWN_LIFT = 200.0
"""… from a visit of the person whom the caller's phone is known to belong to."""
ELSEWHERE = 3e-9
"""How likely, per second, a call on the number comes from nobody who was shown it: noted down, copied, misdialled."""
CLICK_S = 180.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that was shown the called number. Times are seconds on one clock."""

    visit: int
    visitor: int
    shown_s: float
    ended_s: float
    clicked_s: float | None = None
    is_known_caller: bool = False
    has_form: bool = False


class VisitCredit(msgspec.Struct, frozen=True):
    """A visit and how certain it is that the call came from it (0 to 1)."""

    visit: int
    visitor: int
    certainty: float


def posterior(
    call_s: float, candidates: Sequence[Candidate], delay: Delay, elsewhere: float = ELSEWHERE
) -> list[VisitCredit]:
    """How certain each candidate is to be the caller, the most certain first. The rest to 1 is nobody of them.

    call_s      when the call came, in seconds on the clock of the candidates
    returns     certainties that sum to at most 1; the rest: the caller was shown the number in none of these visits
    source      Bayes' rule: each visit as likely to call beforehand, times the density of the delay at this moment,
                times the lift of what else is known (tel: click, form, known phone)
    """
    shown = [c for c in candidates if c.shown_s <= call_s]
    if not shown:
        return []
    ended = np.array([c.ended_s for c in shown])
    dwell = np.array([max(c.ended_s - c.shown_s, 1.0) for c in shown])
    # The likelihood of the call's moment for each visit: most call while they still read or in the minutes after, and
    # who has read long calls later. Beforehand every visit is as likely to call as any other, so no prior is written.
    weight = delay.density(call_s - ended, dwell)
    # What else is known counts as independent evidence, as a ratio of likelihoods each.
    weight *= np.array([_lift(c, call_s) for c in shown])
    # The number may have been noted down, copied or misdialled: with ELSEWHERE in the sum a late call is nobody's
    # rather than that of whoever happened to be shown the number last.
    share = weight / (weight.sum() + elsewhere)
    order = np.argsort(-share, kind="stable")
    return [VisitCredit(shown[i].visit, shown[i].visitor, float(share[i])) for i in order if share[i] > 1e-4]


def _lift(candidate: Candidate, call_s: float) -> float:
    lift = 1.0
    if candidate.clicked_s is not None and -5 <= call_s - candidate.clicked_s <= CLICK_S:
        lift *= CLICK_LIFT
    # A form that names this phone proves more than a phone known from elsewhere, and includes it: not both.
    if candidate.has_form:
        lift *= FORM_LIFT
    elif candidate.is_known_caller:
        lift *= KNOWN_LIFT
    return lift
