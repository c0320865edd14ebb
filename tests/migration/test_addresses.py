"""Sources that are addresses: what is followed, and one clear sentence for what cannot be read."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SALES = [(1, "Sales"), (2, "Law")]
CONTENT = b"1,Sales\n2,Law\n"
# Whole answers by path
ANSWERS = {
    "/departments.csv": b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + CONTENT,
    "/a%20b/%C3%B1.csv": b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT,
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: departments.csv\r\n\r\n",
    "/to-file": b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\n\r\n",
    "/to-ftp": b"HTTP/1.1 308 Moved\r\nLocation: FTP://127.0.0.1/x\r\n\r\n",
    "/to-http": b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1/x\r\n\r\n",
    "/circle": b"HTTP/1.1 302 Found\r\nLocation: /circle\r\n\r\n",
    "/nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/x\r\n\r\n",
    "/401": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "/404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "/503": b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
    "/418": b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n",
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + CONTENT,
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + CONTENT,
    "/garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
    "/silence": b"",
}


class Answers(BaseHTTPRequestHandler):
    """Sends what ANSWERS has, byte by byte, to whom it expects."""

    def do_GET(self):
        wanted = getattr(self.server, "credentials", None)
        sent = self.headers.get("Authorization")
        known = wanted is None or sent == wanted
        self.server.seen = [*getattr(self.server, "seen", []), (self.path, sent)]
        moved = getattr(self.server, "moved", None)
        if moved and known and self.path == "/elsewhere":
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n" % moved.encode())
            return
        self.wfile.write(ANSWERS[self.path.partition("?")[0] if known else "/401"])
        self.close_connection = True

    def log_message(self, *_arguments):
        """Tests are quiet."""


@contextmanager
def answering(context=None):
    """A web server on a port of its own; with TLS where it is given its context."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.handle_error = lambda *_: None  # clients that do not trust it hang up
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def web():
    with answering() as server:
        yield server


def test_redirects_and_addresses_as_people_write_them_are_followed(job, web):
    at = f"127.0.0.1:{web.server_port}"
    for source in (
        f"http://{at}/moved",
        f"http://{at}/a b/ñ.csv",
        f"HTTP://{at}/departments.csv?signature=1#x",
    ):
        assert job("--table", "departments", source=source)[0] == 0, source
    assert job.rows("departments") == SALES


def test_credentials_in_an_address_are_sent_and_never_shown(job, web):
    web.credentials = f"Basic {b64encode('ana:tos éàs'.encode()).decode()}"
    at = f"127.0.0.1:{web.server_port}/departments.csv"
    status, output, error = job("--table", "departments", source=f"http://ana:tos%20éàs@{at}")
    assert (status, job.rows("departments")) == (0, SALES), error
    assert "ana" not in output + error
    status, _, error = job("--table", "departments", source=f"http://ana:wrong@{at}?key=secret")
    wants = "the server answered 401: it wants credentials, as https://user:password@host/…"
    assert (status, error) == (1, f"migration_job: http://{at} cannot be read: {wants}\n")


def test_the_password_of_an_address_is_not_sent_to_where_it_redirects(job, web):
    web.credentials = f"Basic {b64encode(b'ana:secret').decode()}"
    with answering() as other:
        # Another port is another server, which may be anybody's
        web.moved = f"http://127.0.0.1:{other.server_port}/departments.csv"
        source = f"http://ana:secret@127.0.0.1:{web.server_port}/elsewhere"
        status, _, error = job("--table", "departments", source=source)
        assert (status, job.rows("departments")) == (0, SALES), error
        assert set(web.seen) == {("/elsewhere", web.credentials)}
        assert set(other.seen) == {("/departments.csv", None)}
        # An address that the redirect names with a password is none that anybody was given
        web.moved = f"http://ana:secret@127.0.0.1:{other.server_port}/departments.csv"
        job("--table", "departments", source=source)
        assert {sent for _, sent in other.seen} == {None}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/404", "the server answered 404: there is nothing at this address"),
        ("/503", "the server answered 503: try again later"),
        ("/418", "the server answered 418"),
        ("/to-file", "it redirects from http to file, which is not followed"),
        ("/to-ftp", "it redirects from http to ftp, which is not followed"),
        ("/circle", "the server answered 302: it redirects in a circle, or to nowhere"),
        ("/chunks", "what answered is no whole HTTP answer"),
        ("/garbage", "what answered is no whole HTTP answer"),
        ("/silence", "what answered is no whole HTTP answer"),
    ],
)
def test_what_a_server_does_not_give_is_one_sentence(job, web, path, reason):
    source = f"http://127.0.0.1:{web.server_port}{path}"
    status, output, error = job("--table", "departments", source=source)
    assert (status, output, error) == (1, "", f"migration_job: {source} cannot be read: {reason}\n")
    assert job.rows("departments") == []


def test_a_file_that_ends_early_and_a_redirect_to_no_address_are_told(job, web):
    at = f"http://127.0.0.1:{web.server_port}"
    assert (
        f"{at}/short ended after 14 of 100 bytes\n" in job("--table", "departments", source=f"{at}/short")[2]
    )
    status, _, error = job("--table", "departments", source=f"{at}/nowhere")
    assert (status, error.count("\n")) == (1, 1)
    assert error.startswith(f"migration_job: {at}/nowhere cannot be read: ")


def test_where_nothing_answers_is_said(job):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        source = f"http://127.0.0.1:{unused.getsockname()[1]}/departments.csv"
        status, _, error = job(source=source)
    reason = "nothing answers there: is the server up, and the port right?"
    assert (status, error) == (1, f"migration_job: {source} cannot be read: {reason}\n")


@pytest.mark.parametrize(
    "source", ["http://", "https:///x", "http://[::1/x", "http://h:port/x", "http://h:99999/x"]
)
def test_what_is_no_address_is_said(job, source):
    status, _, error = job("--table", "departments", source=source)
    expected = "SOURCE is no address of the web: it must look like https://host/departments.csv"
    assert (status, error) == (1, f"migration_job: {expected}\n")


@pytest.mark.parametrize("source", ["ftp://host/x", "file:///etc/passwd", "S3://bucket"])
def test_other_kinds_of_addresses_are_not_taken(job, source):
    status, _, error = job("--table", "departments", source=source)
    expected = f"{source} does not exist: of addresses, https://host/file and s3://bucket/prefix are taken"
    assert (status, error) == (1, f"migration_job: {expected}\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The path of a self-signed certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "history")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate):
    """The address of a server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with answering(context) as server:
        yield f"https://127.0.0.1:{server.server_port}"


def test_a_certificate_is_trusted_only_when_told_to(job, secure, certificate, monkeypatch):
    source = f"{secure}/departments.csv"
    status, _, error = job(source=source)
    reason = (
        "its certificate is not trusted (self-signed certificate); "
        "SSL_CERT_FILE may name a file of those to trust"
    )
    assert (status, error) == (1, f"migration_job: {source} cannot be read: {reason}\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert job(source=source)[0] == 0
    assert job.rows("departments") == SALES


def test_https_is_never_left_for_http_and_is_not_http(job, secure, web, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    error = job("--table", "departments", source=f"{secure}/to-http")[2]
    assert error.endswith(": it redirects from https to http, which is not followed\n")
    error = job("--table", "departments", source=f"https://127.0.0.1:{web.server_port}/departments.csv")[2]
    assert error.endswith(": what answers does not speak TLS as https does: is it http?\n")
    assert job.rows("departments") == []


def reason_of(job, source, *arguments):
    """Why a source in S3 cannot be read, and nothing else is said."""
    status, output, error = job(*arguments, source=source)
    begins = f"migration_job: {source} cannot be read: "
    assert (status, output, error.startswith(begins), error.count("\n")) == (1, "", True, 1), error
    return error[len(begins) :].rstrip("\n")


@pytest.mark.parametrize("source", ["s3://", "s3:///prefix", "s3://a", "s3://a b/c"])
def test_without_a_bucket_it_says_how_to_name_one(job, source):
    status, _, error = job(source=source)
    expected = f"{source} names no bucket: it must look like s3://bucket/prefix"
    assert (status, error) == (1, f"migration_job: {expected}\n")


def test_what_is_not_in_s3_is_one_sentence(job, s3):
    s3.create_bucket(Bucket="records")
    no_bucket = "there is no such bucket: check its name and AWS_ENDPOINT_URL"
    assert reason_of(job, "s3://no-such-bucket/x") == no_bucket
    assert reason_of(job, "s3://records/none.csv", "--table", "jobs") == "there is nothing under this name"


def test_without_credentials_it_says_which_to_set(job, s3, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    expected = "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    assert reason_of(job, "s3://records") == expected
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    expected = "AWS's settings do not work: check AWS_ENDPOINT_URL, AWS_PROFILE and AWS_DEFAULT_REGION"
    assert reason_of(job, "s3://records") == expected


def test_credentials_that_are_not_taken_are_told(job, s3, s3_server):
    import requests

    requests.post(f"{s3_server}/moto-api/reset-auth", data="0", timeout=30)  # from now on they are checked
    try:
        expected = "S3 does not take the credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        assert reason_of(job, "s3://records") == expected
    finally:
        requests.post(f"{s3_server}/moto-api/reset-auth", data="inf", timeout=30)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (
            "http://127.0.0.1:1",
            "no S3 can be reached: check the network, AWS_ENDPOINT_URL and AWS_DEFAULT_REGION",
        ),
        (
            "nonsense",
            "AWS's settings do not work: check AWS_ENDPOINT_URL, AWS_PROFILE and AWS_DEFAULT_REGION",
        ),
    ],
)
def test_an_s3_that_is_not_there_is_told(job, s3, monkeypatch, endpoint, expected):
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert reason_of(job, "s3://records") == expected
