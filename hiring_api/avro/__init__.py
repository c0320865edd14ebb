"""Avro files: bytes in, validated rows out, and the other way round.

Reading order: `schema` (a table's Avro schema, and what the fields of any file mean for its columns),
`reader` (a file's rows, some thousand at a time), `container` (the file format, and what proves that a file
of ours is whole), `codecs` (compression, with bounds).
"""
