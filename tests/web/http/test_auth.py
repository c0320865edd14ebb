"""Who may call, and from where."""

import base64
import dataclasses

import pytest

from hiring_api.settings import SettingsError, read_settings
from hiring_api.web.app import create_app

RIGHT = ("tester", "correct horse")
REFUSED = {
    "type": "about:blank",
    "title": "Unauthorized",
    "status": 401,
    "detail": "send the API's user and password by HTTP Basic",
    "request_id": "t1",
}


def basic(text):
    return {"Authorization": "Basic " + base64.b64encode(text).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(b"tester:wrong"),
        basic(b"wrong:correct horse"),
        basic(b"tester:"),
        basic(b":"),
        basic(b"tester"),
        basic(b"tester:correct horse\0"),
        basic(b"TESTER:correct horse"),
        basic("tester:pässword".encode("latin-1")),
        basic(b"\xff\xfe:\xff"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer correct horse"},
        {"Authorization": "Basic " + "A" * 5000},
    ],
)
def test_no_or_wrong_credentials_are_401_and_write_nothing(client, headers):
    headers = {"X-Request-ID": "t1", **headers}
    answer = client.post("/jobs", auth=None, json=[{"job": "x"}], headers=headers)
    assert (answer.status_code, answer.json) == (401, REFUSED)
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="hiring"'
    assert answer.mimetype == "application/problem+json"
    assert client.get("/jobs").json["items"] == []


def test_every_route_but_health_and_documentation_needs_credentials(app):
    client = app.test_client()
    open_routes = set()
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<path:path>", "index.css").replace("<path:filename>", "x")
        for name in rule.arguments:
            path = path.replace(f"<{name}>", "1")
        path = path if "<" not in path else path[: path.index("<")] + "1"
        method = next(iter(sorted(rule.methods - {"HEAD", "OPTIONS"})))
        with client.open(path, method=method) as answer:
            if answer.status_code != 401:
                open_routes.add(rule.rule)
    others = {route for route in open_routes if not route.startswith(("/health/", "/docs"))}
    assert others == {"/openapi.json"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Origin": "http://localhost"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:8001"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"}, 201),
        ({"Origin": "http://[::1]:8000", "Host": "[::1]:8000"}, 201),
        ({"Host": "evil.example"}, 201),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, 403),
    ],
)
def test_what_another_site_makes_a_browser_send_changes_nothing(client, headers, status):
    answer = client.post("/jobs", json=[{"job": "x"}], headers=headers)
    assert answer.status_code == status
    assert len(client.get("/jobs").json["items"]) == (status == 201)


@pytest.mark.parametrize(
    "settings", [{}, {"API_USER": "a"}, {"API_PASS": "a"}, {"API_USER": "a", "API_PASS": ""}]
)
def test_without_credentials_the_api_refuses_to_start_and_says_why(settings):
    with pytest.raises(
        SettingsError, match=r"API_USER and API_PASS .* must be set: there is no default password"
    ):
        create_app(read_settings(settings))


def test_letters_beyond_ascii_work_in_passwords(engine, settings):
    client = create_app(dataclasses.replace(settings, api_pass="pässwörd 密")).test_client()
    assert client.get("/jobs", auth=("tester", "pässwörd 密")).status_code == 200
    assert client.get("/jobs", auth=("tester", "pässwörd")).status_code == 401


@pytest.mark.parametrize("path", ["/jobs", "/no/such/place"])
def test_which_methods_a_route_takes_is_told_to_those_who_may_call(client, path):
    for auth in (None, ("tester", "wrong"), ("", "")):
        refused = client.options(path, auth=auth)
        assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
        assert refused.headers["WWW-Authenticate"] == 'Basic realm="hiring"'
    allowed = client.options("/jobs").headers["Allow"].split(", ")
    assert sorted(allowed) == ["GET", "HEAD", "OPTIONS", "POST"]


def with_settings(settings, **values):
    return create_app(dataclasses.replace(settings, **values)).test_client()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("hiring.example", 200),
        ("HIRING.example:8000", 200),
        ("10.0.0.7:8000", 200),
        ("10.0.0.7", 400),
        ("evil.example", 400),
        ("hiring.example.evil.example", 400),
        ("localhost", 400),
    ],
)
def test_where_our_names_are_known_others_are_refused(engine, settings, host, status):
    client = with_settings(settings, allowed_hosts=("hiring.example", "10.0.0.7:8000"))
    answer = client.get("/jobs", auth=RIGHT, headers={"Host": host})
    assert answer.status_code == status
    origin = {"Host": host, "Origin": f"https://{host}"}
    assert client.post("/jobs", auth=RIGHT, json=[], headers=origin).status_code == (
        422 if status == 200 else 400
    )
    assert client.get("/health/live", headers={"Host": host}).status_code == 200


def test_a_server_for_other_machines_takes_any_name_until_ours_are_set(engine, settings):
    client = with_settings(settings, api_host="0.0.0.0")
    headers = {"Host": "hiring.example", "Origin": "https://hiring.example"}
    assert client.post("/jobs", auth=RIGHT, json=[{"job": "x"}], headers=headers).status_code == 201


@pytest.mark.parametrize("path", ["/jobs//1", "/health//live?limit=1", "/docs//x"])
def test_no_redirect_repeats_a_made_up_host(client, path):
    answer = client.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 308
    assert answer.headers["Location"] == path.replace("//", "/")
    assert b"evil" not in answer.data


def test_rows_are_not_to_be_stored_by_browsers_or_proxies(client):
    client.post("/jobs", json=[{"id": 1, "job": "x"}])
    rows = ["/jobs", "/jobs/1", "/rejects", "/metrics/above-mean", "/backup/jobs", "/backup/all", "/none"]
    for path in rows:
        assert client.get(path).headers["Cache-Control"] == "no-store"
    assert client.post("/jobs", json=[{"job": "y"}]).headers["Cache-Control"] == "no-store"
    csv = client.get("/jobs", headers={"Accept": "text/csv"})
    assert csv.headers["Cache-Control"] == "no-store"
    assert "no-store" not in client.get("/docs/swagger-ui.css").headers.get("Cache-Control", "")
