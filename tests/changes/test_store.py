"""The change log on both record stores."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.changes import store
from tandem.changes.model import Change, Effect

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def site(any_database: Database) -> Site:
    workspace = accounts.make_workspace(any_database, "Fern")
    return accounts.add_site(any_database, workspace, "fern", "Fern", ["fern.example"])


def change(at: datetime = NOON, **more: str) -> Change:
    return Change(at=at, kind="deploy", title="Released", source="api", **more)  # type: ignore[arg-type]


def test_a_redelivery_is_kept_once(any_database: Database, site: Site) -> None:
    first = store.add(any_database, site, change(external_id="7"))
    again = store.add(any_database, site, change(external_id="7", note="again"))
    assert (again.id, again.note) == (first.id, "")
    assert len(store.between(any_database, site, NOON, NOON + timedelta(1))) == 1


def test_changes_without_an_outer_id_are_all_kept(any_database: Database, site: Site) -> None:
    store.add(any_database, site, change())
    store.add(any_database, site, change())
    assert len(store.between(any_database, site, NOON, NOON + timedelta(1))) == 2


def test_a_span_is_half_open_and_newest_come_first(any_database: Database, site: Site) -> None:
    moments = [NOON + timedelta(hours=i) for i in range(3)]
    for at in moments:
        store.add(any_database, site, change(at))
    assert [c.at for c in store.between(any_database, site, moments[0], moments[2])] == [moments[1], moments[0]]


def test_another_sites_change_cannot_be_removed(any_database: Database, site: Site) -> None:
    other = accounts.add_site(any_database, site.workspace_id, "oak", "Oak", ["oak.example"])
    made = store.add(any_database, site, change())
    with pytest.raises(UserError, match="no such change"):  # it was told as done
        store.remove(any_database, other, made.id)
    assert store.between(any_database, site, NOON, NOON + timedelta(1))
    store.remove(any_database, site, made.id)
    assert not store.between(any_database, site, NOON, NOON + timedelta(1))


def test_what_was_removed_can_be_put_back_with_its_effects_until_it_is_forgotten(
    any_database: Database, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = (store.add(any_database, site, change(external_id=key)) for key in ("7", "8"))
    effect = Effect(
        change_id=made.id, metric="collect.orders", label="Orders", needs="metrics.read", method="weeks", share=0.2,
        low=0.1, high=0.3, first_on=date(2026, 11, 11), last_on=date(2026, 11, 20),
    )  # fmt: skip
    store.keep_effect(any_database, site, effect)
    store.remove(any_database, site, made.id)
    with pytest.raises(UserError, match="no such change"):
        store.remove(any_database, site, made.id)
    assert store.titled(any_database, site, "released", 9) == [other]
    assert [c.id for c, _ in store.removed(any_database, site)] == [made.id]
    store.restore(any_database, site, made.id)
    with pytest.raises(UserError, match="no such change"):
        store.restore(any_database, site, made.id)
    found = store.between(any_database, site, NOON, NOON + timedelta(1))
    assert {c.id for c in found} == {made.id, other.id} and store.effects_of(any_database, found)[made.id] == [effect]
    assert store.removed(any_database, site) == []

    store.remove(any_database, site, made.id)
    assert store.add(any_database, site, change(external_id="7")).id == made.id, "a pipeline says it again"
    assert store.removed(any_database, site) == []

    store.remove(any_database, site, made.id)
    later = clock.now() + timedelta(days=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert store.removed(any_database, site) == []
    store.remove(any_database, site, other.id)  # whoever removes one clears what is older
    with pytest.raises(UserError, match="no such change"):
        store.restore(any_database, site, made.id)


@pytest.mark.parametrize("title", ["zero \x00 byte", "long " * 200, "emoji 🌱 \u202e", "'; drop table changes; --"])
def test_hostile_text_is_kept_or_refused_with_a_sentence(any_database: Database, site: Site, title: str) -> None:
    try:
        kept = store.add(any_database, site, Change(at=NOON, kind="deploy", title=title))
    except UserError:
        return
    assert store.between(any_database, site, NOON, NOON + timedelta(1))[0].title == kept.title


def test_a_number_beyond_every_column_is_refused_with_a_sentence(any_database: Database, site: Site) -> None:
    with pytest.raises(UserError, match="too large"):
        store.remove(any_database, site, 10**30)


def effect(change: Change, share: float = 0.14, **more: object) -> Effect:
    told = {"change_id": change.id, "metric": "collect.visits", "label": "Visits", "needs": "metrics.read",
            "method": "series", "share": share, "low": 0.06, "high": 0.23,
            "first_on": date(2026, 11, 11), "last_on": date(2026, 11, 24)}  # fmt: skip
    return Effect(**{**told, **more})  # type: ignore[arg-type]


def test_what_a_change_did_is_kept_once_a_method_and_goes_with_it(any_database: Database, site: Site) -> None:
    mine, other = (store.add(any_database, site, change()) for _ in range(2))
    for one in (effect(mine), effect(mine, 0.15), effect(mine, 0.1, method="experiment"), effect(other, 0.2)):
        store.keep_effect(any_database, site, one)
    assert [e.share for e in store.effects_of(any_database, [mine])[mine.id]] == [0.1, 0.15]
    store.remove(any_database, site, mine.id)
    assert store.effects_of(any_database, [mine, other]) == {other.id: [effect(other, 0.2)]}


def test_an_effect_belongs_to_a_change_of_the_site(any_database: Database, site: Site) -> None:
    there = accounts.add_site(any_database, site.workspace_id, "moss", "Moss", ["moss.example"])
    with pytest.raises(UserError, match="no such change"):
        store.keep_effect(any_database, there, effect(store.add(any_database, site, change())))
    with pytest.raises(ValueError, match="no effect"):
        effect(change(), 0.3)
