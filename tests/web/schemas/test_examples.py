"""The examples of the OpenAPI document, sent to a server with the sample data, get the answers it shows."""

import json
from itertools import count
from urllib.parse import urlencode

import pytest

from hiring_api.database.engine import open_engine
from tests.conftest import empty
from tests.pages import usual
from tests.serving import Serving, load_samples

# Of the rest, figures and texts tell of the database at hand: there the form of the answer is compared alone
EXACT = ("/departments", "/jobs", "/employees", "/batch", "/upload/", "/metrics/", "/health/")
# Parameters that go with another one, or with another form of the answer
WITH = {"format": {"table": "employees"}}
ACCEPT = {"bom": "text/csv"}
BOUNDARY = "part-of-a-form"


@pytest.fixture
def api(root, database_url, tmp_path):
    """The API on the sample data."""
    url = database_url.render_as_string(hide_password=False)
    engine = open_engine(database_url)
    empty(engine)
    load_samples(root, url, tmp_path)
    with Serving(root, url, tmp_path, BACKUP_DIR=str(tmp_path / "backups"), BACKUP_KEEP="3") as api:
        yield api
    empty(engine)
    engine.dispose()


class Caller:
    """Sends the examples of operations."""

    def __init__(self, api):
        self.api = api
        api.call("POST", "/backups")
        self.document = json.loads(api.call("GET", "/openapi.json")[2])
        self.numbers = count(1)  # of rejects; one can be corrected or erased once

    def operations(self):
        """Method, path and operation; those that change or delete something come later."""
        found = [
            (method, path, item[method])
            for path, item in self.document["paths"].items()
            for method in item
            if method != "parameters"
        ]
        order = ("get", "/restore", "post", "patch", "delete")
        return sorted(
            found, key=lambda one: order.index("/restore" if one[1].startswith("/restore") else one[0])
        )

    def address(self, method, path):
        """The path with its examples; what may be taken or in use already is one that has just been made."""
        values = {one["name"]: one["example"] for one in self.document["paths"][path].get("parameters", [])}
        if "name" in values:
            values["name"] = json.loads(self.api.call("POST", "/backups")[2])["name"]
        if "reject_id" in values and method != "get":
            values["reject_id"] = next(self.numbers)
        if "row_id" in values and method == "delete":
            resource = path.split("/")[1]
            content = self.document["paths"][f"/{resource}"]["post"]["requestBody"]["content"]
            row = content["application/json"]["examples"]["taken"]["value"]
            made = json.loads(self.api.call("POST", f"/{resource}", row)[2])
            values["row_id"] = made["results"][0]["id"]
        return path.format(**values)

    def bodies(self, operation):
        """The examples of a request: media type, the name of the example, and the body."""
        content = operation.get("requestBody", {}).get("content", {"": {"example": b""}})
        for media_type, described in content.items():
            if media_type == "multipart/form-data":
                _, name, whole = next(self.bodies(operation))
                yield f"multipart/form-data; boundary={BOUNDARY}", name, as_form(whole)
                continue
            if "x-example-from" in described:
                yield media_type, "", self.api.call("GET", described["x-example-from"])[2]
                continue
            examples = described.get("examples") or {"": {"value": described["example"]}}
            for name, example in examples.items():
                yield media_type, name, as_bytes(example["value"])

    def send(self, method, path, media_type, body, query=None, headers=None):
        """Status, media type and body of an answer."""
        address = self.address(method, path)
        sent = {"Content-Type": media_type or "application/json", "Accept": "*/*", **(headers or {})}
        query = {name: json.dumps(value).strip('"') for name, value in (query or {}).items()}
        target = f"{address}?{urlencode(query)}" if query else address
        status, answered, content = self.api.call(method.upper(), target, body or None, sent)
        return status, answered.get("Content-Type", "").split(";")[0], content


def as_bytes(value):
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def as_form(file):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="it"\r\n\r\n'
    return head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def answers(operation, name):
    """The documented good answers; those that have the name of a request's example, where there are such."""
    found = {status: one for status, one in operation["responses"].items() if status < "300"}
    named = {
        status: one
        for status, one in operation["responses"].items()
        if any(name in described.get("examples", {}) for described in one.get("content", {}).values())
    }
    return {int(status): one.get("content", {}) for status, one in (named or found).items()}


def differences(described, name, content, where, *, exact):
    """In what an answer is not like its example."""
    named = described.get("examples", {}).get(name, {})
    example = named.get("value", described.get("example"))
    if example is None:
        return [] if described["schema"]["format"] == "binary" else [(where, "no example")]
    if isinstance(example, str):
        begins = content.decode().startswith(example.partition("…")[0])
        return [] if begins else [(where, example, content[:200])]
    return list(unlike(usual_of(example), usual_of(json.loads(content)), where, exact))


def usual_of(value):
    """A JSON value with the same times, names and digests in each run."""
    return json.loads(usual(json.dumps(value)))


def unlike(example, answer, where, exact):
    """Where an answer is of another form than its example or, if `exact`, says something else.

    A list may have more items; ids, and what is null in one of them, may differ.
    """
    if example is None or answer is None:
        return
    if isinstance(example, dict) and isinstance(answer, dict) and example.keys() == answer.keys():
        for name, value in example.items():
            yield from unlike(value, answer[name], f"{where} {name}", exact and name != "id")
    elif isinstance(example, list) and isinstance(answer, list) and len(answer) >= len(example):
        for index, value in enumerate(answer if example else ()):
            within = index < len(example)
            yield from unlike(example[index if within else 0], value, f"{where} {index}", exact and within)
    elif (
        type(example) is not type(answer)
        or isinstance(example, (dict, list))
        or (exact and example != answer)
    ):
        yield where, example, answer


def test_each_example_of_a_request_gets_the_example_of_an_answer(api):
    caller, wrong = Caller(api), []
    for method, path, operation in caller.operations():
        for media_type, name, body in caller.bodies(operation):
            documented = answers(operation, name)
            [content, *_] = documented.values()
            for wanted in content.keys() - {"application/problem+json"} or [""]:
                where = f"{method} {path} {media_type} {name} {wanted}"
                if wanted == "text/css":
                    continue  # the example of a path is a script
                headers = {"Accept": wanted or "*/*"}
                status, answered, body_of_answer = caller.send(
                    method, path, media_type, body, headers=headers
                )
                if status not in documented or (wanted and answered != wanted):
                    wrong.append((where, status, answered, body_of_answer))
                elif wanted:
                    # A file that was sent once already, as it is
                    exact = path.startswith(EXACT) and not media_type.startswith("multipart")
                    described = documented[status][wanted]
                    wrong += differences(described, name, body_of_answer, where, exact=exact)
    assert not wrong, "\n".join(map(str, wrong))


def test_each_example_of_a_parameter_is_taken(api):
    caller, wrong = Caller(api), []
    for method, path, operation in caller.operations():
        media_type, _, body = next(caller.bodies(operation))
        for parameter in operation["parameters"]:
            own = parameter["name"]
            [example] = parameter["schema"]["examples"]
            query = {own: example, **WITH.get(own, {})} if parameter["in"] == "query" else {}
            headers = {own: example} if parameter["in"] == "header" else {}
            headers |= {"Accept": ACCEPT[own]} if own in ACCEPT else {}
            status, wanted, content = caller.send(method, path, media_type, body, query, headers)
            where = f"{method} {path} {own}={example}"
            if status >= 400:
                wrong.append((where, content))
            described = operation["responses"].get(str(status), {}).get("content", {}).get(wanted, {})
            if "dry_run" in described.get("examples", {}):
                wrong += differences(described, own, content, where, exact=path.startswith(EXACT))
    assert not wrong, "\n".join(map(str, wrong))
