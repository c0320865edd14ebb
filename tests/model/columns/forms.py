"""Every form in which the values of a kind come and go; the tests of the kinds drive all of them at once.

The Marshmallow field decides. Whatever else looks at a value must take it to the same value as the field
does, refuse it in the same words, or leave it to the field.
"""

import io
from datetime import UTC, datetime, timedelta

import fastavro
from marshmallow import ValidationError
from sqlalchemy import MetaData, Table

from hiring_api.avro.container import write
from hiring_api.avro.reader import AvroRows
from hiring_api.avro.schema import avro_schema
from hiring_api.backup.export import blocks
from hiring_api.batches.columns import validate_rows
from hiring_api.csv_input.chunks import Layout, Position
from hiring_api.csv_input.records import read_chunks
from hiring_api.csv_input.validation import validate_chunk
from hiring_api.database import bulk_load
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.model.columns import Id
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import OPTIONS
from hiring_api.model.validation import validate_fields, validate_row

EPOCH = datetime(1970, 1, 1)
LAYOUT = Layout(("id", "value"), ",")


def table_of(kind):
    """A table with an id and one column of the kind; it is in no schema."""
    columns = [Id().column().column, kind.column().column]
    for column, name in zip(columns, ("id", "value"), strict=True):
        column.name = column.key = name
    return Table("forms", MetaData(), *columns, **OPTIONS)


def said(validated):
    """The value with its type, or the errors of the column `value`."""
    if validated.errors:
        return [tuple(error) for error in validated.errors]
    return type(validated.values["value"]), validated.values["value"]


def by_field(table, value):
    """What the Marshmallow field alone says of a JSON value."""
    try:
        found = table.c.value.info["kind"].field(required=True).deserialize(value)
    except ValidationError as refused:
        return [("value", error["code"], f"value {error['message']}") for error in refused.messages]
    return type(found), found


def from_json(table, value):
    """What is made of a JSON value in a batch, alone and with others."""
    raw = {"id": 1, "value": value}
    alone = said(validate_row(table, raw))
    rows = validate_rows(table, [raw, {"id": 2}])
    column = rows.columns["value"]
    errors = [tuple(error) for error in rows.errors.get(0, ())]
    assert (errors or (type(column[0]), column[0])) == alone
    return alone


def from_csv_text(table, text):
    return said(validate_fields(table, LAYOUT.names, ["1", text]))


def from_csv_bytes(table, texts, *, quoted):
    """What the reader of CSV files makes of a file with such lines, each with its number as its id."""
    mark = '"' if quoted else ""
    lines = "".join(f"{place},{mark}{text}{mark}\n" for place, text in enumerate(texts, start=1))
    [chunk] = read_chunks(io.BytesIO(lines.encode()), LAYOUT, Position())
    found = validate_chunk(table, LAYOUT, chunk)
    right = {row[0]: (type(row[1]), row[1]) for row in found.rows.rows}
    wrong = {index + 1: said(row) for index, row in found.refused.items()}
    assert not right.keys() & wrong.keys()
    return [{**right, **wrong}[place] for place in range(1, len(texts) + 1)]


def from_avro(table, avro_type, values):
    """What the reader of Avro files makes of values in a file by fastavro with a field of that type."""
    fields = [{"name": "id", "type": "int"}, {"name": "value", "type": avro_type}]
    file = io.BytesIO()
    records = [{"id": place, "value": value} for place, value in enumerate(values, start=1)]
    fastavro.writer(file, {"type": "record", "name": "forms", "fields": fields}, records)
    [chunk] = AvroRows(file, table).chunks()
    found = {row[0]: (type(row[1]), row[1]) for row in chunk.values}
    found |= {place: said(row) for place, row in chunk.wrong}
    return [found[place] for place in range(1, len(values) + 1)]


def micros(instant):
    """What Avro's timestamp-micros counts."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def round_trip(engine, table, values):
    """Right values go into a table of the database in each way there is; what a backup of each holds, read by
    fastavro, with instants naive again; and what a SELECT finds.
    """
    rows = list(enumerate(values, start=1))

    def work(connection):
        connection.exec_driver_sql("DROP TABLE IF EXISTS forms")
        table.create(connection)

    def fill(way):
        def put(connection):
            connection.execute(table.delete())
            way(connection)
            stored = [tuple(row) for row in connection.execute(table.select().order_by(table.c.id))]
            assert bulk_load.checksum(connection, table) == to_lines(table, rows).checksum
            return stored

        return transaction(engine, put)

    with engine.connect() as connection:  # DDL, which ends transactions
        work(connection)
        connection.commit()
    ways = [
        lambda connection: bulk_load.load(connection, to_lines(table, rows)),
        lambda connection: bulk_load.insert_all(connection, table, rows),
        lambda connection: bulk_load.overwrite(connection, table, rows),
    ]
    found = []
    for way in ways:
        found.append(fill(way))
        file = io.BytesIO()
        with snapshot(engine) as connection:
            write(file, avro_schema(table), "null", blocks(connection, table))
        file.seek(0)
        found.append([(record["id"], _naive(record["value"])) for record in fastavro.reader(file)])
        found.append([row for chunk in AvroRows(file, table).chunks() for row in chunk.values])
    return rows, found


def _naive(value):
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
