"""What a person may choose for a CRM: which of its fields fill ours, and what its stages mean."""

from collections.abc import Mapping
from typing import NamedTuple

from tandem.base.errors import UserError
from tandem.crm.model.deal import StageKind
from tandem.crm.model.mapping import LONGEST
from tandem.imports.problem import sentence as _text

NONE = "-"
"""Stands for: no field of the CRM."""
MOST_STAGES = 1_000


class FieldGroup(NamedTuple):
    """Fields that belong together: ours, and what people call them."""

    title: str
    fields: dict[str, str]


GROUPS = (
    FieldGroup(_text("Money"), {
        "amount": _text("Amount"), "currency": _text("Currency"), "refunded": _text("Refunded"),
        "cost": _text("Cost of goods"),
    }),
    FieldGroup(_text("Source"), {
        "source_text": _text("Source as the CRM has it"), "utm_source": _text("UTM source"),
        "utm_medium": _text("UTM medium"), "utm_campaign": _text("UTM campaign"), "utm_term": _text("UTM keyword"),
        "utm_content": _text("UTM content"), "gclid": _text("Google click ID (gclid)"),
        "yclid": _text("Yandex click ID (yclid)"), "client": _text("Our visitor (cookie _tdm)"),
    }),
    FieldGroup(_text("Owner and outcome"), {
        "phones": _text("Phone"), "emails": _text("E-mail"), "responsible": _text("Responsible person"),
        "lost_reason": _text("Reason of the loss"),
    }),
)  # fmt: skip
CHOSEN = {ours: label for group in GROUPS for ours, label in group.fields.items()}
SHOWN = CHOSEN | {"stage_kind": _text("What the stage means"), "click": _text("Click ID")}
"""Names of what a dry run may show as changed."""


def fields_in(form: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Fields of a form, `field:ours` = theirs; those left at the system's own choice are left out.

    raises   UserError for a name that is too long
    """
    fields: dict[str, tuple[str, ...]] = {}
    for ours in CHOSEN:
        theirs = form.get(f"field:{ours}", "").strip()
        if len(theirs) > LONGEST:
            raise UserError("The name of a field is too long.", "Copy it from the CRM.")
        if theirs:
            fields[ours] = () if theirs == NONE else (theirs,)
    return fields


def stages_in(form: Mapping[str, str]) -> dict[str, str]:
    """Meanings of stages in a form: `stage:key` = meaning, and one more that is named by hand.

    raises   UserError for a meaning that is none, and for too many
    """
    stages = {name.removeprefix("stage:"): means for name, means in form.items() if name.startswith("stage:")}
    if named := form.get("more_stage", "").strip():
        kind = "lead" if form.get("more_kind") == "lead" else "deal"
        stages[f"{kind}:{named}"] = form.get("more_means", "")
    stages = {key: means for key, means in stages.items() if means}
    if len(stages) > MOST_STAGES or any(len(key) > LONGEST + len("lead:") for key in stages):
        raise UserError("There are too many stages, or their names are too long.", "Copy the names from the CRM.")
    if wrong := next((means for means in stages.values() if means not in tuple(StageKind)), ""):
        raise UserError("“%(value)s” is not a stage meaning.", "Choose one from the list.", value=wrong[:40])
    return stages
