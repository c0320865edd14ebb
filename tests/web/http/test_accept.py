"""Which form an answer comes in, as `Accept` asks for it; 406 for what cannot be had."""

import re

import pytest

from tests.documented import document
from tests.rows_of_all import everything, fill

CONTENT = {
    "application/json": b"[]",
    "text/csv": b"id,job\n9,New\n",
    "application/avro": b"",
    "application/zip": b"",
}


@pytest.fixture
def filled(client):
    return fill(client)


def operations():
    for pattern, item in document()["paths"].items():
        for method in sorted({"get", "post", "delete"} & item.keys()):
            body = item[method].get("requestBody", {"content": {"": {}}})
            yield method, pattern, next(iter(body["content"]))


@pytest.mark.parametrize("accept", ["image/png", "text/*;q=0, application/xml", "json"])
def test_no_route_answers_in_a_form_that_the_client_does_not_take_and_none_does_anything(filled, accept):
    name = filled.post("/backups").json["name"]
    before = everything(filled)
    for method, pattern, media_type in operations():
        path = re.sub(r"\{\w+\}", lambda found: name if found[0] == "{name}" else "1", pattern)
        sent = {"data": CONTENT[media_type], "content_type": media_type} if media_type else {}
        answer = filled.open(path, method=method.upper(), headers={"Accept": accept}, **sent)
        assert (answer.status_code, answer.mimetype) == (406, "application/problem+json"), pattern
        assert answer.json["detail"].startswith("the answer comes as ")
    assert everything(filled) == before
    assert [item["name"] for item in filled.get("/backups").json["items"]] == [name]
    assert filled.get("/rejects").json["items"] == []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/"])
def test_the_documentation_has_one_form(client, path):
    assert client.get(path).status_code < 400
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/csv; charset=utf-8", "text/csv"),
        ("TEXT/CSV;header=present", "text/csv"),
        ("text/csv;q=0.9, application/json;q=0.8", "text/csv"),
        ("text/csv;q=0.8, application/json;charset=utf-8;q=0.9", "application/json"),
        ("text/csv, */*", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json, text/plain, */*", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/*;q=0.5, application/json;q=0.1", "application/x-ndjson"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json"),
    ],
)
def test_the_form_that_the_client_likes_best_is_sent(filled, accept, form):
    answer = filled.get("/jobs", headers={} if accept is None else {"Accept": accept})
    assert (answer.status_code, answer.mimetype, answer.headers["Vary"]) == (200, form, "Accept")
