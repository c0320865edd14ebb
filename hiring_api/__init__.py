"""Hiring records in MySQL: `data` knows tables and rows, `web` knows HTTP."""

__version__ = "0.1.0"
