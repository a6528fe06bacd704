"""How well bots are told from people: `python -m bench.agents` prints its figures as one line of JSON, last.

Each fold builds the rules from some published lists and scores them on lists that had no part in the building; the
words of our own (bots.toml) are in all of them. Both are named in the output.

    without crawlerdetect        built from crawler-user-agents and isbot, scored on crawlerdetect's bots and people
    without crawler-user-agents  the reverse: built from crawlerdetect and isbot, scored on crawler-user-agents' bots
                                 and on fake-useragent's people
    as shipped                   built from all of them, scored on `*.bots.txt` and `*.people.txt`, one agent a line,
                                 in the folder that TANDEM_AGENTS names: lists whose licence keeps them out of here

`recall` is the share of bots found and `flagged` the share of people taken for bots, each of the worst fold.
`new_per_cpu_s` is over all that is scored, in the rules as shipped, nothing remembered. A text without any version or
comment ("16129") stands in the lists of people and is no browser of anybody: it is not scored.
"""

import json
import os
import re
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tandem.collect.model.agents import AGENT_LENGTH, Engine, load_agent_rules
from tandem.collect.rules import bot_rules
from tandem.collect.rules.bot_rules import CRAWLER_DETECT, CRAWLERS, FAKE_USERAGENT, ISBOT, LISTS, Published, read_list

DATA: Final = Path(__file__).parent / "data" / "agents"
TOML: Final = Path(bot_rules.__file__).with_name("bots.toml")
CLAIM: Final = re.compile(r"[A-Za-z]/\d|\(")


class Fold(NamedTuple):
    """Rules, and the agents they are scored on."""

    name: str
    built_from: list[str]
    scored_on: list[str]
    engine: Engine
    bots: list[str]
    people: list[str]


def folds() -> list[Fold]:
    """Return every fold whose lists are on this machine."""
    own = tomllib.loads(TOML.read_text("utf-8"))
    lists = {name: read_list(DATA, name, own["classes"]) for name in LISTS}
    made = [
        _fold(own, lists, "without crawlerdetect", [CRAWLERS, ISBOT, FAKE_USERAGENT], [CRAWLER_DETECT]),
        _fold(own, lists, "without crawler-user-agents", [CRAWLER_DETECT, ISBOT], [CRAWLERS, FAKE_USERAGENT]),
    ]
    if folder := os.environ.get("TANDEM_AGENTS"):
        shipped = Engine(load_agent_rules())
        bots, people = (_files(Path(folder), kind) for kind in ("bots", "people"))
        names = sorted(path.name for path in Path(folder).glob("*.txt"))
        made.append(Fold("as shipped", list(LISTS), names, shipped, bots, people))
    return [fold for fold in made if fold.bots and fold.people]


def _fold(own: dict[str, Any], lists: dict[str, Published], name: str, built: list[str], scored: list[str]) -> Fold:
    rules = bot_rules.bots(own, [lists[each] for each in built], strict=False)
    bots = [text for each in scored for text in lists[each].bots]
    people = [text for each in scored for text in lists[each].people if CLAIM.search(text)]
    return Fold(name, built, scored, Engine(rules), bots, people)


def _files(folder: Path, kind: str) -> list[str]:
    texts = (path.read_text("utf-8") for path in sorted(folder.glob(f"*.{kind}.txt")))
    return [line for text in texts for line in text.splitlines() if kind == "bots" or CLAIM.search(line)]


def share_of_bots(engine: Engine, texts: Sequence[str]) -> float:
    """Return the share of these agents that are taken for bots."""
    return sum(engine.agent(text[:AGENT_LENGTH]).bot != "" for text in texts) / len(texts)


def new_per_cpu_s(texts: Sequence[str]) -> int:
    """Return how many agents one CPU-second reads: the best of three rounds, since the machine is shared."""
    engine = Engine(load_agent_rules())
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        for text in texts:
            engine.agent(text[:AGENT_LENGTH])
        best = min(best, time.process_time() - started)
    return round(len(texts) / best)


def main() -> None:
    rows, texts = [], []
    for fold in folds():
        recall, flagged = share_of_bots(fold.engine, fold.bots), share_of_bots(fold.engine, fold.people)
        rows.append({"fold": fold.name, "built_from": fold.built_from, "scored_on": fold.scored_on})
        rows[-1] |= {"bots": len(fold.bots), "people": len(fold.people), "recall": recall, "flagged": flagged}
        texts += [*fold.bots, *fold.people]
        print(json.dumps(rows[-1]))
    metrics = {
        "recall": min((row["recall"] for row in rows), default=None),
        "flagged": max((row["flagged"] for row in rows), default=None),
        "new_per_cpu_s": new_per_cpu_s(texts) if texts else None,
        "folds": rows,
    }
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
