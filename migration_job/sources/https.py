"""A file from the web: copies it to disk, so that a load can be checked before it begins, and resumed.

By the standard library, not by obstore as S3: obstore's HTTP store sends no password of an address, refuses
answers without Content-Length, and has no rule about redirects. Here only http and https are followed, and
from https never to http.
"""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from hiring_api.errors import InvalidFile
from hiring_api.system.disk_full import room

if TYPE_CHECKING:
    from pathlib import Path

_COPIED: Final = 1024 * 1024  # bytes at once
_SECONDS: Final = 60.0  # without a byte
_PLAIN: Final = "%/:=&?~#+!$,;'@()*[]"  # what stays as it is in a path or query
_ADVICE = {
    401: "it wants credentials, as https://user:password@host/…",
    403: "it may not be read so: does the address need credentials or a newer signature?",
    404: "there is nothing at this address",
    410: "there is nothing at this address any more",
}
_ADVICE |= dict.fromkeys((301, 302, 303, 307, 308), "it redirects in a circle, or to nowhere")
_ADVICE |= dict.fromkeys((429, 500, 502, 503, 504), "try again later")
_REASONS: Final[list[tuple[type[Exception], str]]] = [
    (ssl.SSLError, "what answers does not speak TLS as https does: is it http?"),
    (socket.gaierror, "there is no host of this name, or no network"),
    (ConnectionRefusedError, "nothing answers there: is the server up, and the port right?"),
    (TimeoutError, f"nothing came for {_SECONDS:.0f} s"),
    (HTTPException, "what answered is no whole HTTP answer"),
    (ConnectionError, "what answered is no whole HTTP answer"),
]


class _Refused(Exception):
    """A redirect that is not followed; the message says where to."""


def is_web(source: str) -> bool:
    """True if `source` is an address of the web."""
    return source.lower().startswith(("https://", "http://"))


def from_web(source: str, target: Path) -> None:
    """Copy what is at an address to `target`.

    Raises:
        InvalidFile: it is not there, or ended early.
    """
    try:
        with _opener().open(_request(source), timeout=_SECONDS) as answer, target.open("wb") as file:
            with room():
                shutil.copyfileobj(answer, file, _COPIED)
            expected = answer.headers.get("Content-Length", "")
            if expected.isdecimal() and file.tell() != int(expected):
                raise InvalidFile(f"{without_secrets(source)} ended after {file.tell()} of {expected} bytes")
    except (OSError, HTTPException, ValueError, _Refused) as error:
        raise InvalidFile(f"{without_secrets(source)} cannot be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Return a sentence: what is wrong and, if known, what to do about it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code}{_advice(error)}"
    cause = getattr(error, "reason", error)  # URLError has the true one inside
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = cause.verify_message
        return f"its certificate is not trusted ({why}); SSL_CERT_FILE may name a file of those to trust"
    for kind, sentence in _REASONS:
        if isinstance(cause, kind):
            return sentence
    return str(getattr(cause, "strerror", None) or cause)


def _advice(error: urllib.error.HTTPError) -> str:
    advice = _ADVICE.get(error.code)
    return f": {advice}" if advice else ""


def _request(source: str) -> urllib.request.Request:
    """The request for an address; its user and password are sent as HTTP Basic, to its own host alone."""
    parts = _split(source)
    host = parts.netloc.rpartition("@")[2]
    quoted = (urllib.parse.quote(part, safe=_PLAIN) for part in (parts.path, parts.query))
    address = urllib.parse.urlunsplit((parts.scheme, host.encode("idna").decode(), *quoted, ""))
    request = urllib.request.Request(address)  # noqa: S310  # is_web
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        token = base64.b64encode(pair.encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _split(source: str) -> urllib.parse.SplitResult:
    """The parts of an address.

    Raises:
        InvalidFile: it is none.
    """
    try:
        parts = urllib.parse.urlsplit(source)
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError:
        parts = None
    if parts is None or not parts.hostname:
        raise InvalidFile("SOURCE is no address of the web: it must look like https://host/departments.csv")
    return parts


class _Redirects(urllib.request.HTTPRedirectHandler):
    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        came, goes = (
            urllib.parse.urlsplit(address).scheme.lower()
            for address in (req.full_url, urllib.parse.urljoin(req.full_url, headers.get("Location", "")))
        )
        if goes not in {came, "https"}:
            raise _Refused(f"it redirects from {came} to {goes[:16]}, which is not followed")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https alone: the usual one would also take file: and ftp: out of a redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def without_secrets(source: str) -> str:
    """An address without user, password and query, which may be a signature."""
    parts = _split(source)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
