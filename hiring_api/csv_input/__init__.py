"""CSV files: bytes in, validated rows out.

Reading order: `files` (compression, encoding), `binary` (what is no CSV at all), `layout` (separator and
header), `records` and `quotes` (bytes into records, RFC 4180), `validation` (records into rows or errors),
`plain_lines` (the same for most lines, by NumPy), `doubtful` (right, but perhaps not meant).
"""
