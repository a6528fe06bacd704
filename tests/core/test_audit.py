"""The audit log in words: every act has a name, and a change shows what was and what is."""

import re
from datetime import UTC, datetime
from pathlib import Path

from tandem.accounts.model import AuditEntry
from tandem.accounts.store.links import INVITE, RESET
from tandem.ads.store.imports import IMPORTS as ADS
from tandem.base import translations
from tandem.calls.file_import import IMPORTS as CALLS
from tandem.core import audit
from tandem.core.audit import Detail, details
from tandem.crm.file_import import IMPORTS as DEALS
from tandem.people.store import ACTS as DECISIONS
from tandem.reconcile.store import IMPORTS as OUTSIDE

SOURCE = Path(translations.__file__).parents[1]
NOTED = re.compile(r'\bnote(?:_act)?\(\s*(?:[^()"]|\([^()]*\))*?f?"([a-z{][a-z_{}.]*\.[a-z_{}.]+)"')
FORMER = {"reconcile.finding_settled", "reconcile.finding_reopened"}
"""Acts that older versions noted; the log still holds them."""


def acts_of_the_source() -> set[str]:
    found = {act for path in SOURCE.rglob("*.py") for act in NOTED.findall(path.read_text("utf-8"))}
    made = {
        "{self.area}.{act}": [
            f"{one.area}.{act}" for one in (ADS, CALLS, DEALS, OUTSIDE) for act in ("imported", "import_undone")
        ],
        "people.{kind}_link_made": [INVITE, RESET], "profiles.{act}": DECISIONS, "profiles.{row.act}_undone": DECISIONS,
    }  # fmt: skip
    assert set(made) == {act for act in found if "{" in act}
    whole = {re.sub(r"\{.*\}", part, act) for act, parts in made.items() for part in parts} | FORMER
    return {act for act in found if "{" not in act} | whole


def test_every_act_of_the_source_has_a_name_and_no_name_is_left_over() -> None:
    assert acts_of_the_source() == set(audit.ACTS)
    assert len(set(audit.ACTS.values())) == len(audit.ACTS) - len(FORMER)


def test_a_change_shows_what_was_and_what_is() -> None:
    entry = AuditEntry(
        at=datetime(2026, 11, 28, tzinfo=UTC), person="Ola", act="sites.changed", object="fern",
        detail={"hosts": {"from": ["a"], "to": ["a", "b"]}, "is_on": {"from": True, "to": False}, "count": 3,
                "name": {"from": "", "to": "Fern"}, "sites": ["a", "b"], "other": None},
    )  # fmt: skip
    assert details(entry) == [
        Detail("hosts", "a", "a, b"), Detail("is_on", "yes", "no", is_ours=True), Detail("count", None, "3"),
        Detail("name", "—", "Fern"), Detail("sites", None, "a, b"),
    ]  # fmt: skip


def test_what_a_goal_is_met_by_has_a_label() -> None:
    assert {"match", "kind", "is_main", "keep_days", "expired", "until", "note", "tag"} <= set(audit.FIELDS)


def test_only_words_of_ours_are_called_ours_and_what_was_typed_stays_as_it_is() -> None:
    entry = AuditEntry(
        at=datetime(2026, 11, 28, tzinfo=UTC), person="Ola", act="people.changed", object="Ola",
        detail={"role": {"from": "viewer", "to": "admin"}, "way": "openid", "mode": {"from": "cookie", "to": "100%"},
                "name": {"from": "admin", "to": "password"}, "note": "yes"},
    )  # fmt: skip
    assert details(entry) == [
        Detail("role", "Viewer", "Admin", is_ours=True), Detail("way", None, "OpenID", is_ours=True),
        Detail("mode", "First-party cookie", "100%"), Detail("name", "admin", "password"), Detail("note", None, "yes"),
    ]  # fmt: skip
