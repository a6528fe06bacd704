"""Words on screen: one word for one thing in each language, numbers with their plural, headlines of one colon."""

import re
from pathlib import Path

import pytest

from tandem.base.texts import quantity
from tests.architecture.test_translations import catalog, forms

ROOT = Path(__file__).parents[2] / "src" / "tandem"
HEADLINE = ROOT / "board" / "templates" / "headline.html"
TWICE = {  # a second word for what words.md names, and what it is called
    "pl": {r"szans": "transakcja", r"\b(do|od|tego|wersja|stronie|serwera|a|przed) Tandem\b": "Tandema",
           r"Operator może": "Administrator serwera", r"połączeń z systemami": "integracji"},
    "ru": {r"Оператор может": "Администратор сервера", r"стоили визиты": "принесли"},
}  # fmt: skip


def translations(language: str) -> dict[str, list[str]]:
    return {str(message.id): forms(message) for message in catalog(language) if message.id}


@pytest.mark.parametrize(("language", "wrong"), [(lang, wrong) for lang, words in TWICE.items() for wrong in words])
def test_one_thing_has_one_word(language: str, wrong: str) -> None:
    """Deals were “szanse” in the menu and “transakcje” in the metrics."""
    said = [text for texts in translations(language).values() for text in texts if re.search(wrong, text, re.I)]
    assert not said, f"write: {TWICE[language][wrong]}"


@pytest.mark.parametrize("language", ["ru", "pl"])
def test_a_headline_has_one_colon(language: str) -> None:
    """“So far: revenue: €3,223”: the verdict before it has a colon already."""
    clauses = set(re.findall(r'_\("([^"]*)"', HEADLINE.read_text().split("{% endmacro %}")[0]))
    all_said = translations(language)
    assert len(clauses) > 30
    assert not [text for clause in clauses for text in all_said[clause] if ":" in text]


def test_numbers_have_their_plural() -> None:
    assert [quantity(n, "site") for n in (0, 1, 2, 1200)] == ["0 sites", "1 site", "2 sites", "1,200 sites"]
    assert quantity(2, "batch", "batches") == "2 batches"
