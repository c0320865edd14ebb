"""Settings: what is taken, and the sentence about what is not."""

import pytest

from hiring_api.database_url import Server, parse, servers_of
from hiring_api.settings import SettingsError, read_settings

MYSQL = {"MYSQL_HOST": "db", "MYSQL_USER": "u", "MYSQL_PASSWORD": "p@:/", "MYSQL_DATABASE": "hiring"}
SHAPE = "DATABASE_URL must look like mysql://user:pass@host/database"
UNUSABLE = "what MYSQL_SSL_CA, MYSQL_SSL_CERT and MYSQL_SSL_KEY name cannot be used"
WHOLE = "must be a whole number from 1 to 9007199254740992"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"DATABASE_URL": "nonsense"}, SHAPE),
        ({"DATABASE_URL": "mysql://u:p@host:port/hiring"}, SHAPE),
        (
            {"DATABASE_URL": "postgres://u:p@host/hiring"},
            "DATABASE_URL names postgres: it must be mysql, mariadb or sqlite",
        ),
        (
            {"DATABASE_URL": "mysql://u:p@host"},
            "DATABASE_URL must name a database (or, for SQLite, a file)",
        ),
        (
            {"DATABASE_URL": "sqlite:///x.db", **MYSQL},
            "DATABASE_URL and MYSQL_HOST are both set: keep one",
        ),
        (
            {"MYSQL_HOST": "db", "MYSQL_USER": "u"},
            "MYSQL_HOST is set but MYSQL_PASSWORD, MYSQL_DATABASE is not",
        ),
        (
            {**MYSQL, "MYSQL_HOST": "a,,b"},
            "MYSQL_HOST: '' must be a server's name, with a port or without",
        ),
        (
            {**MYSQL, "MYSQL_HOST": "a,b:99999"},
            "MYSQL_HOST: 'b:99999' must be a server's name, with a port or without",
        ),
        (
            {"DATABASE_URL": "mysql://u:p@a,b:x/hiring"},
            "DATABASE_URL: 'b:x' must be a server's name, with a port or without",
        ),
        (
            {**MYSQL, "MYSQL_READ_HOST": "a,b:x"},
            "MYSQL_READ_HOST: 'b:x' must be a server's name, with a port or without",
        ),
        ({"MYSQL_READ_HOST": "a"}, "MYSQL_READ_HOST is for a server: SQLite has none"),
        ({"READ_STALENESS_SECONDS": "0"}, f"READ_STALENESS_SECONDS='0' {WHOLE}"),
        ({"MYSQL_SSL_KEY": "key.pem", **MYSQL}, "MYSQL_SSL_CA must be set as well"),
        (
            {"MYSQL_SSL_CA": "ca.pem", "MYSQL_SSL_KEY": "key.pem", **MYSQL},
            "MYSQL_SSL_CERT must be set as well",
        ),
        (
            {"MYSQL_SSL_CA": "/no/file", **MYSQL},
            f"{UNUSABLE}: [Errno 2] No such file or directory",
        ),
        ({"MYSQL_SSL_CA": "ca.pem"}, "MYSQL_SSL_CA is for a server: SQLite has none"),
        ({"MYSQL_PORT": "70000", **MYSQL}, "MYSQL_PORT='70000' must be a whole number from 1 to 65535"),
        (
            {"BACKUP_EVERY": "24h", "BACKUP_AT": "02:30"},
            "BACKUP_EVERY and BACKUP_AT are both set: keep one",
        ),
        (
            {"BACKUP_EVERY": "1w"},
            "BACKUP_EVERY='1w' must be a number of seconds, minutes, hours or days, such as 24h or 30m",
        ),
        ({"BACKUP_AT": "2:30"}, "BACKUP_AT='2:30' must be a time of day in UTC, from 00:00 to 23:59"),
        ({"API_WORKERS": "0"}, f"API_WORKERS='0' {WHOLE}"),
        ({"API_WORKERS": "²"}, f"API_WORKERS='²' {WHOLE}"),
        ({"MAX_BODY_BYTES": "8MB"}, f"MAX_BODY_BYTES='8MB' {WHOLE}"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL='LOUD' must be one of DEBUG, INFO, WARNING, ERROR"),
        ({"BACKUP_BEFORE_REPLACE": "maybe"}, "BACKUP_BEFORE_REPLACE='MAYBE' must be one of YES, NO"),
        (
            {"API_PASS": "x", "API_PASS_FILE": "y"},
            "API_PASS and API_PASS_FILE are both set: keep one",
        ),
        (
            {"API_PASS_FILE": "/no/file"},
            "API_PASS_FILE=/no/file cannot be read: [Errno 2] No such file or directory: '/no/file'",
        ),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(environ, sentence):
    with pytest.raises(SettingsError) as told:
        read_settings(environ)
    assert str(told.value) == sentence


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        (MYSQL, "mysql+pymysql://u:p%40%3A%2F@db:3306/hiring"),
        ({**MYSQL, "MYSQL_PORT": "3307"}, "mysql+pymysql://u:p%40%3A%2F@db:3307/hiring"),
        ({"DATABASE_URL": "mariadb://u:p@[::1]:3307/x"}, "mysql+pymysql://u:p@[::1]:3307/x"),
        ({"DATABASE_URL": "mysql://u:p%40@db/x", "MYSQL_USER": ""}, "mysql+pymysql://u:p%40@db/x"),
        ({"DATABASE_URL": "sqlite:////tmp/x.db"}, "sqlite:////tmp/x.db"),
    ],
)
def test_the_database_may_be_named_in_one_or_in_parts(environ, url):
    assert read_settings(environ).database_url.render_as_string(hide_password=False) == url


A, B, SIX = Server("a", 3306), Server("b", 3307), Server("::1", 3308)


@pytest.mark.parametrize(
    ("environ", "servers"),
    [
        ({**MYSQL, "MYSQL_HOST": "a, b:3307,[::1]:3308"}, [A, B, SIX]),
        ({**MYSQL, "MYSQL_HOST": "b,a:3306,b", "MYSQL_PORT": "3307"}, [B, A]),
        ({"DATABASE_URL": "mysql://u:p%40%2Cx@a,b:3307,[::1]:3308/hiring?charset=utf8mb4"}, [A, B, SIX]),
        ({"DATABASE_URL": "mysql://u:p@/hiring?host=a:3306&host=b:3307"}, [A, B]),
    ],
)
def test_a_database_may_be_on_several_servers(environ, servers):
    url = read_settings(environ).database_url
    assert servers_of(url) == servers
    assert (url.username, url.database) == ("u", "hiring")
    assert parse(url.render_as_string(hide_password=False)) == url


@pytest.mark.parametrize(
    ("environ", "servers"),
    [
        ({**MYSQL, "MYSQL_READ_HOST": "a,b:3307,[::1]:3308"}, [A, B, SIX]),
        ({**MYSQL, "MYSQL_READ_HOST": "b,a:3306", "MYSQL_PORT": "3307"}, [B, A]),
        ({"DATABASE_URL": "mysql://u:p@db,c/hiring", "MYSQL_READ_HOST": "a,b:3307"}, [A, B]),
        ({"DATABASE_URL": "mysql://u:p@db:3307/hiring", "MYSQL_READ_HOST": "b,a:3306"}, [B, A]),
    ],
)
def test_replicas_have_the_same_database_and_account(environ, servers):
    settings = read_settings(environ)
    url, written = settings.read_url, settings.database_url
    assert servers_of(url) == servers
    assert (url.username, url.password, url.database) == (written.username, written.password, "hiring")


def test_no_replica_is_read_where_none_is_named():
    assert read_settings(MYSQL).read_url is None


@pytest.mark.parametrize("environ", [{**MYSQL, "MYSQL_HOST": "::1"}, {**MYSQL, "MYSQL_HOST": "[::1]:3306"}])
def test_one_server_may_be_an_address_of_ipv6(environ):
    url = read_settings(environ).database_url
    assert (url.host, url.port, servers_of(url)) == ("::1", 3306, [])


def test_a_secret_may_be_in_a_file_and_is_not_in_the_representation(tmp_path):
    (tmp_path / "pass").write_text("correct horse\n")
    settings = read_settings({"API_USER": "u", "API_PASS_FILE": str(tmp_path / "pass"), **MYSQL})
    assert settings.credentials() == ("u", "correct horse")
    assert "correct" not in repr(settings)
    assert "p@:/" not in repr(settings)


def test_of_a_secret_in_a_file_only_the_line_end_is_left_out(tmp_path):
    (tmp_path / "pass").write_bytes(b" with blanks around \r\n")
    settings = read_settings({"API_USER": "u", "API_PASS_FILE": str(tmp_path / "pass"), **MYSQL})
    assert settings.credentials() == ("u", " with blanks around ")


def test_there_is_no_default_password():
    with pytest.raises(SettingsError, match="there is no default password"):
        read_settings({"API_USER": "u", "API_PASS": ""}).credentials()
