"""What no well-behaved client sends, byte by byte: gunicorn and the API answer all of it with a problem."""

import base64
import json
import socket

import pytest

from tests.web.server.test_gunicorn_config import end, serving

AUTH = "Authorization: Basic " + base64.b64encode(b"u:p's").decode()
JSON = f"Host: x\r\n{AUTH}\r\nContent-Type: application/json\r\n"
CHUNKED = f"POST /jobs HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n"
MANY = "X: a\r\n" * 150
BROKEN = "the body ended before its end, or its chunks are malformed"
TOO_MUCH = (
    "the request has more than 100 headers, one that is longer than 8190 bytes, or 32 KiB of them in all"
)
INVALID = "this is no valid HTTP/1.1 request: "
# Name: what is sent, and the status and detail of the answer
REQUESTS = {
    "body shorter than it says": (
        f"POST /jobs HTTP/1.1\r\n{JSON}Content-Length: 100\r\n\r\n[]",
        (400, "the body ended after 2 of 100 bytes"),
    ),
    "chunks cut short": (f'{CHUNKED}6\r\n[{{"job\r\n', (400, BROKEN)),
    "chunks cut short behind what would be a whole body": (
        f'{CHUNKED}d\r\n[{{"job":"cc"}}]\r\n',
        (400, BROKEN),
    ),
    "first chunk with no size": (f"{CHUNKED}zz\r\n[]\r\n0\r\n\r\n", (400, BROKEN)),
    "later chunk with no size": (f"{CHUNKED}1\r\n[\r\nzz\r\n]\r\n0\r\n\r\n", (400, BROKEN)),
    "upload cut short": (
        f"{CHUNKED.replace('/jobs', '/upload/jobs').replace('application/json', 'text/csv')}7\r\n1,Clerk\r\n",
        (400, BROKEN),
    ),
    "negative length": (
        f"POST /jobs HTTP/1.1\r\n{JSON}Content-Length: -5\r\n\r\n[]",
        (400, f"{INVALID}Invalid HTTP Header: 'CONTENT-LENGTH'"),
    ),
    "length and chunks": (
        f"POST /jobs HTTP/1.1\r\n{JSON}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (400, f"{INVALID}Invalid HTTP Header: 'CONTENT-LENGTH'"),
    ),
    "unknown transfer coding": (
        f"POST /jobs HTTP/1.1\r\n{JSON}Transfer-Encoding: rot13\r\n\r\n[]",
        (501, "the header Transfer-Encoding may only say chunked"),
    ),
    "another expectation": (
        f"POST /jobs HTTP/1.1\r\n{JSON}Content-Length: 2\r\nExpect: rain\r\n\r\n[]",
        (417, "the header Expect may only say 100-continue"),
    ),
    "method in lower case": (
        "get / HTTP/1.1\r\nHost: x\r\n\r\n",
        (400, f"{INVALID}Invalid HTTP method: 'get'"),
    ),
    "no request at all": ("hello\r\n\r\n", (400, f"{INVALID}Invalid HTTP request line: 'hello'")),
    "long address": (
        f"GET /{'a' * 5000} HTTP/1.1\r\nHost: x\r\n\r\n",
        (414, "the address is longer than 4094 bytes"),
    ),
    "long header": (
        f"GET / HTTP/1.1\r\nHost: x\r\nX: {'a' * 9000}\r\n\r\n",
        (431, TOO_MUCH),
    ),
    "many headers": (
        f"GET / HTTP/1.1\r\nHost: x\r\n{MANY}\r\n",
        (431, TOO_MUCH),
    ),
    "percent signs that mean nothing": (
        f"GET /%zz%ff%00 HTTP/1.1\r\nHost: x\r\n{AUTH}\r\n\r\n",
        (404, "there is nothing at this address: /docs lists what there is"),
    ),
    "condition that the list does not meet": (
        f'GET /jobs HTTP/1.1\r\n{JSON}If-Match: "x"\r\n\r\n',
        (412, "the content is not, or no longer, what If-Match or If-Unmodified-Since asks for"),
    ),
    "condition that the file does not meet": (
        f'GET /backup/jobs HTTP/1.1\r\n{JSON}If-Match: "x"\r\n\r\n',
        (412, "the content is not, or no longer, what If-Match or If-Unmodified-Since asks for"),
    ),
    "wild credentials": (
        "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\xfe\r\n\r\n",
        (401, "send the API's user and password by HTTP Basic"),
    ),
}


def exchange(port, text):
    """The head and the body of the answer to the bytes of `text`, after which nothing more is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(text.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body


@pytest.fixture(scope="module")
def port(root, tmp_path_factory):
    with serving(root, tmp_path_factory.mktemp("wire"), API_WORKERS="1") as (port, process):
        yield port
        log, _ = end(process, 15)
    assert "Traceback" not in log


@pytest.mark.parametrize("name", REQUESTS)
def test_broken_requests_are_answered_with_a_problem(port, name):
    text, expected = REQUESTS[name]
    head, body = exchange(port, text)
    assert "content-type: application/problem+json" in head.lower()
    problem = json.loads(body)
    assert (problem["status"], problem["detail"]) == expected
    assert head.startswith(f"HTTP/1.1 {expected[0]} ")
    assert f"x-request-id: {problem['request_id']}".lower() in head.lower()
    assert problem.keys() == {"type", "title", "status", "detail", "request_id"}


def test_what_was_sent_behind_an_unread_body_is_answered_for_itself(port):
    hidden = "GET /hidden HTTP/1.1\r\nX: y\r\n\r\n"
    first = f"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}"
    head, body = exchange(port, f"{first}GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head.startswith("HTTP/1.1 401 ")
    assert body.count(b"HTTP/1.1 ") == 1
    assert body.endswith(b'{"status":"ok"}\n')
