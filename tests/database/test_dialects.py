"""What differs between databases is in one folder, and each does what the protocol says."""

import re
from datetime import datetime

import pytest
from sqlalchemy import func, select

from hiring_api.database import bulk_load
from hiring_api.database.bookkeeping import loads
from hiring_api.database.bulk_load import NULL
from hiring_api.database.dialects import dialect_of
from hiring_api.database.dialects.dialect import Dialect
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import Department, Employee, Job

departments, jobs, employees = Department.__table__, Job.__table__, Employee.__table__
NOON = datetime(2021, 7, 27, 12)
ROWS = [
    (7, "Ana O'Neil", datetime(2021, 7, 27, 16, 2, 8), 1, 1),
    (3, "日本 \\ 😀", datetime(1000, 1, 1, 0, 0, 0, 1), 1, 1),
    (5, "Bo", datetime(9999, 12, 31, 23, 59, 59, 999999), 1, 1),
]
# Asking which database it is, importing a driver, or reaching for one dialect by its name
ASKED = re.compile(r"dialect\.name|get_backend_name|import (pymysql|sqlite3)\b|dialects[.]?(mysql|sqlite)\b")
ALLOWED = {"hiring_api/settings.py", "hiring_api/database_url.py"}  # they read DATABASE_URL


def test_nobody_else_asks_which_database_it_is(root):
    asking = {
        f"{path.relative_to(root)}: {line.strip()}"
        for package in ("hiring_api", "migration_job")
        for path in (root / package).rglob("*.py")
        if "database/dialects/" not in str(path) and str(path.relative_to(root)) not in ALLOWED
        for line in path.read_text(encoding="utf-8").splitlines()
        if ASKED.search(line) and not line.startswith("from sqlalchemy.dialects.")  # a column's type
    }
    assert asking == set()


@pytest.fixture
def filled(engine):
    def work(connection):
        bulk_load.load(connection, to_lines(departments, [(1, "Sales")]))
        bulk_load.load(connection, to_lines(jobs, [(1, "Clerk")]))
        bulk_load.load(connection, to_lines(employees, ROWS))

    transaction(engine, work)
    return engine


@pytest.mark.parametrize("where", [None, employees.c.id > 3])
def test_a_checksum_by_the_server_is_the_one_that_any_database_can_do_with(filled, where):
    with snapshot(filled) as connection:
        dialect = dialect_of(connection)
        default = Dialect.checksum(dialect, connection, employees, where)
        assert dialect.checksum(connection, employees, where) == default
    assert default == to_lines(employees, [row for row in ROWS if where is None or row[0] > 3]).checksum


@pytest.mark.parametrize(
    ("first", "last", "ids"), [(1, 10, [3, 5, 7]), (4, 6, [5]), (7, 7, [7]), (8, 10, []), (-(1 << 63), 2, [])]
)
def test_packed_rows_are_texts_each_ended_by_a_separator_and_instants_are_microseconds(
    filled, first, last, ids
):
    micros = {7: 1627401728000000, 3: -30610224000000000 + 1, 5: 253402300799999999}
    names = {row[0]: row[1] for row in ROWS}
    with snapshot(filled) as connection:
        rows, packed = dialect_of(connection).packed_rows(connection, employees, first, last)
    assert rows == len(ids)
    values = packed.decode().split("\x1f")
    assert values.pop() == ""
    found = sorted(zip(*[iter(values)] * 5, strict=True))
    assert found == [(str(each), names[each], str(micros[each]), "1", "1") for each in ids]


def test_ids_that_the_database_gives_are_those_of_the_rows_in_their_order(engine):
    rows = [(f"Department {number}",) for number in range(500)]
    given = transaction(
        engine, lambda connection: bulk_load.insert_generated(connection, departments, ["department"], rows)
    )
    with snapshot(engine) as connection:
        stored = dict(map(tuple, connection.execute(select(departments))))
        assert dialect_of(connection).next_id(connection, departments) > max(given)
    assert [(stored[row_id],) for row_id in given] == rows


@pytest.mark.parametrize("times", [1, 500])
def test_lines_hold_any_text_and_null(engine, times):
    columns = [column.name for column in loads.columns]
    texts = ["It's", "a\\b", "\\N", "C:\\", "日本 é 😀", "NULL", ""] * times
    lines = "".join(
        f"{key}\tr\tjobs\t{value}\tf\tp\t{NOON}\t{NULL}\n" for key, value in enumerate(texts, start=1)
    )
    transaction(engine, lambda connection: bulk_load.insert_lines(connection, loads, columns, lines.encode()))
    with snapshot(engine) as connection:
        stored = connection.execute(select(loads.c.id, loads.c.source, loads.c.begun_at, loads.c.ended_at))
        assert list(map(tuple, stored)) == [
            (key, value, NOON, None) for key, value in enumerate(texts, start=1)
        ]


def test_rows_are_inserted_or_written_over_those_with_their_ids(filled):
    rows = [(1, "It's\\legal"), (2, "Care")]
    transaction(filled, lambda connection: bulk_load.overwrite(connection, departments, rows))
    with snapshot(filled) as connection:
        assert list(map(tuple, connection.execute(select(departments)))) == rows


@pytest.mark.parametrize(("blank", "equal"), [("", True), (" ", False)])
def test_a_blank_behind_a_text_makes_it_another_one(filled, blank, equal):
    dialect = dialect_of(filled)
    same = dialect.exact(employees.c.name) == dialect.exact(employees.c.name.concat(blank))
    with snapshot(filled) as connection:
        assert connection.execute(select(func.count()).where(same)).scalar_one() == (3 if equal else 0)


def test_a_file_is_not_there_before_it_is_made_and_a_server_is_asked(engine, tmp_path):
    dialect = dialect_of(engine)
    url = engine.url.set(database=str(tmp_path / "other.db"))
    assert dialect_of(url) is dialect
    assert dialect.may_exist(engine.url)
    assert dialect.may_exist(url) == dialect.has_server
    if not dialect.has_server:
        other = open_engine(url)
        other.connect().close()
        other.dispose()
        assert dialect.may_exist(url)
