"""The OpenAPI document: complete, true to what the API does, and of use to those who generate clients."""

import os
import re
from contextlib import suppress
from graphlib import TopologicalSorter

import jsonschema_rs
import openapi_spec_validator
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

from hiring_api.model.tables import resource, tables
from hiring_api.web.http.routing import Routes
from tests import documented

NAMES = [resource(table) for table in tables()]
OPEN = {"/health/live", "/health/metrics"}
OPEN_WITHOUT_QUERY = "/health/ready"
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
        assert operation.get("description"), path
        expected = {"406", "408", "414", "422", "431", "500", "503"}
        if path in OPEN:
            assert operation["security"] == []
        elif path == OPEN_WITHOUT_QUERY:
            assert operation["security"] == [{}, {"basic": []}]
            expected |= {"401", "429"}
        else:
            role = operation["x-role"]
            assert role in {"reader", "writer", "operator"}
            assert f"Needs the role `{role}`." in operation["description"]
            expected |= {"401", "429"}
        if method in {"post", "patch", "delete"}:
            expected |= {"403", "409", "507"}
        if "304" in operation["responses"]:
            expected.add("412")
        if "{" in path:
            expected.add("404")
        if "requestBody" in operation:
            expected |= {"400", "413", "415"}
        assert expected <= operation["responses"].keys(), path
        for status in expected:
            assert "application/problem+json" in operation["responses"][status]["content"], path


def test_operations_parameters_schemas_and_their_members_are_described(document):
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for member, described in schema["properties"].items():
            refers = described.keys() & {"$ref", "anyOf"}  # to a schema that is described
            assert refers or described.get("description"), (name, member)
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        for parameter in parameters(document, method, path):
            assert parameter["description"], (method, path, parameter["name"])
            assert "example" in parameter or parameter["schema"]["examples"], (
                method,
                path,
                parameter["name"],
            )


def parameters(document, method, path):
    item = document["paths"][path]
    return [*item.get("parameters", []), *item[method].get("parameters", [])]


def examples(described):
    """The examples of a body that are in the document itself."""
    if "example" in described:
        return [described["example"]]
    return [example["value"] for example in described.get("examples", {}).values()]


def test_the_document_is_valid_and_its_examples_match_their_schemas(document):
    openapi_spec_validator.validate(document)
    for method, path, operation in operations(document):
        for parameter in parameters(document, method, path):
            for example in parameter["schema"].get("examples", []) or [parameter["example"]]:
                jsonschema_rs.Draft202012Validator(parameter["schema"]).validate(example)
        for body in [operation.get("requestBody", {}), *operation["responses"].values()]:
            for media_type, described in body.get("content", {}).items():
                binary = described["schema"].get("format") == "binary"
                if media_type != "multipart/form-data" and (
                    body is operation.get("requestBody") or not binary
                ):
                    assert described.keys() & {"example", "examples", "x-example-from"}, (
                        method,
                        path,
                        media_type,
                    )
                schema = {"components": document["components"], **described["schema"]}
                for example in examples(described):
                    jsonschema_rs.Draft202012Validator(schema).validate(example)


def references(value):
    """The names of the schemas that a part of the document refers to."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for member in value.values():
            yield from references(member)
    if isinstance(value, list):
        for member in value:
            yield from references(member)


def test_the_document_has_the_bounds_of_ids_texts_and_batches(document):
    """They are those of the contract: the rules for rows, and 1 to 1000 rows in a request."""
    properties = document["components"]["schemas"]["HiredEmployeesNewRow"]["properties"]
    integer = {"type": "integer", "minimum": 1, "maximum": 2147483647}
    assert properties["id"].items() >= integer.items()
    assert properties["department_id"].items() >= integer.items()
    assert properties["name"].items() >= {"type": "string", "minLength": 1, "maxLength": 255}.items()
    for name in NAMES:
        body = document["paths"][f"/{name}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert (body["oneOf"][0]["minItems"], body["oneOf"][0]["maxItems"]) == (1, 1000)


def test_no_schema_contains_itself(document):
    schemas = document["components"]["schemas"]
    order = TopologicalSorter({name: set(references(schema)) for name, schema in schemas.items()})
    assert set(order.static_order()) == schemas.keys()


def test_defaults_are_values_of_their_parameters(document):
    for method, path, operation in operations(document):
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            jsonschema_rs.Draft202012Validator({"properties": {"value": schema}}).validate(
                {"value": schema["default"]} if "default" in schema else {}
            )
            assert not {"Limit(", "None"} & set(map(str, schema.values())), (method, path, schema)
            assert "null" not in schema["type"], (method, path, parameter["name"])


def test_each_parameter_that_a_route_takes_is_in_the_document(document):
    def names(method, path):
        return {parameter["name"] for parameter in document["paths"][path][method]["parameters"]}

    assert {"mode", "dry_run", "ignore_extra", "keep"} == names("post", "/restore/all")
    assert {"mode", "dry_run", "keep", "other_database"} == names("post", "/backups/{name}/restore")
    assert {"resolved", "before", "limit", "run", "source", "table"} <= names("get", "/rejects")
    assert {"If-None-Match", "If-Match"} <= names("get", "/rejects")


def test_an_answer_that_is_not_in_the_document_fails_a_test():
    headers = {"X-Request-ID": "r", "Content-Type": "application/json"}
    documented.check("GET", "/health/live", 200, headers, b'{"status": "ok"}')
    for status, media_type, body in (
        (202, "application/json", b'{"status": "ok"}'),
        (200, "text/plain", b'{"status": "ok"}'),
        (200, "application/json", b'{"status": 1}'),
        (200, "application/json", b'{"status": "ok", "more": 1}'),
        (503, "application/problem+json", b'{"status": 503}'),
    ):
        with pytest.raises(AssertionError):
            documented.check("GET", "/health/live", status, {**headers, "Content-Type": media_type}, body)


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
