"""CSV files: bytes in, validated rows out.

Reading order: `files` (compression, encoding), `binary` (files that are no CSV), `layout` (separator and
header), `chunks` (layout, position, chunk of records), `records` and `quotes` (bytes into records, RFC 4180),
`validation` (records into rows or errors), `plain_lines` (the same for most lines, by NumPy), `doubtful`
(texts that are valid, but perhaps not meant).
"""
