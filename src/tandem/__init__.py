"""Tandem: one record of a website, one catalogue of figures and one plan, for marketing and engineering."""

__version__ = "0.3.2"
