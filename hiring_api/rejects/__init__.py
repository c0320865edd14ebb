"""Refused rows: put on record, resolved by their repairs, listed, and given back for repair.

Reading order: `record` (keep and log them), `resolve` (what a repair marks), `listing` (pages and streams),
`csv_file` (as a CSV that can be corrected).
"""
