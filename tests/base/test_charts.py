"""The facts of a time chart, as the script in the page reads them."""

import json
from datetime import date
from typing import Any

from tandem.base.charts import Mark, chart_json
from tandem.base.formats import Formats

DAYS = [date(2026, 11, day) for day in (1, 2, 3)]


def drawn(**more: Any) -> dict[str, Any]:
    points = [(DAYS[0], 4), (DAYS[1], None)]
    return json.loads(chart_json(Formats("en"), "Orders", "count", "EUR", "day", points, **more))


def test_a_longer_time_before_has_ticks_of_its_own() -> None:
    found = drawn(before=[(day, 1) for day in DAYS], is_partial=True)
    assert found["ticks"] == ["1 Nov", "2 Nov", "3 Nov"]
    assert (found["values"], found["texts"]) == ([4, None], ["4", "—"])
    assert (found["before"], found["isPartial"]) == ([1, 1, 1], True)
    assert found["beforeNames"][2] == "Tuesday 3 Nov"


def test_something_else_of_the_same_time_has_one_name() -> None:
    found = drawn(before=[(day, 2) for day in DAYS[:2]], before_name="Missed calls")
    assert found["beforeNames"] == ["Missed calls"] * 2
    assert len(found["ticks"]) == 2


def test_a_change_stands_beside_its_point() -> None:
    mark = Mark(at=1, title="Release", kind="Release", author="Jan", time="2 Nov", url="/changes#change-1")
    assert drawn(marks=[mark])["marks"][0]["at"] == 1
