"""What is around the program: every setting is documented and reaches it in Docker; secrets stay out."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

import hiring_api
from hiring_api import arguments as api_arguments
from hiring_api.settings import read_settings
from migration_job import arguments


class Asked(dict):
    """An empty environment that remembers which names were asked for."""

    def __init__(self):
        self.names = set()

    def get(self, name, default=None):
        if not name.endswith("_FILE"):
            self.names.add(name)
        return default


def settings_names():
    asked = Asked()
    read_settings(asked)
    return asked.names


def example(root):
    """Name -> value in `.env.example`; the value is None where the line is a comment."""
    text = (root / ".env.example").read_text(encoding="utf-8")
    found = re.findall(r"^(#?)([A-Z_]+)=(.*)$", text, re.MULTILINE)
    return {name: None if comment else value for comment, name, value in found}


def test_every_setting_is_in_the_example_and_in_no_other_words(root):
    of_docker_alone = {"CSV_DIR", "MYSQL_ROOT_PASSWORD"}
    assert set(example(root)) == settings_names() | of_docker_alone


def test_the_example_has_no_working_password(root):
    given = {name: value for name, value in example(root).items() if value is not None}
    assert given == {"API_USER": "hiring", "API_PASS": "", "MYSQL_PASSWORD": "", "MYSQL_ROOT_PASSWORD": ""}


def test_every_setting_reaches_the_programs_in_docker(root):
    compose = (root / "docker-compose.yml").read_text(encoding="utf-8")
    # In Docker the database is MySQL on its usual port, and the folders are volumes
    elsewhere = {"DATABASE_URL", "MYSQL_PORT", "BACKUP_DIR", "REJECTS_DIR"}
    missing = {name for name in settings_names() - elsewhere if not re.search(rf"\b{name}\b", compose)}
    assert not missing


def test_make_lists_its_targets_and_every_target_says_what_it_does(root):
    listed = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^\.PHONY: (\w+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert re.findall(r"^make (\w+) +\S", listed, re.MULTILINE) == targets
    assert {"run", "test", "lint", "bench", "lock", "up", "down", "logs", "clean"} <= set(targets)


PROGRAMS = {"api": ("hiring_api", api_arguments.parser), "migration": ("migration_job", arguments.parser)}


@pytest.mark.parametrize("service", PROGRAMS)
def test_what_the_readme_runs_in_docker_are_arguments_of_the_images_program(root, service):
    program, parser = PROGRAMS[service]
    image = (root / f"Dockerfile.{service}").read_text(encoding="utf-8")
    assert f'ENTRYPOINT ["python", "-m", "{program}"]' in image
    default = re.findall(r"^CMD (.*)$", image, re.MULTILINE)
    assert default == (['["serve"]'] if service == "api" else [])
    readme = (root / "README.md").read_text(encoding="utf-8")
    told = re.findall(rf"docker compose run --rm (?:--no-deps )?{service}\b([^`\n]*)", readme)
    assert told
    for line in told:
        parser().parse_args(shlex.split(line) or ["serve"][: len(default)])


def test_the_version_is_the_projects(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == hiring_api.__version__


@pytest.mark.skipif(not Path(".git").exists(), reason="this is no clone")
def test_environment_files_never_reach_git_or_an_image(root):
    ignored = subprocess.run(
        ["git", "check-ignore", ".env", ".local/credentials", "rejects/jobs.csv", "backups/b.zip"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(ignored.stdout.splitlines()) == 4
    allowed = [line for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert allowed == ["!hiring_api", "!migration_job"]
