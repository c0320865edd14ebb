"""Each route says which role it needs, and takes no lower one."""

import base64
import re

import pytest

from hiring_api.users import accounts, passwords
from hiring_api.users.roles import ROLES, included
from hiring_api.web.http.auth import role_of
from tests import documented

OPEN = "/health/", "/docs", "/openapi.json"
# What each route needs, by its method; {resource} is each of the three. A new route belongs here, too
NEEDED = {
    "reader": {
        "GET /",
        "GET /console/1",
        "GET /me",
        "GET /{resource}",
        "GET /{resource}/1",
        "GET /overview",
        "GET /rejects",
        "GET /rejects/1",
        "GET /rejects/summary",
        "GET /metrics/hired-by-quarter",
        "GET /metrics/above-mean",
        "GET /backup/{resource}",
        "GET /backup/all",
        "GET /backups",
    },
    "writer": {
        "POST /{resource}",
        "POST /batch",
        "POST /upload/{resource}",
        "PATCH /{resource}/1",
        "DELETE /{resource}/1",
        "POST /rejects/1/row",
    },
    "operator": {
        "POST /restore/{resource}",
        "POST /restore/all",
        "POST /backups",
        "GET /backups/1",
        "DELETE /backups/1",
        "DELETE /rejects/1",
        "POST /backups/1/compare",
        "POST /backups/1/verify",
        "POST /backups/1/restore",
    },
}
PASSWORD = "correct horse of all"


@pytest.fixture
def users(engine):
    """A user of each role, named as the role, all with `PASSWORD`."""
    of = passwords.hashed(PASSWORD)
    for role in ROLES:
        accounts.add(engine, role, role, of)


def routes(app):
    """Method and path of each route that is not open."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        if not path.startswith(OPEN):
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield f"{method} {path}", role_of(app, rule.endpoint, method)


def general(call):
    return re.sub(r"\b(departments|jobs|employees)\b", "{resource}", call)


def test_every_route_says_which_role_it_needs(app):
    found = {role: set() for role in ROLES}
    for call, role in routes(app):
        assert role, f"{call}: put `@routes.needs(…)` on its view"
        found[role].add(general(call))
    assert found == NEEDED


def test_each_role_may_do_what_it_says_and_what_lower_ones_may(app, client, users):
    for call, needed in routes(app):
        method, path = call.split()
        for role in ROLES:
            answer = getattr(client, method.lower())(path, auth=(role, PASSWORD))
            if needed in included(role):
                assert answer.status_code not in {401, 403}, (call, role)
            else:
                assert answer.status_code == 403, (call, role)
                assert answer.json["detail"] == f"this needs the role {needed}, and yours is {role}"
                assert answer.json["role"] == needed


def test_what_is_refused_is_not_done(client, users):
    reader, writer = (("reader", PASSWORD), ("writer", PASSWORD))
    assert client.post("/jobs", json=[{"job": "x"}], auth=reader).status_code == 403
    assert client.post("/backups", auth=writer).status_code == 403
    avro = {"data": client.get("/backup/jobs").data, "content_type": "application/avro"}
    assert client.post("/jobs", json=[{"job": "Clerk"}], auth=writer).status_code == 201
    assert client.post("/restore/jobs", auth=writer, **avro).status_code == 403
    assert [row["job"] for row in client.get("/jobs", auth=reader).json["items"]] == ["Clerk"]
    assert client.get("/backups", auth=reader).json["items"] == []


def test_everybody_learns_who_he_is(client, users):
    assert client.get("/me").json == {"user": "tester", "role": "operator", "roles": list(ROLES)}
    assert client.get("/me", auth=("reader", PASSWORD)).json == {
        "user": "reader",
        "role": "reader",
        "roles": ["reader"],
    }


def test_the_document_names_the_role_of_each_operation(app):
    for call, role in routes(app):
        method, path = call.split()
        pattern = documented.operation(method, path)
        operation = documented.document()["paths"][pattern][method.lower()]
        assert operation["x-role"] == role, call
        assert role == "reader" or role in operation["responses"]["403"]["description"], call


def test_rejects_say_who_sent_the_row(client, users):
    client.post("/jobs", json=[{"job": ""}], auth=("writer", PASSWORD))
    client.post("/upload/jobs", data="7,\n", content_type="text/csv", auth=("operator", PASSWORD))
    client.post("/jobs", json=[{"job": ""}])
    shown = client.get("/rejects").json["items"]
    assert [reject["user"] for reject in shown] == ["tester", "operator", "writer"]
    lines = client.get("/rejects", headers={"Accept": "text/csv"}).text.splitlines()
    assert [line.rpartition(",")[2] for line in lines] == ["user", "tester", "operator", "writer"]


def test_no_user_gets_the_answer_of_another_ones_key(client, users):
    key = {"Idempotency-Key": "k1"}
    first = client.post("/jobs", json=[{"job": "a"}], headers=key, auth=("writer", PASSWORD))
    again = client.post("/jobs", json=[{"job": "a"}], headers=key, auth=("writer", PASSWORD))
    other = client.post("/jobs", json=[{"job": "a"}], headers=key, auth=("operator", PASSWORD))
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert "Idempotency-Replayed" not in other.headers
    assert other.json["results"][0]["id"] == 2
    refused = client.post("/jobs", json=[{"job": "a"}], headers=key, auth=("reader", PASSWORD))
    assert refused.status_code == 403


def test_the_log_says_who_and_never_the_password(client, users, caplog):
    client.post("/backups", auth=("reader", PASSWORD))
    client.get("/me", auth=("reader", "a wrong password"))
    assert "reader has the role reader, not operator" in caplog.text
    assert PASSWORD not in caplog.text
    assert "a wrong password" not in caplog.text


def test_letters_beyond_ascii_work_in_the_passwords_of_users(client, engine):
    accounts.add(engine, "zoe", "reader", passwords.hashed("pässwörd 密 🎉 zoë"))
    for spelling in ("utf-8",):
        token = base64.b64encode("zoe:pässwörd 密 🎉 zoë".encode(spelling)).decode()
        assert client.get("/me", auth=None, headers={"Authorization": f"Basic {token}"}).json["user"] == "zoe"
    token = base64.b64encode("zoe:pässwörd".encode("latin-1")).decode()
    refused = client.get("/me", auth=None, headers={"Authorization": f"Basic {token}"})
    assert refused.status_code == 401
