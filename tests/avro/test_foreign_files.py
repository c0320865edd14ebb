"""Files that other programs wrote, and other programs that read ours."""

import io
import json
from datetime import UTC, datetime

import avro.datafile
import avro.io
import avro.schema
import fastavro
import polars as pl
import pytest

from hiring_api.avro.schema import avro_schema
from hiring_api.errors import InvalidFile, InvalidRows
from tests.avro.avro_files import DEPARTMENTS, EMPLOYEES, ROWS, foreign, rows_in, saved

WHEN = datetime(2021, 7, 27, 16, 2, 8, 123000)
ROW = (7, "Ana", WHEN, 1, 2)
MICROS = 1627401728123000


def employee_fields(**changed):
    """The fields of an employee in a foreign schema, some of them changed."""
    types = {
        "id": "int",
        "name": "string",
        "datetime": {"type": "long", "logicalType": "timestamp-micros"},
        "department_id": "int",
        "job_id": "int",
    }
    return [{"name": name, "type": declared} for name, declared in {**types, **changed}.items()]


def employees(fields, codec="null", **values):
    record = {"id": 7, "name": "Ana", "datetime": MICROS, "department_id": 1, "job_id": 2, **values}
    return foreign(fields, [record], codec, name="staff")


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "bzip2", "xz"])
def test_all_codecs_of_avro_are_read(codec):
    assert rows_in(employees(employee_fields(), codec), EMPLOYEES) == [ROW]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ({"type": "long", "logicalType": "timestamp-micros"}, MICROS),
        ({"type": "long", "logicalType": "timestamp-millis"}, MICROS // 1000),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, MICROS),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, MICROS // 1000),
        (["null", {"type": "long", "logicalType": "timestamp-micros"}], MICROS),
        ("string", "2021-07-27T16:02:08.123Z"),
        ("string", "2021-07-27 18:02:08.123+02:00"),
        (["string", "null"], "2021-07-27T16:02:08.123"),
    ],
)
def test_instants_are_understood_however_they_are_declared(declared, value):
    if isinstance(declared, dict):  # fastavro would convert what it writes
        fields = employee_fields(datetime="long")
        data = employees(fields, datetime=value)
        plain = json.dumps({"name": "datetime", "type": "long"})
        assert plain.encode() in data
        data = with_schema(data, employee_fields(datetime=declared))
    else:
        data = employees(employee_fields(datetime=declared), datetime=value)
    assert rows_in(data, EMPLOYEES) == [ROW]


def with_schema(data, fields):
    """The same file under another schema."""
    from hiring_api.avro.container import block, header

    schema = {"type": "record", "name": "staff", "fields": fields}
    [whole] = fastavro.block_reader(io.BytesIO(data))
    head = header({"avro.schema": json.dumps(schema).encode()}, b"S" * 16)
    return head + block(whole.num_records, whole.bytes_.getvalue(), b"S" * 16)


def test_other_order_case_and_types_are_understood():
    fields = [
        {"name": "JOB_ID", "type": "long"},
        {"name": "Department_Id", "type": ["null", "long"]},
        {"name": "Name", "type": ["string", "null"]},
        {"name": "datetime", "type": "string"},
        {"name": "ID", "type": ["null", "int"]},
    ]
    record = {
        "JOB_ID": 2,
        "Department_Id": 1,
        "Name": " Ana ",
        "datetime": "2021-07-27T16:02:08.123Z",
        "ID": 7,
    }
    assert rows_in(foreign(fields, [record]), EMPLOYEES) == [ROW]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": "double"}, "field id is of the type double, which hired_employees cannot take"),
        ({"id": "string"}, "field id is of the type string"),
        ({"datetime": "long"}, "field datetime is of the type long"),
        ({"datetime": {"type": "int", "logicalType": "date"}}, r"the type int \(date\)"),
        ({"name": ["int", "string"]}, "field name is of the type union"),
        ({"name": "bytes"}, "field name is of the type bytes"),
        ({"job_id": {"type": "int", "logicalType": "date"}}, r"field job_id is of the type int \(date\)"),
        ({"salary": "int", "bonus": "double"}, "fields that hired_employees does not have: salary, bonus"),
        ({"Name": "string", "NAME": "string", "name": "int"}, "field name is of the type int"),
    ],
)
def test_a_schema_that_does_not_fit_is_refused_with_a_reason(changed, message):
    data = with_schema(employees(employee_fields()), employee_fields(**changed))
    with pytest.raises(InvalidFile, match=message):
        rows_in(data, EMPLOYEES)


def test_extra_fields_are_left_out_when_asked():
    extra = {"name": "salary", "type": ["null", "double"]}
    grade = {"name": "grade", "type": {"type": "enum", "name": "g", "symbols": ["A", "B"]}}
    fields = [extra, *employee_fields(datetime="string"), grade]
    data = employees(fields, datetime="2021-07-27T16:02:08.123Z", salary=1.5, grade="B")
    assert rows_in(data, EMPLOYEES, ignore_extra=True) == [ROW]


def test_a_backup_of_another_table_is_refused():
    with pytest.raises(InvalidFile, match="not a backup of hired_employees but of departments"):
        rows_in(saved(), EMPLOYEES)


def test_every_wrong_row_is_counted_and_the_first_twenty_are_told():
    fields = [{"name": "id", "type": "long"}, {"name": "department", "type": ["null", "string"]}]
    records = [{"id": 1, "department": "Sales"}, {"id": 0, "department": None}, {"id": 1, "department": "x"}]
    records += [{"id": number, "department": "a\tb"} for number in range(2, 52)]
    with pytest.raises(InvalidRows) as caught:
        rows_in(foreign(fields, records), DEPARTMENTS)
    assert caught.value.message == "52 rows of departments break the row rules"
    assert caught.value.details["total"] == 52
    shown = caught.value.details["errors"]
    assert len(shown) == 20
    assert shown[:2] == [
        {
            "row": 2,
            "errors": [
                {"field": "id", "code": "out_of_range", "message": "id must be from 1 to 2147483647"},
                {
                    "field": "department",
                    "code": "required",
                    "message": "department is required: null is no value",
                },
            ],
        },
        {
            "row": 3,
            "errors": [{"field": "id", "code": "duplicate_id", "message": "id 1 stands in this file before"}],
        },
    ]


def test_an_id_that_comes_again_thousands_of_rows_later_is_a_duplicate():
    fields = [{"name": "id", "type": "long"}, {"name": "department", "type": "string"}]
    records = [{"id": number, "department": "d"} for number in (*range(1, 9001), 2)]
    with pytest.raises(InvalidRows) as caught:
        rows_in(foreign(fields, records), DEPARTMENTS)
    assert caught.value.details["total"] == 1
    assert [wrong["row"] for wrong in caught.value.details["errors"]] == [9001]


@pytest.mark.parametrize("codec", ["null", "deflate", "zstandard"])
def test_apache_avro_reads_our_files(codec):
    reader = avro.datafile.DataFileReader(io.BytesIO(saved(codec)), avro.io.DatumReader())
    assert [(row["id"], row["department"]) for row in reader] == [(i, text.decode()) for i, text in ROWS]
    reader.close()


@pytest.mark.parametrize("codec", ["null", "deflate", "bzip2", "zstandard"])
def test_files_of_apache_avro_are_read(codec):
    schema = avro.schema.parse(json.dumps({**avro_schema(EMPLOYEES), "namespace": "apache"}))
    file = io.BytesIO()
    writer = avro.datafile.DataFileWriter(file, avro.io.DatumWriter(), schema, codec=codec)
    for row_id in (7, 8):
        when = WHEN.replace(tzinfo=UTC)
        writer.append({"id": row_id, "name": "Ana", "datetime": when, "department_id": 1, "job_id": 2})
    writer.flush()
    assert rows_in(file.getvalue(), EMPLOYEES) == [ROW, (8, *ROW[1:])]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_polars_reads_our_files(codec):
    frame = pl.read_avro(io.BytesIO(saved(codec)))
    assert frame.rows() == [(row_id, text.decode()) for row_id, text in ROWS]


@pytest.mark.parametrize("codec", ["uncompressed", "deflate", "snappy"])
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_files_of_polars_are_read(codec, unit):
    frame = pl.DataFrame(
        {"id": [7], "name": ["Ana"], "datetime": [WHEN], "department_id": [1], "job_id": [2]}
    ).with_columns(pl.col("datetime").cast(pl.Datetime(unit)))
    file = io.BytesIO()
    frame.write_avro(file, codec, name="staff")
    assert rows_in(file.getvalue(), EMPLOYEES) == [ROW]
