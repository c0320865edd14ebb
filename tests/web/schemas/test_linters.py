"""`tests.openapi_tools`: the linters of `make lint` find what is wrong; it says if there is no Node.js."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests import openapi_tools
from tests.documented import document

needs_node = pytest.mark.skipif(
    not openapi_tools.installed() and not openapi_tools.required(),
    reason="the packages of .ci/openapi are not installed: run `make test`, with Node.js",
)


@needs_node
def test_both_linters_are_content_and_each_tells_what_is_wrong():
    assert openapi_tools.findings(document()) == ""
    wrong = json.loads(json.dumps(document()))
    del wrong["paths"]["/me"]["get"]["operationId"]
    wrong["paths"]["/me"]["get"]["responses"]["200"]["content"]["application/json"]["example"]["user"] = 7
    found = openapi_tools.findings(wrong)
    redocly, spectral = found.split("spectral: ")
    assert "operation-operationId" in redocly
    assert "oas3-valid-media-example" in spectral


@pytest.mark.parametrize(
    ("environ", "status"), [({}, 0), ({"CI": "true"}, 1), ({"CI": "true", "REQUIRE_NODE": "0"}, 0)]
)
def test_without_node_it_is_said_loudly_and_ci_fails(root, environ, status):
    code = (
        "import sys\nfrom tests import openapi_tools as tools\ntools.installed = lambda: False\n"
        "sys.exit(tools.main(['lint']))"
    )
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "REQUIRE_NODE"}}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**kept, **environ, "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (status, "")
    assert "THE OPENAPI DOCUMENT IS NOT LINTED" in run.stderr


def test_packages_that_cannot_be_installed_are_said_as_well(monkeypatch, tmp_path, capfd):
    for name, answer in (("node", "echo v20.1.0"), ("npm", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{answer}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("REQUIRE_NODE", "1")
    monkeypatch.setattr(openapi_tools, "FOLDER", tmp_path / "openapi")
    assert openapi_tools.main(["lint"]) == 1
    assert "THE OPENAPI DOCUMENT IS NOT LINTED" in capfd.readouterr().err


def test_the_packages_are_pinned_by_their_content_and_by_no_registry():
    lock = json.loads((openapi_tools.PINNED / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in one and "resolved" not in one for one in packages.values())
    asked = json.loads((openapi_tools.PINNED / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert all(re.fullmatch(r"[0-9.]+", version) for version in asked.values())
