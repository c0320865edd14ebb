"""Wrong passwords: how many, from whom, over all processes and for how long; the right one always passes."""

import base64
import dataclasses
import itertools
import time
from collections import Counter

import pytest
from sqlalchemy import func, select

from hiring_api.database.bookkeeping import wrong_passwords
from hiring_api.settings import SettingsError, read_settings
from hiring_api.web.app import create_app
from hiring_api.web.http import wrong_passwords as counting
from hiring_api.web.http.clients import client_address, one_client
from hiring_api.web.http.wrong_passwords import MOST, WINDOW, WrongPasswords
from tests.serving import Serving

WRONG, RIGHT = ("tester", "wrong"), ("tester", "correct horse")


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self):
        self.now = 1_000_000_020.0  # a window begins

    def __call__(self):
        return self.now


@pytest.fixture
def clock(app):
    """The clock of the application's counts."""
    app.extensions["wrong_passwords"]._clock = clock = Clock()
    return clock


def statuses(client, count, auth=WRONG, **environ):
    return Counter(
        client.get("/jobs", auth=auth, environ_overrides=environ).status_code for _ in range(count)
    )


def test_too_many_wrong_passwords_are_429_and_the_right_one_passes(app, clock):
    client = app.test_client()
    assert statuses(client, MOST) == {401: MOST}
    clock.now += 18
    answer = client.post("/jobs", auth=WRONG, json=[{"job": "x"}], headers={"X-Request-ID": "t"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "42")
    assert answer.json == {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "too many wrong passwords from your address: wait 42 s, or send the right one",
        "request_id": "t",
    }
    assert statuses(client, 3, auth=RIGHT) == {200: 3}
    assert statuses(client, 1, REMOTE_ADDR="127.0.0.2") == {401: 1}
    assert client.get("/jobs").status_code == 401  # no password is no wrong one
    assert client.get("/health/live", auth=WRONG).status_code == 200


def test_the_window_ends_after_a_minute_and_not_before(app, clock):
    client = app.test_client()
    assert statuses(client, MOST + 1) == {401: MOST, 429: 1}
    clock.now += 59.9
    answer = client.get("/jobs", auth=WRONG)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    clock.now += 0.1
    assert statuses(client, MOST + 1) == {401: MOST, 429: 1}


def test_all_processes_count_together_and_old_counts_go(engine, database_url):
    clock = Clock()
    three = [WrongPasswords(database_url, clock) for _ in range(3)]
    waits = [three[number % 3].count("192.0.2.1") for number in range(MOST + 5)]
    assert waits == [0] * MOST + [60] * 5
    clock.now += 60
    assert [one.count("192.0.2.1") for one in three] == [0, 0, 0]
    with engine.connect() as connection:
        minutes = select(wrong_passwords.c.minute, func.sum(wrong_passwords.c.wrong)).group_by(
            wrong_passwords.c.minute
        )
        assert connection.execute(minutes).all() == [(int(clock.now // 60), 3)]


def test_processes_that_really_serve_count_together(root, tmp_path, database_url, engine):
    own = {"API_WORKERS": "3", "API_THREADS": "2", "TRUSTED_PROXIES": "127.0.0.1"}
    url = database_url.render_as_string(hide_password=False)
    token = base64.b64encode(b"u:no").decode()
    with Serving(root, url, tmp_path, **own) as api:
        for client in itertools.count(1):  # another one where a new window began meanwhile
            begun = time.time() // WINDOW
            sent = {"X-Forwarded-For": f"192.0.2.{client}"}
            wrong = {"Authorization": f"Basic {token}", **sent}
            found = [api.call("GET", "/jobs", headers=wrong)[0] for _ in range(MOST + 20)]
            right = {api.call("GET", "/jobs", headers=sent)[0] for _ in range(20)}
            if time.time() // WINDOW == begun:
                break
        assert found == [401] * MOST + [429] * 20
        assert right == {200}


def test_an_attack_writes_little(engine, database_url, monkeypatch):
    def noted():
        with engine.connect() as connection:
            query = select(func.count(), func.sum(wrong_passwords.c.wrong)).select_from(wrong_passwords)
            return tuple(connection.execute(query).one())

    one = WrongPasswords(database_url, Clock())
    for _ in range(MOST + 100):
        one.count("192.0.2.1")
    assert noted() == (1, MOST + 1)
    monkeypatch.setattr(counting, "_MOST_WRITES", MOST + 6)
    for number in range(20):
        one.count(f"192.0.2.{number + 2}")
    assert noted() == (6, MOST + 6)


def test_addresses_beyond_the_number_that_is_counted_have_to_wait(database_url, monkeypatch, engine):
    monkeypatch.setattr(counting, "_MOST_ADDRESSES", 3)
    one = WrongPasswords(database_url, Clock())
    assert [one.count(f"192.0.2.{number}") for number in range(5)] == [0, 0, 0, 60, 60]
    assert one.count("192.0.2.1") == 0


def test_without_the_database_each_process_counts_for_itself(settings, tmp_path):
    for url in (
        f"sqlite:///{tmp_path}/none/x.db",
        "mysql://u:p@127.0.0.1:9/x",
        f"sqlite:///{tmp_path}/empty.db",
    ):
        away = read_settings({"DATABASE_URL": url}).database_url
        two = [WrongPasswords(away, Clock()) for _ in range(2)]
        for one in two:
            assert [one.count("192.0.2.1") for _ in range(MOST + 1)] == [0] * MOST + [60]


def test_a_database_that_is_locked_keeps_nobody_waiting(engine, database_url):
    if engine.dialect.name != "sqlite":
        pytest.skip("writers of a server lock rows, not all of it")
    clock = Clock()
    one = WrongPasswords(database_url, clock)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM jobs")
        began = time.monotonic()
        assert [one.count("192.0.2.1") for _ in range(MOST)] == [0] * MOST
        assert time.monotonic() - began < 5
    clock.now += 11
    assert one.count("192.0.2.1") == 49
    with engine.connect() as connection:
        assert connection.execute(select(wrong_passwords.c.wrong)).scalars().all() == [MOST + 1]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "192.0.2.1", "203.0.113.9"),  # no proxy of ours: not believed
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "1.1.1.1, 192.0.2.1", "192.0.2.1"),  # what a client has made up stands before
        ("10.0.0.1", "1.1.1.1, 192.0.2.1, 10.9.9.9, 127.0.0.1", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, 999.1.1.1", "10.0.0.1"),
        ("10.0.0.1", ",,", "10.0.0.1"),
        ("", "192.0.2.1", ""),
    ],
)
def test_the_clients_own_address_counts_behind_trusted_proxies(peer, forwarded, expected):
    proxies = read_settings({"TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1"}).trusted_proxies
    assert client_address(peer, forwarded, proxies) == expected
    assert client_address(peer, forwarded, ()) in {expected, peer, peer.removeprefix("::ffff:")}


def test_all_addresses_of_an_ipv6_network_are_one_client():
    assert one_client("2001:db8:1:2:3:4:5:6") == one_client("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert one_client("2001:db8:1:3::1") != one_client("2001:db8:1:2::1")
    assert one_client("192.0.2.1") == "192.0.2.1"


def test_clients_behind_a_proxy_do_not_lock_each_other_out(engine, settings):
    proxies = read_settings({"TRUSTED_PROXIES": "10.0.0.1"}).trusted_proxies
    app = create_app(dataclasses.replace(settings, trusted_proxies=proxies))
    app.extensions["wrong_passwords"]._clock = Clock()
    client = app.test_client()
    proxy = {"REMOTE_ADDR": "10.0.0.1"}
    assert statuses(client, MOST + 1, HTTP_X_FORWARDED_FOR="192.0.2.1", **proxy) == {401: MOST, 429: 1}
    assert statuses(client, 1, HTTP_X_FORWARDED_FOR="192.0.2.2", **proxy) == {401: 1}
    assert statuses(client, 1, HTTP_X_FORWARDED_FOR="192.0.2.1") == {401: 1}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"TRUSTED_PROXIES": "10.0.0.1/8"}, "10.0.0.1/8 has host bits set"),
        ({"TRUSTED_PROXIES": "proxy"}, "'proxy' is no address or network"),
        ({"ALLOWED_HOSTS": "https://a.example"}, "'https://a.example' must be a host's name"),
        ({"ALLOWED_HOSTS": "a.example,*"}, "'\\*' must be a host's name"),
    ],
)
def test_names_and_proxies_that_are_none_are_told(values, sentence):
    with pytest.raises(SettingsError, match=sentence):
        read_settings(values)
