"""A connection that is lost while a backup is restored, verified or compared: done again, or told."""

import pytest
from sqlalchemy import Engine, create_engine, event, text

from tests.rows_of_all import everything, fill

STAGED = "staged_hired_employees"


@pytest.fixture
def filled(client, engine):
    if engine.dialect.name == "sqlite":
        pytest.skip("there is no connection that could be lost")
    return fill(client)


@pytest.fixture
def killer(engine):
    """Kills a connection of the API before its second statement with the staged rows, once."""
    other = create_engine(engine.url)
    left, seen = [1], []

    def kill(connection, cursor, statement, parameters, context, executemany):
        if STAGED not in statement or statement.startswith(("CREATE", "DROP")):
            return
        seen.append(statement)
        if left[0] and len(seen) > 1:
            left[0] -= 1
            number = cursor.connection.thread_id()
            with other.connect() as killing:
                killing.execute(text(f"KILL {number}"))

    event.listen(Engine, "before_cursor_execute", kill)
    yield left
    event.remove(Engine, "before_cursor_execute", kill)
    other.dispose()


def test_a_restore_is_done_again(filled, killer):
    before, backup = everything(filled), filled.get("/backup/all").data
    filled.patch("/employees/1", json={"name": "Somebody else"})
    answer = filled.post("/restore/all", data=backup, content_type="application/zip")
    assert (answer.status_code, killer) == (200, [0])
    assert everything(filled) == before


def test_a_trial_restore_is_done_again(filled, killer):
    name = filled.post("/backups").json["name"]
    answer = filled.post(f"/backups/{name}/verify?level=restore")
    assert (answer.status_code, killer) == (200, [0])
    assert answer.json["verified"]["ok"]


def test_a_comparison_says_that_the_database_cannot_be_reached(filled, killer):
    name = filled.post("/backups").json["name"]
    answer = filled.post(f"/backups/{name}/compare")
    assert (answer.status_code, killer) == (503, [0])
    assert "cannot be reached" in answer.json["detail"]
    assert filled.post(f"/backups/{name}/compare").json["same"]
