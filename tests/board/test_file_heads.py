"""Whoever opens a CSV reads the heads of its columns in their own language."""

import csv
import io
import re

import pytest

from tests.served import Running

FILES = (
    "money/export", "money/export?conversion=margin&model=shapley", "changes/export", "calls/list?format=csv",
    "deals/owed?format=csv", "traffic/table/channels?format=csv", "ads/table/campaigns?format=csv",
)  # fmt: skip
IDS = re.compile(r"[a-z]+([_.][a-z0-9_]+)+|[a-z]+")
"""Names of columns as programs know them: small letters alone, or with points and underscores."""


@pytest.mark.parametrize("language", ["en", "ru", "pl"])
def test_the_heads_of_a_file_are_words_in_the_language_of_the_reader(running: Running, language: str) -> None:
    with running.as_person("admin") as browser:
        browser.post("/settings/me", data={"language": language})
        heads: dict[str, list[str]] = {}
        for address in FILES:
            answer = browser.get(f"/{address}{'&' if '?' in address else '?'}site=fern")
            assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv"), address
            heads[address] = next(csv.reader(io.StringIO(answer.text)))
        browser.post("/settings/me", data={"language": "en"})
    assert [(address, head) for address, row in heads.items() for head in row if IDS.fullmatch(head)] == []
    if language == "ru":  # names of measures stay, like LCP and ROMI
        foreign = [head for row in heads.values() for head in row if not re.search("[а-яё]", head.casefold())]
        assert not [head for head in foreign if re.search("[a-z]{5}", head.casefold())]
