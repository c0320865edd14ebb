"""`python -m hiring_api users`: what operators type, what it prints, how it ends."""

import json
import os
import subprocess
import sys

import pytest

from hiring_api.cli.main import main
from hiring_api.users import accounts, passwords
from tests.terminal import CTRL_C, Terminal

PASSWORD = "correct horse of ann"


@pytest.fixture
def environ(engine, settings, monkeypatch):
    """An environment in which the commands use the test database."""
    own = {
        "DATABASE_URL": settings.database_url.render_as_string(hide_password=False),
        "API_USER": "tester",
        "API_PASS": "correct horse",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return {"PATH": os.environ["PATH"], **own}


def run(environ, *arguments, text=b""):
    """Exit status, output and errors of a command, which reads `text`."""
    command = [sys.executable, "-m", "hiring_api", "users", *arguments]
    done = subprocess.run(command, input=text, env=environ, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_add_list_change_and_remove(environ, client, capsys):
    assert run(environ, "add", "ann", "--role", "reader", text=f"{PASSWORD}\n".encode())[0] == 0
    assert client.get("/me", auth=("ann", PASSWORD)).json["role"] == "reader"
    assert main(["users", "add", "bob", "--role", "operator", "--generate", "--json"]) == 0
    [made] = json.loads(capsys.readouterr().out)
    assert (made["name"], made["role"]) == ("bob", "operator")
    assert client.get("/me", auth=("bob", made["password"])).json["role"] == "operator"
    assert main(["users", "role", "ann", "writer"]) == 0
    assert main(["--json", "users", "password", "bob", "--generate"]) == 0
    out = capsys.readouterr().out
    [other] = json.loads(out[out.index("[") :])
    assert client.get("/me", auth=("bob", other["password"])).status_code == 200
    assert main(["users", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(user["name"], user["role"]) for user in listed] == [("ann", "writer"), ("bob", "operator")]
    assert main(["users", "remove", "ann"]) == 0
    assert main(["users", "list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["name", "bob"]
    assert "scrypt" not in out


def test_without_users_the_list_says_how_to_make_one(environ, capsys):
    assert main(["users", "list"]) == 0
    assert capsys.readouterr() == ("", "there are no users beside API_USER: users add makes one\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"short\n",
        b"x" * 1_000_000,
        b"nul \0 in the middle\n",
        b"\xff\xfe is not UTF-8 at all\n",
        b"tab\tin the password\n",
        b"half \xed\xa0\x80 of a character\n",
    ],
)
def test_a_password_that_is_not_taken_changes_nothing(environ, engine, text):
    status, out, err = run(environ, "add", "ann", "--role", "reader", text=text)
    assert (status, out) == (2, "")
    assert err.endswith("nothing was changed\n")
    assert err.count("\n") == 1
    assert accounts.every(engine) == []


@pytest.mark.parametrize(
    "name", ["", ":", "a:b", "a b", "änn", "a\nb", "a\0b", "-a", ".a", "x" * 65, "a/b", "a%b", "\ud800"]
)
def test_a_name_that_is_not_taken_is_wrong_usage(environ, engine, name, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["users", "add", "--role", "reader", "--generate", "--", name])
    assert ended.value.code == 2
    assert "a name has 1 to 64 ASCII letters" in capsys.readouterr().err
    assert accounts.every(engine) == []


def test_errors_are_a_sentence_and_a_status(environ, engine, capsys):
    assert main(["users", "add", "tester", "--role", "reader", "--generate"]) == 2
    assert capsys.readouterr().err == "tester is API_USER, who may do all: choose another name\n"
    assert main(["users", "add", "a.b_c@d+e-f", "--role", "reader", "--generate"]) == 0
    capsys.readouterr()
    assert main(["users", "add", "a.b_c@d+e-f", "--role", "writer", "--generate"]) == 4
    assert capsys.readouterr().err == "there is a user a.b_c@d+e-f already: nothing was changed\n"
    for arguments in (["remove", "zoe"], ["role", "zoe", "reader"], ["password", "zoe", "--generate"]):
        assert main(["users", *arguments]) == 1
        assert capsys.readouterr().err == "there is no user zoe: nothing was changed\n"
    [only] = accounts.every(engine)
    assert only.role == "reader"
    for wrong in (["users"], ["users", "add", "zoe"], ["users", "role", "zoe", "emperor"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2


def test_names_differ_by_case(environ, engine):
    for name in ("ann", "Ann"):
        assert main(["users", "add", name, "--role", "reader", "--generate"]) == 0
    assert {user.name for user in accounts.every(engine)} == {"ann", "Ann"}


def test_a_database_without_the_table_is_told(environ, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    assert main(["users", "list"]) == 1
    assert "there is no database" in capsys.readouterr().err
    (tmp_path / "none.db").touch()
    assert main(["users", "add", "ann", "--role", "reader", "--generate"]) == 1
    assert "python -m hiring_api migrate" in capsys.readouterr().err


def terminal(environ, *arguments):
    return Terminal(sys.executable, "-m", "hiring_api", "users", *arguments, environ=environ)


def test_on_a_terminal_a_password_is_asked_for_twice_and_not_shown(environ, engine):
    with terminal(environ, "add", "ann", "--role", "reader") as asked:
        asked.until("Password: ")
        asked.type(f"{PASSWORD}\n".encode())
        asked.until("again: ")
        asked.type(f"{PASSWORD}\n".encode())
        assert asked.end() == 0
        assert PASSWORD not in asked.shown + asked.output
    [ann] = accounts.every(engine)
    assert passwords.is_right(PASSWORD, ann.password)


@pytest.mark.parametrize(
    ("keys", "status", "said"),
    [
        ([b"short\n"], 2, "must have 12 to 256 characters"),
        ([b"correct horse of ann\n", b"correct horse of bob\n"], 2, "the two passwords differ"),
        ([CTRL_C], 130, "interrupted: nothing was changed"),
        ([b"\x04"], 2, "nothing was changed"),
    ],
)
def test_on_a_terminal_what_is_not_taken_changes_nothing(environ, engine, keys, status, said):
    with terminal(environ, "add", "ann", "--role", "reader") as asked:
        for key, prompt in zip(keys, ("Password: ", "again: "), strict=False):
            asked.until(prompt)
            asked.type(key)
        assert asked.end() == status
        assert said in asked.shown
        assert "Traceback" not in asked.shown
    assert accounts.every(engine) == []
