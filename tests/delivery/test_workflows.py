"""`.github/`: GitHub would take it, it asks for few rights, and it runs what is there."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from tests.delivery.programs import ROOT

FOLDER = ROOT / ".github" / "workflows"
PATHS = sorted(FOLDER.glob("*.yml"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in PATHS}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = [(workflow, name, job) for workflow, one in WORKFLOWS.items() for name, job in one["jobs"].items()]


def said(program, *arguments):
    """The exit status and output of a program that `make test` has installed."""
    command = [f"{sys.prefix}/bin/{program}", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", PATHS), ("dependabot", [ROOT / ".github" / "dependabot.yml"])],
)
def test_the_files_have_the_form_that_github_takes(schema, files):
    status, text = said("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
    assert status == 0, text


def test_an_auditor_of_workflows_finds_nothing():
    status, text = said("zizmor", "--offline", "--no-progress", "--format", "plain", ".github")
    assert status == 0, text
    assert "No findings" in text


def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is():
    for text in TEXTS.values():
        for used, comment in re.findall(r"uses: (\S+)(.*)$", text, re.MULTILINE):
            if not used.startswith("./"):
                assert re.search(r"@[0-9a-f]{40}$", used), used
                assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), used


@pytest.mark.parametrize(("workflow", "name", "job"), JOBS)
def test_a_job_has_a_time_limit_and_no_more_rights_than_it_needs(workflow, name, job):
    assert "timeout-minutes" in job or "uses" in job
    rights = job.get("permissions", WORKFLOWS[workflow]["permissions"])
    writes = {right for right, value in rights.items() if value == "write"}
    wanted = {"images": {"packages", "id-token"}} if workflow == "release" else {}
    wanted |= {"push": {"packages", "id-token"}, "release": {"contents"}}
    assert writes == wanted.get(name, set())


def test_no_checkout_leaves_the_token_behind():
    for _, _, job in JOBS:
        for step in job.get("steps", []):
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_what_the_jobs_call_is_there():
    listed = re.findall(r"^\.PHONY: (\w+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for text in TEXTS.values():
        for target in re.findall(r"\bmake ([\w./]+)", text):
            assert target in listed or f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
        for path in re.findall(r"(?<![\w/])(\.ci/\w+(?:\.py)?)", text):
            assert (ROOT / path).is_file()
        for path in re.findall(r"uses: \./(\S+)", text):
            assert (ROOT / path).is_file()


def test_the_tests_run_on_every_python_and_server_that_the_readme_names():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    jobs = WORKFLOWS["test"]["jobs"]
    pythons = jobs["python"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={pythons[0]}"
    servers = jobs["server"]["strategy"]["matrix"]["server"]
    assert re.findall(r"image: (mysql:\S+)", (ROOT / "docker-compose.yml").read_text("utf-8"))[0] in servers
    for version in re.search(r"MySQL ([\d.]+) or ([\d.]+)", readme).groups():
        assert f"mysql:{version}" in servers
    assert f"mariadb:{re.search(r'MariaDB ([0-9]+[.][0-9]+) or newer', readme)[1]}" in servers


def test_the_images_are_those_that_have_a_dockerfile_for_both_architectures():
    have = sorted(path.suffix[1:] for path in ROOT.glob("Dockerfile.*"))
    for job in (WORKFLOWS["test"]["jobs"]["images"], WORKFLOWS["images"]["jobs"]["push"]):
        assert job["strategy"]["matrix"]["image"] == have
        [build] = [step["with"] for step in job["steps"] if "build-push-action" in step.get("uses", "")]
        assert build["file"] == "Dockerfile.${{ matrix.image }}"
        assert build["platforms"] == "linux/amd64,linux/arm64"
    assert (build["push"], build["sbom"], build["provenance"]) == (True, True, "mode=max")
