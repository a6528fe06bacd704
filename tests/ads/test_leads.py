"""What ads brought: leads by the names of the ad system, and the campaign that brought too few."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import poisson

from tandem.accounts.model import Site
from tandem.ads.model import CHANCE, Campaign, _at_most, worst_of
from tandem.ads.routes import ROUTES
from tandem.base import clock
from tandem.core.context import Context
from tandem.crm import store as deals
from tandem.crm.model.deal import DealFact
from tests.ads.conftest import Bring, table
from tests.inside import opened_by_admin

SPAN = "period=2026-10-01..2026-10-31&compare=none"
REPORT = """
2026-10-01 brand 1000 100 50.00
2026-10-01 shoes 2000 200 400.00
"""


def campaign(name: str, cost: float, leads: int) -> Campaign:
    return Campaign(name=name, cost=cost, leads=leads)


def test_the_worst_lacks_more_leads_than_chance_explains() -> None:
    even = [campaign("a", 100, 10), campaign("b", 100, 8), campaign("c", 100, 12)]
    assert worst_of(even) is None
    assert worst_of([]) is None and worst_of([campaign("a", 100, 0)]) is None, "without leads nothing is worse"
    poor = worst_of([*even, campaign("d", 100, 0), campaign("e", 50, 0)])
    assert poor is not None and poor.name == "d" and poor.expected == pytest.approx(100 * 30 / 450)
    assert worst_of([*even, campaign("", 900, 0)]) is None, "cost without a campaign is nobody's"
    assert worst_of([*even, campaign("free", 0, 0)]) is None


@given(some.lists(some.tuples(some.floats(0.01, 1e6), some.integers(0, 3000)), min_size=1, max_size=8))
def test_nobody_is_named_for_what_chance_explains(told: list[tuple[float, int]]) -> None:
    campaigns = [campaign(str(n), cost, leads) for n, (cost, leads) in enumerate(told)]
    worst = worst_of(campaigns)
    cost, leads = sum(c for c, _ in told), sum(n for _, n in told)
    chances = [poisson.cdf(n, c * leads / cost) for c, n in told]
    assert (worst is None) or (chances[int(worst.name)] < CHANCE / len(told) * (1 + 1e-6))
    assert (worst is not None) or (min(chances) >= CHANCE / len(told) * (1 - 1e-6))


@given(some.integers(0, 5000), some.floats(0, 5000))
def test_the_sum_is_that_of_the_poisson_distribution(count: int, mean: float) -> None:
    assert _at_most(count, mean) == pytest.approx(poisson.cdf(count, mean), rel=1e-6, abs=1e-12)


@pytest.fixture
def sold(ctx: Context, site: Site, bring: Bring) -> None:
    """Twelve leads of one campaign, four of them won, and one of the dear one; and a lead from a newsletter."""
    bring(table(REPORT))
    at = datetime(2026, 10, 1, 9, tzinfo=UTC)

    def fact(n: int, campaign: str, source: str = "google", stage: str = "open") -> DealFact:
        return DealFact(
            system="webhook", id=str(n), kind="deal", created_at=at + timedelta(hours=n),
            updated_at=at + timedelta(days=1), stage=stage, stage_kind=stage,
            amount=100 if stage == "won" else None, currency="EUR", utm_source=source,
            utm_medium="cpc" if source == "google" else "email", utm_campaign=campaign,
        )  # fmt: skip

    facts = [fact(n, "Brand" if n % 2 else "id-brand", stage="won" if n < 4 else "open") for n in range(12)]
    deals.record(ctx, site, 1, [*facts, fact(20, "shoes"), fact(21, "brand", "newsletter")])
    ctx.runner.look_again()


def test_leads_stand_beside_the_cost_of_their_campaign(ctx: Context, site: Site, sold: None) -> None:
    """By name or by id, whatever the letters; and what another channel brought stays out."""
    with opened_by_admin(ctx, site, ROUTES) as browser:
        file = browser.get(f"/ads/table/campaigns?{SPAN}&format=csv&lens=marketing").text.splitlines()
        page = browser.get(f"/ads?{SPAN}&cost=campaigns").text
    assert file[0].startswith("Campaigns,Ad cost (EUR")
    assert {name: list(map(float, values)) for name, *values in (line.split(",") for line in file[1:])} == {
        "shoes": [400, 200, 0, 1, 0, 0, 0, -1],
        "brand": [50, 100, 0, 12, 4, 4, 400, 7],
    }
    assert "Worst campaign: shoes, €400.00 for 1 lead. At the average cost per lead it would be 12." in page


def test_days_that_still_settle_make_no_campaign_the_worst(
    ctx: Context, site: Site, sold: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leads of yesterday's clicks are still to come: a campaign that has just begun would be named."""
    with opened_by_admin(ctx, site, ROUTES) as browser:
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 2, 12, tzinfo=UTC))
        assert "Worst campaign" not in browser.get(f"/ads?{SPAN}").text
        monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 9, 12, tzinfo=UTC))
        page = browser.get(f"/ads?{SPAN}").text
    assert "Worst campaign: shoes, €400.00 (up to" in page


def test_each_lens_asks_its_own_columns_and_no_other_value(ctx: Context, site: Site, sold: None) -> None:
    seen: dict[str, dict[str, str]] = {}
    with opened_by_admin(ctx, site, ROUTES) as browser:
        for lens in ("marketing", "engineering", "executive"):
            heads, *rows = browser.get(f"/ads/table/campaigns?{SPAN}&format=csv&lens={lens}").text.splitlines()
            seen[lens] = dict(zip(heads.split(","), rows[0].split(","), strict=True))
    assert len({tuple(columns) for columns in seen.values()}) == 3
    for one in seen.values():
        for other in seen.values():
            assert all(one[name] == other[name] for name in one.keys() & other.keys())
