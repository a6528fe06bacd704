"""How far work is: parts within parts, never backwards, stopped only while that harms nothing."""

import pytest

from tandem.base import progress
from tandem.base.errors import UserError
from tandem.base.progress import ProgressRegistry


def test_parts_within_parts_add_up_and_never_go_back() -> None:
    works, shares = ProgressRegistry(), list[float]()
    with works.tracked(1, "a"):
        work = works.find(1, "a")
        assert work is not None and work.left_s is None
        with progress.part(0, 0.5):
            for portion in progress.parts(range(10), 5):
                shares.append(work.share)
                assert len(portion) == 5
            with progress.part(0.5, 1):
                progress.at(1, 2)
                shares.append(work.share)
        shares.append(work.share)
        progress.at(0, 0)
        progress.at(1, 10)
        shares.append(work.share)
        assert work.left_s is not None and work.left_s >= 0
    assert shares == [0, 0.25, 0.375, 0.5, 0.5]
    assert works.find(1, "a") is None


def test_work_is_stopped_by_its_owner_until_it_is_for_good() -> None:
    works = ProgressRegistry()
    with pytest.raises(UserError, match="cancelled"), works.tracked(1, "a"):
        assert works.find(2, "a") is None
        work = works.find(1, "a")
        assert work is not None
        progress.at(1, 3)
        work.is_stopped = True
        progress.at(2, 3)
    with works.tracked(1, "a"):
        work = works.find(1, "a")
        assert work is not None
        progress.for_good()
        work.is_stopped = True
        progress.at(2, 3)
        assert work.share == pytest.approx(2 / 3)


def test_nobody_needs_to_watch() -> None:
    with ProgressRegistry().tracked(1, ""), progress.part(0, 1):
        progress.at(1, 2)
        progress.for_good()
        assert list(progress.parts([1, 2, 3], 2)) == [[1, 2], [3]]
