"""The ends of bodies on the wire, in what only the framing itself can tell."""

from hiring_api.web.server.framing import Chunks

LINE = b"X-Trailer: " + b"y" * 1000 + b"\r\n"


def test_trailers_are_bounded_in_all_though_each_line_is_short():
    body = Chunks()
    assert body.take(b"0\r\n") == 3
    while body._trailers + len(LINE) <= 32 * 1024:
        assert body.take(LINE) == len(LINE)
        assert not body.broken
    body.take(LINE)
    assert body.broken
