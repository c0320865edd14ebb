"""Backups: tables to files, and files to tables, exactly or not at all.

Reading order: `export` (a table's rows as Avro bytes), `backup` (one table as a file, all as a zip with a
manifest), `archive` and `seal` (reading such a zip, every byte accounted for), `checks` (all of a file before
a row is touched), `load_rows` and `restore` (files into tables), `verify` (would it restore?), `compare` (is
it what the database holds?), `file_store` (a folder or S3), `catalogue` (the backups that are kept there),
`retention` (how many of them) and `schedule` (when).
"""
