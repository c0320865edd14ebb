"""The revisions lead to the schema that the program declares, and take what was there along."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pyroaring import BitMap
from sqlalchemy import MetaData, inspect, make_url, text

from hiring_api.avro.reader import AvroRows
from hiring_api.backup.restore import restore
from hiring_api.database import identity, revisions, schema
from hiring_api.database.bookkeeping import load_ids, reject_packs
from hiring_api.database.engine import open_engine
from hiring_api.errors import DatabaseUnavailable
from hiring_api.loading.progress import unfinished
from hiring_api.model.tables import Base, Employee
from hiring_api.rejects.record import Origin
from tests.avro.avro_files import DEPARTMENTS, ROWS, saved
from tests.conftest import on_record

employees = Employee.__table__
BEGUN = (
    "INSERT INTO loads (run, table_name, source, fingerprint, progress, begun_at, ended_at) "
    "VALUES ('run', 'hired_employees', 'e.csv', 'f', :progress, '2026-11-20 12:00:00', :ended)"
)
PROGRESS = (
    '{"at": {"offset": 70, "line": 2, "record": 2}, "counts": {"read": 2, "inserted": 2, "updated": 0, '
    '"unchanged": 0, "rejected": 0, "blank": 0}, "proven": {"rows": 2, "total": 5}}'
)


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
        present.reflect(connection)
        present.drop_all(connection)


def move(engine, how, to):
    with engine.connect() as connection:
        how(revisions.config(connection), to)
        connection.commit()


def begin(connection):
    """A load under way, then one that ended."""
    for ended in (None, "2026-11-20 13:00:00"):
        connection.execute(text(BEGUN), {"progress": PROGRESS, "ended": ended})


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


def test_an_empty_database_has_no_revision_and_is_not_current(bare):
    with bare.connect() as connection:
        assert schema.revision(connection) is None
        assert not schema.is_current(connection)
    move(bare, command.upgrade, "0002")
    with bare.connect() as connection:
        assert schema.revision(connection) == "0002"
        assert not schema.is_current(connection)


def test_a_schema_that_is_up_to_date_needs_no_alembic(bare):
    schema.upgrade(bare)
    url = bare.url.render_as_string(hide_password=False)
    code = (
        "import sys; from hiring_api.database import schema, engine; "
        "from sqlalchemy import make_url; schema.upgrade(engine.open_engine(make_url(sys.argv[1]))); "
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


def test_a_load_that_an_older_version_began_goes_on(bare):
    move(bare, command.upgrade, "0001")
    with bare.begin() as connection:
        begin(connection)
        taken = {"taken": BitMap([1, 2]).serialize()}
        connection.execute(text("UPDATE loads SET taken = :taken WHERE id = 1"), taken)
    schema.upgrade(bare)
    with bare.connect() as connection:
        key, run, progress = unfinished(connection, employees, Origin("e.csv", "new"), "f")
        assert (key, run, progress.taken, progress.at.line) == (1, "run", BitMap([1, 2]), 2)
        assert connection.execute(load_ids.select()).one().load_id == 1
        if bare.dialect.name == "sqlite":
            made = text("SELECT sql FROM sqlite_master WHERE name = 'loads'")
            assert "AUTOINCREMENT" in connection.execute(made).scalar_one()


def test_the_way_back_drops_loads_under_way_and_keeps_the_others(bare):
    schema.upgrade(bare)
    with bare.begin() as connection:
        begin(connection)
        connection.execute(load_ids.insert(), {"load_id": 1, "ids": BitMap([1]).serialize()})
    move(bare, command.downgrade, "0001")
    with bare.connect() as connection:
        assert connection.execute(text("SELECT id, taken FROM loads")).all() == [(2, None)]
    move(bare, command.downgrade, "base")
    assert inspect(bare).get_table_names() == ["alembic_version"]


REJECT = (
    "INSERT INTO rejects (table_name, source, run, line, record, raw, errors, refused_at, resolved_at) "
    "VALUES (:table, :source, 'run', :line, :line, :raw, :errors, '2026-11-20 12:00:00.500000', :resolved)"
)


def refuse(connection):
    """What an older version has on record: two files' rejects, one of them resolved, and a row of a batch."""
    of_file = {"table": "jobs", "source": "jobs.csv", "errors": "[]", "resolved": None}
    error = '[{"field": "job", "code": "required", "message": "job is required"}]'
    every = [
        *({**of_file, "line": line, "raw": f'["{line}", "é"]', "errors": error} for line in range(1, 1003)),
        {**of_file, "source": "more.csv", "line": 7, "raw": "[]", "resolved": "2026-11-21 01:02:03.250000"},
        {**of_file, "source": "POST /jobs", "line": None, "raw": json.dumps({"id": "\ud800"})},
    ]
    connection.execute(text(REJECT), every)


def test_what_an_older_version_refused_stays_on_record(bare):
    move(bare, command.upgrade, "0002")
    with bare.begin() as connection:
        refuse(connection)
        before = connection.execute(text("SELECT * FROM rejects ORDER BY id")).all()
    schema.upgrade(bare)
    found = on_record(bare)
    # Keys that were given out before name nothing any more
    assert [reject["id"] for reject in found] == [*range(2001, 3001), 3001, 3002, 4001, 5001]
    assert [reject["line"] for reject in found] == [*range(1, 1003), 7, None]
    assert found[0]["row"] == ["1", "é"]
    assert found[0]["errors"] == [{"field": "job", "code": "required", "message": "job is required"}]
    assert found[-1]["row"] == {"id": "\ud800"}
    resolved = [reject["resolved_at"] for reject in found if reject["resolved_at"]]
    assert resolved == ["2026-11-21T01:02:03.250000Z"] == [found[1002]["resolved_at"]]
    assert {reject["refused_at"] for reject in found} == {"2026-11-20T12:00:00.500000Z"}
    move(bare, command.downgrade, "0002")
    with bare.connect() as connection:
        after = connection.execute(text("SELECT * FROM rejects ORDER BY id")).all()
    for row, old in zip(after, before, strict=True):
        assert row[1:6] == old[1:6]
        assert json.loads(row.raw) == json.loads(old.raw)
        assert row[7:] == old[7:]


def test_an_upgrade_that_was_killed_halfway_can_be_done_again(bare):
    move(bare, command.upgrade, "0002")
    with bare.begin() as connection:
        refuse(connection)
        reject_packs.create(connection)
    schema.upgrade(bare)
    assert len(on_record(bare)) == 1004
    with bare.begin() as connection:  # killed before Alembic noted what was done
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    schema.upgrade(bare)
    assert len(on_record(bare)) == 1004


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
