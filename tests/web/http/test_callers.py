"""Who is calling: each user by the right password alone, without a hash for each request."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest

from hiring_api.database.engine import open_engine
from hiring_api.errors import DatabaseUnavailable
from hiring_api.settings import read_settings
from hiring_api.users import accounts, passwords
from hiring_api.web.app import create_app
from hiring_api.web.http import callers
from hiring_api.web.http.callers import BELIEVED, Callers

ANN = ("ann", "correct horse of ann")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hashes(monkeypatch):
    """The passwords that were hashed; the hashes are quick ones."""
    made = []

    def is_right(password, of):
        made.append(password)
        return of == f"hash of {password}"

    monkeypatch.setattr(passwords, "is_right", is_right)
    return made


@pytest.fixture
def known(engine, clock):
    accounts.add(engine, "ann", "writer", f"hash of {ANN[1]}")
    return Callers("boss", "secret", engine, clock)


def test_each_is_known_by_the_right_password_alone(engine):
    accounts.add(engine, "ann", "writer", passwords.hashed(ANN[1]))
    everybody = Callers("boss", "secret", engine)
    assert everybody.find("boss", "secret") == ("boss", "operator")
    assert everybody.find(*ANN) == ("ann", "writer")
    for user, password in (
        ("ann", "secret"),
        ("boss", ANN[1]),
        ("Ann", ANN[1]),
        ("ann", ANN[1] + " "),
        ("", ""),
    ):
        assert everybody.find(user, password) is None


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("ann", ""),
        ("", "correct horse of ann"),
        ("ann ", "correct horse of ann"),
        ("ANN", "correct horse of ann"),
        ("ann\0", "correct horse of ann"),
        ("an", "n:correct horse of ann"),
        ("änn", "correct horse of ann"),
        ("ann' OR '1'='1", "correct horse of ann"),
        ("ann", "x" * 1_000_000),
        ("x" * 1_000_000, "correct horse of ann"),
        ("ann", "correct horse of ann\0"),
        ("ann", "\ud800" * 20),
        ("\ud800", "correct horse of ann"),
        ("%", "correct horse of ann"),
    ],
)
def test_hostile_names_and_passwords_are_nobodys(known, hashes, user, password):
    assert known.find(user, password) is None
    assert not known.are_known(user, password)


def test_a_thousand_requests_cost_one_hash_and_a_row_every_few_seconds(known, hashes, clock, monkeypatch):
    rows = []
    monkeypatch.setattr(
        callers, "find", lambda engine, name: rows.append(name) or accounts.find(engine, name)
    )
    for second in range(1000):
        clock.now = 1000.0 + second / 10
        assert known.find(*ANN) == ("ann", "writer")
    assert hashes == [ANN[1]]
    assert 9 <= len(rows) <= 11


def test_many_threads_at_once_cost_one_hash(known, hashes):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: known.find(*ANN), range(50)))
    assert found == [("ann", "writer")] * 50
    assert hashes == [ANN[1]]


def test_api_user_costs_no_hash_and_no_row(clock, hashes):
    nowhere = open_engine(read_settings({"DATABASE_URL": "mysql://u:p@127.0.0.1:1/none"}).database_url)
    alone = Callers("boss", "secret", nowhere, clock)
    assert alone.find("boss", "secret") == ("boss", "operator")
    for credentials in (("boss", "wrong"), ANN, ("nobody", "wrong")):
        with pytest.raises(DatabaseUnavailable):
            alone.find(*credentials)
    assert hashes == []


def test_an_unknown_user_costs_what_a_wrong_password_does(known, hashes):
    for user in ("ann", "nobody", "boss"):
        assert known.find(user, "wrong password") is None
    assert hashes == ["wrong password"] * 3
    for user in ("ann", "nobody", "boss"):  # the same again costs none
        assert known.find(user, "wrong password") is None
    assert hashes == ["wrong password"] * 3


@pytest.mark.parametrize(
    ("change", "then"),
    [
        (lambda engine: accounts.remove(engine, "ann"), None),
        (lambda engine: accounts.set_password(engine, "ann", "hash of another"), None),
        (lambda engine: accounts.set_role(engine, "ann", "reader"), ("ann", "reader")),
    ],
)
def test_what_another_process_changes_holds_here_after_a_few_seconds(
    known, engine, clock, hashes, change, then
):
    assert known.find(*ANN) == ("ann", "writer")
    change(engine)
    clock.now += BELIEVED + 0.1
    assert known.find(*ANN) == then
    assert known.are_known(*ANN) == (then is not None)


def test_a_password_is_right_as_soon_as_it_is_set(known, engine, hashes):
    assert known.find("ann", "the new password") is None
    accounts.set_password(engine, "ann", "hash of the new password")
    assert known.find("ann", "the new password") == ("ann", "writer")
    assert known.find("zoe", "password of zoe") is None
    accounts.add(engine, "zoe", "reader", "hash of password of zoe")
    assert known.find("zoe", "password of zoe") == ("zoe", "reader")


def test_what_is_remembered_is_bounded_and_no_flood_of_wrong_ones_drops_a_right_one(
    known, hashes, monkeypatch
):
    monkeypatch.setattr(callers, "_REMEMBERED", 10)
    assert known.find(*ANN)
    for number in range(100):
        assert known.find("ann", f"wrong {number}") is None
    assert len(known._wrong) == 10
    del hashes[:]
    assert known.find(*ANN)
    assert hashes == []


def test_no_password_is_kept_in_memory(known, hashes):
    known.find(*ANN)
    known.find("ann", "wrong password")
    kept = repr([vars(known), dict(known._right), dict(known._wrong)]).replace(f"hash of {ANN[1]}", "")
    assert ANN[1] not in kept
    assert "wrong password" not in kept
    assert "secret" not in kept


def test_a_user_in_the_database_with_the_name_of_api_user_is_refused(engine, clock, hashes):
    accounts.add(engine, "boss", "reader", "hash of the other one")
    assert Callers("boss", "secret", engine, clock).find("boss", "the other one") is None


def test_a_role_that_is_none_lets_nobody_in(known, engine, hashes):
    accounts.set_role(engine, "ann", "emperor")
    assert known.find(*ANN) is None


def test_while_the_database_is_away_users_get_503_and_api_user_is_let_in(settings):
    url = read_settings({"DATABASE_URL": "mysql://u:p@127.0.0.1:1/none"}).database_url
    client = create_app(dataclasses.replace(settings, database_url=url)).test_client()
    assert client.get("/health/live").status_code == 200
    assert client.get("/me", auth=("tester", "correct horse")).json["role"] == "operator"
    for auth in (ANN, ("nobody", "wrong"), ("tester", "wrong")):
        refused = client.get("/me", auth=auth)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert client.get("/me").status_code == 401


def test_guesses_at_api_users_password_are_counted_while_the_database_is_away(settings):
    url = read_settings({"DATABASE_URL": "mysql://u:p@127.0.0.1:1/none"}).database_url
    client = create_app(dataclasses.replace(settings, database_url=url)).test_client()
    statuses = [client.get("/me", auth=("tester", f"{number}")).status_code for number in range(102)]
    assert set(statuses[:90]) == {503}
    assert statuses[-1] in {429, 503}  # 503 where a new minute has begun
    assert client.get("/me", auth=("tester", "correct horse")).status_code == 200
