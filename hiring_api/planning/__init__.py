"""What becomes of rows, decided in one place for batches, uploads and the migration job.

`row_rules` has the rules and is all there is. `batches` and `loading` say where rows come from (`Rows`), how
conflicts are settled (`Rules`), and tell the outcomes in their own way.
"""
