"""Words tell the encoding of a file that is not Unicode."""

from pathlib import Path

import pytest

from tandem.imports.text import encoding_of

TEXTS = {
    "Dzień;Kampania;Koszt\n2026-11-01;Żółte łódki – gdańsk;120,50\n": "cp1250",
    "Dzień;Kampania\n2026-11-01;buty\n": "cp1250",
    "data;się\n": "cp1250",
    "Имя;План\nИван;«Зима» — 5 %\n": "cp1251",
    "a;b\n1;и\n2;в ёлку\n": "cp1251",
    "Kampania;Кампания\n1;Распродажа\n": "cp1251",
    "Straße;Größe\nKöln;für Übermorgen\n": "cp1252",
    "campagne;coût\nété à la forêt;3\nnaïve où ça;1\n": "cp1252",
    "campaña;día\naño niño;1\n": "cp1252",
    "kampagne;pris\nblå æbler til børn;1\n": "cp1252",
    "price;unit\n5;€\n": "otherwise",
}


@pytest.mark.parametrize("text", TEXTS)
def test_words_tell_the_encoding(tmp_path: Path, text: str) -> None:
    wanted = TEXTS[text]
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode("cp1252" if wanted == "otherwise" else wanted))
    assert encoding_of(path, otherwise="otherwise") == wanted


def test_names_far_behind_plain_lines_tell_it_too(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"2026-11-01;brand;1\n" * 50_000 + "2026-11-02;łódka;1\n".encode("cp1250"))
    assert encoding_of(path) == "cp1250"
