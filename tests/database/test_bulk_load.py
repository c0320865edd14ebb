"""The fast way in takes exactly the rows it is given, or none; checksums tell what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.exc import IntegrityError

from hiring_api.database import bulk_load
from hiring_api.database.dialects.mysql import inserts, load_data
from hiring_api.database.engine import engine_options, prepare
from hiring_api.database.transactions import transaction
from hiring_api.model.checksum import Checksum
from hiring_api.model.columns import MAX_ID
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Department, Employee, Job, columns

departments, jobs, employees = Department.__table__, Job.__table__, Employee.__table__
NOON = datetime(2021, 7, 27, 12)

TEXTS = [
    "NULL",
    r"\N",
    "back\\slash\\",
    "O'Neil",
    '"quoted"',
    "100%s",
    "日本 é 😀",
    "a\u2028b",
    "x" * 255,
    "😀" * 255,
]
INSTANTS = [
    NOON,
    NOON.replace(microsecond=1),
    datetime(1000, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
]
ROWS = [
    *[(place, text, NOON, 1, 1) for place, text in enumerate(TEXTS, start=1)],
    *[(place, "Ana", instant, 1, 1) for place, instant in enumerate(INSTANTS, start=100)],
    (MAX_ID, "last", NOON, 1, 1),
]


@pytest.fixture(params=["local", "insert"])
def ready(request, engine, monkeypatch):
    """A database with one department and one job, with and without LOAD DATA LOCAL."""
    if request.param == "insert":
        load_data._without_local.add(engine)
    monkeypatch.setattr(inserts, "_STATEMENT_BYTES", 2000)
    monkeypatch.setattr(load_data, "_QUICK_BYTES", 2000)
    load(engine, departments, [(1, "Sales")])
    load(engine, jobs, [(1, "Clerk")])
    return engine


def load(engine, table, rows):
    transaction(engine, lambda connection: bulk_load.load(connection, to_lines(table, rows)))


def stored(engine, table=employees):
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns(table)).order_by(table.c.id))]


def checksum_of(table, rows):
    return to_lines(table, list(rows)).checksum


def sums(engine, table=employees, where=None):
    with engine.connect() as connection:
        return bulk_load.checksum(connection, table, where)


def test_every_valid_value_arrives_unchanged(ready):
    load(ready, employees, ROWS)
    assert stored(ready) == ROWS
    assert sums(ready) == checksum_of(employees, reversed(ROWS))


def test_no_rows_are_no_work(ready):
    load(ready, employees, [])
    assert stored(ready) == []
    assert sums(ready) == checksum_of(employees, []) == Checksum(0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param((1, "taken", NOON, 1, 1), id="id in the table"),
        pytest.param((501, "twice", NOON, 1, 1), id="id twice"),
        pytest.param((600, "orphan", NOON, 99, 1), id="unknown department"),
        pytest.param((600, "orphan", NOON, 1, 99), id="unknown job"),
    ],
)
def test_what_the_database_refuses_leaves_no_row_and_an_open_transaction(ready, wrong):
    load(ready, employees, ROWS[:1])

    def work(connection):
        with pytest.raises(IntegrityError):
            bulk_load.load(
                connection, to_lines(employees, [(500, "a", NOON, 1, 1), (501, "b", NOON, 1, 1), wrong])
            )
        bulk_load.load(connection, to_lines(employees, ROWS[1:2]))

    transaction(ready, work)
    assert stored(ready) == ROWS[:2]


def test_where_local_is_forbidden_it_is_asked_for_once(engine, database_url, monkeypatch):
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no LOAD DATA")
    options = engine_options(database_url)
    options["connect_args"]["local_infile"] = False
    forbidding = prepare(create_engine(database_url, **options))
    asked = []
    statement = load_data._statement
    monkeypatch.setattr(load_data, "_statement", lambda *given: asked.append(given) or statement(*given))
    for row in [(1, "Sales"), (2, "Law"), (3, "Care")]:
        load(forbidding, departments, [row])
    assert stored(forbidding, departments) == [(1, "Sales"), (2, "Law"), (3, "Care")]
    assert len(asked) == 1
    forbidding.dispose()


def test_checksums_of_parts_add_up_and_see_every_difference(ready):
    load(ready, employees, ROWS)
    low = sums(ready, where=employees.c.id < 50)
    assert low == checksum_of(employees, [row for row in ROWS if row[0] < 50])
    assert sums(ready) - low == sums(ready, where=employees.c.id >= 50)
    whole = checksum_of(employees, ROWS)
    for place, other in enumerate([7, "Bo", NOON + timedelta(microseconds=1), 2, 2]):
        changed = [(*ROWS[0][:place], other, *ROWS[0][place + 1 :]), *ROWS[1:]]
        assert checksum_of(employees, changed) != whole
    exchanged = [(100, "Anb", NOON, 1, 1), (101, "Ana", NOON, 1, 1)]
    right = [(100, "Ana", NOON, 1, 1), (101, "Anb", NOON, 1, 1)]
    assert checksum_of(employees, exchanged) != checksum_of(employees, right)


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255).filter(
    lambda text: text == text.strip()
)
instants = st.datetimes(datetime(1000, 1, 1))
rows = st.lists(
    st.tuples(st.integers(1, MAX_ID), texts, instants, st.just(1), st.just(1)), unique_by=lambda row: row[0]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_any_valid_rows_are_stored_as_they_are_and_summed_alike(ready, some):
    def work(connection):
        connection.execute(employees.delete())
        bulk_load.load(connection, to_lines(employees, some))

    transaction(ready, work)
    assert stored(ready) == sorted(some)
    assert sums(ready) == checksum_of(employees, some)
