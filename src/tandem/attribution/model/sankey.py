"""The most frequent ways as a drawing: columns of visits from left to right, the conversion at the end."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import msgspec

Way = tuple[tuple[str, ...], float]
"""The values of a way in order, and its conversions."""

STEPS = 4
"""How many of the last visits are drawn; what was before them is left away."""
MOST = 6
"""Values in a column; the rest are drawn together."""
WIDTH, HEIGHT, NODE, MARGIN = 1000.0, 380.0, 12.0, 4.0
HEADS = 28.0
"""Room above the boxes for the names of the columns."""
GAP = 17.0
"""Between boxes: a line of text, so that the names of the smallest do not lie on each other."""
END, OTHERS = "\x01", "\x02"


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A value in one column, as a box."""

    key: str
    column: int
    x: float
    y: float
    height: float
    count: float
    share: float
    """Of all conversions that are drawn."""
    is_left: bool
    """Whether its name stands to its right."""

    @property
    def back(self) -> int:
        """How many visits before the last one; -1 of the conversion."""
        return STEPS - 1 - self.column


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Conversions that went from one box to the next, as a band."""

    source: str
    target: str
    back: int
    """How many visits before the last one it begins."""
    count: float
    path: str


class Sankey(msgspec.Struct, frozen=True, kw_only=True):
    """The drawing, in units of its own box."""

    nodes: list[Node]
    links: list[Band]
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def columns(self) -> list[list[Node]]:
        """The boxes of each column, from left to right; the conversion's is the last."""
        return [[n for n in self.nodes if n.x == x] for x in sorted({n.x for n in self.nodes})]


def sankey(ways: Sequence[Way]) -> Sankey:
    """Boxes and bands of these ways; heights are conversions."""
    ways = [(way, count) for way, count in ways if count > 0]
    if not ways:
        return Sankey(nodes=[], links=[])
    transitions = _steps(ways)
    drawn = [(_columns(way, transitions), count) for way, count in ways]
    shown = _largest(drawn)
    flows: dict[tuple[tuple[int, str], tuple[int, str]], float] = defaultdict(float)
    sizes: dict[tuple[int, str], float] = defaultdict(float)
    for way_drawn, count in drawn:
        places = [(column, key if (column, key) in shown else OTHERS) for column, key in way_drawn]
        for place in places:
            sizes[place] += count
        for one, other in pairwise(places):
            flows[one, other] += count
    return _laid_out(sizes, flows)


def _steps(ways: Sequence[Way]) -> int:
    """How many columns of visits are worth drawing: those that hold a fiftieth of all."""
    total = sum(count for _, count in ways)
    counts = [sum(count for way, count in ways if len(way) >= n) for n in range(1, STEPS + 1)]
    return max(n for n, count in enumerate(counts, 1) if n == 1 or count >= total / 50)


def _columns(way: tuple[str, ...], transitions: int) -> list[tuple[int, str]]:
    last = way[-transitions:]
    return [*((STEPS - len(last) + i, key) for i, key in enumerate(last)), (STEPS, END)]


def _largest(drawn: Sequence[tuple[list[tuple[int, str]], float]]) -> set[tuple[int, str]]:
    sizes: dict[tuple[int, str], float] = defaultdict(float)
    for transitions, count in drawn:
        for place in transitions:
            sizes[place] += count
    largest = set()
    for column in range(STEPS + 1):
        ranked = sorted((p for p in sizes if p[0] == column), key=lambda p: (-sizes[p], p[1]))
        largest.update(ranked[:MOST])
    return largest


def _laid_out(
    sizes: dict[tuple[int, str], float], flows: dict[tuple[tuple[int, str], tuple[int, str]], float]
) -> Sankey:
    columns = [sorted((p for p in sizes if p[0] == c), key=lambda p: (p[1] == OTHERS, -sizes[p], p[1])) for c in
               range(STEPS + 1)]  # fmt: skip
    used = [c for c in columns if c]
    tallest = max(sum(sizes[p] for p in c) for c in used)
    room = HEIGHT - HEADS - MARGIN
    scale = (room - GAP * (max(len(c) for c in used) - 1)) / tallest
    stride = (WIDTH - NODE - 2 * MARGIN) / max(len(used) - 1, 1)
    nodes: dict[tuple[int, str], Node] = {}
    for i, column in enumerate(used):
        total = sum(sizes[p] for p in column) * scale + GAP * (len(column) - 1)
        y = HEADS + (room - total) / 2
        for place in column:
            height = sizes[place] * scale
            nodes[place] = Node(
                key=place[1], column=place[0], x=round(MARGIN + i * stride, 1), y=round(y, 1),
                height=round(max(height, 1.0), 1), count=sizes[place],
                share=sizes[place] / sizes[STEPS, END], is_left=i < len(used) - 1,
            )  # fmt: skip
            y += height + GAP
    return Sankey(nodes=list(nodes.values()), links=_links(nodes, flows, scale))


def _links(
    nodes: dict[tuple[int, str], Node], flows: dict[tuple[tuple[int, str], tuple[int, str]], float], scale: float
) -> list[Band]:
    left: dict[tuple[int, str], float] = defaultdict(float)
    right: dict[tuple[int, str], float] = defaultdict(float)
    links = []
    for one, other in sorted(flows, key=lambda f: (nodes[f[0]].y, nodes[f[1]].y)):
        thick = flows[one, other] * scale
        x1, x2 = nodes[one].x + NODE, nodes[other].x
        y1, y2 = nodes[one].y + right[one], nodes[other].y + left[other]
        right[one] += thick
        left[other] += thick
        bend = (x1 + x2) / 2
        path = (
            f"M{x1:.1f} {y1:.1f} C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f} "
            f"V{y2 + thick:.1f} C{bend:.1f} {y2 + thick:.1f} {bend:.1f} {y1 + thick:.1f} {x1:.1f} {y1 + thick:.1f} Z"
        )
        links.append(Band(source=one[1], target=other[1], back=STEPS - 1 - one[0], count=flows[one, other], path=path))
    return links
