"""Persons out of links: connected components, without the identifiers that strangers share.

The answer is a function of the set of links and decisions: neither order nor repetition matters.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.int8]

KINDS = ("visitor", "phone", "email", "crm", "login")
CODE: Mapping[str, int] = {kind: code for code, kind in enumerate(KINDS)}

MOST: Mapping[tuple[str, str], int] = {
    ("visitor", "login"): 3,
    ("visitor", "crm"): 3,
    ("visitor", "email"): 4,
    ("visitor", "phone"): 4,
    ("phone", "crm"): 4,
    ("phone", "login"): 4,
    ("phone", "email"): 6,
    ("phone", "visitor"): 20,
    ("email", "crm"): 4,
    ("email", "login"): 4,
    ("email", "phone"): 6,
    ("email", "visitor"): 40,
    ("crm", "phone"): 10,
    ("crm", "email"): 10,
    ("crm", "visitor"): 60,
    ("login", "visitor"): 60,
}
"""How many neighbours of a kind an identifier of one person may have; with more it is shared (a tablet of a shop, an
line, info@) and glues nobody. People come to more browsers than phones, and to more phones than records of the CRM."""


PROVED, FORM, CLAIM = 0, 1, 2


class Links(NamedTuple):
    """Links as columns: both ends and the codes of their kinds, one row a link; and how much it is doubted.

    FORM     a record of the CRM without a contact names both, which anybody can bring about by a public form: it holds
             where it does not make one person of two who are known as two
    CLAIM    a browser claimed it before 0.2, and nobody proved it: it holds as it did then, yet makes nobody shared in
             the eyes of what is proved
    """

    a: Keys
    a_kind: Codes
    b: Keys
    b_kind: Codes
    doubt: Codes


NO_LINKS = Links(
    np.zeros(0, np.uint64), np.zeros(0, np.int8), np.zeros(0, np.uint64), np.zeros(0, np.int8), np.zeros(0, np.int8)
)


class Decisions(NamedTuple):
    """What people said about identifiers.

    together   links that hold whatever the evidence says, and count as no evidence
    apart      pairs whose link is not to be believed
    glue       shared identifiers that are one person's all the same
    shared     identifiers that are to glue nobody
    """

    apart: frozenset[tuple[int, int]] = frozenset()
    glue: frozenset[int] = frozenset()
    shared: frozenset[int] = frozenset()
    together: Links = NO_LINKS


class Stitched(NamedTuple):
    """The answer: each identifier with its person, and which identifiers are shared."""

    node: Keys
    kind: Codes
    person: Keys
    is_shared: npt.NDArray[np.bool_]


NOTHING = Decisions()


def links_of(rows: Iterable[tuple[int, str, int, str]], doubt: int = PROVED) -> Links:
    """Links as columns from (a, kind of a, b, kind of b)."""
    listed = list(rows)
    return Links(
        np.array([r[0] for r in listed], np.uint64), np.array([CODE[r[1]] for r in listed], np.int8),
        np.array([r[2] for r in listed], np.uint64), np.array([CODE[r[3]] for r in listed], np.int8),
        np.full(len(listed), doubt, np.int8),
    )  # fmt: skip


def stitch(links: Links, decisions: Decisions = NOTHING, most: Mapping[tuple[str, str], int] = MOST) -> Stitched:
    """Who is who.

    links    evidence; doubles and both directions are welcome
    returns  one row an identifier. A person's key is the smallest key of their browsers, or of all their identifiers if
             they have none, so that somebody with one browser keeps its key
    """
    nodes, kinds, a, b = _numbered(_joined(links, decisions.together))
    if not nodes.size:
        return Stitched(nodes, kinds, nodes, np.zeros(0, bool))
    half = links.a.size
    (a, decided_a), (b, decided_b) = (a[:half], a[half:]), (b[:half], b[half:])
    a, b, doubt = _distinct(a, b, links.doubt, nodes.size)
    valid = _without(a, b, nodes, decisions.apart)
    a, b, doubt = a[valid], b[valid], doubt[valid]
    unproved = doubt == CLAIM
    # An identifier with too many neighbours (the phone of an office, a shop's tablet) would make one person of
    # strangers. It stays in the answer, but no link through it glues.
    shared = _decided(_shared(a[~unproved], b[~unproved], kinds, most), nodes, decisions)
    glues = ~(shared[a] | shared[b])
    if unproved.any():
        # What strangers claimed once must not part what is proved, and joins no more than it did.
        by_all = _decided(_shared(a, b, kinds, most), nodes, decisions)
        glues &= ~(unproved & (by_all[a] | by_all[b]))
        by_all[np.concatenate([a[~unproved], b[~unproved]])] = False
        shared |= by_all
    form, proved = glues & (doubt == FORM), glues & (doubt == PROVED)
    # Components of what is proved come first. A form's pair may add a phone to somebody, or an e-mail; it may not make
    # one of two whom proof knows apart, or a stranger could merge them by typing both into a form.
    if form.any():
        components = _components(
            np.concatenate([a[proved], decided_a]), np.concatenate([b[proved], decided_b]), nodes.size
        )
        glues[form] = ~_join_two(components[a[form]], components[b[form]], _have_both(components, kinds))
    a, b = np.concatenate([a[glues], decided_a]), np.concatenate([b[glues], decided_b])
    return Stitched(nodes, kinds, _persons(nodes, kinds, _components(a, b, nodes.size)), shared)


def _components(a: npt.NDArray[Any], b: npt.NDArray[Any], size: int) -> npt.NDArray[np.int32]:
    """The number of each place's component."""
    from scipy import sparse  # a fifth of a second that only this job needs

    # Undirected: that a is b says as much as that b is a, and a chain of links is one person (transitive closure).
    graph = sparse.coo_array((np.ones(a.size, np.int8), (a, b)), shape=(size, size))
    _, component = sparse.csgraph.connected_components(graph, directed=False)
    return np.asarray(component, np.int32)


def _have_both(component: npt.NDArray[np.int32], kinds: Codes) -> npt.NDArray[np.bool_]:
    """Which components have a phone and an e-mail: somebody whom we know."""
    has_both = np.ones(kinds.size, bool)
    for kind in ("phone", "email"):
        has = np.zeros(kinds.size, bool)
        has[component[kinds == CODE[kind]]] = True
        has_both &= has
    return has_both


def _join_two(
    one: npt.NDArray[np.int32], two: npt.NDArray[np.int32], is_known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Which links between components would make one person of two known ones, be it by way of unknown ones.

    Decided for all links together, from what is proved alone: their order does not matter. Where unknown ones hang
    together and touch several known ones, nobody can say whose they are, so they stay apart from all of these.
    """
    known_one, known_two = is_known[one], is_known[two]
    refused: npt.NDArray[np.bool_] = known_one & known_two & (one != two)
    # Unknown ones that hang together make an island: it may be joined to one known person, as a whole, or to nobody.
    free, touching = ~known_one & ~known_two, known_one != known_two
    island = _components(one[free], two[free], is_known.size)
    touched = np.where(known_one, one, two)[touching]
    unknown = island[np.where(known_one, two, one)[touching]]
    pairs = np.unique(np.stack([unknown, touched]), axis=1)
    refused[touching] = np.bincount(pairs[0], minlength=is_known.size)[unknown] > 1
    return refused


def _numbered(links: Links) -> tuple[Keys, Codes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All identifiers in order with their kinds, and the ends of each link as places among them."""
    keys = np.concatenate([links.a, links.b])
    nodes, first, place = np.unique(keys, return_index=True, return_inverse=True)
    kinds = np.concatenate([links.a_kind, links.b_kind])[first]
    half = links.a.size
    return nodes, kinds, place[:half].astype(np.int64, copy=False), place[half:].astype(np.int64, copy=False)


def _joined(one: Links, other: Links) -> Links:
    if not other.a.size:
        return one  # as nearly always, and millions of rows are not copied for it
    return Links(
        np.concatenate([one.a, other.a]), np.concatenate([one.a_kind, other.a_kind]),
        np.concatenate([one.b, other.b]), np.concatenate([one.b_kind, other.b_kind]),
        np.concatenate([one.doubt, other.doubt]),
    )  # fmt: skip


def _distinct(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], doubt: Codes, size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Codes]:
    """Each pair once, the smaller place first; one with itself says nothing. Once proved is proved."""
    differ = a != b
    # Both ends and the doubt in one number: sorting numbers is many times as fast as sorting rows.
    pair = (np.minimum(a, b)[differ] * size + np.maximum(a, b)[differ]) * 4 + doubt[differ]
    pair.sort()  # of a pair, what is doubted least comes first
    pair = pair[np.diff(pair >> 2, prepend=-1) != 0]
    low = (pair >> 2) // size
    return low, (pair >> 2) - low * size, (pair & 3).astype(np.int8)


def _decided(shared: npt.NDArray[np.bool_], nodes: Keys, decisions: Decisions) -> npt.NDArray[np.bool_]:
    """Which identifiers are shared when what people said counts, too."""
    shared[_places(nodes, decisions.glue)] = False
    shared[_places(nodes, decisions.shared)] = True
    return shared


def _shared(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], kinds: Codes, most: Mapping[tuple[str, str], int]
) -> npt.NDArray[np.bool_]:
    """Which identifiers have more neighbours of a kind than one person would."""
    width, size = len(KINDS), kinds.size
    over = np.zeros(size, bool)
    # Most identifiers have too few neighbours of all kinds together to be shared: only the others are looked at.
    many = np.bincount(a, minlength=size) + np.bincount(b, minlength=size) > min(most.values(), default=0)
    place = np.cumsum(many) - 1
    # Neighbours are counted by kind: five phones beside a browser are suspicious, forty browsers of an e-mail are not.
    ends = np.concatenate(
        [place[a[many[a]]] * width + kinds[b[many[a]]], place[b[many[b]]] * width + kinds[a[many[b]]]]
    )
    degree = np.bincount(ends, minlength=int(many.sum()) * width).reshape(-1, width)
    limit = np.full((width, width), np.iinfo(np.int64).max)
    for (kind, neighbour), count in most.items():
        limit[CODE[kind], CODE[neighbour]] = count
    over[many] = (degree > limit[kinds[many]]).any(axis=1)
    return over


def _places(nodes: Keys, keys: Iterable[int]) -> npt.NDArray[np.int64]:
    """Where these keys stand among the identifiers; those that are not there are left out."""
    wanted = np.fromiter(keys, np.uint64)
    place = np.searchsorted(nodes, wanted)
    place = place[place < nodes.size]
    return place[np.isin(nodes[place], wanted)]


def _places_of_pairs(
    nodes: Keys, pairs: Iterable[tuple[int, int]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    both = np.array(sorted(pairs), np.uint64).reshape(-1, 2)
    place = np.searchsorted(nodes, both)
    exist = (place < nodes.size).all(axis=1)
    place, both = place[exist], both[exist]
    there = (nodes[place] == both).all(axis=1)
    return place[there, 0], place[there, 1]


def _without(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], nodes: Keys, apart: Iterable[tuple[int, int]]
) -> npt.NDArray[np.bool_]:
    """Which pairs remain when those that are not to be believed are left out."""
    low, high = _places_of_pairs(nodes, apart)
    if not low.size:
        return np.ones(a.size, bool)
    refused = np.minimum(low, high) * nodes.size + np.maximum(low, high)
    return ~np.isin(a * nodes.size + b, refused)


def _persons(nodes: Keys, kinds: Codes, component: npt.NDArray[np.int32]) -> Keys:
    """The key of each identifier's person. Keys are in order, so a component's first browser is its smallest."""
    # A browser's key is on every event it sent: with it as the person's key, most visits need no look-up at all.
    not_browser = kinds != CODE["visitor"]
    order = np.lexsort((nodes, not_browser, component))
    starts = np.flatnonzero(np.diff(component[order], prepend=-1))
    keys = np.empty(starts.size, np.uint64)
    keys[component[order][starts]] = nodes[order][starts]
    return keys[component]
