"""The OpenAPI document: complete, true to what the API does, and of use to those who generate clients."""

import importlib
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hiring_api.data.tables import resource, tables
from hiring_api.web.extensions import Routes
from tests.serving import Serving

NAMES = [resource(table) for table in tables()]
OPEN = {"/health/live", "/health/ready", "/health/metrics"}
EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "10"))  # of requests, for each operation
CHECKED = list(HealthCheck)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]


@pytest.fixture
def document(client):
    """The document as it is served."""
    return client.get("/openapi.json").json


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method, path, operation


def test_every_route_is_documented_under_a_name_of_its_own(app, document):
    documented = {(method.upper(), path) for method, path, _ in operations(document)}
    own = {name for name, blueprint in app.blueprints.items() if isinstance(blueprint, Routes)}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.rpartition(".")[0] in own:
            path = re.sub(r"<(?:[^<>:]*:)?(\w+)>", r"{\1}", str(rule))
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                assert (method, path) in documented
    names = [operation.get("operationId") for _, _, operation in operations(document)]
    assert None not in names
    assert len(set(names)) == len(names)


def test_every_operation_names_its_problems_and_who_may_call_it(document):
    assert document["security"] == [{"basic": []}]
    assert document["components"]["securitySchemes"] == {"basic": {"type": "http", "scheme": "basic"}}
    for method, path, operation in operations(document):
        assert operation.get("summary"), path
        expected = {"422", "500", "503"}
        if path in OPEN:
            assert operation["security"] == []
        else:
            assert "security" not in operation
            expected.add("401")
        if method in {"post", "delete"}:
            expected.add("403")
        if "requestBody" in operation:
            expected |= {"400", "413", "415"}
        assert expected <= operation["responses"].keys(), path
        for status in expected:
            assert "application/problem+json" in operation["responses"][status]["content"], path


def test_the_examples_of_bodies_are_taken(client, document):
    for name in NAMES:
        content = document["paths"][f"/{name}"]["post"]["requestBody"]["content"]
        for index, (media_type, described) in enumerate(content.items()):
            sent = {"data": described["example"], "content_type": media_type}
            if media_type == "application/json":
                sent = {"json": described["example"]}
            response = client.post(f"/{name}?on_conflict=update", **sent)
            assert (response.status_code, response.json["updated"]) == (201, int(index > 0))
    body = document["paths"]["/batch"]["post"]["requestBody"]["content"]["application/json"]["example"]
    assert client.post("/batch?on_conflict=skip", json=body).status_code == 201


@pytest.mark.filterwarnings("ignore:.*unclosed file")  # schemathesis does not close answers
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_generated_requests_get_documented_answers_and_never_a_500(app, client, mode):
    client.post("/departments", json={"id": 1, "department": "First"})
    client.post("/jobs", json={"id": 1, "job": "First"})
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    for found in schema.get_all_operations():
        send_some(found.ok().as_strategy(generation_mode=mode))


def send_some(requests):
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=CHECKED
    )
    @given(requests)
    def send(case):
        case.call_and_validate(checks=CHECKS, auth=("tester", "correct horse"))

    with suppress(Unsatisfiable):  # nothing that such a request has could be wrong
        send()


def test_a_generated_client_posts_a_batch_and_reads_what_came_of_each_row(root, tmp_path, monkeypatch):
    with Serving(root, f"sqlite:///{tmp_path}/hiring.db", tmp_path) as api:
        (tmp_path / "openapi.json").write_bytes(api.call("GET", "/openapi.json")[2])
        generator = Path(sys.executable).with_name("openapi-python-client")
        command = [
            generator,
            "generate",
            "--path",
            "openapi.json",
            "--meta",
            "none",
            "--output-path",
            "generated",
        ]
        made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stdout + made.stderr
        monkeypatch.syspath_prepend(tmp_path)
        base = importlib.import_module("generated")
        post = importlib.import_module("generated.api.batch.post_batch")
        models = importlib.import_module("generated.models")
        client = base.AuthenticatedClient(
            base_url=f"http://127.0.0.1:{api.port}",
            prefix="Basic",
            token="dTpw",  # u:p
        )
        rows = [models.DepartmentsNewRow(id=number, department="x" * number) for number in (1, 256)]
        employee = models.HiredEmployeesNewRow.from_dict(
            {"name": "Ana", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}
        )
        body = models.PostBatchBody(departments=rows, employees=[employee])
        with client:
            answer = post.sync_detailed(client=client, body=body, idempotency_key="generated-1")
            again = post.sync_detailed(client=client, body=body, idempotency_key="generated-1")
    assert (int(answer.status_code), answer.parsed) == (207, again.parsed)
    assert [one.to_dict() for one in answer.parsed.departments.results] == [
        {"index": 0, "status": "inserted", "id": 1},
        {
            "index": 1,
            "status": "failed",
            "id": None,
            "errors": [
                {
                    "field": "department",
                    "code": "too_long",
                    "message": "department must have at most 255 characters, not 256",
                }
            ],
        },
    ]
    assert [error.code for error in answer.parsed.employees.results[0].errors] == ["unknown_reference"]
    assert again.headers["Idempotency-Replayed"] == "true"
