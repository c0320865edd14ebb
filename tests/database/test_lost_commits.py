"""A connection that is cut exactly at a COMMIT: what was asked for is done once, or said to be in doubt."""

import pytest
from sqlalchemy import func, insert, select, text

from hiring_api.csv_input.files import Choices, inspect, on_disk
from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.database.marks import Mark
from hiring_api.database.transactions import transaction
from hiring_api.loading.at_once import load_at_once
from hiring_api.loading.loader import load
from hiring_api.loading.task import Task
from hiring_api.model.tables import Department
from hiring_api.rejects.record import Origin
from hiring_api.settings import read_settings
from hiring_api.web.app import create_app
from tests.conftest import Client, empty
from tests.proxy import CuttingProxy
from tests.server import Server, installed

departments = Department.__table__
WHEN = ["before", "after"]
UNSURE = (
    "the connection to the database was lost during the commit: this may be stored or not. Look before you "
    "send it again; what was sent with an Idempotency-Key can just be sent again with the same one"
)


@pytest.fixture(scope="module")
def server():
    if "mariadbd" not in str(installed()):
        pytest.skip("the proxy reads what is said: it takes a server that offers no TLS by itself")
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def proxy(server):
    with CuttingProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def direct(server):
    """An engine past the proxy, on empty tables."""
    engine = open_engine(read_settings({"DATABASE_URL": server.url()}).database_url)
    schema.upgrade(engine)
    empty(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(server, proxy, direct, tmp_path):
    url = server.url().replace(f":{server.port}/", f":{proxy.port}/")
    folders = {name: str(tmp_path / name) for name in ("BACKUP_DIR", "REJECTS_DIR")}
    return read_settings({"DATABASE_URL": url, "API_USER": "tester", "API_PASS": "correct horse", **folders})


@pytest.fixture
def engine(settings):
    engine = open_engine(settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def client(settings):
    from hiring_api.web.http.extensions import db

    app = create_app(settings)
    yield Client(app)
    with app.app_context():
        db.engine.dispose()


def stored(direct, table=departments):
    with direct.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("when", WHEN)
def test_a_request_with_a_key_is_answered_as_if_nothing_had_happened(client, proxy, direct, when):
    body, key = [{"department": "Sales"}, {"department": "Legal"}], {"Idempotency-Key": f"k {when}"[2:]}
    proxy.cut(when)
    answer = client.post("/departments", json=body, headers=key)
    assert (answer.status_code, answer.json["inserted"]) == (201, 2)
    assert "Idempotency-Replayed" not in answer.headers
    assert stored(direct) == 2
    again = client.post("/departments", json=body, headers=key)
    assert (again.json, again.headers["Idempotency-Replayed"]) == (answer.json, "true")
    assert stored(direct) == 2


@pytest.mark.parametrize("when", WHEN)
def test_a_request_without_a_key_is_said_to_be_in_doubt(client, proxy, direct, when):
    proxy.cut(when)
    answer = client.post("/departments", json={"department": "Sales"})
    assert (answer.status_code, answer.headers["Retry-After"], answer.json["detail"]) == (503, "5", UNSURE)
    assert stored(direct) == (1 if when == "after" else 0)


def task_of(folder, rows):
    path = folder / "departments.csv"
    path.write_text("".join(f"{key},Department {key}\n" for key in range(1, rows + 1)) + "x,y\n")
    return Task(
        departments, inspect(on_disk(path, path.name), departments, Choices()), Origin(path.name, "run")
    )


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_load_counts_every_row_once(engine, proxy, direct, tmp_path, when, number):
    """The first COMMIT begins it, the last one ends it, those between are of chunks."""
    cuts = proxy.cuts
    proxy.cut(when, number)
    loaded = load(engine, task_of(tmp_path, 45_000))
    assert proxy.cuts == cuts + 1
    counts = loaded.counts
    assert (counts.read, counts.inserted, counts.rejected, counts.unchanged) == (45_001, 45_000, 1, 0)
    assert stored(direct) == 45_000
    with direct.connect() as connection:
        ended = connection.execute(text("SELECT COUNT(*), COUNT(ended_at) FROM loads")).one()
        refused = connection.execute(text("SELECT COUNT(*) FROM rejects")).scalar_one()
    assert (tuple(ended), refused) == ((1, 1), 1)


@pytest.mark.parametrize("when", WHEN)
def test_a_load_in_one_transaction_counts_every_row_once(engine, proxy, direct, tmp_path, when):
    proxy.cut(when)
    counts = load_at_once(engine, task_of(tmp_path, 1000)).counts
    assert (counts.inserted, counts.unchanged, stored(direct)) == (1000, 0, 1000)


@pytest.mark.parametrize("when", WHEN)
def test_an_upload_is_answered_as_if_nothing_had_happened(client, proxy, direct, when):
    proxy.cut(when)
    answer = client.post("/upload/departments", data="1,Sales\n2,Legal\n", content_type="text/csv")
    assert (answer.status_code, answer.json["inserted"], stored(direct)) == (201, 2, 2)


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("full", [False, True])
def test_a_restore_is_done_once(client, proxy, direct, when, full):
    rows = [{"id": key, "department": f"Department {key}"} for key in range(1, 101)]
    assert client.post("/departments", json=rows).status_code == 201
    backup = client.get("/backup/all").data
    with direct.begin() as connection:
        connection.execute(departments.delete().where(departments.c.id > (50 if full else 0)))
    proxy.cut(when, 2)  # the first takes its lease
    answer = client.post("/restore/all", data=backup, content_type="application/zip")
    assert answer.status_code == 200
    report = answer.json["departments"]
    assert (report["received"], report["inserted"], report["rows_after"]) == (100, 50 if full else 100, 100)
    assert stored(direct) == 100


def test_what_others_wrote_after_an_unanswered_commit_stays(engine, proxy, direct, monkeypatch):
    """A commit that was done is found by its mark; doing it again would undo what came later."""
    found = Mark.found

    def meanwhile(self, connection):
        with direct.begin() as other:
            other.execute(insert(departments), {"department": "later"})
        return found(self, connection)

    monkeypatch.setattr(Mark, "found", meanwhile)
    runs = []

    def replace(connection):
        runs.append(1)
        connection.execute(departments.delete())
        connection.execute(insert(departments), {"department": "restored"})
        return len(runs)

    proxy.cut("after")
    assert transaction(engine, replace, marked=True) == 1
    assert stored(direct) == 2


def test_a_commit_that_comes_in_late_is_found(engine, proxy, direct, monkeypatch):
    """As from another server of a cluster: it is there only when the next attempt writes the same."""
    found, asked = Mark.found, []

    def not_yet(self, connection):
        asked.append(1)
        return len(asked) > 1 and found(self, connection)

    monkeypatch.setattr(Mark, "found", not_yet)
    runs = []

    def work(connection):
        runs.append(1)
        connection.execute(insert(departments), {"department": "Sales"})
        return len(runs)

    proxy.cut("after")
    assert transaction(engine, work, marked=True) == 1
    assert (len(runs), len(asked), stored(direct)) == (2, 2, 1)
