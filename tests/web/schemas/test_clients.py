"""Clients that are generated from the OpenAPI document: they compile, and their calls get what they ask."""

import compileall
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import openapi_tools
from tests.serving import Serving

TOO_LONG = {
    "field": "department",
    "code": "too_long",
    "message": "department must have at most 255 characters, not 256",
}


@pytest.fixture
def api(root, tmp_path):
    """The API on an empty database, and its document in a file."""
    with Serving(root, f"sqlite:///{tmp_path}/hiring.db", tmp_path) as api:
        (tmp_path / "openapi.json").write_bytes(api.call("GET", "/openapi.json")[2])
        yield api


def test_a_client_in_python_sends_a_batch_lists_and_downloads(api, tmp_path, monkeypatch):
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
    assert compileall.compile_dir(tmp_path / "generated", quiet=1)
    monkeypatch.syspath_prepend(tmp_path)
    base = importlib.import_module("generated")
    models = importlib.import_module("generated.models")
    post, list_rows, get_backup, above_mean = (
        importlib.import_module(f"generated.api.{name}")
        for name in (
            "batch.post_batch",
            "departments.list_departments",
            "backup.backup_all",
            "metrics.above_mean",
        )
    )
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
        listed = list_rows.sync_detailed(client=client, limit=1, total=True)
        backup = get_backup.sync_detailed(client=client)
        metric = above_mean.sync_detailed(client=client, year=2021)
    assert (int(answer.status_code), answer.parsed) == (207, again.parsed)
    assert [one.to_dict() for one in answer.parsed.departments.results] == [
        {"index": 0, "status": "inserted", "id": 1},
        {"index": 1, "status": "failed", "id": None, "errors": [TOO_LONG]},
    ]
    assert [error.code for error in answer.parsed.employees.results[0].errors] == ["unknown_reference"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert json.loads(listed.content) == {
        "items": [{"id": 1, "department": "x"}],
        "next": None,
        "total": 1,
    }
    assert backup.content == api.call("GET", "/backup/all")[2]
    assert json.loads(metric.content)["totals"] == {"mean": 0.0, "hired": 0, "departments": 1}


@pytest.mark.skipif(
    not openapi_tools.installed() and not openapi_tools.required(),
    reason="the packages of .ci/openapi are not installed: run `make test`, with Node.js",
)
def test_a_client_in_typescript_compiles_and_sends_a_batch_lists_and_downloads(api, root, tmp_path):
    folder = tmp_path / "typescript"
    folder.mkdir()
    shutil.copy(root / "tests" / "web" / "schemas" / "client.ts", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(openapi_tools.FOLDER / "node_modules")
    for command in (
        ["openapi-typescript", tmp_path / "openapi.json", "--output", folder / "api.d.ts"],
        ["tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "client.ts"],
    ):
        made = openapi_tools.run(*command, folder=folder)
        assert made.returncode == 0, made.stdout + made.stderr
    command = ["node", "client.js", f"http://127.0.0.1:{api.port}", "u", "p"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    counts = {"received": 2, "inserted": 1, "updated": 0, "skipped": 0, "failed": 1}
    results = [
        {"index": 0, "status": "inserted", "id": 1},
        {"index": 1, "status": "failed", "id": None, "errors": [TOO_LONG]},
    ]
    batch = {"table": "departments", "mode": "partial", "dry_run": False, **counts, "results": results}
    assert json.loads(printed) == {
        "batch": [207, {"departments": batch}],
        "replayed": "true",
        "list": [200, ["Law"], 1],
        "wrong": [422, "query parameter limit: must be a whole number from 1 to 1000"],
        "backup": [200, len(api.call("GET", "/backup/all")[2])],
    }
