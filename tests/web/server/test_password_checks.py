"""Users under gunicorn: bodies with the right password alone, floods of wrong ones, changes by others."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hiring_api.users import accounts, passwords
from tests.serving import Serving

PASSWORD = "correct horse of ann"
MB = 1024 * 1024


@pytest.fixture(scope="module")
def api(root, tmp_path_factory, database_url):
    """The API in two processes with two threads each, and the user ann, who may write."""
    folder = tmp_path_factory.mktemp("checks")
    url = database_url.render_as_string(hide_password=False)
    with Serving(root, url, folder, API_THREADS="2", API_WORKERS="2") as api:
        yield api
        assert "Traceback" not in api.log()


@pytest.fixture(autouse=True)
def ann(engine):
    """The only user, who may write."""
    accounts.add(engine, "ann", "writer", passwords.hashed(PASSWORD))


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def post(user, password, length):
    head = f"POST /jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(user, password)['Authorization']}\r\n"
    return f"{head}Content-Type: application/json\r\n{length}\r\n\r\n".encode()


def connect(api):
    return socket.create_connection(("127.0.0.1", api.port), timeout=30)


def until_closed(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def call(api, user, password, method="GET", path="/me", body=None):
    status, headers, data = api.call(method, path, body, basic(user, password))
    return status, headers, json.loads(data)


@pytest.mark.parametrize("length", [f"Content-Length: {MB}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("nobody", PASSWORD), ("u", "wrong")])
def test_no_body_is_waited_for_with_a_wrong_password(api, user, password, length):
    with connect(api) as connection:
        connection.sendall(post(user, password, length))  # and nothing of the body
        answer = until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"Connection: close" in answer


def test_100_continue_is_said_after_the_check_and_the_body_is_taken(api):
    body = b'[{"job": "Clerk"}]'
    with connect(api) as connection:
        connection.sendall(post("ann", PASSWORD, f"Content-Length: {len(body)}\r\nExpect: 100-continue"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
    with connect(api) as connection:
        connection.sendall(post("ann", "wrong", f"Content-Length: {len(body)}\r\nExpect: 100-continue"))
        assert until_closed(connection).startswith(b"HTTP/1.1 401 ")


def test_a_large_body_that_comes_with_the_first_request_is_taken_whole(api):
    rows = [{"job": f"Clerk {number} {'x' * 200}"} for number in range(1000)]
    status, _, answer = call(api, "ann", PASSWORD, "POST", "/jobs", rows)
    assert (status, answer["inserted"]) == (201, 1000)


def test_requests_that_come_in_one_piece_are_answered_in_their_order(api):
    get = f"GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: {basic('ann', PASSWORD)['Authorization']}\r\n\r\n"
    last = get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    with connect(api) as connection:
        connection.sendall((get + get + last).encode())
        assert until_closed(connection).count(b'"user":"ann"') == 3


def test_a_client_that_hangs_up_while_its_password_is_checked_does_no_harm(api):
    for number in range(5):
        with connect(api) as connection:
            connection.sendall(post("ann", f"wrong {number}", "Content-Length: 10"))
    assert call(api, "ann", PASSWORD)[0] == 200


def test_a_flood_of_wrong_passwords_keeps_nobody_else_waiting(api):
    assert [call(api, "ann", PASSWORD)[0] for _ in range(8)] == [200] * 8  # known in both processes
    with ThreadPoolExecutor(40) as threads:
        flood = [threads.submit(call, api, "ann", f"wrong {number}") for number in range(200)]
        began = time.monotonic()
        for _ in range(20):
            assert call(api, "u", "p")[0] == 200
            assert call(api, "ann", PASSWORD)[0] == 200
        waited = time.monotonic() - began
        statuses = [future.result()[0] for future in flood]
    assert waited < 20
    assert set(statuses) <= {401, 429, 503}
    assert 503 in statuses  # each client has a bounded number of checks under way
    assert call(api, "ann", PASSWORD)[0] == 200


def users(api, *arguments, password=""):
    """Run a command about users in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "hiring_api", "users", *arguments],
        input=f"{password}\n",
        env={**api.environ, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_a_command_changes_holds_in_all_processes_within_seconds(api):
    assert {call(api, "ann", PASSWORD)[0] for _ in range(8)} == {200}
    users(api, "password", "ann", password="another horse of ann")
    assert call(api, "ann", "another horse of ann")[0] == 200
    eventually(lambda: {call(api, "ann", PASSWORD)[0] for _ in range(8)} == {401})
    users(api, "role", "ann", "reader")
    eventually(
        lambda: {call(api, "ann", "another horse of ann", "POST", "/jobs", [])[0] for _ in range(8)} == {403}
    )
    users(api, "remove", "ann")
    eventually(lambda: {call(api, "ann", "another horse of ann")[0] for _ in range(8)} == {401})


def eventually(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_the_access_log_says_whose_password_was_right(api):
    call(api, "ann", PASSWORD)
    call(api, "mallory", "wrong")
    eventually(lambda: '127.0.0.1 ann "GET /me HTTP/1.1" 200' in api.log())
    eventually(lambda: '127.0.0.1 - "GET /me HTTP/1.1" 401' in api.log())
    assert "mallory" not in api.log()
    assert PASSWORD not in api.log()
