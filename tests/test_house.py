"""What is around the program: every setting is documented and reaches it in Docker; secrets stay out."""

import json
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import hiring_api
from hiring_api.cli import arguments as api_arguments
from hiring_api.cli import schedule
from hiring_api.settings import interval, read_settings
from migration_job import arguments
from tests.documented import document


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
    """Name -> value in `.env.example`: those that it gives, and the defaults, whose lines are comments."""
    text = (root / ".env.example").read_text(encoding="utf-8")
    found = re.findall(r"^(#?)([A-Z_]+)=(.*)$", text, re.MULTILINE)
    given, defaults = (
        {name: value for comment, name, value in found if comment == mark} for mark in ("", "#")
    )
    return given, defaults


def test_every_setting_is_in_the_example_and_in_no_other_words(root):
    of_docker_alone = {"CSV_DIR", "MYSQL_ROOT_PASSWORD"}
    given, defaults = example(root)
    assert {*given, *defaults} == settings_names() | of_docker_alone


def test_the_defaults_in_the_example_are_those_of_the_program(root):
    given = {"API_USER": "hiring", "API_PASS": "correct horse"}
    _, defaults = example(root)
    assert interval(defaults.pop("BACKUP_EVERY")) == schedule._EVERY
    for name, value in defaults.items():
        assert read_settings({**given, name: value}) == read_settings(given), name


def test_the_defaults_in_the_page_are_those_in_the_example(root):
    _, defaults = example(root)
    page = (root / "docs/settings.md").read_text(encoding="utf-8")
    told = {}
    for names, values in re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", page, re.MULTILINE):
        if len(names.split(", ")) == len(values.split(", ")):
            told |= zip(re.findall(r"[A-Z_]+", names), values.replace("`", "").split(", "), strict=True)
    assert len(told) > 20
    nothing = {"none", "all", "\N{EN DASH}"}
    assert {name: "" if value in nothing else value for name, value in told.items()} == {
        name: defaults[name] for name in told
    }


def test_the_example_has_no_working_password(root):
    given, _ = example(root)
    assert given == {
        "API_USER": "hiring",
        "API_PASS": "",
        "MYSQL_PASSWORD": "",
        "MYSQL_ROOT_PASSWORD": "",
        "CSV_DIR": "samples",
    }


def services(root):
    return yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"}


def test_every_setting_reaches_the_programs_in_docker(root):
    api, migration = (services(root)[name]["environment"].keys() for name in ("api", "migration"))
    published = {"API_HOST", "API_PORT"}  # the address on the host
    assert settings_names() - published - api == set()
    assert {"API_USER_FILE", "API_PASS_FILE"} <= api
    assert {"CSV_SOURCE", "REJECTS_DIR", "LOG_LEVEL", "LOG_FORMAT", "DATABASE_WAIT_SECONDS"} <= migration
    for environment in (api, migration):
        assert {"DATABASE_URL", "DATABASE_URL_FILE", "MYSQL_PASSWORD_FILE", "AWS_ENDPOINT_URL"} | AWS <= (
            environment
        )
    assert not {"API_PASS", "MYSQL_ROOT_PASSWORD"} & migration
    assert "MYSQL_ROOT_PASSWORD" not in api


def test_in_docker_backups_are_kept_on_a_schedule_with_the_settings_of_backups(root):
    api, backup = services(root)["api"], services(root)["backup"]
    assert api_arguments.parser().parse_args(backup["command"]).command == "schedule"
    of_backups = {name for name in settings_names() if name.startswith("BACKUP_")} - {"BACKUP_BEFORE_REPLACE"}
    of_database = services(root)["migration"]["environment"].keys() - {"CSV_SOURCE"}
    assert backup["environment"].keys() == of_database | of_backups
    assert "./backups:/app/backups" in set(api["volumes"]) & set(backup["volumes"])
    assert backup["healthcheck"] == {"disable": True}  # the image's asks the API


def test_in_docker_backups_and_rejects_are_folders_of_the_host_that_a_clone_has(root):
    mounts = {name: services(root)[name]["volumes"] for name in ("api", "migration")}
    assert {"./backups:/app/backups", "./rejects:/app/rejects"} <= set(mounts["api"])
    assert "./rejects:/app/rejects" in mounts["migration"]
    assert "${CSV_DIR:-./csv}:/csv:ro" in set(mounts["migration"]) & set(mounts["api"])
    for name in ("backups", "rejects", "csv", "secrets"):
        assert (root / name / ".gitkeep").exists()


START = ["sh", "hiring_api/docker-entrypoint.sh"]


def started(root, command, **environ):
    """What a command prints that a container starts, here: by a user who is not root."""
    as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups"] if os.getuid() == 0 else []
    script = (root / START[1]).read_text(encoding="utf-8")
    done = subprocess.run(
        [*as_nobody, "sh", "-s", "--", "sh", "-c", command],
        cwd="/",
        env={"PATH": os.environ["PATH"], **environ},
        input=script,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_database_that_is_named_by_its_address_takes_the_place_of_dockers_own(root):
    told = "echo ${MYSQL_HOST-none}"
    assert started(root, told, MYSQL_HOST="database") == "database\n"
    assert started(root, told, MYSQL_HOST="database", DATABASE_URL="mysql://…") == "none\n"
    assert started(root, told, MYSQL_HOST="database", DATABASE_URL_FILE="/run/secrets/url") == "none\n"
    assert started(root, told, MYSQL_HOST="mine", DATABASE_URL="mysql://…") == "mine\n"


def test_make_lists_its_targets_and_every_target_says_what_it_does(root):
    listed = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"^\.PHONY: (\w+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert re.findall(r"^make (\w+) +\S", listed, re.MULTILINE) == targets
    assert {"run", "test", "lint", "bench", "lock", "up", "down", "logs", "clean"} <= set(targets)


PROGRAMS = {"api": ("hiring_api", api_arguments.parser), "migration": ("migration_job", arguments.parser)}


@pytest.mark.parametrize("service", PROGRAMS)
def test_what_the_pages_run_in_docker_are_arguments_of_the_images_program(root, service):
    program, parser = PROGRAMS[service]
    image = (root / f"Dockerfile.{service}").read_text(encoding="utf-8")
    start = json.dumps([*START, "python", "-m", program])
    assert f"ENTRYPOINT {start}" in image
    default = re.findall(r"^CMD (.*)$", image, re.MULTILINE)
    assert default == (['["serve"]'] if service == "api" else [])
    pages = "".join(path.read_text(encoding="utf-8") for path in (root / "docs").glob("*.md"))
    told = re.findall(rf"docker compose run --rm (?:--no-deps )?{service}\b([^`\n]*)", pages)
    assert told
    for line in told:
        parser().parse_args(shlex.split(line) or ["serve"][: len(default)])


def test_one_version_is_named_everywhere(root):
    version = hiring_api.__version__
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == version
    assert document()["info"]["version"] == version
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[([\d.]+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)[0] == version
    # Tags of images, `hiring-api:0.2.0`, `…Image):0.2.0` or `\1:0.2.0`, and of releases, `v0.2.0`
    named = {}
    for path in (root / "deploy").rglob("*"):
        if path.suffix in {".yaml", ".md"}:
            text = path.read_text(encoding="utf-8")
            tags = r"(?:hiring-(?:api|migration):|Image\):|\\1:|\bv)(\d+\.\d+\.\d+)\b"
            named[path.relative_to(root / "deploy").as_posix()] = set(re.findall(tags, text))
    assert set.union(*named.values()) == {version}
    told = {name for name, versions in named.items() if versions}
    manifests = {f"kubernetes/{name}" for name in ("README.md", "api.yaml", "backup.yaml", "migration.yaml")}
    assert told == {"aws/README.md"} | manifests


@pytest.mark.skipif(not Path(".git").exists(), reason="this is no clone")
def test_environment_files_never_reach_git_or_an_image(root):
    ignored = subprocess.run(
        [
            "git",
            "check-ignore",
            ".env",
            ".local/credentials",
            "secrets/url",
            "csv/jobs.csv",
            "rejects/jobs.csv",
            "backups/b.zip",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(ignored.stdout.splitlines()) == 6
    allowed = [line for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert allowed == ["!hiring_api", "!migration_job"]
