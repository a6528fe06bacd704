"""Figures of people."""

from tandem.metrics.metric import Dimension, Estimate, Metric, Ratio

DIMENSIONS: tuple[Dimension, ...] = ()
METRICS: tuple[Metric, ...] = ()
RATIOS: tuple[Ratio, ...] = ()
ESTIMATES: tuple[Estimate, ...] = ()
