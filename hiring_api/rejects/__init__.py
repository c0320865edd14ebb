"""Refused rows: put on record, listed, and given back for repair.

Reading order: `record` (keep and log them), `packs` (how they are stored), `listing` (pages and streams),
`csv_file` (as a CSV that can be corrected).
"""
