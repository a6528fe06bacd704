"""How long after the last sign of a visit people call: during it, soon after, or hours later."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Delay(msgspec.Struct, frozen=True, kw_only=True):
    """A mixture: a share calls during the visit, the others after it by two log-normal delays (medians in seconds).

    The default is an assumption until a site has calls of its own to fit it from.
    """

    during: float = 0.62
    soon: float = 0.25
    soon_median_s: float = 240.0
    soon_sigma: float = 1.4
    late_median_s: float = 21_600.0
    late_sigma: float = 1.9
    fitted_from: int = 0

    @property
    def late(self) -> float:
        return max(0.0, 1.0 - self.during - self.soon)

    def density(self, since_end_s: Array, dwell_s: Array) -> Array:
        """How likely a caller calls now, per second: `since_end_s` after the visit ended (negative: before it ends).

        shapes   both of one shape; the answer too
        """
        inside = (since_end_s <= 0) & (since_end_s >= -dwell_s)
        within = np.where(inside, self.during / np.maximum(dwell_s, 1.0), 0.0)
        after = np.maximum(since_end_s, 1e-3)
        soon = self.soon * _log_normal(after, self.soon_median_s, self.soon_sigma)
        late = self.late * _log_normal(after, self.late_median_s, self.late_sigma)
        return np.where(since_end_s > 0, soon + late, within)

    def sample(self, dwell_s: Array, rng: np.random.Generator) -> Array:
        """Seconds from the visit's start to the call, one a caller."""
        kind = rng.random(dwell_s.size)
        soon = self.soon_median_s * np.exp(rng.normal(0, self.soon_sigma, dwell_s.size))
        late = self.late_median_s * np.exp(rng.normal(0, self.late_sigma, dwell_s.size))
        after = np.where(kind < self.during + self.soon, soon, late)
        return np.where(kind < self.during, rng.random(dwell_s.size) * dwell_s, dwell_s + after)


def _log_normal(x: Array, median: float, sigma: float) -> Array:
    z = (np.log(x) - math.log(median)) / sigma
    return np.asarray(np.exp(-0.5 * z * z) / (x * sigma * math.sqrt(2 * math.pi)))


def fitted(since_end_s: Sequence[float], start: Delay | None = None, least: int = 30, rounds: int = 60) -> Delay:
    """The delay fitted from calls whose visit is certain, by expectation and maximisation of the two late parts.

    since_end_s   seconds from the visit's last activity to the call; 0 or less for calls within the visit
    returns       `start` (or the assumption) unchanged when there are fewer than `least` calls
    source        EM for a mixture of two normals in log time (Dempster, Laird, Rubin 1977)
    """
    begun = start or Delay()
    seen = np.asarray(since_end_s, float)
    if seen.size < least:
        return begun
    after = np.log(np.maximum(seen[seen > 0], 1.0))
    during = float((seen <= 0).mean())
    if after.size < least // 3:
        rest = 1 - during
        return msgspec.structs.replace(begun, during=during, soon=rest * _soon_share(begun), fitted_from=int(seen.size))
    share, soon, late = _mixture(after, begun, rounds)
    return Delay(
        during=during, soon=(1 - during) * share, soon_median_s=math.exp(soon[0]), soon_sigma=soon[1],
        late_median_s=math.exp(late[0]), late_sigma=late[1], fitted_from=int(seen.size),
    )  # fmt: skip


def _soon_share(delay: Delay) -> float:
    return delay.soon / max(delay.soon + delay.late, 1e-9)


def _mixture(x: Array, begun: Delay, rounds: int) -> tuple[float, tuple[float, float], tuple[float, float]]:
    share = min(max(_soon_share(begun), 0.05), 0.95)
    soon, late = (math.log(begun.soon_median_s), begun.soon_sigma), (math.log(begun.late_median_s), begun.late_sigma)
    for _ in range(rounds):
        # Expectation: how much of each delay belongs to either part, as the parts are now. Maximisation: the parts'
        # means and widths anew, each delay counted by how much of it belongs there.
        a, b = share * _normal(x, *soon), (1 - share) * _normal(x, *late)
        weight = a / np.maximum(a + b, 1e-300)
        share = float(np.clip(weight.mean(), 0.02, 0.98))
        soon, late = _moments(x, weight), _moments(x, 1 - weight)
    # The parts may have changed places on the way: soon is whichever has the shorter median.
    return (share, soon, late) if soon[0] <= late[0] else (1 - share, late, soon)


def _normal(x: Array, mean: float, sigma: float) -> Array:
    z = (x - mean) / sigma
    return np.asarray(np.exp(-0.5 * z * z) / sigma)


def _moments(x: Array, weight: Array) -> tuple[float, float]:
    total = max(float(weight.sum()), 1e-9)
    mean = float((weight * x).sum()) / total
    return mean, max(math.sqrt(float((weight * (x - mean) ** 2).sum()) / total), 0.2)
