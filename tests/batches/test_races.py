"""Other writers between look-up and INSERT, deadlocks, lock waits, dead connections, no ids left.

SQLite has one writer at a time, so there is nobody between.
"""

import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.exc import IntegrityError

from hiring_api.batches import insert as batch_insert
from hiring_api.database import transactions
from hiring_api.database.dialects.mysql import sessions
from hiring_api.model.tables import Base, Department, Job
from tests.conftest import on_record

MAX_ID = 2147483647
HIRED = {"name": "Ana", "datetime": "2021-07-27T16:02:08Z", "job_id": 1}


@pytest.fixture
def server(engine):
    """An engine on a server; a second client of its own."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    return engine


@pytest.fixture
def parents(client):
    """A client of an API that has departments 1 to 9 and job 1."""
    client.post("/departments", json=[{"id": number, "department": f"D{number}"} for number in range(1, 10)])
    client.post("/jobs", json={"id": 1, "job": "Clerk"})
    return client


@contextmanager
def meanwhile(app, statement, act, times=1):
    """Calls `act(number)` when the API is about to send a statement that begins so, `times` times."""
    from hiring_api.web.http.extensions import db

    with app.app_context():
        engine = db.engine
    count = 0

    def before(_connection, _cursor, sent, *_):
        nonlocal count
        if sent.replace("`", "").startswith(statement) and count < times:
            count += 1
            act(count)

    event.listen(engine, "before_cursor_execute", before)
    try:
        yield lambda: count
    finally:
        event.remove(engine, "before_cursor_execute", before)


def execute(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def hired(*departments):
    return [{**HIRED, "department_id": number} for number in departments]


def unknown(number):
    message = f"department_id {number} is not in departments"
    return [{"field": "department_id", "code": "unknown_reference", "message": message}]


def taken(number, table="departments"):
    return [{"field": "id", "code": "already_exists", "message": f"id {number} is already in {table}"}]


def outcomes(response):
    return [(result["status"], result.get("errors")) for result in response.json["results"]]


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(Base.metadata.tables[table])).scalar()


def test_a_parent_deleted_after_the_look_up_fails_its_rows_alone(app, parents, server):
    def delete(_number):
        execute(server, Department.__table__.delete().where(Department.id == 2))

    with meanwhile(app, "INSERT INTO hired_employees", delete):
        response = parents.post("/employees", json=hired(1, 2, 3, 2))
    assert response.status_code == 207
    failed = ("failed", unknown(2))
    assert outcomes(response) == [("inserted", None), failed, ("inserted", None), failed]
    assert (count(server, "hired_employees"), len(on_record(server))) == (2, 2)


def test_a_parent_deleted_after_the_look_up_refuses_an_atomic_batch(app, parents, server):
    def delete(_number):
        execute(server, Department.__table__.delete().where(Department.id == 2))

    with meanwhile(app, "INSERT INTO hired_employees", delete):
        response = parents.post("/employees?mode=atomic", json=hired(1, 2))
    assert response.status_code == 422
    assert outcomes(response) == [("rolled_back", None), ("failed", unknown(2))]
    assert (count(server, "hired_employees"), len(on_record(server))) == (0, 1)


@pytest.mark.parametrize(
    ("on_conflict", "status", "outcome"),
    [
        ("error", 207, ("failed", taken(20))),
        ("skip", 201, ("skipped", None)),
        ("update", 201, ("updated", None)),
    ],
)
def test_an_id_taken_after_the_look_up_is_a_conflict(app, client, server, on_conflict, status, outcome):
    def take(_number):
        execute(server, Department.__table__.insert().values(id=20, department="Theirs"))

    rows = [{"id": number, "department": "Ours"} for number in (19, 20, 21)]
    with meanwhile(app, "INSERT INTO departments", take):
        response = client.post(f"/departments?on_conflict={on_conflict}", json=rows)
    assert response.status_code == status
    assert outcomes(response) == [("inserted", None), outcome, ("inserted", None)]
    kept = "Ours" if on_conflict == "update" else "Theirs"
    assert client.get("/departments/20").json == {"id": 20, "department": kept}


def test_races_that_do_not_end_are_settled_row_by_row(app, client, server):
    """Each time the API is about to insert, somebody takes another of its ids."""

    def take(number):
        execute(server, Department.__table__.insert().values(id=20 + number, department="Theirs"))

    rows = [{"id": 20 + number, "department": "Ours"} for number in range(12)]
    rows.insert(3, {"department": "Without an id"})
    with meanwhile(app, "INSERT INTO departments", take, times=6) as races:
        response = client.post("/departments", json=rows)
        assert races() == 6
    assert response.status_code == 207
    by_id = {row.get("id"): outcome for row, outcome in zip(rows, outcomes(response), strict=True)}
    for number in range(12):
        lost = 1 <= number <= 6
        assert by_id[20 + number] == (("failed", taken(20 + number)) if lost else ("inserted", None))
    assert by_id[None] == ("inserted", None)
    names = {row["id"]: row["department"] for row in client.get("/departments").json["items"]}
    generated = response.json["results"][3]["id"]
    expected = {20 + number: "Theirs" if 1 <= number <= 6 else "Ours" for number in range(12)}
    assert names == {**expected, generated: "Without an id"}


def test_races_that_do_not_end_cost_a_few_tries_and_not_one_for_each_row(app, client, server):
    """The rows that are in stay locked until all are, and others wait for them."""

    def take(number):
        execute(server, Department.__table__.insert().values(id=70_000 + number, department="Theirs"))

    # Ids that no test before has used: what is deleted and not purged yet may stay locked after a race
    rows = [{"id": number, "department": "Ours"} for number in range(70_001, 71_001)]
    with (
        meanwhile(app, "INSERT INTO departments", take, times=8),
        meanwhile(app, "INSERT INTO departments", lambda _number: None, times=10_000) as tries,
    ):
        response = client.post("/departments?return=summary", json=rows)
        assert 8 < tries() < 100
    assert (response.json["inserted"], response.json["failed"]) == (992, 8)
    assert count(server, "departments") == 1000


@pytest.mark.parametrize("on_conflict", ["error", "skip", "update"])
def test_an_id_that_stands_twice_is_so_too_where_races_do_not_end(app, client, server, on_conflict):
    def take(number):
        execute(server, Department.__table__.insert().values(id=20 + number, department="Theirs"))

    rows = [{"id": 20 + number, "department": "Ours"} for number in range(12)]
    rows = [{"id": 99, "department": "First"}, *rows, {"id": 99, "department": "Second"}]
    with meanwhile(app, "INSERT INTO departments", take, times=5) as races:
        response = client.post(f"/departments?on_conflict={on_conflict}", json=rows)
        assert races() == 5
    twice = {"field": "id", "code": "duplicate_id", "message": "id 99 stands in this request before"}
    found = outcomes(response)
    assert (found[0], found[-1]) == (("inserted", None), ("failed", [twice]))
    assert client.get("/departments/99").json["department"] == "First"


def test_endless_races_refuse_an_atomic_batch_as_a_whole(app, client, server):
    def take(number):
        execute(server, Department.__table__.insert().values(id=20 + number, department="Theirs"))

    rows = [{"id": 20 + number, "department": "Ours"} for number in range(8)]
    with meanwhile(app, "INSERT INTO departments", take, times=4):
        response = client.post("/departments?mode=atomic", json=rows)
    assert response.status_code == 422
    assert {result["status"] for result in response.json["results"]} == {"failed", "rolled_back"}
    assert {row["department"] for row in client.get("/departments").json["items"]} == {"Theirs"}


def test_an_atomic_batch_that_is_refused_after_races_leaves_nothing_of_its_parts(app, client, server):
    """Ids are taken before each INSERT and free again at the next look-up; only the last one stays taken."""

    def take(number):
        execute(server, Department.__table__.insert().values(id=20 + number, department="Theirs"))

    def give_back(_number):
        execute(server, Department.__table__.delete().where(Department.department == "Theirs"))

    rows = [{"id": 20 + number, "department": "Ours"} for number in range(8)]
    with (
        meanwhile(app, "SELECT (SELECT COUNT", give_back, times=4),
        meanwhile(app, "INSERT INTO departments", take, times=4) as races,
    ):
        response = client.post("/departments?mode=atomic", json=rows)
        assert races() == 4
    assert response.status_code == 422
    others = ("rolled_back", None)
    assert outcomes(response) == [others] * 4 + [("failed", taken(24))] + [others] * 3
    assert client.get("/departments").json["items"] == [{"id": 24, "department": "Theirs"}]


def test_a_row_that_vanishes_before_it_is_locked_is_inserted(app, parents, server):
    def delete(_number):
        execute(server, Department.__table__.delete().where(Department.id == 2))

    with meanwhile(app, "SELECT departments.id", delete) as vanished:
        response = parents.post("/departments?on_conflict=update", json={"id": 2, "department": "New"})
        assert vanished() == 1
    assert (response.status_code, outcomes(response)) == (201, [("inserted", None)])
    assert parents.get("/departments/2").json == {"id": 2, "department": "New"}


def test_an_updated_row_cannot_vanish_between_look_up_and_update(app, parents, server):
    """The look-up locks what will be overwritten: who deletes it comes after."""
    waited = []

    def delete(_number):
        with server.connect() as connection:
            connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
            try:
                connection.execute(Department.__table__.delete().where(Department.id == 2))
            except Exception as error:  # noqa: BLE001
                waited.append(error.orig.args[0])

    with meanwhile(app, "INSERT INTO departments", delete):
        response = parents.post("/departments?on_conflict=update", json={"id": 2, "department": "New"})
    assert waited == [1205]
    assert outcomes(response) == [("updated", None)]


def test_a_deadlock_runs_the_whole_transaction_again(app, parents, server):
    """The API has inserted department 50 and waits for department 2, whose holder asks for department 50."""
    seen, go, done = [], threading.Event(), threading.Event()

    def rival():
        with server.connect() as connection:
            # More changes than the API has made: the server sacrifices the smaller transaction
            connection.execute(update(Department).values(department="Held"))
            for number in range(200, 400):
                connection.execute(Department.__table__.insert().values(id=number, department="Ballast"))
            go.set()
            started.wait(10)
            time.sleep(0.3)  # until the API waits for department 2
            connection.execute(Department.__table__.insert().values(id=50, department="Rival"))
            connection.rollback()
            done.set()

    started = threading.Event()
    thread = threading.Thread(target=rival)
    thread.start()
    go.wait(10)
    from hiring_api.web.http.extensions import db

    with app.app_context():
        event.listen(
            db.engine, "handle_error", lambda context: seen.append(context.original_exception.args[0])
        )
    body = {"departments": [{"id": 50, "department": "Ours"}], "employees": hired(2, 50, 99)}
    with meanwhile(app, "INSERT INTO hired_employees", lambda _number: started.set()):
        response = parents.post("/batch", json=body)
    thread.join()
    assert done.is_set()
    assert seen == [1213]
    assert response.status_code == 207
    assert [result["status"] for result in response.json["employees"]["results"]] == [
        "inserted",
        "inserted",
        "failed",
    ]
    assert parents.get("/departments/50").json["department"] == "Ours"
    assert (count(server, "hired_employees"), len(on_record(server))) == (2, 1)


@pytest.fixture
def hasty(monkeypatch):
    """Waits of a second and retries for two, so that a test need not wait for long."""
    monkeypatch.setattr(sessions, "_LOCK_WAIT_SECONDS", 1)
    monkeypatch.setattr(transactions, "_RETRY_SECONDS", 2)


@pytest.mark.parametrize(("held", "status"), [(1.5, 201), (5, 503)])
def test_a_lock_is_waited_for_within_bounds(hasty, app, parents, server, held, status):
    with server.connect() as connection:
        connection.execute(update(Department).where(Department.id == 2).values(department="Held"))
        timer = threading.Timer(held, connection.rollback)
        timer.start()
        response = parents.post("/employees", json=hired(1, 2), headers={"X-Request-ID": "r"})
        timer.join()
    assert response.status_code == status
    if status == 503:
        assert response.headers["Retry-After"] == "5"
        assert response.json == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "the database is too busy: try again",
            "request_id": "r",
        }
    assert count(server, "hired_employees") == (2 if status == 201 else 0)


def kill_others(server, app):
    with server.connect() as connection:
        own = connection.execute(text("SELECT CONNECTION_ID()")).scalar()
        query = text("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> :own")
        for number in connection.execute(query, {"own": own}).scalars().all():
            connection.execute(text(f"KILL {number}"))


def test_connections_killed_in_the_pool_are_replaced(app, parents, server):
    assert parents.post("/employees", json=hired(1)).status_code == 201
    kill_others(server, app)
    assert parents.post("/employees", json=hired(1)).status_code == 201
    kill_others(server, app)
    assert parents.get("/employees").status_code == 200


def test_a_connection_killed_within_a_transaction_has_it_run_again_on_another(app, parents, server):
    with meanwhile(app, "INSERT INTO hired_employees", lambda _number: kill_others(server, app)):
        response = parents.post("/employees", json=hired(1, 99))
    assert (response.status_code, response.json["inserted"], response.json["failed"]) == (207, 1, 1)
    assert (count(server, "hired_employees"), len(on_record(server))) == (1, 1)
    assert parents.post("/employees", json=hired(1)).status_code == 201


def test_a_connection_killed_during_the_commit_is_said_to_be_in_doubt(app, parents, server):
    from hiring_api.web.http.extensions import db

    def kill(_connection):
        kill_others(server, app)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", kill)
    try:
        response = parents.post("/employees", json=hired(1))
    finally:
        event.remove(engine, "commit", kill)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json["detail"] == (
        "the connection to the database was lost during the commit: this may be stored or not. Look before "
        "you send it again; what was sent with an Idempotency-Key can just be sent again with the same one"
    )


def test_a_connection_that_dies_while_it_is_set_up_is_no_defect(app, parents, server):
    """SQLAlchemy sets the isolation level right after the ping, and lets the driver's error through."""
    from hiring_api.web.http.extensions import db

    with app.app_context():
        engine = db.engine
    event.listen(engine, "set_connection_execution_options", lambda *_: kill_others(server, app))
    for response in (
        parents.get("/departments"),
        parents.post("/departments", json={"department": "x"}, headers={"Idempotency-Key": "k"}),
    ):
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert count(server, "departments") == 9


def test_a_connection_that_dies_with_its_lock_takes_no_answer_away(app, parents, server):
    headers = {"Idempotency-Key": "k"}
    with meanwhile(app, "SELECT RELEASE_LOCK", lambda _number: kill_others(server, app)):
        first = parents.post("/departments", json={"department": "x"}, headers=headers)
    assert first.status_code == 201
    again = parents.post("/departments", json={"department": "x"}, headers=headers)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")


@pytest.mark.parametrize("left", [0, 2])
def test_where_no_id_is_left_to_give_the_rows_that_need_one_fail(client, engine, left):
    try:
        assert client.post("/jobs", json={"id": MAX_ID - left, "job": "Last"}).status_code == 201
        response = client.post(
            "/jobs", json=[{"job": "a"}, {"id": 5, "job": "b"}, {"job": "c"}, {"job": "d"}]
        )
        none = [{"field": "id", "code": "out_of_range", "message": "the table has no id left to give"}]
        assert response.status_code == 207
        found = outcomes(response)
        assert found[1] == ("inserted", None)
        assert found.count(("failed", none)) >= 3 - left
        assert found.count(("inserted", None)) + found.count(("failed", none)) == 4
        assert count(engine, "jobs") == 1 + found.count(("inserted", None))
        with engine.connect() as connection:
            assert connection.execute(select(func.max(Job.id))).scalar() <= MAX_ID
        again = client.post("/jobs?mode=atomic", json=[{"id": 6, "job": "b"}, *[{"job": "c"}] * 3])
        assert again.status_code == 422
        assert outcomes(again)[0] == ("rolled_back", None)
        assert client.post("/jobs", json=[{"id": 6, "job": "b"}]).status_code == 201
    finally:
        execute(engine, Job.__table__.delete())


def test_a_row_that_others_write_each_time_it_is_tried_fails_alone(client, engine, monkeypatch):
    real = batch_insert.write

    def write(connection, batch, outcomes):
        if 7 in batch.rows.columns["id"]:
            raise IntegrityError("INSERT", {}, Exception("a rival was faster"))
        real(connection, batch, outcomes)

    monkeypatch.setattr(batch_insert, "write", write)
    response = client.post("/jobs", json=[{"id": key, "job": "a"} for key in range(1, 31)])
    message = "id 7 is being written into jobs by others"
    failed = ("failed", [{"field": "id", "code": "already_exists", "message": message}])
    assert response.status_code == 207
    assert outcomes(response) == [failed if key == 7 else ("inserted", None) for key in range(1, 31)]
    assert count(engine, "jobs") == 29


@pytest.mark.parametrize(("same", "outcome"), [(True, "skipped"), (False, "failed")])
def test_clients_that_send_the_same_ids_share_them(app, engine, same, outcome):
    """Without an error, and nothing is written twice."""
    from tests.conftest import Client

    answers = []

    def send(client):
        name = "x" if same else f"Of client {client}"
        rows = [{"id": number, "department": name} for number in range(1, 201)]
        answers.append(Client(app).post("/departments", json=rows))

    threads = [threading.Thread(target=send, args=[client]) for client in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(answer.json["inserted"] for answer in answers) == 200
    assert sum(answer.json[outcome] for answer in answers) == 600
    assert count(engine, "departments") == 200
    assert {answer.status_code for answer in answers} <= ({201} if same else {201, 207, 422})
