"""`GET /health/ready?deep=true`: whether the places that the service uses are there, and what is in them."""

import os
import secrets
import socket
import threading
from pathlib import Path

import pytest
import requests

from hiring_api.settings import read_settings
from hiring_api.users import accounts, passwords
from hiring_api.web.app import create_app
from hiring_api.web.http import sources
from hiring_api.web.http.extensions import db
from tests.conftest import Client
from tests.serving import Serving

DEEP = "/health/ready?deep=true"


@pytest.fixture
def at(engine, database_url, tmp_path):
    """Makes a client of an application whose backups and CSV source are at other places."""
    apps = []

    def make(backups="kept", csv_source="csv"):
        app = create_app(
            read_settings(
                {
                    "DATABASE_URL": database_url.render_as_string(hide_password=False),
                    "API_USER": "tester",
                    "API_PASS": "correct horse",
                    "BACKUP_DIR": backups if "://" in backups else str(tmp_path / backups),
                    "CSV_SOURCE": csv_source if "://" in csv_source else str(tmp_path / csv_source),
                }
            )
        )
        apps.append(app)
        return Client(app)

    yield make
    for app in apps:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def silent(monkeypatch):
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


def test_folders_are_listed_with_sizes(at, tmp_path):
    (tmp_path / "csv" / "old").mkdir(parents=True)
    for name, text in (("jobs.csv", "1,Clerk\n"), ("departments.csv", ""), (".hidden", "x")):
        (tmp_path / "csv" / name).write_text(text)
    client = at()
    assert client.get(DEEP).json == {
        "status": "ok",
        "backups": {"problem": None, "count": 0, "files": []},
        "csv_source": {
            "problem": None,
            "count": 2,
            "files": [{"name": "departments.csv", "bytes": 0}, {"name": "jobs.csv", "bytes": 8}],
        },
    }
    kept = [client.post("/backups").json for _ in range(2)]
    (tmp_path / "kept" / "notes.txt").write_text("no backup")
    newest_first = [{"name": f"{one['name']}.zip", "bytes": one["bytes"]} for one in kept[::-1]]
    seen = client.get(DEEP)
    assert seen.json["backups"] == {"problem": None, "count": 2, "files": newest_first}
    assert seen.headers["Cache-Control"] == "no-store"
    assert not (tmp_path / "csv" / "kept").exists()


def test_buckets_are_listed_with_sizes(at, s3):
    bucket = f"deep-{secrets.token_hex(4)}"
    s3.create_bucket(Bucket=bucket)
    for number in range(12):
        s3.put_object(Bucket=bucket, Key=f"csv/{number:02}.csv", Body=b"x" * number)
    client = at(f"s3://{bucket}/kept", f"s3://{bucket}/csv")
    kept = client.post("/backups").json
    found = client.get(DEEP).json
    assert found["backups"]["files"] == [{"name": f"{kept['name']}.zip", "bytes": kept["bytes"]}]
    assert found["csv_source"]["count"] == 12
    assert found["csv_source"]["files"] == [{"name": f"{n:02}.csv", "bytes": n} for n in range(10)]
    one = at(f"s3://{bucket}/kept", f"s3://{bucket}/csv/07.csv").get(DEEP).json
    assert one["csv_source"]["files"] == [{"name": "07.csv", "bytes": 7}]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("csv", "there is no folder or file of this name"),
        ("https://127.0.0.1:1/jobs.csv", "only a folder, a file or s3://bucket/prefix can be listed"),
        ("s3://no-such-bucket/csv", "it cannot be read (there is no such bucket: check its name"),
        ("s3://deep-empty/csv", "there is nothing under this name"),
    ],
)
def test_a_csv_source_that_is_missing_is_told_and_no_reason_to_be_unready(at, s3, source, problem):
    s3.create_bucket(Bucket="deep-empty")
    answer = at(csv_source=source).get(DEEP)
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert answer.json["csv_source"]["problem"].startswith(problem)
    assert answer.json["csv_source"]["files"] == []


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("file", "the backup folder cannot be written (Not a directory)"),
        ("file/kept", "the backup folder cannot be written (Not a directory)"),
        ("s3://no-such-bucket/kept", "the place of the backups is not there: create the bucket"),
        ("nowhere://x", "BACKUP_DIR is no place that backups can be kept in"),
    ],
)
def test_a_place_of_backups_that_is_away_is_503(at, s3, tmp_path, place, problem):
    (tmp_path / "file").touch()
    (tmp_path / "jobs.csv").write_text("1,Clerk\n")
    client = at(place, "jobs.csv")
    answer = client.get(DEEP)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["detail"] == f"backups: {problem}"
    assert answer.json["backups"] == {"problem": problem, "count": 0, "files": []}
    assert answer.json["csv_source"]["files"] == [{"name": "jobs.csv", "bytes": 8}]
    assert str(tmp_path) not in answer.text
    assert client.get("/health/ready", auth=None).status_code == 200


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that root cannot write is known")
def test_a_place_of_backups_that_cannot_be_written_is_503(at, tmp_path):
    (tmp_path / "kept").symlink_to("/proc/self")  # root may write everywhere else
    answer = at().get(DEEP)
    assert answer.status_code == 503
    assert answer.json["detail"].startswith("backups: the backup folder cannot be written (")


def test_credentials_that_s3_does_not_allow_are_told(at, s3, s3_server):
    s3.create_bucket(Bucket="deep-locked")
    requests.post(f"{s3_server}/moto-api/reset-auth", data=b"0", timeout=30)
    try:
        answer = at("s3://deep-locked/kept", "s3://deep-locked/csv").get(DEEP)
    finally:
        requests.post(f"{s3_server}/moto-api/reset-auth", data=b"inf", timeout=30)
    assert answer.status_code == 503
    assert answer.json["detail"].startswith(
        "backups: the place of the backups cannot be reached (S3 does not"
    )
    assert answer.json["csv_source"]["problem"].startswith("it cannot be read (S3 does not take the cred")


def test_places_that_give_no_answer_are_given_up_and_asked_by_one_thread_each(at, silent, monkeypatch):
    monkeypatch.setattr(sources, "SECONDS", 0.5)
    client = at("s3://silent/kept", "s3://silent/csv")
    before = threading.active_count()
    for _ in range(5):
        answer = client.get(DEEP)
        assert answer.status_code == 503
        assert answer.json["detail"] == "backups: it gave no answer within 0.5 seconds"
        assert answer.json["csv_source"]["problem"] == "it gave no answer within 0.5 seconds"
    assert threading.active_count() - before <= 2


def test_a_database_that_is_away_is_told_first():
    settings = {"DATABASE_URL": "mysql://secret:word@127.0.0.1:1/gone", "API_USER": "a", "API_PASS": "b"}
    answer = create_app(read_settings(settings)).test_client().get(DEEP, auth=("a", "b"))
    assert (answer.status_code, answer.json["detail"]) == (
        503,
        "the database cannot be reached: try again later",
    )


def test_who_may_ask(client, engine):
    accounts.add(engine, "reader", "reader", passwords.hashed("a long password"))
    assert client.get(DEEP, auth=("reader", "a long password")).status_code == 200
    for auth in (None, ("reader", "wrong"), ("tester", "wrong")):
        for query in ("deep=true", "deep=false", "%64eep=true", "deep=maybe", "x=1"):
            refused = client.get(f"/health/ready?{query}", auth=auth)
            assert refused.status_code == 401, query
            assert "WWW-Authenticate" in refused.headers
    assert client.get("/health/ready", auth=None).json == {"status": "ok"}
    assert client.get("/health/ready?", auth=None).json == {"status": "ok"}
    assert client.get("/health/ready?deep=false").json == {"status": "ok"}


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("deep=1", "query parameter deep: must be true or false"),
        ("deep=True", "query parameter deep: must be true or false"),
        ("deep=", "query parameter deep: must be true or false"),
        ("deep=true&deep=true", "query parameter 'deep' is given more than once"),
        ("depth=true", "query parameter depth: there is no such parameter"),
    ],
)
def test_wrong_values_are_422(client, query, detail):
    answer = client.get(f"/health/ready?{query}")
    assert (answer.status_code, answer.json["detail"]) == (422, detail)


def test_under_gunicorn_a_silent_place_holds_no_worker_and_users_of_the_database_may_ask(
    engine, database_url, root, tmp_path, silent
):
    accounts.add(engine, "reader", "reader", passwords.hashed("a long password"))
    url = database_url.render_as_string(hide_password=False)
    aws = {name: os.environ[name] for name in os.environ if name.startswith("AWS_")}
    with Serving(
        root, url, tmp_path, API_WORKERS="1", API_THREADS="2", CSV_SOURCE="s3://silent/csv", **aws
    ) as api:
        token = "cmVhZGVyOmEgbG9uZyBwYXNzd29yZA=="
        status, _, body = api.call("GET", DEEP, headers={"Authorization": f"Basic {token}"})
        assert status == 200
        assert b"it gave no answer within 5 seconds" in body
        assert api.call("GET", DEEP, headers={"Authorization": "Basic eDp5"})[0] == 401
        assert api.call("GET", "/health/ready")[0] == 200
