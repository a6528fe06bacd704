"""What a comparison says of a figure."""

import msgspec

from tandem.metrics.catalogue import METRICS
from tandem.metrics.verdict import Compared, Reason


def test_a_verdict_needs_a_comparison_that_bears_one() -> None:
    metric = METRICS["collect.revenue"]
    fallen = Compared(metric=metric, value=25, before=100, is_clear=True)
    assert (fallen.change, fallen.direction, fallen.verdict) == (-0.75, "down", "bad")
    alone = Compared(metric=metric, value=25, before=100, is_clear=True, reason=Reason(why="young"))
    assert (alone.change, alone.direction, alone.verdict) == (None, "", "neutral")
    unclear = Compared(metric=metric, value=25, before=100)
    assert (unclear.change, unclear.is_chance, unclear.direction, unclear.verdict) == (-0.75, True, "", "neutral")
    hardly = Compared(metric=metric, value=100.4, before=100, is_clear=True)
    assert (hardly.direction, hardly.verdict) == ("same", "neutral")
    least = Compared(metric=metric, value=201, before=200, is_clear=True)
    assert (least.direction, least.verdict) == ("up", "good"), "half a per cent is noticed"
    assert msgspec.structs.replace(least, is_clear=False).is_chance
    loss = Compared(metric=metric, value=-50, before=-100, is_clear=True)
    assert (loss.change, loss.direction) == (0.5, "up"), "half the loss"
    cost = Compared(metric=METRICS["ads.cost"], value=50, before=100, is_clear=True)
    assert (cost.direction, cost.verdict) == ("down", "neutral")


def test_how_much_could_be_measured_is_good_for_nobody() -> None:
    """More measurements, reports or costs that are known come with more visits and money; their shares are good."""
    known = ("ads.matched_cost", "ads.matched_visits", "ads.reported_visits", "crm.priced", "crm.costed_revenue")
    measured = [name for name in METRICS if name.endswith("_measured")]
    assert len(measured) == 4
    assert {name: METRICS[name].good for name in (*measured, *known)} == dict.fromkeys((*measured, *known), "neither")
