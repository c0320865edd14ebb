"""Completion of arguments, in a real bash, of `python -m hiring_api` and `python -m migration_job`."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.test_house import PROGRAMS

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

# Asks bash as the tabulator key does: by the function that `complete -p` names for the command
ASK = r"""
specification=$(complete -p "${COMP_WORDS[0]##*/}")
[[ $specification =~ -F\ ([^ ]+) ]] && "${BASH_REMATCH[1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def completed(root, tmp_path):
    """What bash offers for a line, which ends with the word to complete."""
    environ = {**os.environ, "PYTHONPATH": str(root), "HOME": str(tmp_path), "TERM": "dumb"}
    scripts = tmp_path / "completion"
    scripts.write_bytes(
        b"".join(
            subprocess.run(
                [sys.executable, "-m", module, "--completion", "bash"],
                env=environ,
                check=True,
                capture_output=True,
            ).stdout
            for module in ("hiring_api", "migration_job")
        )
    )

    def ask(line):
        words = line.split(" ")
        quoted = " ".join(f"'{word}'" for word in words)
        code = (
            f"source {scripts}\nCOMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1} COMP_LINE='{line}'\n{ASK}"
        )
        command = ["bash", "--norc", "--noprofile", "-i", "-c", code]
        run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return set(run.stdout.split())

    return ask


def test_bash_takes_the_script_without_a_word_and_completes_python(completed, tmp_path):
    code = f"source {tmp_path}/completion; complete -p python; complete -p python3"
    run = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout.count("-F _complete_module_of_python"), run.stderr) == (2, "")


def test_commands_options_and_choices_are_completed(completed):
    assert completed("python -m hiring_api back") == {"backup", "backups"}
    assert completed("python -m hiring_api backup --co") == {"--codec"}
    assert completed("python -m hiring_api backup --codec z") == {"zstandard"}
    assert completed("python3 -m hiring_api users add --role w") == {"writer"}
    assert completed("/srv/venv/bin/python -m migration_job --max") == {"--max-rejects"}
    assert completed("python -m migration_job --on-conflict ") == {"error", "update"}


def test_files_are_completed_where_a_file_is_meant(completed, tmp_path):
    (tmp_path / "mine.avro").touch()
    assert completed("python -m hiring_api restore mi") == {"mine.avro"}
    assert completed("python -m hiring_api verify --level decode mi") == {"mine.avro"}
    assert completed("python -m migration_job mi") == {"mine.avro"}


def test_other_uses_of_python_are_left_to_bash(completed):
    assert completed("python -m http.server ba") == set()
    assert completed("python mine.py ba") == set()
    assert completed("python -m hir") == set()


@pytest.mark.parametrize("module", ["hiring_api", "migration_job"])
def test_a_shell_that_is_not_known_is_wrong_usage_and_the_version_is_told(root, module):
    def run(*arguments):
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    refused = run("--completion", "fish")
    assert refused.returncode == 2
    assert "choose from" in refused.stderr
    version = run("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("hiring-api 0.")


def test_every_command_is_in_the_script(completed):
    _, parser = PROGRAMS["api"]
    [commands] = [action.choices for action in parser()._actions if action.dest == "command"]
    assert completed("python -m hiring_api ") == set(commands)
