"""Persons out of links: no order, no repetition matters; strangers who share something stay strangers."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.people.model.stitch import MOST, NOTHING, Decisions, Links, links_of, stitch

Row = tuple[int, str, int, str]
KIND_OF = {0: "visitor", 1: "phone", 2: "email", 3: "crm", 4: "login"}


def kind(key: int) -> str:
    """In these tests the last digit of a key says its kind."""
    return KIND_OF[key % 5]


def link(a: int, b: int) -> Row:
    return (a, kind(a), b, kind(b))


def persons(rows: list[Row], decisions: Decisions = NOTHING) -> dict[int, int]:
    found = stitch(links_of(rows), decisions)
    return dict(zip(found.node.tolist(), found.person.tolist(), strict=True))


def by_plain_loops(rows: list[Row]) -> dict[int, int]:
    """The second opinion: neighbours as sets, then paint."""
    neighbours: dict[int, set[int]] = {}
    for a, _, b, _ in rows:
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    for node in neighbours:
        neighbours[node].discard(node)
    shared = {
        node
        for node, others in neighbours.items()
        if any(
            sum(1 for o in others if kind(o) == wanted) > MOST.get((kind(node), wanted), 10**9)
            for wanted in KIND_OF.values()
        )
    }
    answer: dict[int, int] = {}
    for node in neighbours:
        if node in answer:
            continue
        group, todo = set[int](), [node]
        while todo:
            one = todo.pop()
            if one in group:
                continue
            group.add(one)
            if one not in shared:
                todo += [o for o in neighbours[one] if o not in shared]
        if node in shared:
            group = {node}
        browsers = [n for n in group if kind(n) == "visitor"]
        for one in group:
            answer[one] = min(browsers or group)
    return answer


ROWS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: link(*p)), max_size=120)


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_the_answer_is_that_of_plain_loops(rows: list[Row]) -> None:
    assert persons(rows) == by_plain_loops(rows)


@given(ROWS, st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_neither_order_nor_direction_nor_repetition_matters(rows: list[Row], seed: int) -> None:
    rng = random.Random(seed)
    mixed = [(b, b_kind, a, a_kind) if rng.random() < 0.5 else (a, a_kind, b, b_kind) for a, a_kind, b, b_kind in rows]
    mixed += rng.sample(mixed, len(mixed) // 2)
    rng.shuffle(mixed)
    assert persons(mixed) == persons(rows)


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_a_person_is_one_of_their_own_browsers(rows: list[Row]) -> None:
    found = persons(rows)
    assert all(found[person] == person for person in found.values())
    for node, person in found.items():
        if kind(node) == "visitor":
            assert kind(person) == "visitor"


def mixed(proved: list[Row], claimed: list[Row]) -> tuple[dict[int, int], dict[int, bool]]:
    links = Links(*(np.concatenate(c) for c in zip(links_of(proved), links_of(claimed, unproved=True), strict=True)))
    found = stitch(links)
    keys = found.node.tolist()
    return dict(zip(keys, found.person.tolist(), strict=True)), dict(zip(keys, found.is_shared.tolist(), strict=True))


@given(ROWS, ROWS)
@settings(max_examples=100, deadline=None)
def test_claims_of_before_part_nobody_who_is_proved_and_join_no_more_than_they_did(
    proved: list[Row], claimed: list[Row]
) -> None:
    sure, together = persons(proved), persons(proved + claimed)
    found, shared = mixed(proved, claimed)
    for one, person in sure.items():
        for other, theirs in sure.items():
            if person == theirs:
                assert found[one] == found[other], "what is proved holds whatever is claimed"
    alone = stitch(links_of(proved))
    for node, is_shared in zip(alone.node.tolist(), alone.is_shared.tolist(), strict=True):
        assert shared[node] == is_shared, "a claim makes nobody shared who is proved"
    assert mixed([], claimed)[0] == persons(claimed), "alone they hold as they did"
    assert mixed(proved, proved)[0] == sure, "said and proved is proved"
    assert together.keys() == found.keys()


def test_a_phone_joins_two_browsers() -> None:
    assert persons([link(10, 1), link(5, 1)]) == {10: 5, 5: 5, 1: 5}


def test_an_office_line_glues_nobody() -> None:
    office = 1
    rows = [link(office, 5 * i + 3) for i in range(MOST["phone", "crm"] + 1)]
    found = stitch(links_of(rows))
    assert found.is_shared[found.node == office].all()
    assert len(set(found.person.tolist())) == len(rows) + 1


def test_one_less_and_it_is_somebodys_own_phone() -> None:
    rows = [link(1, 5 * i + 3) for i in range(MOST["phone", "crm"])]
    assert len(set(persons(rows).values())) == 1


def test_a_shared_tablet_glues_nobody_but_their_phones_still_do() -> None:
    tablet, logins = 0, [5 * i + 4 for i in range(MOST["visitor", "login"] + 1)]
    rows = [link(tablet, login) for login in logins] + [link(logins[0], 10)]
    found = persons(rows)
    assert found[tablet] == tablet
    assert found[logins[0]] == found[10] == 10
    assert len({found[login] for login in logins}) == len(logins)


def test_the_same_evidence_again_makes_nobody_shared() -> None:
    rows = [link(1, 3)] * 500
    assert not stitch(links_of(rows)).is_shared.any()


def test_what_people_decide_outweighs_the_evidence() -> None:
    rows = [link(10, 1), link(5, 1), link(20, 2)]
    assert persons(rows, Decisions(apart=frozenset({(1, 10)}))) == {10: 10, 5: 5, 1: 5, 20: 20, 2: 20}
    assert len(set(persons(rows, Decisions(together=links_of([link(5, 20)]))).values())) == 1
    assert persons(rows, Decisions(shared=frozenset({1})))[10] == 10
    office = [link(1, 5 * i + 3) for i in range(9)]
    assert len(set(persons(office, Decisions(glue=frozenset({1}))).values())) == 1


@given(ROWS, st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_merge_taken_back_leaves_nothing_behind(rows: list[Row], a: int, b: int) -> None:
    before = persons(rows)
    persons(rows, Decisions(together=links_of([link(a, b)])))
    assert persons(rows) == before


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_disbelieving_every_link_leaves_everybody_alone(rows: list[Row]) -> None:
    apart = frozenset((min(a, b), max(a, b)) for a, _, b, _ in rows)
    assert all(node == person for node, person in persons(rows, Decisions(apart=apart)).items())


def test_no_links_make_no_persons() -> None:
    assert stitch(links_of([])).node.size == 0
    assert np.array_equal(stitch(links_of([link(5, 5)])).person, [5])
