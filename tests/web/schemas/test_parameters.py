"""Query parameters, on every route that there is: unknown, misspelt or given twice, they are refused."""

import pytest

from hiring_api.model.tables import resource, tables

NAMES = [resource(table) for table in tables()]
ROW = {"departments": {"department": "x"}, "jobs": {"job": "x"}}


def addresses(app):
    """Every route's method and path, with something in the place of what varies."""
    for rule in app.url_map.iter_rules():
        values = {name: 7 if name.endswith("id") else "x" for name in rule.arguments}
        with app.test_request_context():
            path = rule.build(values)[1]
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield method, path


def test_every_route_refuses_a_parameter_that_it_does_not_have(app, client):
    found = list(addresses(app))
    assert ("POST", "/employees") in found
    assert ("GET", "/openapi.json") in found
    for method, path in found:
        response = client.open(f"{path}?nonsense=1", method=method)
        assert (response.status_code, response.json["detail"]) == (
            422,
            "query parameter nonsense: there is no such parameter",
        ), (method, path)


BATCH = {"mode": "partial", "dry_run": "false", "on_conflict": "error", "return": "all"}
LIST = {"limit": "10", "after": "0"}
EMPLOYEES = {"department_id": "1", "job_id": "1", "hired_from": "2021-01-01", "hired_until": "2022-01-01"}
ROUTES = [
    *[("POST", f"/{name}", BATCH) for name in [*NAMES, "batch"]],
    *[("GET", f"/{name}", LIST) for name in NAMES],
    ("GET", "/employees", EMPLOYEES),
    ("GET", "/metrics/hired-by-quarter", {"year": "2021", "ids": "true"}),
    ("GET", "/metrics/above-mean", {"from": "2021-01-01", "until": "2022-01-01", "department_id": "1"}),
]


@pytest.mark.parametrize(("method", "path", "parameters"), ROUTES)
def test_a_parameter_twice_or_in_another_spelling_is_refused(client, method, path, parameters):
    for name, value in parameters.items():
        twice = client.open(f"{path}?{name}={value}&{name}={value}", method=method)
        assert (twice.status_code, twice.json["detail"]) == (
            422,
            f"query parameter '{name}' is given more than once",
        )
        for other in (name.upper(), f"{name}[]", f"{name} ", name.replace("_", "-") + "x"):
            response = client.open(path, query_string={other: value}, method=method)
            assert (response.status_code, response.json["errors"]) == (
                422,
                [{"field": other, "message": "there is no such parameter"}],
            )


WHOLE = "must be a whole number from "
WRONG = [
    ("POST", "/batch", "mode", ["", "Partial", "all"], "must be one of partial, atomic"),
    ("POST", "/jobs", "dry_run", ["", "1", "True", "yes"], "must be true or false"),
    ("POST", "/jobs", "on_conflict", ["", "ignore"], "must be one of error, skip, update"),
    ("POST", "/jobs", "return", ["", "minimal"], "must be one of all, failed, summary"),
    (
        "GET",
        "/jobs",
        "limit",
        ["", "0", "1001", "-1", "+1", "1.0", "1e2", " 1", "٣", "x"],
        WHOLE + "1 to 1000",
    ),
    ("GET", "/jobs", "after", ["", "-1", "2147483648", "9" * 5000], WHOLE + "0 to 2147483647"),
    ("GET", "/employees", "job_id", ["", "0", "2147483648", "1,2"], WHOLE + "1 to 2147483647"),
    (
        "GET",
        "/employees",
        "hired_from",
        ["", "2021", "2021-02-30", "2021-01-01T00:00", "0999-01-01", "yesterday"],
        "must be a date or a date and time such as 2021-07-27T16:02:08Z",
    ),
    ("GET", "/metrics/hired-by-quarter", "ids", ["", "1", "yes"], "must be true or false"),
    ("GET", "/metrics/hired-by-quarter", "department_id", ["", "0", "1,2"], WHOLE + "1 to 2147483647"),
    (
        "GET",
        "/metrics/above-mean",
        "until",
        ["", "2021", "2021-02-30"],
        "must be a date or a date and time such as 2021-07-27T16:02:08Z",
    ),
    ("GET", "/metrics/above-mean", "year", ["", "999", "10000", "2021.0", "MMXXI"], WHOLE + "1000 to 9999"),
]


@pytest.mark.parametrize(("method", "path", "name", "values", "message"), WRONG)
def test_a_parameter_of_a_wrong_value_is_refused(client, method, path, name, values, message):
    for value in values:
        response = client.open(path, query_string={name: value}, method=method, headers={"X-Request-ID": "r"})
        assert response.status_code == 422, value
        assert response.json == {
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": f"query parameter {name}: {message}",
            "request_id": "r",
            "errors": [{"field": name, "message": message}],
        }
