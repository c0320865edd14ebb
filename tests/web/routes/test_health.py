"""What is open to those who watch the service."""

import logging
import os
import sqlite3

import pytest

from hiring_api.database import schema
from hiring_api.database.dialects.failures import NO_SCHEMA
from hiring_api.database.transactions import snapshot
from hiring_api.errors import DatabaseUnavailable
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from hiring_api.web.http.extensions import db


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_service_that_is_well_says_so_without_credentials(client, path):
    answer = client.get(path, auth=None)
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_database_that_is_behind_is_not_ready(client, engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    try:
        answer = client.get("/health/ready", auth=None)
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{schema.newest()}'")
    assert answer.status_code == 503
    assert answer.json["detail"] == NO_SCHEMA
    assert answer.headers["Retry-After"] == "5"


def test_an_empty_database_is_not_ready(tmp_path):
    sqlite3.connect(tmp_path / "empty.db").close()
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.db", "API_USER": "a", "API_PASS": "b"}
    client = create_app(read_settings(settings)).test_client()
    for call in (
        client.get("/health/ready"),
        client.get("/jobs", auth=("a", "b")),
        client.get("/jobs", headers={"Accept": "text/csv"}, auth=("a", "b")),
        client.post("/jobs", json=[{"job": "x"}], auth=("a", "b")),
        client.get("/backup/all", auth=("a", "b")),
    ):
        assert call.status_code == 503
        assert call.json["detail"] == NO_SCHEMA


def test_a_table_that_is_gone_is_told_on_every_database(engine):
    with pytest.raises(DatabaseUnavailable) as told, snapshot(engine) as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")
    assert told.value.message == NO_SCHEMA


def test_a_database_that_is_away_is_one_line_of_the_log_with_the_cause(caplog):
    settings = {"DATABASE_URL": "mysql://secret:word@127.0.0.1:1/gone", "API_USER": "a", "API_PASS": "b"}
    with caplog.at_level("ERROR", "hiring_api"):
        create_app(read_settings(settings)).test_client().get("/health/ready")
    [record] = caplog.records
    line = logging.Formatter().format(record)
    assert line.startswith("the database cannot be reached: try again later: OperationalError(2003, ")
    assert "\n" not in line
    assert "word" not in line


def test_a_database_that_is_away_is_503_with_retry_after_and_nothing_of_it_is_told():
    settings = {"DATABASE_URL": "mysql://secret:word@127.0.0.1:1/gone", "API_USER": "a", "API_PASS": "b"}
    client = create_app(read_settings(settings)).test_client()
    assert client.get("/health/live").status_code == 200
    for call in (
        client.get("/health/ready"),
        client.post("/jobs", json=[{"job": "x"}], auth=("a", "b")),
        client.get("/jobs", auth=("a", "b")),
        client.get("/metrics/above-mean", auth=("a", "b")),
    ):
        assert call.status_code == 503
        assert call.json["detail"] == "the database cannot be reached: try again later"
        assert call.headers["Retry-After"] == "5"
        assert "secret" not in call.text


def test_requests_and_rows_are_counted_by_route_and_outcome(client):
    client.post("/jobs", json=[{"job": "x"}, {"job": ""}])
    client.get("/no/such/place")
    text = client.get("/health/metrics", auth=None).text
    assert 'hiring_http_requests_total{method="POST",route="/jobs",status="207"}' in text
    assert 'hiring_http_requests_total{method="GET",route="none",status="404"}' in text
    assert 'hiring_rows_total{status="failed",table="jobs"}' in text
    assert "/no/such" not in text
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_a_database_without_tables_is_one_line_of_the_log_that_ends_with_the_sentence(tmp_path, caplog):
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db", "API_USER": "a", "API_PASS": "b"}
    app = create_app(read_settings(settings))
    with caplog.at_level("ERROR", "hiring_api"):
        assert app.test_client().get("/health/ready").status_code == 503
    with app.app_context():
        db.engine.dispose()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].endswith(NO_SCHEMA)
