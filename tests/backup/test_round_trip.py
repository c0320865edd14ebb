"""Whatever rows a table can hold come back from a backup, on every database, to the last bit."""

import io
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from hiring_api.avro.container import write
from hiring_api.avro.reader import AvroRows
from hiring_api.backup.backup import backup_table
from hiring_api.backup.restore import restore
from hiring_api.database import bulk_load
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.errors import Conflict
from hiring_api.model.columns import MAX_ID
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import columns
from tests.avro.avro_files import DEPARTMENTS, EMPLOYEES, JOBS

ids = st.one_of(st.integers(1, 300), st.integers(1, MAX_ID), st.sampled_from([8191, 8192, 2**27, MAX_ID]))
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255).filter(
    lambda text: text == text.strip() and text
)
instants = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
employees = st.dictionaries(
    ids, st.tuples(texts, instants, st.sampled_from([1, MAX_ID]), st.just(1)), max_size=30
)


def rows_of(engine, table):
    with snapshot(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns(table)).order_by(table.c.id))]


def saved(engine, table, codec="null"):
    file = io.BytesIO()
    backup_table(engine, table, file, codec)
    return file.getvalue()


@pytest.mark.parametrize("codec", ["null", "deflate", "zstandard"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=employees)
def test_rows_come_back_as_they_were(engine, codec, rows):
    expected = [(row_id, *row) for row_id, row in sorted(rows.items())]

    def put(connection):
        for table in (EMPLOYEES, JOBS, DEPARTMENTS):
            connection.execute(table.delete())
        bulk_load.load(connection, to_lines(DEPARTMENTS, [(1, "a"), (MAX_ID, "b")]))
        bulk_load.load(connection, to_lines(JOBS, [(1, "c")]))
        bulk_load.load(connection, to_lines(EMPLOYEES, expected))

    transaction(engine, put)
    data = saved(engine, EMPLOYEES, codec)
    [chunk] = list(AvroRows(io.BytesIO(data), EMPLOYEES).chunks()) or [None]
    assert (chunk.values if chunk else []) == expected
    transaction(engine, lambda connection: connection.execute(EMPLOYEES.delete()) and None)
    for _ in range(2):  # into an empty table, then over the same rows
        restore(engine, [AvroRows(io.BytesIO(data), EMPLOYEES)])
        assert rows_of(engine, EMPLOYEES) == expected
        assert saved(engine, EMPLOYEES, codec) == data


@pytest.mark.parametrize("number", [0, 1, 3999, 4000, 4001, 9000])
def test_any_number_of_rows_and_gaps_between_ids(engine, number):
    rows = [(7 * place + (place > 5000) * 10**9, f"n{place}") for place in range(1, number + 1)]
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(JOBS, rows)))
    data = saved(engine, JOBS)
    assert [row for chunk in AvroRows(io.BytesIO(data), JOBS).chunks() for row in chunk.values] == rows
    assert saved(engine, JOBS) == data


def test_rows_as_long_as_they_may_be(engine):
    rows = [(place, "🎉" * 255) for place in range(1, 5001)]
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(JOBS, rows)))
    data = saved(engine, JOBS)
    assert [row for chunk in AvroRows(io.BytesIO(data), JOBS).chunks() for row in chunk.values] == rows


@pytest.mark.parametrize("value", ["''", "char(31)", "'a' || char(31) || 'b'"])
def test_a_row_that_no_file_could_hold_is_named(engine, value):
    if engine.dialect.name != "sqlite":
        value = value.replace("'a' || char(31) || 'b'", "concat('a', char(31), 'b')")

    def wreck(connection):
        bulk_load.load(connection, to_lines(JOBS, [(3, "x"), (4, "y"), (5, "z")]))
        connection.exec_driver_sql(f"UPDATE jobs SET job = {value} WHERE id = 4")

    transaction(engine, wreck)
    with pytest.raises(Conflict, match="row 4 of jobs holds a value that breaks the row rules"):
        saved(engine, JOBS)


def test_the_next_generated_id_is_above_the_highest_restored_one(engine, client):
    file = io.BytesIO()
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(JOBS, [(4711, "Clerk")])))
    backup_table(engine, JOBS, file, "deflate")
    transaction(engine, lambda connection: connection.execute(JOBS.delete()) and None)
    if engine.dialect.name == "sqlite":
        transaction(
            engine, lambda connection: connection.exec_driver_sql("DELETE FROM sqlite_sequence") and None
        )
    else:
        transaction(
            engine,
            lambda connection: connection.exec_driver_sql("ALTER TABLE jobs AUTO_INCREMENT = 1") and None,
        )
    file.seek(0)
    restore(engine, [AvroRows(file, JOBS)])
    [result] = client.post("/jobs", json=[{"job": "New"}]).json["results"]
    assert result["id"] > 4711


def test_a_database_that_fails_midway_is_an_error_not_a_short_file():
    def blocks():
        yield 1, b"\x02\x02a"
        raise Conflict("the database went away")

    with pytest.raises(Conflict):
        write(io.BytesIO(), {}, "deflate", blocks())
