"""Lists and objects in parts that are still unread."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tandem.base.json_rows import elements, members

VALUES = some.recursive(
    some.none() | some.booleans() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=6,
)


@given(some.lists(VALUES), some.sampled_from([None, 1]), some.booleans())
def test_elements_are_those_of_the_list(rows: list[Any], indent: int | None, is_ascii: bool) -> None:
    body = json.dumps(rows, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "replace")
    found = elements(body)
    assert found is not None
    assert len(found) == len(rows)
    if is_ascii:
        assert [json.loads(one) for one in found] == rows


@given(some.dictionaries(some.text("ab,:{}[]", max_size=3), VALUES))
def test_members_are_those_of_the_object(fields: dict[str, Any]) -> None:
    found = members(json.dumps(fields, indent=1).encode())
    assert found is not None
    assert {name.decode(): json.loads(text) for name, text in found.items()} == fields


@pytest.mark.parametrize(
    "text", [b"", b"5", b"[", b"]", b"[[]", b"[]]", b"[]5", b'["]', b"{}", b'[{"a": "}]', b"[1}{]"]
)
def test_what_is_no_list_has_no_elements(text: bytes) -> None:
    assert elements(text) is None


@pytest.mark.parametrize("text", [b"", b"[]", b"{5}", b'{"a"}', b'{"a": 1,}', b"{a: 1}", b'{"a": {}'])
def test_what_is_no_object_has_no_members(text: bytes) -> None:
    assert members(text) is None


def test_an_element_that_is_no_json_stands_alone() -> None:
    assert elements(b'[{"a": 01}, , {"\\ud800": "\xff"}, 1]') == [b'{"a": 01}', b"", b'{"\\ud800": "\xff"}', b"1"]


@pytest.mark.parametrize("piece", [b'\\"', b'"', b"[", b"]", b"[]", b"\\", b'"\\', b","])
def test_what_is_made_to_take_long_takes_a_moment(piece: bytes) -> None:
    began, many = time.process_time(), piece * (200_000 // len(piece))
    for text in (b"[" + many + b"]", b'["' + many + b"]"):
        elements(text)
        members(b"{" + text[1:-1] + b"}")
    assert time.process_time() - began < 2
