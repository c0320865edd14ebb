"""Marks of transactions: found once they are committed, and cleared away without what is kept beside them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select

from hiring_api.database import marks
from hiring_api.database.bookkeeping import answers
from hiring_api.database.marks import Mark
from hiring_api.database.transactions import transaction


def scopes(engine):
    with engine.connect() as connection:
        return set(connection.execute(select(answers.c.scope)).scalars())


def test_a_mark_is_found_once_it_is_committed_and_by_its_own_transaction_alone(engine):
    mine, other = Mark(), Mark()
    assert not transaction(engine, mine.found)
    transaction(engine, mine.leave)
    assert transaction(engine, mine.found)
    assert not transaction(engine, other.found)


def test_old_marks_are_cleared_away_and_answers_as_old_stay(engine, monkeypatch):
    monkeypatch.setattr(marks, "_CLEAN_EVERY", 1)
    now = datetime.now(UTC).replace(tzinfo=None)
    old = {"fingerprint": "f", "body": "", "kept_at": now - timedelta(days=2)}
    rows = [
        {**old, "scope": "answer to a key", "status": 201},  # kept for as long as IDEMPOTENCY_HOURS says
        {**old, "scope": "old mark", "status": 0},
        {**old, "scope": "mark of an hour ago", "status": 0, "kept_at": now - timedelta(hours=1)},
    ]
    transaction(engine, lambda connection: connection.execute(insert(answers), rows))
    transaction(engine, Mark().leave)
    assert "old mark" not in scopes(engine)
    assert {"answer to a key", "mark of an hour ago"} < scopes(engine)
