"""Templates translate words of ours and nothing else: what people type, or other systems call things, is no format.

Whatever a template hands to gettext is a literal, an entry of a table of ours, or one of the few expressions below.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from tandem.base import pages, translations, words

SOURCE = Path(translations.__file__).parents[1]
ENVIRONMENT = Environment(extensions=["jinja2.ext.i18n"])
TABLES = {
    *words.WORDS, "acts", "all_metrics", "areas", "audit_acts", "audit_fields", "dimensions", "figures", "groups",
    "kinds", "shown", "systems", "why",
}  # fmt: skip
"""Names of tables of ours; what is looked up in them, or a label of it, is ours too."""
REVIEWED = {
    # figures, dimensions, pages, systems and goals of the product: declared in the source
    "d.label", "d.marketers", "e.title", "entry.meaning", "entry.title", "explanation.engineers", "explanation.label",
    "explanation.marketers", "f.engineers", "f.label", "f.marketers", "field.hint", "field.label", "metric",
    "metric.label", "group", "group.instead", "group.meaning[]", "group.missing", "group.title", "k.title",
    "issues[].title", "kind.empty", "kind.title", "label", "labels[]", "page_title", "question", "s.title", "s.why",
    "system.note", "t.metric.label", "t.title", "told[]",
    "e.label",  # of the metric that a change was measured by
    "m.title",  # of what a person did: a slice's timeline takes it from a table
    # sentences of ours, whose values stand apart from them
    "failed", "said", "f.title", "one.what", "one.cure", "p.what", "p.cure",
    "v.term",
    "d.before", "d.after",  # of the audit log, where the entry says that they are words of ours
}  # fmt: skip


def handed_over() -> Iterator[tuple[str, str]]:
    """What templates translate that is no literal: where, and its form."""
    for path in sorted(SOURCE.glob("*/templates/*.html")):
        for call in ENVIRONMENT.parse(path.read_text("utf-8")).find_all(nodes.Call):
            name = getattr(call.node, "name", "")
            if name in ("_", "gettext", "ngettext"):
                for text in call.args[: 2 if name == "ngettext" else 1]:
                    yield from ((f"{path.name}:{call.lineno}", form) for form in forms(text))


def forms(node: nodes.Expr | None) -> list[str]:
    """The expressions that may be the text, but literals."""
    if isinstance(node, nodes.CondExpr):
        return forms(node.expr1) + forms(node.expr2)
    if isinstance(node, nodes.Or | nodes.And):
        return forms(node.left) + forms(node.right)
    return [] if node is None or isinstance(node, nodes.Const) else [form_of(node)]


def form_of(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        return f"{form_of(node.node)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        return f"{form_of(node.node)}[]"
    return type(node).__name__


def test_templates_translate_nothing_but_words_of_ours() -> None:
    found = list(handed_over())
    others = [(where, form) for where, form in found if form.partition("[]")[0] not in TABLES or "[]" not in form]
    assert [(where, form) for where, form in others if form not in REVIEWED] == []
    assert REVIEWED - {form for _, form in others} == set(), "reviewed, and no longer there"
    assert TABLES - set(words.WORDS) - {form.partition("[]")[0] for _, form in found} == set()


@pytest.mark.parametrize("language", translations.LANGUAGES)
@pytest.mark.parametrize("text", ["%", "100%", "%s", "%(x)s", "%%", "{x}", ""])
def test_a_text_without_values_is_shown_as_it_is(language: str, text: str) -> None:
    template = pages._environment(language).from_string("{{ _(text) }}")
    assert template.render(text=text, language=language) == text


def test_a_text_is_escaped_and_so_are_its_values() -> None:
    template = pages._environment("en").from_string("{{ _(text) }} {{ _('for %(who)s <b>', who=text) }}")
    assert template.render(text="<i>") == "&lt;i&gt; for &lt;i&gt; &lt;b&gt;"
