"""Hiring records in MySQL: `data` knows tables and rows, `web` knows HTTP."""
