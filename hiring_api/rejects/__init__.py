"""Refused rows: recorded, listed, exported for repair, and resolved when they are repaired.

Reading order: `record` (store and log them), `resolve` (mark what a stored row repairs), `listing` (pages and
streams), `csv_file` (as a CSV that can be corrected), `summary` (counts), `erase` (for good,
where the law asks).
"""
