"""Several servers of one database: the one that may be written is found, whatever becomes of the others."""

import signal
import subprocess
import time

import pymysql
import pytest
from sqlalchemy import insert, text

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import require_writable, transaction
from hiring_api.errors import DatabaseUnavailable, NotTrusted
from hiring_api.model.tables import Department
from hiring_api.settings import read_settings
from tests.server import Server, installed

departments = Department.__table__
ONLY_READ = "the database server can only be read: it is a replica, or another one is taking over; try again"


def say(server, *statements):
    """Says statements as the administrator."""
    account = {"user": "tester", "password": server.password, "autocommit": True, "database": "hiring"}
    with pymysql.connect(host="127.0.0.1", port=server.port, **account) as connection:
        for statement in statements:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                rows = cursor.fetchall()
    return rows


def prepared(server):
    """The server, with the account of the tests and the schema."""
    say(
        server, "CREATE USER api@'127.0.0.1' IDENTIFIED BY 'word'", "GRANT ALL ON hiring.* TO api@'127.0.0.1'"
    )
    engine = open_engine(read_settings({"DATABASE_URL": server.url()}).database_url)
    schema.upgrade(engine)
    engine.dispose()
    return server


@pytest.fixture(scope="module")
def pair():
    """Two servers, each with a database of its own."""
    if installed() is None:
        pytest.skip("no server is installed")
    with Server() as first, Server() as second:
        yield prepared(first), prepared(second)


@pytest.fixture
def servers(pair):
    """The two of them, both running and to be written."""
    for server in pair:
        if server.process is None:
            server.start()
        server.process.send_signal(signal.SIGCONT)
        say(server, "SET GLOBAL read_only = 0", "DELETE FROM departments")
    return pair


@pytest.fixture
def engine(servers):
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    engine = open_engine(read_settings({"DATABASE_URL": f"mysql://api:word@{hosts}/hiring"}).database_url)
    yield engine
    for server in servers:
        if server.process is not None:
            server.process.send_signal(signal.SIGCONT)
    engine.dispose()


def port(engine):
    """Of the server that is used, as the server says it."""
    with engine.connect() as connection:
        return connection.execute(text("SELECT @@port")).scalar_one()


def written(server):
    return [name for (name,) in say(server, "SELECT department FROM departments")]


def write(name):
    return lambda connection: connection.execute(insert(departments), {"department": name})


def test_the_first_that_may_be_written_is_taken_and_remembered(engine, servers):
    first, second = servers
    assert port(engine) == first.port
    say(first, "SET GLOBAL read_only = 1")
    assert port(engine) == second.port  # even a connection that waits in the pool
    say(first, "SET GLOBAL read_only = 0")
    engine.dispose()
    assert port(engine) == second.port
    require_writable(engine)


def test_where_none_may_be_written_a_sentence_says_so_until_one_may(engine, servers):
    for server in servers:
        say(server, "SET GLOBAL read_only = 1")
    for ask in (require_writable, lambda engine: transaction(engine, write("x"))):
        with pytest.raises(DatabaseUnavailable) as told:
            ask(engine)
        assert told.value.message == ONLY_READ
    say(servers[1], "SET GLOBAL read_only = 0")
    transaction(engine, write("Sales"))
    assert [written(server) for server in servers] == [[], ["Sales"]]


def test_a_transaction_whose_server_dies_is_run_on_the_next_one(engine, servers):
    first, second = servers
    runs = []

    def work(connection):
        connection.execute(insert(departments), {"department": "Sales"})
        runs.append(1)
        if len(runs) == 1:
            first.kill()
        connection.execute(insert(departments), {"department": "Legal"})

    transaction(engine, work)
    first.start()
    assert (len(runs), written(first), written(second)) == (2, [], ["Sales", "Legal"])


@pytest.mark.parametrize("pooled", [True, False])
def test_a_server_that_hangs_is_left(engine, servers, pooled):
    first, second = servers
    if pooled:
        assert port(engine) == first.port
    first.process.send_signal(signal.SIGSTOP)
    transaction(engine, write("Sales"))
    assert written(second) == ["Sales"]


def test_a_server_that_hangs_within_a_transaction_is_left(engine, servers):
    first, second = servers
    runs = []

    def work(connection):
        connection.execute(insert(departments), {"department": "Sales"})
        runs.append(1)
        if len(runs) == 1:
            first.process.send_signal(signal.SIGSTOP)
            connection.execute(insert(departments), {"department": "Legal"})

    transaction(engine, work)
    first.process.send_signal(signal.SIGCONT)
    assert written(second) == ["Sales"]
    for _ in range(100):
        if not written(first):
            break
        time.sleep(0.1)
    assert written(first) == []


def test_a_server_that_is_away_at_first_is_no_obstacle(engine, servers):
    servers[0].stop()
    assert port(engine) == servers[1].port


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Two authorities, and certificates that the first signed: for this address and for another name."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl(*f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name}".split(),
                "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    for name, names in (("here", "IP:127.0.0.1"), ("elsewhere", "DNS:db.example.org")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl(*f"req -newkey rsa:2048 -nodes -subj /CN=server -keyout {name}.key -out {name}.csr".split())
        openssl(*f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2".split(),
                "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip
        (folder / f"{name}.key").chmod(0o644)
    return folder


@pytest.fixture(scope="module", params=["here", "elsewhere", None])
def encrypted(request, certificates):
    """A server with a certificate for this address, one for another name, and one without any."""
    if "mariadbd" not in str(installed()):
        pytest.skip("MySQL has certificates of its own, for no name")
    name = request.param
    with Server(options=[f"--ssl-ca={certificates}/ca.pem", f"--ssl-cert={certificates}/{name}.pem",
                         f"--ssl-key={certificates}/{name}.key"] if name else []) as server:  # fmt: skip
        yield name, server


@pytest.mark.parametrize("authority", ["ca", "other"])
def test_a_server_must_prove_who_it_is_once_an_authority_is_set(encrypted, certificates, authority):
    name, server = encrypted
    told = {"DATABASE_URL": server.url(), "MYSQL_SSL_CA": f"{certificates}/{authority}.pem"}
    engine = open_engine(read_settings(told).database_url)
    if (name, authority) == ("here", "ca"):
        with engine.connect() as connection:
            assert connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
        engine.dispose()
        return
    with pytest.raises(NotTrusted) as refused:
        transaction(engine, write("x"))
    assert refused.value.message == (
        "the database server cannot prove by its certificate that it is the right one (MYSQL_SSL_CA)"
    )
    why = {"here": "certificate verify failed", "elsewhere": "", None: "doesn't support"}[name]
    assert why in refused.value.for_operator()
    if (name, authority) == ("elsewhere", "ca"):
        assert "IP address mismatch" in refused.value.for_operator()
