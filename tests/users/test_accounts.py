"""The table of users: one of each name, letter by letter, whoever is at work on it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from hiring_api.errors import Conflict, NotFound
from hiring_api.users import accounts


def names(engine):
    return [(account.name, account.role) for account in accounts.every(engine)]


def test_of_several_who_add_one_name_at_once_one_does(engine):
    def add(number):
        try:
            accounts.add(engine, "ana", "reader", f"hash {number}")
        except Conflict as error:
            return error.message
        return number

    with ThreadPoolExecutor(4) as threads:
        told = list(threads.map(add, range(4)))
    [number] = [answer for answer in told if isinstance(answer, int)]
    told.remove(number)
    assert told == ["there is a user ana already: nothing was changed"] * 3
    assert accounts.find(engine, "ana").password == f"hash {number}"


def test_names_that_differ_in_case_are_of_two_users(engine):
    for name, role in (("ana", "reader"), ("Ana", "operator"), ("ana.b", "writer")):
        accounts.add(engine, name, role, "hash")
    accounts.set_role(engine, "Ana", "writer")
    assert names(engine) == [("Ana", "writer"), ("ana", "reader"), ("ana.b", "writer")]
    accounts.remove(engine, "ana")
    assert names(engine) == [("Ana", "writer"), ("ana.b", "writer")]
    assert accounts.find(engine, "ana") is None


def test_a_new_password_is_of_now_and_a_new_role_is_not(engine):
    accounts.add(engine, "ana", "reader", "hash")
    made = accounts.find(engine, "ana")
    assert made.made_at == made.changed_at
    accounts.set_role(engine, "ana", "writer")
    assert accounts.find(engine, "ana").changed_at == made.changed_at
    accounts.set_password(engine, "ana", "another hash")
    changed = accounts.find(engine, "ana")
    assert (changed.password, changed.role, changed.made_at) == ("another hash", "writer", made.made_at)
    assert changed.changed_at > made.changed_at


@pytest.mark.parametrize(
    "change",
    [
        lambda engine: accounts.remove(engine, "bea"),
        lambda engine: accounts.set_role(engine, "bea", "operator"),
        lambda engine: accounts.set_password(engine, "bea", "hash"),
    ],
)
def test_who_is_not_there_cannot_be_changed(engine, change):
    accounts.add(engine, "ana", "reader", "hash")
    with pytest.raises(NotFound, match="there is no user bea: nothing was changed"):
        change(engine)
    assert names(engine) == [("ana", "reader")]


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("a", True),
        ("7", True),
        ("ana.b_c@example+x-1", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        (".a", False),
        ("a b", False),
        ("a:b", False),
        ("añá", False),
        ("a\n", False),
    ],
)
def test_what_may_be_a_name(name, may):
    assert accounts.may_be_name(name) is may
