"""Requests out of pieces: however the bytes are cut, the same requests come out as gunicorn reads them."""

import errno
import io

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from hypothesis import given
from hypothesis import strategies as st

from hiring_api.web.http.bodies import PIECE
from hiring_api.web.server.framing import Chunks, Length
from hiring_api.web.server.reception import MOST_HEAD, Reception, Room, State

CONFIG = Config()
CLIENT = ("192.0.2.1", 1)
LIMIT = 1000


def parse(source):
    return Request(CONFIG, SocketUnreader(source), CLIENT)


def receptions(pieces, most=LIMIT, room=None):
    """What came of the pieces: for each request its state, target and body; "refused" ends it."""
    found = []
    room = room or Room(10**9)
    reception = Reception(parse, lambda _request: most, room)
    waiting = list(pieces)
    while waiting:
        piece = waiting.pop(0)
        try:
            reception.receive(piece)
        except ParseException:
            return [*found, ("refused", None, None)]
        if reception.state in {State.WHOLE, State.CUT}:
            try:
                body = reception.request.body.read()
            except (ParseException, OSError):
                body = "broken"
            found.append((reception.state, reception.request.uri, body))
            rest = reception.rest
            reception.close()
            if reception.state is State.CUT or body == "broken":
                return found
            reception = Reception(parse, lambda _request: most, room)
            waiting[:0] = [rest] if rest else []
    if reception.begun:
        found.append((reception.state, None, None))
    reception.close()
    return found


def by_gunicorn(data):
    """Target and body of each request, by gunicorn's own parser on one connection."""
    requests = []
    parser = RequestParser(CONFIG, iter([data]), CLIENT)
    try:
        requests.extend((State.WHOLE, request.uri, request.body.read()) for request in parser)
    except (ParseException, OSError):
        return None
    return requests


contents = st.binary(max_size=60) | st.sampled_from([b"", b"\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])


@st.composite
def heads(draw):
    """A request line and some headers, without the end."""
    first = draw(st.sampled_from([b"", b"\r\n"])) + draw(
        st.sampled_from([b"GET /a", b"POST /bb?c=d", b"OPTIONS *"])
    )
    lines = draw(st.lists(st.sampled_from([b"Host: x", b"X: " + b"y" * 50, b"Accept: */*"]), unique=True))
    return b"\r\n".join([first + b" HTTP/1.1", *lines]) + b"\r\n"


@st.composite
def requests(draw):
    """A whole request: without a body, with a length, or in chunks with extensions and trailers."""
    head = draw(heads())
    kind = draw(st.sampled_from(["none", "length", "chunks"]))
    if kind == "none":
        return head + b"\r\n"
    if kind == "length":
        content = draw(contents)
        return head + b"Content-Length: %d\r\n\r\n" % len(content) + content
    body = b""
    for part in [*draw(st.lists(contents.filter(bool), max_size=4)), b""]:
        size = draw(st.sampled_from([b"%x", b"%X", b"0%x"])) % len(part)
        extension = draw(st.sampled_from([b"", b";a", b" ; a=b", b';a="\t;"']))
        body += size + extension + b"\r\n" + part + (b"\r\n" if part else b"")
    trailer = draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nY: z\r\n"]))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + body + trailer + b"\r\n"


def cut(draw, data):
    """The bytes in pieces."""
    places = sorted(draw(st.sets(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]


@given(st.data())
def test_any_cut_of_right_requests_gives_what_gunicorn_reads(data):
    wire = b"".join(data.draw(st.lists(requests(), min_size=1, max_size=4)))
    expected = by_gunicorn(wire)
    assert receptions(cut(data.draw, wire)) == expected
    assert receptions([wire]) == expected
    assert receptions([bytes([byte]) for byte in wire]) == expected


@given(st.data())
def test_any_cut_of_damaged_requests_ends_alike_and_hides_no_request_from_gunicorn(data):
    wire = bytearray(b"".join(data.draw(st.lists(requests(), min_size=1, max_size=3))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(wire) - 1))
        how = data.draw(st.sampled_from(["change", "drop", "insert"]))
        byte = data.draw(st.sampled_from(b"\r\n0aZ :;,\x00\xff"))
        wire[place : place + (how != "insert")] = b"" if how == "drop" else bytes([byte])
    wire = bytes(wire)
    whole = receptions([wire])
    assert receptions(cut(data.draw, wire)) == whole
    # A request that gunicorn would not see as one must never come out
    expected = by_gunicorn(wire)
    if expected is not None:
        complete = [found for found in whole if found[0] is State.WHOLE]
        assert complete == expected[: len(complete)]


def received(pieces):
    """A reception of the pieces."""
    reception = Reception(parse, lambda _request: LIMIT, Room(10**9))
    for piece in pieces:
        reception.receive(piece)
    return reception


@given(st.data())
def test_a_client_that_leaves_in_between_leaves_what_is_whole(data):
    wire = data.draw(requests())
    place = data.draw(st.integers(0, len(wire) - 1))
    reception = received([wire[:place], b""] if place else [b""])
    reception.close()
    assert reception.state is (State.GONE if reception.request is None else State.CUT)
    if reception.state is State.CUT:
        assert reception.request.should_close()


def test_a_body_over_the_limit_is_not_waited_for():
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    assert receptions([head % LIMIT]) == [(State.BODY, None, None)]
    [(state, _, body)] = receptions([head % (LIMIT + 1)])
    assert (state, body) == (State.CUT, b"")
    # One that is here all the same is no reason to close
    assert receptions([head % (LIMIT + 1) + b"x" * (LIMIT + 1)])[0][0] is State.WHOLE


def test_a_chunked_body_is_received_as_far_as_the_application_reads_it():
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    wire = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 1000
    room = Room(10**9)
    reception = Reception(parse, lambda _request: LIMIT, room)
    for start in range(0, len(wire), 1000):
        reception.receive(wire[start : start + 1000])
        if reception.state is State.CUT:
            break
    assert LIMIT + 2 * PIECE < start + 1000 < LIMIT + 3 * PIECE
    assert len(reception.request.body.read(LIMIT + 2 * PIECE)) == LIMIT + 2 * PIECE
    reception.close()


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"GET /" + b"a" * 5000, LimitRequestLine),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (MOST_HEAD + 3), LimitRequestHeaders),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 8000, LimitRequestHeaders),
        (b"hello\n", ParseException),
        (b"GET / HTTP/1.1\nHost: x", ParseException),
        (b"GET / HTTP/1.1\r\nHost: x\nY: z", ParseException),
    ],
)
def test_a_head_that_can_only_be_wrong_is_refused_before_its_end(head, error):
    for size in (1, 7, len(head)):
        with pytest.raises(error):
            received([head[start : start + size] for start in range(0, len(head), size)])


@pytest.mark.parametrize("most", [None, LIMIT])
def test_the_client_is_told_to_continue_only_if_its_body_is_awaited(most):
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    for sent, awaits in ((b"", most is not None), (b"ab", False), (b"abcde", False)):
        reception = Reception(parse, lambda _request: most, Room(10**9))
        reception.receive(head + sent)
        assert reception.awaits_continue is awaits
        reception.close()


def test_where_there_is_no_room_the_application_is_told_and_room_comes_back():
    room = Room(150)
    wire = b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
    first, second = (Reception(parse, lambda _request: LIMIT, room) for _ in range(2))
    first.receive(wire)
    second.receive(wire)
    assert (first.state, second.state) == (State.WHOLE, State.CUT)
    with pytest.raises(OSError, match="too many bodies are under way") as told:
        second.request.body.read()
    assert told.value.errno == errno.ENOSPC
    assert first.request.body.read() == b"x" * 100
    for reception in (first, second):
        reception.close()
        reception.close()
    assert receptions([wire], room=room)[0][0] is State.WHOLE


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x1\r\n",
        b"1 \r\n",
        b"1" * 16 + b"\r\n",
        b"1\r\nab\r\n",
        b"1\n",
        b"1;" + b"a" * 9000,
        b"0\r\n" + b"X: y\r\n" * 6000,
        b"1\r\nx\r\n" * 100_000,
    ],
)
def test_chunks_that_are_malformed_or_mostly_framing_are_not_waited_for(body):
    for size in (1000, len(body)):
        chunks = Chunks()
        stream = io.BytesIO(body)
        while not chunks.broken and (piece := stream.read(size)):
            chunks.take(piece)
        assert not chunks.ended
        # One byte in a chunk is allowed: the framing is six times as much
        assert chunks.broken is not body.startswith(b"1\r\nx\r\n1")


def test_a_length_takes_its_own_bytes_alone():
    length = Length(5)
    assert [length.take(b"abc"), length.ended, length.take(b"defg"), length.ended] == [3, False, 2, True]
