"""Clients that send slowly, by half or nothing, or do not read: nobody else waits for them."""

import base64
import json
import os
import socket
import struct
import time
from pathlib import Path

import pytest

from tests.serving import Serving

MB = 1024 * 1024
AUTH = "Authorization: Basic " + base64.b64encode(b"u:p").decode() + "\r\n"
WRONG = "Authorization: Basic " + base64.b64encode(b"u:wrong").decode() + "\r\n"
POST = f"POST /departments HTTP/1.1\r\nHost: x\r\n{AUTH}Content-Type: application/json\r\n"
HALVES = {
    "half a head": "GET /health/live HTTP/1.1\r\nHost: x\r\nX-Half: ",
    "half a body": f"{POST}Content-Length: 1000\r\n\r\n[",
    "half a chunk": f"{POST}Transfer-Encoding: chunked\r\n\r\n400\r\n[",
    "nothing": "",
}


@pytest.fixture(scope="module")
def api(root, tmp_path_factory):
    """The API with short deadlines and four threads in all."""
    folder = tmp_path_factory.mktemp("slow")
    short = {"REQUEST_HEAD_SECONDS": "3", "REQUEST_BODY_SECONDS": "4", "ANSWER_STALL_SECONDS": "2"}
    own = {"API_THREADS": "2", "API_WORKERS": "2", "MAX_BODY_BYTES": str(MB), **short}
    with Serving(root, f"sqlite:///{folder}/hiring.db", folder, **own) as api:
        yield api
        assert "Traceback" not in api.log()


@pytest.fixture
def wire(api):
    """Opens a connection and sends text; all are closed with the test."""
    opened = []

    def connect(text="", timeout=30):
        connection = socket.create_connection(("127.0.0.1", api.port), timeout=timeout)
        opened.append(connection)
        connection.sendall(text.encode())
        return connection

    yield connect
    for connection in opened:
        connection.close()


def answer_of(connection):
    """The status and the problem of an answer after which the server ends the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("half", HALVES)
def test_a_thousand_clients_that_do_not_go_on_keep_nobody_waiting(root, tmp_path, half):
    url = f"sqlite:///{tmp_path}/hiring.db"
    with Serving(root, url, tmp_path, API_WORKERS="1", API_THREADS="2") as api:
        opened = []
        try:
            for _ in range(1000):
                connection = socket.create_connection(("127.0.0.1", api.port), timeout=30)
                opened.append(connection)
                connection.sendall(HALVES[half].encode())
            began = time.monotonic()
            assert api.call("GET", "/health/live", timeout=30)[0] == 200
            assert time.monotonic() - began < 5
            assert api.call("POST", "/departments", [{"department": "Sales"}])[0] == 201
            [worker] = api.workers()
            assert len(list(Path(f"/proc/{worker}/task").iterdir())) < 20
        finally:
            for connection in opened:
                connection.close()
        assert "Traceback" not in api.log()


@pytest.mark.parametrize("half", [half for half in HALVES if half != "nothing"])
def test_the_deadline_is_for_the_whole_head_or_body_though_bytes_keep_coming(wire, half):
    connection = wire(HALVES[half])
    began = time.monotonic()
    try:
        for _ in range(100):
            time.sleep(0.3)
            connection.sendall(b"x")
        pytest.fail("it is still open")
    except OSError:  # broken pipe or reset
        pass
    assert 2 < time.monotonic() - began < 25


@pytest.mark.parametrize(
    ("half", "detail"),
    [
        ("half a head", "the head of the request was not here after 3 s"),
        ("half a body", "the body of the request was not here after 4 s"),
        ("half a chunk", "the body of the request was not here after 4 s"),
    ],
)
def test_who_is_too_slow_is_told_so(wire, half, detail):
    status, problem = answer_of(wire(HALVES[half]))
    assert (status, problem["status"], problem["title"]) == (408, 408, "Request Timeout")
    assert problem["detail"] == detail


def test_a_connection_on_which_nothing_comes_is_closed(wire):
    assert wire().recv(1) == b""


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST.replace(AUTH, "") + "Content-Length: 1000\r\n", 401),
        (POST.replace(AUTH, WRONG) + "Content-Length: 1000\r\n", 401),
        (POST.replace(AUTH, "") + "Transfer-Encoding: chunked\r\n", 401),
        (POST + f"Content-Length: {MB + 1}\r\n", 413),
        (POST + f"Content-Length: {10**12}\r\n", 413),
        (POST.replace("/departments", "/upload/departments") + f"Content-Length: {10**12}\r\n", 415),
        (f"POST /upload/jobs HTTP/1.1\r\n{AUTH}Content-Type: text/csv\r\nContent-Length: {10**12}\r\n", 413),
        (POST.replace("/departments", "/none").replace(AUTH, "") + "Content-Length: 9\r\n", 401),
    ],
)
@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
def test_a_body_that_is_not_wanted_is_not_waited_for_and_its_connection_is_closed(wire, head, status, expect):
    found, problem = answer_of(wire(f"{head}{expect}\r\n"))
    assert (found, problem["status"]) == (status, status)


def test_who_waits_for_100_continue_gets_it_once_and_then_the_answer(wire):
    body = '[{"department": "Law"}]'
    connection = wire(f"{POST}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n")
    assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body.encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 201 ")


def test_who_does_not_wait_for_100_continue_gets_the_answer_alone(wire):
    body = '[{"department": "Law"}]'
    connection = wire(f"{POST}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n{body}")
    assert connection.recv(100).startswith(b"HTTP/1.1 201 ")


def test_requests_sent_at_once_on_one_connection_are_answered_in_order(wire):
    live = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    body = '[{"department": "Law"}]'
    chunks = f"{len(body):x}\r\n{body}\r\n0\r\nX: y\r\n\r\n"
    text = live + f"{POST}Content-Length: {len(body)}\r\n\r\n{body}" + live
    text += f"{POST}Transfer-Encoding: chunked\r\n\r\n{chunks}"
    text += POST.replace(AUTH, "") + f"Content-Length: {len(body)}\r\n\r\n{body}"
    text += live.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    connection = wire(text)
    received = b""
    while piece := connection.recv(65536):
        received += piece
    statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 201, 200, 201, 401, 200]


def test_a_request_that_comes_byte_by_byte_is_answered(wire):
    body = '[{"department": "Law"}]'
    connection = wire()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in f"{POST}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode():
        connection.sendall(bytes([byte]))
    assert connection.recv(100).startswith(b"HTTP/1.1 201 ")


def test_a_client_that_ends_its_side_still_gets_the_answer(wire):
    connection = wire("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    received = b""
    while piece := connection.recv(65536):
        received += piece
    assert received.startswith(b"HTTP/1.1 200 ")


def test_a_stranger_cannot_fill_memory_or_disk(api, wire):
    """What is sent without the password is read away, not kept."""
    before = memory(api)
    for _ in range(20):
        connection = wire(POST.replace(AUTH, WRONG).replace("/departments", "/upload/departments"))
        connection.sendall(f"Content-Length: {10**9}\r\n\r\n".encode())
        try:
            for _ in range(50):
                connection.sendall(b"x" * MB)
        except OSError:
            pass
    assert memory(api) - before < 60 * MB


def memory(api):
    """Bytes that all workers have in memory now."""
    pages = sum(int(Path(f"/proc/{number}/statm").read_text().split()[1]) for number in api.workers())
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_clients_that_do_not_read_their_answers_are_let_go(api, wire):
    rows = [{"department": "x" * 255} for _ in range(1000)]
    for _ in range(30):
        assert api.call("POST", "/departments?return=summary", rows)[0] == 201
    deaf = []
    for _ in range(6):  # more than there are threads
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", api.port))
        connection.sendall(f"GET /backup/departments?codec=null HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n".encode())
        deaf.append(connection)
    try:
        assert api.call("GET", "/health/live", timeout=30)[0] == 200
        assert api.call("GET", "/departments?limit=1", timeout=30)[0] == 200
        deadline = time.monotonic() + 30
        while api.log().count("took nothing of its answer for 2 s") < len(deaf):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        for connection in deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def test_a_slow_reader_who_goes_on_gets_all_of_the_answer(api, wire):
    text = f"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{AUTH}\r\n"
    expected = api.call("GET", "/openapi.json")[2]
    connection = wire(text)
    received = b""
    while piece := connection.recv(len(expected) // 8):
        received += piece
        time.sleep(0.3)
    assert received.partition(b"\r\n\r\n")[2] == expected


def test_a_request_that_is_on_its_way_when_the_server_ends_is_still_answered(root, tmp_path):
    with Serving(root, f"sqlite:///{tmp_path}/hiring.db", tmp_path) as api:
        body = '[{"department": "Law"}]'
        opened = [socket.create_connection(("127.0.0.1", api.port), timeout=30) for _ in range(3)]
        slow, half, nothing = opened
        slow.sendall(f"{POST}Content-Length: {len(body)}\r\n\r\n[".encode())
        half.sendall(b"GET / HT")
        time.sleep(1)
        api.process.terminate()
        time.sleep(1)
        slow.sendall(body[1:].encode())
        answer = b""
        while piece := slow.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert b"Connection: close" in answer
        assert half.recv(1000)[:12] in {b"", b"HTTP/1.1 408"}
        assert nothing.recv(1000) == b""
        assert api.process.wait(timeout=60) == 0
        api.process = None
        for connection in opened:
            connection.close()
        assert "Traceback" not in api.log()


def test_heads_of_a_thousand_clients_take_little_memory(root, tmp_path):
    with Serving(root, f"sqlite:///{tmp_path}/hiring.db", tmp_path, API_WORKERS="1") as api:
        before = memory(api)
        opened = []
        for _ in range(1000):
            connection = socket.create_connection(("127.0.0.1", api.port), timeout=30)
            opened.append(connection)
            connection.sendall(b"GET / HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"x" * 7000) * 4)
        assert api.call("GET", "/health/live", timeout=30)[0] == 200
        assert memory(api) - before < 100 * MB
        for connection in opened:
            connection.close()
