"""Compiles the published lists and our own additions into hosts.json and bots.json.

Run by hand after an edit: `python -m tandem.collect.rules.build_rules [folder of the reference data]`; then raise
`version` in channels.toml. Running it twice gives the same files, byte for byte.
"""

import csv
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from tandem.collect.rules.bot_rules import LISTS, bots, read_list

HERE = Path(__file__).parent
AGENTS = HERE.parents[3] / "bench" / "data" / "agents"
REFERENCE = Path(__file__).parents[5] / "shared" / "reference" / "data"

Entry = tuple[str, str]  # category, source


def main(reference: Path) -> None:
    """Write the two compiled files next to this one."""
    analytics = reference / "analytics"
    _write("hosts.json", hosts(tomllib.loads((HERE / "hosts.toml").read_text("utf-8")), analytics))
    own = tomllib.loads((HERE / "bots.toml").read_text("utf-8"))
    _write("bots.json", bots(own, [read_list(AGENTS, name, own["classes"]) for name in LISTS]))


def hosts(own: dict[str, Any], analytics: Path) -> dict[str, Any]:
    """Return all host rules: our own win over GA4's list, which wins over the community's."""
    exact: dict[str, Entry] = {}
    anywhere: dict[str, Entry] = {}
    for category, sources in own["hosts"].items():
        for source, places in sources.items():
            for place in places:
                _add(exact, anywhere, place, (category, source))
    names = {name: category for category, words in own["names"].items() for name in words}
    dropped = set(own["drop"])
    rows = [*_ga4(analytics), *_community(analytics)]
    for place, entry in rows:
        if place in dropped:
            continue
        if "." not in place:
            names.setdefault(place, entry[0])
        elif not _is_covered(exact, anywhere, place, entry):
            _add(exact, anywhere, place, _named_by_parent(exact, place, entry))
    for category, sources in own["hosts"].items():
        if category in ("search", "social", "video", "messenger", "ai", "maps", "marketplace", "shopping"):
            for source in sources:
                names.setdefault(source, category)
    return {
        "exact": {key: exact[key] for key in sorted(exact)},
        "anywhere": {key: anywhere[key] for key in sorted(anywhere)},
        "names": {key: names[key] for key in sorted(names)},
        "countries": sorted(own["countries"].split()),
        "second_level": own["second_level"],
        "same_site": own["same_site"],
        "labels": own["labels"],
        "families": own["families"],
    }


def _ga4(analytics: Path) -> list[tuple[str, Entry]]:
    with (analytics / "dbt-ga4" / "ga4_source_categories.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["source"].lower(), row["source_category"]) for row in csv.DictReader(file)]
    return [(source, (category.removeprefix("SOURCE_CATEGORY_").lower(), source)) for source, category in rows]


def _community(analytics: Path) -> list[tuple[str, Entry]]:
    folder = analytics / "searchengine-and-social-list"
    rows: list[tuple[str, Entry]] = []
    for file, category in (("AIAssistants.yml", "ai"), ("Socials.yml", "social")):
        for name, places in yaml.safe_load((folder / file).read_text("utf-8")).items():
            rows += [(str(place), (category, _source(str(name)))) for place in places]
    for name, variants in yaml.safe_load((folder / "SearchEngines.yml").read_text("utf-8")).items():
        rows += [
            (str(place), ("search", _source(str(name)))) for variant in variants for place in variant.get("urls", ())
        ]
    # A path deeper than its first segment cannot be told from the facts we keep ("x.com/i/grok").
    clean = [(_place(place), entry) for place, entry in rows if not place.startswith("android-app")]
    return [(place, entry) for place, entry in clean if "." in place and place.count("/") <= 1]


def _place(raw: str) -> str:
    place = raw.lower().removeprefix("www.").replace(".{}", ".*")
    return place.removeprefix("{}.").replace(".{}.", ".").rstrip("/")


def _source(name: str) -> str:
    return name.lower().replace("!", "").replace("%2b", "+").strip()


def _add(exact: dict[str, Entry], anywhere: dict[str, Entry], place: str, entry: Entry) -> None:
    host, slash, path = place.partition("/")
    if host.endswith(".*"):
        anywhere.setdefault(host[:-2] + slash + path, entry)
    elif "*" not in host:
        exact.setdefault(host.removeprefix("www.") + slash + path, entry)


def _is_covered(exact: dict[str, Entry], anywhere: dict[str, Entry], place: str, entry: Entry) -> bool:
    """Say whether a better list knows the place already, itself or by a parent of the same category."""
    host, slash, path = place.partition("/")
    labels = host.split(".")
    stems = (".".join(labels[:end]) for end in range(1, len(labels)))
    if place in exact or any(stem + slash + path in anywhere for stem in stems):
        return True
    if slash:
        return False
    kinds = {exact.get(".".join(labels[start:]), ("", ""))[0] for start in range(1, len(labels) - 1)}
    return bool(kinds & {"payment", "signin"}) or (entry[0] != "search" and entry[0] in kinds)


def _named_by_parent(exact: dict[str, Entry], place: str, entry: Entry) -> Entry:
    """Return the entry under its parent's name ("us.search.yahoo.com" is yahoo), where the list has no name for it."""
    if entry[1] != place:
        return entry
    labels = place.split(".")
    parents = (exact.get(".".join(labels[start:])) for start in range(1, len(labels) - 1))
    return next((parent for parent in parents if parent and parent[0] == entry[0]), entry)


def _write(name: str, content: dict[str, Any]) -> None:
    """Write JSON with one rule a line, so that differences can be read."""
    parts = [f"{_json(key)}: {_lines(value)}" for key, value in content.items()]
    (HERE / name).write_text("{\n" + ",\n".join(parts) + "\n}\n", "utf-8")


def _lines(value: Any) -> str:
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"{_json(key)}: {_json(item)}" for key, item in value.items()) + "\n}"
    return "[\n" + ",\n".join(_json(item) for item in value) + "\n]"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE)
