"""The shell scripts have none of the traps that ShellCheck knows."""

import subprocess
import sys

import pytest

from tests.delivery.programs import ROOT

SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".ci", "deploy", "hiring_api", "migration_job")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and (path.suffix == ".sh" or path.name == "run")
)


def test_all_scripts_are_checked():
    assert {".ci/run", "deploy/cluster/form-group.sh", "hiring_api/docker-entrypoint.sh"} <= set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_has_no_known_trap(script):
    command = [f"{sys.prefix}/bin/shellcheck", script]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
