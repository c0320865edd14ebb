"""The limit of bodies through a real gunicorn: with a length, in chunks, inflated, cut short."""

import gzip
import json
import socket

import pytest

from tests.serving import BROKEN, Serving

LIMIT = 100_000
ROW = b'{"department": "Sales"}'
HEAD = b"POST /departments HTTP/1.1\r\nHost: api\r\nAuthorization: Basic dTpw\r\n"
HEAD += b"Content-Type: application/json\r\n"
NDJSON = b"application/x-ndjson"


@pytest.fixture(scope="module")
def api(root, tmp_path_factory):
    """The API with a limit of 100,000 bytes."""
    folder = tmp_path_factory.mktemp("limits")
    with Serving(root, f"sqlite:///{folder}/hiring.db", folder, MAX_BODY_BYTES=str(LIMIT)) as api:
        yield api


def chunked(body, size=7000):
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def exchange(api, head, body, start=HEAD):
    """Status and JSON of the answer to bytes on the wire; None where the connection just ends."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as wire:
        try:
            wire.sendall(start + head + b"Connection: close\r\n\r\n" + body)
            wire.shutdown(socket.SHUT_WR)
        except BROKEN:
            pass  # refused before all of it was sent
        received = b""
        while part := wire.recv(65536):
            received += part
    top, _, content = received.partition(b"\r\n\r\n")
    return (int(top.split()[1]), json.loads(content)) if top else None


def with_length(body):
    return b"Content-Length: %d\r\n" % len(body), body


def in_chunks(body):
    return b"Transfer-Encoding: chunked\r\n", chunked(body)


def zipped(body):
    small = gzip.compress(body)
    return b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(small), small


def zipped_in_chunks(body):
    return b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", chunked(gzip.compress(body), 50)


@pytest.mark.parametrize("form", [with_length, in_chunks, zipped, zipped_in_chunks])
def test_the_limit_holds_to_the_byte_in_every_form(api, form):
    status, answer = exchange(api, *form(ROW.ljust(LIMIT)))
    assert (status, answer["inserted"]) == (201, 1)
    status, answer = exchange(api, *form(ROW.ljust(LIMIT + 1)))
    assert (status, answer["detail"]) == (413, f"the body is larger than {LIMIT} bytes: send it in parts")


def test_rows_at_the_start_of_a_body_that_is_too_long_are_not_taken(api):
    before = api.call("GET", "/departments?limit=1000")[2]
    body = b"\n".join([ROW] * 1000).ljust(LIMIT + 70_000, b"\n")
    head = HEAD.replace(b"application/json", b"application/x-ndjson")
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as wire:
        wire.sendall(head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunked(body))
        assert wire.recv(20).startswith(b"HTTP/1.1 413")
    assert api.call("GET", "/departments?limit=1000")[2] == before


@pytest.mark.parametrize("sent", [0, 10, len(ROW) - 1])
def test_a_body_that_is_cut_short_inserts_nothing(api, sent):
    before = api.call("GET", "/departments?limit=1000")[2]
    found = exchange(api, b"Content-Length: %d\r\n" % len(ROW), ROW[:sent])
    assert found is None or found[0] == 400
    found = exchange(api, b"Transfer-Encoding: chunked\r\n", chunked(ROW)[: sent + 4])
    assert found is None or found[0] == 400
    assert api.call("GET", "/departments?limit=1000")[2] == before
    assert "Traceback" not in api.log()


@pytest.mark.parametrize("path", [b"/departments", b"/upload/departments"])
def test_rows_that_came_whole_before_a_body_was_cut_short_are_not_taken(api, path):
    before = api.call("GET", "/departments?limit=1000")[2]
    kind, lines = (
        (b"text/csv", b"7001,Sales\n7002,Law\n") if b"upload" in path else (NDJSON, ROW + b"\n" + ROW)
    )
    start = HEAD.replace(b"/departments", path).replace(b"application/json", kind)
    found = exchange(api, b"Content-Length: %d\r\n" % (len(lines) + 20), lines, start)
    assert found is None or found[0] == 400
    assert api.call("GET", "/departments?limit=1000")[2] == before
