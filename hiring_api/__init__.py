"""Moves hiring records out of CSV files into MySQL, then takes, exports and restores them over HTTP."""

__version__ = "0.2.0"
