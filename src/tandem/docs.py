"""Makes the documents that the code knows best; `python -m tandem.docs --check` says whether they are current."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from typer.main import get_command

from tandem.app import SLICES
from tandem.base.config import PREFIX, Config
from tandem.cli import app
from tandem.metrics.catalogue import DIMENSIONS, METRICS
from tandem.metrics.metric import AnyMetric, Counted, Estimate, Metric, Ratio

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).parent
MADE = "<!-- Made by `make docs` from {source}; edit that instead. -->"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A Markdown table."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


# ── metrics ──


def metrics() -> Iterator[str]:
    """Every metric and dimension, as the catalogue defines them."""
    yield MADE.format(source="src/tandem/metrics/catalogue")
    yield "# Metrics\n"
    yield f"{len(METRICS)} metrics and {len(DIMENSIONS)} dimensions. The board, the API and exports all use them.\n"
    for metric in METRICS.values():
        yield f"## {metric.label}\n"
        yield f"`{metric.id}` · {metric.unit} · {_kind(metric)}\n"
        yield f"- For marketing: {metric.marketers}"
        yield f"- For engineering: {metric.engineers}"
        yield f"- Formula: {_formula(metric)}"
        adds_up = "adds up" if metric.adds_up else "does not add up: ask for the whole span"
        yield f"- Better when: {metric.good}. Over days it {adds_up}."
        if by := getattr(metric, "by", ()):
            yield f"- Splits: {', '.join(by)}"
        yield ""
    yield "# Dimensions\n"
    yield from table(("id", "name", "meaning"), [(f"`{d.id}`", d.label, d.marketers) for d in DIMENSIONS.values()])


def _kind(metric: AnyMetric) -> str:
    return "divided" if isinstance(metric, Ratio) else "modelled" if isinstance(metric, Estimate) else "counted"


def _formula(metric: AnyMetric) -> str:
    if isinstance(metric, Ratio):
        return f"`{metric.top}` / `{metric.bottom}`; no data when the bottom is 0."
    if isinstance(metric, Metric):
        return f"`{metric.value}` over `{metric.view}`" + (", robots included." if metric.with_bots else ".")
    return f"`{metric.value}` over `{metric.view}`, between `{metric.low}` and `{metric.high}`."


# ── settings ──


def settings() -> Iterator[str]:
    """Every setting with its default."""
    yield MADE.format(source="src/tandem/base/config.py")
    yield "# Settings\n"
    yield "Tandem reads its settings from the environment when it starts. Every one has a value that suits a laptop.\n"
    defaults = Config()
    hints = get_type_hints(Config, include_extras=True)
    rows = []
    for name in Config.__struct_fields__:
        kind, meta = _described(hints[name])
        default = getattr(defaults, name)
        rows.append((f"`{PREFIX}{name.upper()}`", f"`{default}`" if default != "" else "", kind, meta))
    yield from table(("variable", "default", "type", "meaning"), rows)
    yield "\n`PORT` is understood as `TANDEM_PORT`. Commands that make a password read it from `TANDEM_PASSWORD`."


def _described(hint: Any) -> tuple[str, str]:
    assert get_origin(hint) is not None
    kind, *notes = get_args(hint)
    meta = next(note for note in notes if isinstance(note, msgspec.Meta))
    low = f" ≥ {meta.ge}" if meta.ge is not None else ""
    return {"str": "text", "int": "number"}.get(kind.__name__, kind.__name__) + low, str(meta.description)


# ── commands ──


def commands(command: Any = None, name: str = "tandem") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name."""
    command = command or get_command(app)
    for part, inner in getattr(command, "commands", {}).items():
        if inner.hidden:  # a former name
            continue
        if hasattr(inner, "commands"):
            yield from commands(inner, f"{name} {part}")
        else:
            yield f"{name} {part}", inner


def cli() -> Iterator[str]:
    """Every command with its arguments and options."""
    yield MADE.format(source="src/tandem/cli.py and src/tandem/*/commands.py")
    yield "# Commands\n"
    yield "Commands that need the event store let a running server do the work; without one they open it themselves."
    yield "Exit codes: 0 done; 1 `tandem doctor` found a problem, a file was refused, or something failed unexpectedly;"
    yield "2 something does not fit and the message says what.\n"
    for name, command in commands():
        yield f"## {name}\n"
        yield f"{command.help}\n"
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        yield (
            "    "
            + " ".join([name, *(p.name.upper() for p in arguments), "[options]" if _options(command) else ""]).rstrip()
        )
        rows = [(f"`{p.name.upper()}`", str(p.help or ""), "required") for p in arguments]
        rows += [
            (f"`{' / '.join([*p.opts, *p.secondary_opts])}`", str(p.help or ""), _default(p)) for p in _options(command)
        ]
        if rows:
            yield ""
            yield from table(("option", "meaning", "default"), rows)
        yield ""


def _options(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "option" and p.name != "help"]


def _default(option: Any) -> str:
    if option.required:
        return "required"
    if isinstance(option.default, bool):
        return "on" if option.default else "off"
    return f"`{option.default}`" if option.default not in (None, "") else ""


# ── who reads what ──


def questions() -> Iterator[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """Every question's file: owner, path, what it reads, what it writes."""
    for path in sorted(SOURCE.glob("*/sql/*.sql")):
        text = path.read_text()
        head = re.search(r"^-- reads: (.*)$", text, re.M)
        written = tuple(re.findall(r"^insert into (\w+)", text, re.M | re.I))
        reads = tuple(name.strip() for name in head[1].split(",")) if head else ()
        yield path.parent.parent.name, str(path.relative_to(SOURCE)), reads, written


def views() -> Iterator[str]:
    """Who owns which tables and views, and who reads them."""
    yield MADE.format(source="the heads of src/tandem/*/sql/*.sql, the catalogue and each SLICE")
    yield "# Who reads what\n"
    yield "Slices share views, never tables: what is published keeps its meaning. Only `keep` (backup, erasing, export)"
    yield "reads the tables of others.\n"
    yield from table(
        ("slice", "owns", "publishes"),
        [(s.name, ", ".join(s.owns), ", ".join(s.publishes)) for s in SLICES if s.owns or s.publishes],
    )
    yield "\n```mermaid\ngraph LR"
    owners = {name: s.name for s in SLICES for name in (*s.owns, *s.publishes)}
    edges = {(owners.get(name, "?"), reader, name) for reader, _, reads, _ in questions() for name in reads}
    edges |= {(owners.get(f.view, "?"), "metrics", f.view) for f in METRICS.values() if isinstance(f, Counted)}
    for owner, reader in sorted({(o, r) for o, r, _ in edges if o != r}):
        names = sorted(name for o, r, name in edges if (o, r) == (owner, reader))
        yield f'  {owner} -- "{", ".join(names)}" --> {reader}'
    yield "```\n"
    yield from table(
        ("question", "answers", "reads", "writes"),
        [
            (f"`{path}`", _answers(path), ", ".join(reads), ", ".join(written))
            for _, path, reads, written in questions()
        ],
    )


def _answers(path: str) -> str:
    head = re.search(r"^-- answers: (.*)$", (SOURCE / path).read_text(), re.M)
    return head[1] if head else ""


DOCUMENTS = {"docs/metrics.md": metrics, "docs/settings.md": settings, "docs/cli.md": cli, "docs/views.md": views}


def main(words: list[str]) -> int:
    """Write the documents, or with `--check` say which are not current; returns the exit code."""
    stale = []
    for name, made in DOCUMENTS.items():
        text, path = "\n".join(made()).rstrip() + "\n", ROOT / name
        if "--check" in words:
            stale += [name] if not path.exists() or path.read_text() != text else []
        else:
            path.write_text(text)
    if stale:
        sys.stderr.write(f"{', '.join(stale)}: not what the code says. Run `make docs` and commit the result.\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
