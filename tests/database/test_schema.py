"""The revision makes the schema that the program declares; older and newer schemas are left alone."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from hiring_api.avro.reader import AvroRows
from hiring_api.backup.backup import backup_all
from hiring_api.backup.restore import restore
from hiring_api.database import identity, revisions, schema
from hiring_api.database.dialects import dialect_of
from hiring_api.database.engine import open_engine
from hiring_api.errors import DatabaseUnavailable
from hiring_api.model.tables import Base
from tests.avro.avro_files import DEPARTMENTS, ROWS, saved

BEFORE_METRICS = "0006"
BEFORE_USERS = "0007"


@pytest.fixture
def bare(database_url, tmp_path):
    """A database without any table; the server's has its tables again afterwards."""
    sqlite = database_url.drivername.startswith("sqlite")
    engine = open_engine(make_url(f"sqlite:///{tmp_path / 'bare.db'}") if sqlite else database_url)
    drop_everything(engine)
    yield engine
    drop_everything(engine)
    schema.upgrade(engine)
    engine.dispose()


def drop_everything(engine):
    present = MetaData()
    with engine.begin() as connection:
        for view in inspect(connection).get_view_names():
            connection.execute(text(f"DROP VIEW {view}"))
        present.reflect(connection)
        present.drop_all(connection)


def move(engine, how, to):
    with engine.connect() as connection:
        how(revisions.config(connection), to)
        connection.commit()


def is_sqlite(engine):
    return engine.dialect.name == "sqlite"


def test_the_revisions_lead_to_the_declared_schema(bare):
    schema.upgrade(bare)
    with bare.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert schema.is_current(connection)


def test_the_newest_revision_is_alembics_head(bare):
    with bare.connect() as connection:
        script = ScriptDirectory.from_config(revisions.config(connection))
    assert [schema.newest()] == script.get_heads()


def test_an_empty_database_has_no_revision_and_is_not_current_before_it_is_upgraded(bare):
    with bare.connect() as connection:
        assert schema.revision(connection) is None
        assert not schema.is_current(connection)
    schema.upgrade(bare)
    with bare.connect() as connection:
        assert schema.revision(connection) == schema.newest()
        assert schema.is_current(connection)


def test_a_schema_that_is_up_to_date_needs_no_alembic(bare):
    schema.upgrade(bare)
    url = bare.url.render_as_string(hide_password=False)
    code = (
        "import sys; from hiring_api.database import schema, engine; "
        "from sqlalchemy import make_url; schema.upgrade(engine.open_engine(make_url(sys.argv[1]))); "
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


def test_an_upgrade_that_was_killed_halfway_can_be_done_again(bare):
    move(bare, command.upgrade, "0001")
    with bare.begin() as connection:  # killed before the last tables were there and Alembic noted it
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("DROP TABLE identity"))
        connection.execute(text("DROP TABLE load_ids"))
    schema.upgrade(bare)
    with bare.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    assert identity.database_of(bare).id is not None


@pytest.mark.parametrize("done", range(5))
def test_rows_from_before_the_metrics_have_their_quarters_after_the_upgrade_killed_or_not(bare, done):
    move(bare, command.upgrade, BEFORE_METRICS)
    with bare.begin() as connection:
        for row in (
            "departments VALUES (1, 'Sales')",
            "jobs VALUES (1, 'Clerk')",
            "hired_employees VALUES (1, 'Ana', '2021-03-31 23:59:59.999999', 1, 1)",
        ):
            connection.execute(text(f"INSERT INTO {row}"))
        column = dialect_of(connection).computed_quarter("datetime")
        steps = [
            f"ALTER TABLE hired_employees ADD COLUMN quarter {column}",
            "CREATE INDEX ix_hired_employees_quarter ON hired_employees (department_id, quarter, job_id)",
            f"DROP INDEX ix_hired_employees_department_id{'' if is_sqlite(bare) else ' ON hired_employees'}",
            "CREATE VIEW hired_by_quarter AS SELECT 1 AS year",
        ]
        for step in steps[:done]:
            connection.execute(text(step))
    schema.upgrade(bare)
    with bare.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        rows = connection.execute(text("SELECT * FROM hired_by_quarter"))
        assert list(map(tuple, rows)) == [(2021, "Sales", "Clerk", 1, 0, 0, 0)]


def test_statements_without_names_of_columns_do_not_see_the_quarter(bare):
    """On a server; SQLite cannot hide a column that it computes, but takes rows without it."""
    schema.upgrade(bare)
    row = (1, "Ana", "2021-03-31 23:59:59.999999", 1, 1)
    with bare.begin() as connection:
        connection.execute(text("INSERT INTO departments VALUES (1, 'Sales')"))
        connection.execute(text("INSERT INTO jobs VALUES (1, 'Clerk')"))
        connection.execute(text(f"INSERT INTO hired_employees VALUES {row}"))
        [stored] = connection.execute(text("SELECT * FROM hired_employees"))
        assert len(stored) == (6 if is_sqlite(bare) else 5)
        assert connection.execute(text("SELECT quarter FROM hired_employees")).scalar_one() == 20211


def test_a_view_is_read_with_the_rights_of_its_reader(bare):
    schema.upgrade(bare)
    if is_sqlite(bare):
        pytest.skip("SQLite has no accounts")
    with bare.connect() as connection:
        query = "SELECT security_type FROM information_schema.views WHERE table_schema = DATABASE()"
        assert connection.execute(text(query)).scalars().all() == ["INVOKER"] * 2


@pytest.mark.parametrize("done", ["nothing", "the column", "all but Alembic's note"])
def test_rejects_on_record_outlive_the_upgrade_to_users_killed_or_not(bare, done):
    move(bare, command.upgrade, BEFORE_USERS)
    reject = (
        "INSERT INTO rejects (table_name, source, run, raw, errors, refused_at) "
        "VALUES ('jobs', 'POST /jobs', 'r', '1', '[]', '2021-01-01 00:00:00')"
    )
    with bare.begin() as connection:
        connection.execute(text(reject))
    if done == "the column":
        with bare.begin() as connection:
            connection.execute(text("ALTER TABLE rejects ADD COLUMN user VARCHAR(255)"))
    elif done != "nothing":
        schema.upgrade(bare)
        with bare.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{BEFORE_USERS}'"))
    schema.upgrade(bare)
    with bare.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        [row] = connection.execute(text("SELECT source, raw, user FROM rejects"))
        assert tuple(row) == ("POST /jobs", "1", None)


def test_a_table_of_users_of_somebody_else_is_left_as_it_is(bare):
    move(bare, command.upgrade, BEFORE_USERS)
    with bare.begin() as connection:
        connection.execute(text("CREATE TABLE api_users (id INT)"))
    for _ in range(2):
        with pytest.raises(SQLAlchemyError, match="already exists"):
            schema.upgrade(bare)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_somebody_else_is_left_as_it_is(bare, rows):
    with bare.begin() as connection:
        connection.execute(text(f"CREATE TABLE jobs (id INT, {'job' if rows else 'name'} INT)"))
        for _ in range(rows):
            connection.execute(text("INSERT INTO jobs VALUES (1, 2)"))
    for _ in range(2):
        with pytest.raises(SQLAlchemyError, match="already exists"):
            schema.upgrade(bare)
    with bare.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar_one() == rows


def test_the_revision_can_be_taken_back(bare):
    schema.upgrade(bare)
    move(bare, command.downgrade, "base")
    assert inspect(bare).get_table_names() == ["alembic_version"]
    assert inspect(bare).get_view_names() == []


def back_up(engine):
    backup_all(engine, io.BytesIO(), "null")


def restore_departments(engine):
    restore(engine, [AvroRows(io.BytesIO(saved()), DEPARTMENTS)])


@pytest.mark.parametrize("old", ["0001", "0002", "0003", "0004", "0005"])
def test_a_schema_from_before_the_first_release_is_refused_by_all(bare, old):
    schema.upgrade(bare)
    with bare.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{old}'"))
        if old == "0001":
            connection.execute(text("DROP TABLE identity"))
    said = rf"schema \({old}\), which cannot be brought up to date: back it up with that version"
    for refused in (schema.upgrade, schema.make, back_up, restore_departments):
        with pytest.raises(DatabaseUnavailable, match=said):
            refused(bare)


def test_a_restore_into_an_empty_database_makes_the_schema(bare):
    file = AvroRows(io.BytesIO(saved()), DEPARTMENTS)
    with pytest.raises(DatabaseUnavailable, match="hiring_api migrate"):
        restore(bare, [file], dry_run=True)
    [report] = restore(bare, [file])
    assert (report.inserted, report.rows_before) == (len(ROWS), 0)
    with bare.connect() as connection:
        assert schema.is_current(connection)


def test_each_schema_has_an_id_of_its_own_that_stays(bare):
    first = [identity.database_of(bare) for _ in range(2) if schema.upgrade(bare) is None]
    assert first[0] == first[1]
    assert re.fullmatch("[0-9a-f]{32}", first[0].id)
    drop_everything(bare)
    assert identity.database_of(bare).id is None
    schema.upgrade(bare)
    assert identity.database_of(bare).id not in {None, first[0].id}


def test_a_schema_of_a_newer_program_is_left_alone_and_told(bare):
    schema.upgrade(bare)
    with bare.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnavailable, match="revision 9999, which this program does not know"):
        schema.upgrade(bare)
