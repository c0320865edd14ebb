"""Accounts that the database refuses, or that may not do everything: a sentence at once, and the GRANT."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from hiring_api.cli import main as commands
from hiring_api.database.engine import open_engine
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from migration_job import job as migration
from migration_job.main import main

DATABASE = "hiring_test_accounts"


@pytest.fixture
def admin(engine):
    """An engine of an account that may make others, and the host that accounts are for."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no accounts")
    with engine.connect() as connection:
        host = connection.execute(text("SELECT CURRENT_USER()")).scalar_one().rpartition("@")[2]
        connection.execute(text(f"CREATE DATABASE IF NOT EXISTS {DATABASE}"))
    yield engine, host
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {DATABASE}"))
        connection.execute(text(f"DROP USER IF EXISTS 'hiring_few'@'{host}'"))


@pytest.fixture
def account(admin, tmp_path, monkeypatch):
    """Makes an account with these rights on a database; its address, for the programs as well."""
    engine, host = admin
    monkeypatch.setenv("REJECTS_DIR", str(tmp_path / "rejects"))
    monkeypatch.setattr(migration.time, "sleep", lambda _seconds: pytest.fail("it waits"))

    def make(rights, database=DATABASE, password="right"):
        with engine.connect() as connection:
            connection.execute(text(f"CREATE USER 'hiring_few'@'{host}' IDENTIFIED BY 'right'"))
            connection.execute(text(f"GRANT {rights} ON `{database}`.* TO 'hiring_few'@'{host}'"))
        url = engine.url.set(username="hiring_few", password=password, database=database)
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        return url

    return make


def migrated(tmp_path, capsys):
    """The exit status of the job on one file, and what it says."""
    (tmp_path / "departments.csv").write_text("1,Sales\n")
    capsys.readouterr()  # what the API has logged
    status = main([str(tmp_path), "--table", "departments"])
    return status, capsys.readouterr().err


def test_an_account_that_may_not_make_tables_is_told_which_grant_is_missing(account, admin, tmp_path, capsys):
    account("SELECT, INSERT, UPDATE, DELETE")
    grant = (
        "what is missing: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, "
        f"CREATE TEMPORARY TABLES, CREATE VIEW ON `{DATABASE}`.* TO 'hiring_few'@'{admin[1]}'"
    )
    sentence = f"the account of the database may not CREATE: nothing was kept ({grant})\n"
    assert migrated(tmp_path, capsys) == (1, f"migration_job: {sentence}")
    assert commands.main(["migrate"]) == 1
    assert capsys.readouterr().err == sentence
    with admin[0].connect() as connection:
        connection.execute(text(grant.removeprefix("what is missing: ")))
    assert migrated(tmp_path, capsys)[0] == 0


def test_an_account_that_may_only_read_reads_and_is_told_what_it_may_not(account, admin, tmp_path, capsys):
    engine, host = admin
    url = account("SELECT", engine.url.database)
    settings = {
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "API_USER": "a",
        "API_PASS": "b",
        "BACKUP_DIR": str(tmp_path),
    }
    client = create_app(read_settings(settings)).test_client()
    assert client.get("/departments", auth=("a", "b")).status_code == 200
    for answer in (
        client.post("/departments", json={"department": "x"}, auth=("a", "b")),
        client.post("/upload/departments", data="1,x\n", content_type="text/csv", auth=("a", "b")),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.json["detail"] == "the account of the database may not INSERT: nothing was kept"
        assert "hiring_few" not in answer.text
    status, told = migrated(tmp_path, capsys)
    assert (status, told.count("\n")) == (1, 1)
    rights = f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{engine.url.database}`.* TO 'hiring_few'@'{host}'"
    assert told.endswith(f"may not INSERT: nothing was kept (what is missing: {rights})\n")


def test_rights_on_the_database_that_are_missing_are_said_with_it(account, admin, tmp_path, capsys):
    """For temporary tables, which a restore that merges needs, as for all of it the server has one error."""
    engine = admin[0]
    url = account("SELECT, INSERT, UPDATE, DELETE", engine.url.database)
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO departments VALUES (1, 'Sales')"))
        connection.commit()
    file = tmp_path / "departments.avro"
    settings = {"DATABASE_URL": url.render_as_string(hide_password=False), "API_USER": "a", "API_PASS": "b"}
    client = create_app(read_settings({**settings, "BACKUP_DIR": str(tmp_path)})).test_client()
    file.write_bytes(client.get("/backup/departments", auth=("a", "b")).data)
    answer = client.post(
        "/restore/departments?mode=merge",
        data=file.read_bytes(),
        content_type="application/avro",
        auth=("a", "b"),
    )
    assert (answer.status_code, answer.json["detail"]) == (
        503,
        "the account of the database may not do this: nothing was kept",
    )
    nowhere = engine.url.set(username="hiring_few", password="right", database="hiring_no_such")
    with pytest.raises(migration.NotPermitted) as told:
        migration.wait_for(open_engine(nowhere), 60)
    assert (
        "CREATE TEMPORARY TABLES, CREATE VIEW ON `hiring_no_such`.* TO 'hiring_few'@"
        in told.value.for_operator()
    )


def test_a_wrong_password_is_said_at_once(account, tmp_path, capsys):
    url = account("ALL", password="wrong")
    status, told = migrated(tmp_path, capsys)
    assert (status, told.count("\n")) == (1, 1)
    assert told.startswith(
        "migration_job: the database refuses the account: the user or the password is wrong "
        "(Access denied for user 'hiring_few'@"
    )
    assert "Traceback" not in told
    with pytest.raises(migration.NotPermitted):
        migration.wait_for(open_engine(url), 60)
