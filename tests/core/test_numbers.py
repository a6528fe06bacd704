"""Whole numbers in an address: read, bounded, or refused with a cure."""

import pytest

from tandem.base.errors import UserError
from tandem.core.numbers import whole_number


@pytest.mark.parametrize(
    ("text", "found"), [(None, 7), ("", 7), ("0", 0), ("12", 12), ("99", 50), ("999999999999", 50)]
)
def test_a_number_is_read_and_bounded(text: str | None, found: int) -> None:
    assert whole_number(text, 7, most=50) == found


@pytest.mark.parametrize("text", ["x", "-1", "1.5", " 1", "١٢", "²", "1" * 13, "1" * 5000])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not a whole number"):
        whole_number(text, 7)
