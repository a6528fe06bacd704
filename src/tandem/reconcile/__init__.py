"""Reconciliation: why the figures of outside systems differ from ours, day by day and channel by channel."""
