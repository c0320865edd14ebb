"""A restore proves what it stored, keeps writers out meanwhile, and says which references do not resolve."""

import io
import sqlite3
from contextlib import contextmanager

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from hiring_api.avro.reader import AvroRows
from hiring_api.backup import restore
from hiring_api.backup.backup import backup_table
from hiring_api.backup.verify import verify
from hiring_api.database import bulk_load, staging
from hiring_api.database.dialects import dialect_of
from hiring_api.database.lease import leased
from hiring_api.database.transactions import transaction
from hiring_api.errors import Busy, Conflict, InvalidFile, Unproven
from hiring_api.model.tables import columns
from tests.avro.avro_files import DEPARTMENTS, EMPLOYEES, JOBS
from tests.conftest import expire
from tests.rows_of_all import EMPLOYEES as STAFF
from tests.rows_of_all import fill

OLD = [(1, "Sales"), (2, "Law"), (3, "Care")]


def put(engine, table, rows):
    names = [column.name for column in columns(table)]
    values = [dict(zip(names, row, strict=True)) for row in rows]
    transaction(engine, lambda connection: connection.execute(insert(table), values))


def stored(engine, table=DEPARTMENTS):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns(table)).order_by(table.c.id))]


def remove(engine, *tables):
    def work(connection):
        for table in tables:
            connection.execute(table.delete())

    transaction(engine, work)


def saved(engine, table=DEPARTMENTS):
    """A backup of the table as it is."""
    file = io.BytesIO()
    backup_table(engine, table, file, "deflate")
    return AvroRows(file, table)


@pytest.fixture
def file(engine):
    """A backup of departments; they are stored as well."""
    put(engine, DEPARTMENTS, OLD)
    return saved(engine)


def damage(monkeypatch):
    """Makes the bulk load store another text for the row 2."""
    real = bulk_load.load

    def damaging(connection, rows, into=None):
        real(connection, rows, into)
        table = rows.table if into is None else into
        connection.execute(table.update().where(table.c.id == 2).values(department="Damaged"))

    monkeypatch.setattr(bulk_load, "load", damaging)


def test_a_restore_that_was_frozen_while_another_took_over_changes_nothing(engine, file):
    @contextmanager
    def frozen(_tables):
        expire(engine)
        with leased(engine, "restore") as other:
            assert other is not None
        yield "kept"

    put(engine, DEPARTMENTS, [(4, "New")])
    with pytest.raises(Busy, match="another process has taken over"):
        restore.restore(engine, [file], keeping=frozen)
    assert stored(engine) == [*OLD, (4, "New")]


UNPROVEN = "what departments would hold is not what the file has: nothing was changed"


def test_what_goes_into_an_empty_table_otherwise_than_it_should_is_not_kept(engine, file, monkeypatch):
    remove(engine, DEPARTMENTS)
    damage(monkeypatch)
    with pytest.raises(Unproven, match=UNPROVEN):
        restore.restore(engine, [file])
    assert stored(engine) == []


@pytest.mark.parametrize("mode", ["replace", "merge"])
def test_what_goes_into_a_full_table_otherwise_than_it_should_is_not_kept(engine, file, monkeypatch, mode):
    put(engine, DEPARTMENTS, [(9, "Other")])
    damage(monkeypatch)
    with pytest.raises(Unproven, match=UNPROVEN):
        restore.restore(engine, [file], mode)
    assert stored(engine) == [*OLD, (9, "Other")]


def test_an_empty_table_beside_a_full_one_is_proven_as_well(engine, file, monkeypatch):
    put(engine, JOBS, [(1, "Clerk")])
    jobs = saved(engine, JOBS)
    remove(engine, DEPARTMENTS)
    damage_departments(monkeypatch)
    with pytest.raises(Unproven, match=UNPROVEN):
        restore.restore(engine, [file, jobs])
    assert stored(engine) == []


def test_a_restore_while_another_one_is_under_way_changes_nothing(engine, file):
    put(engine, DEPARTMENTS, [(9, "Other")])
    with leased(engine, "restore") as held:
        assert held
        with pytest.raises(Busy, match="another restore is under way"):
            restore.restore(engine, [file])
    assert stored(engine) == [*OLD, (9, "Other")]


def test_a_backup_that_the_database_gives_back_otherwise_is_not_verified(engine, file, monkeypatch):
    assert verify(engine, [file], "restore") == {"departments": 3}
    damage(monkeypatch)
    with pytest.raises(InvalidFile, match="the rows of departments come back differently from the database"):
        verify(engine, [file], "restore")
    assert stored(engine) == OLD


def damage_departments(monkeypatch):
    real = bulk_load.load

    def damaging(connection, rows, into=None):
        real(connection, rows, into)
        if rows.table is DEPARTMENTS:
            connection.execute(into.update().where(into.c.id == 2).values(department="Damaged"))

    monkeypatch.setattr(bulk_load, "load", damaging)


def change_all(engine):
    change = text("UPDATE departments SET department = 'x'")
    transaction(engine, lambda connection: connection.execute(change))


@pytest.mark.parametrize("step", ["put", "remove"])
def test_a_step_that_does_nothing_is_noticed(engine, file, monkeypatch, step):
    put(engine, DEPARTMENTS, [(9, "Other")])
    transaction(
        engine, lambda connection: connection.execute(text("UPDATE departments SET department = 'x'"))
    )
    monkeypatch.setattr(staging, step, lambda *_: {"inserted": 0, "updated": 0, "deleted": 0})
    with pytest.raises(Unproven, match=UNPROVEN):
        restore.restore(engine, [file])
    assert stored(engine) == [(row_id, "x") for row_id in (1, 2, 3, 9)]


def test_a_merge_is_proven_by_the_rows_of_the_file_alone(engine, file):
    put(engine, DEPARTMENTS, [(9, "Other")])
    transaction(
        engine, lambda connection: connection.execute(text("UPDATE departments SET department = 'x'"))
    )
    [report] = restore.restore(engine, [file], "merge")
    assert (report.updated, report.rows_after) == (3, 4)
    assert stored(engine) == [*OLD, (9, "x")]


WRITES = ["INSERT INTO departments VALUES (7, 'New')", "UPDATE departments SET department = 'x' WHERE id = 2"]


def written(engine, statement):
    """Whether another client can write now; it waits for a second at most."""
    if engine.dialect.name == "sqlite":
        other = sqlite3.connect(engine.url.database, timeout=0.1)
        try:
            other.execute(statement)
            other.commit()
        except sqlite3.OperationalError:
            return False
        finally:
            other.close()
        return True
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
            connection.exec_driver_sql(statement)
            connection.commit()
    except OperationalError:
        return False
    return True


@pytest.mark.parametrize("statement", WRITES)
@pytest.mark.parametrize("full", [True, False])
def test_others_wait_until_a_restore_is_done(engine, file, monkeypatch, full, statement):
    if not full:
        remove(engine, DEPARTMENTS)
    tried = []
    dialect = type(dialect_of(engine))
    real = dialect.lock_tables

    def lock(self, connection, tables):
        counts = real(self, connection, tables)
        tried.append(written(engine, statement))
        return counts

    monkeypatch.setattr(dialect, "lock_tables", lock)
    [report] = restore.restore(engine, [file])
    # An update finds nothing to wait for in a table that is empty
    nothing = engine.dialect.name != "sqlite" and not full and statement is WRITES[1]
    assert set(tried) == {nothing}
    assert report.rows_after == 3
    assert stored(engine) == OLD
    engine.dispose()  # connections that wait for a second only


def test_employees_without_their_departments_are_told_where_the_table_is_empty(client, engine):
    fill(client)
    file = saved(engine, EMPLOYEES)
    remove(engine, EMPLOYEES, DEPARTMENTS)
    with pytest.raises(Conflict) as told:
        restore.restore(engine, [file])
    assert told.value.message == "3 rows of hired_employees refer to rows that are not in departments"
    assert told.value.details["total"] == 3
    assert [row["id"] for row in told.value.details["errors"]] == [1, 5, 300]
    assert stored(engine, EMPLOYEES) == []


def test_rows_that_are_replaced_anyway_are_no_parents(client, engine):
    """Department 9 is stored, but not in the file that replaces the departments."""
    fill(client)
    departments = saved(engine)
    client.post("/departments", json=[{"id": 9, "department": "New"}])
    client.post("/employees?on_conflict=update", json=[{**STAFF[0], "department_id": 9}])
    employees = saved(engine, EMPLOYEES)
    with pytest.raises(Conflict) as told:
        restore.restore(engine, [departments, employees])
    assert told.value.message == "1 rows of hired_employees refer to rows that are not in departments"
    [merged, _] = restore.restore(engine, [departments, employees], "merge")
    assert (merged.unchanged, merged.rows_after) == (2, 3)


def test_rows_that_are_replaced_anyway_need_no_parents(client, engine):
    """Employee 1 is in the new department 9, which goes, and is in another one then."""
    fill(client)
    files = [saved(engine), saved(engine, EMPLOYEES)]
    client.post("/departments", json=[{"id": 9, "department": "New"}])
    client.post("/employees?on_conflict=update", json=[{**STAFF[0], "department_id": 9}])
    [departments, employees] = restore.restore(engine, files)
    assert (departments.deleted, employees.updated) == (1, 1)
