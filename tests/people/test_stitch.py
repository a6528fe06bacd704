"""Persons out of links: no order, no repetition matters; strangers who share something stay strangers."""

import random

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tandem.people.model.stitch import CLAIM, FORM, MOST, NOTHING, Decisions, Links, links_of, stitch

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
    links = Links(*(np.concatenate(c) for c in zip(links_of(proved), links_of(claimed, CLAIM), strict=True)))
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


def formed(proved: list[Row], told: list[Row], decisions: Decisions = NOTHING) -> dict[int, int]:
    """Persons, where records without a contact told some of the links."""
    links = Links(*(np.concatenate(c) for c in zip(links_of(proved), links_of(told, FORM), strict=True)))
    found = stitch(links, decisions)
    return dict(zip(found.node.tolist(), found.person.tolist(), strict=True))


def by_plain_loops_with_forms(proved: list[Row], told: list[Row]) -> dict[int, int]:
    """Drop what would join two known persons, by paths through unknown ones too; then stitch the rest as proved."""
    nodes = {end for a, _, b, _ in [*proved, *told] for end in (a, b)}
    person = by_plain_loops(proved) | {}
    person |= {node: node for node in nodes if node not in person}
    kinds: dict[int, set[str]] = {}
    for node in nodes:
        kinds.setdefault(person[node], set()).add(kind(node))
    known = {one for one, has in kinds.items() if {"phone", "email"} <= has}
    held = [link(node, node) for node in nodes]
    for row in told:
        ends = {person[row[0]], person[row[2]]}
        is_between_two = len(known & ends) == 2
        is_of_nobodys = bool(known & ends and ends - known) and len(_reached(ends, known, told, person)) > 1
        if not is_between_two and not is_of_nobodys:
            held.append(row)
    return by_plain_loops([*proved, *held])


def _reached(ends: set[int], known: set[int], told: list[Row], person: dict[int, int]) -> set[int]:
    """The known persons that the unknown one of these is linked to, through unknown ones."""
    todo, seen, found = [one for one in ends if one not in known], set[int](), set[int]()
    while todo:
        here = todo.pop()
        seen.add(here)
        for a, _, b, _ in told:
            for mine, other in ((person[a], person[b]), (person[b], person[a])):
                if mine == here and other in known:
                    found.add(other)
                elif mine == here and other not in seen:
                    todo.append(other)
    return found


FEW_ROWS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: link(*p)), max_size=25)
OF_FORMS = st.lists(
    st.tuples(st.sampled_from([n for n in range(61) if n % 5 in (1, 2)]), st.sampled_from(
        [n for n in range(61) if n % 5 in (1, 2)])).map(lambda p: link(*p)), max_size=3,
)  # fmt: skip
"""Too few to make anybody shared: that is looked at by the tests above."""


@given(FEW_ROWS, OF_FORMS)
@settings(max_examples=300, deadline=None)
def test_forms_join_as_plain_loops_say(proved: list[Row], told: list[Row]) -> None:
    few = {node: [r for r in proved if node in (r[0], r[2])] for r_ in proved for node in (r_[0], r_[2])}
    assume(all(len(rows) <= 3 for rows in few.values()))
    assert formed(proved, told) == by_plain_loops_with_forms(proved, told)


PHONE_A, MAIL_A, PHONE_B, MAIL_B, MAIL_X = 11, 12, 21, 22, 32
TWO = [link(13, PHONE_A), link(13, MAIL_A), link(23, PHONE_B), link(23, MAIL_B)]


def test_a_form_with_ones_phone_and_anothers_mail_joins_not_the_two() -> None:
    for told in ([link(PHONE_A, MAIL_B)], [link(PHONE_A, PHONE_B)], [link(PHONE_A, MAIL_X), link(PHONE_B, MAIL_X)]):
        found = formed(TWO, told)
        assert found[PHONE_A] == found[MAIL_A] != found[PHONE_B] == found[MAIL_B]
        assert found.get(MAIL_X) in (None, MAIL_X), "nobody can say whose it is"
    together = Decisions(together=links_of([link(PHONE_A, MAIL_B)]))
    assert len(set(formed(TWO, [link(PHONE_A, MAIL_B)], together).values())) == 1


def test_a_form_still_tells_a_new_mail_of_a_known_person_and_joins_unknown_ones() -> None:
    assert formed(TWO, [link(PHONE_A, MAIL_X)])[MAIL_X] == formed(TWO, [])[PHONE_A]
    assert len(set(formed([], [link(PHONE_A, MAIL_A), link(PHONE_A, MAIL_X)]).values())) == 1


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
