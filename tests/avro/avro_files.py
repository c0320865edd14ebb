"""Avro files as this program and others write them, in memory, for the tests."""

import io

import fastavro

from hiring_api.avro.container import write
from hiring_api.avro.reader import AvroRows
from hiring_api.avro.schema import avro_schema
from hiring_api.backup.checks import check
from hiring_api.model.columns.varint import joined
from hiring_api.model.tables import Department, Employee, Job

DEPARTMENTS, JOBS, EMPLOYEES = Department.__table__, Job.__table__, Employee.__table__
ROWS = [(1, b"Sales"), (2, "Año Nuevo".encode()), (7, b"R&D"), (300, b"Legal"), (2147483647, b"Ops")]


def saved(codec="null", rows=ROWS, per_block=2):
    """A backup of departments as `write` makes it, a few rows in each block."""
    id_kind, text_kind = (column.info["kind"] for column in DEPARTMENTS.columns)

    def blocks():
        for start in range(0, len(rows), per_block):
            part = rows[start : start + per_block]
            ids = id_kind.avro_pieces([str(row[0]).encode() for row in part])
            texts = text_kind.avro_pieces([row[1] for row in part])
            yield len(part), joined([*ids, *texts])

    file = io.BytesIO()
    write(file, avro_schema(DEPARTMENTS), codec, blocks())
    return file.getvalue()


def rows_in(data, table=DEPARTMENTS, **options):
    """All rows of a file that keeps every rule; raises what `check` raises."""
    file = AvroRows(io.BytesIO(data), table, **options)
    check(file)
    return [row for chunk in file.chunks() for row in chunk.values]


def foreign(schema_fields, records, codec="null", name="departments", **options):
    """A file written by fastavro."""
    schema = {"type": "record", "name": name, "fields": schema_fields}
    file = io.BytesIO()
    fastavro.writer(file, schema, records, codec=codec, **options)
    return file.getvalue()
