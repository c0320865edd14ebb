"""The page for people, and the documentation."""

import html
import json
import re
from pathlib import Path

import pytest

from hiring_api.web.routes import console

SCRIPTS = sorted(path.name for path in (Path(console.__file__).parents[1] / "console").glob("*.js"))


def test_the_console_knows_the_tables_and_takes_nothing_from_other_sites(client):
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.text)
    declared = json.loads(html.unescape(re.search(r'data-tables="([^"]*)"', page.text)[1]))
    assert [table["resource"] for table in declared] == ["departments", "jobs", "employees"]
    assert [table["label"] for table in declared] == ["department", "job", "name"]
    assert [column["filters"] for column in declared[2]["columns"] if column["filters"]] == [
        {"from": "hired_from", "until": "hired_until"},
        {"eq": "department_id"},
        {"eq": "job_id"},
    ]
    sources = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert sources
    assert not [source for source in sources if not source.startswith(("/", "data:"))]


def test_what_the_page_and_its_scripts_name_is_there(client):
    named = re.findall(r'(?:src|href)="(/console[^"]+)"', client.get("/").text)
    named += [
        f"/console/{name}"
        for script in SCRIPTS
        for name in re.findall(r'from "\./([^"]+)"', client.get(f"/console/{script}").text)
    ]
    assert {name.removeprefix("/console/") for name in named} == {*SCRIPTS, "console.css"}
    types = {".js": "text/javascript", ".css": "text/css"}
    for source in named:
        with client.get(source) as answer:
            assert (answer.status_code, answer.mimetype) == (200, types[Path(source).suffix])


@pytest.mark.parametrize(
    "name", ["none.js", "console.html", "__init__.py", "..", "%2e%2e%2fapp.py", ".css", "%00.js"]
)
def test_the_console_gives_no_other_file(client, name):
    assert client.get(f"/console/{name}").status_code == 404


def test_a_script_comes_as_nothing_else(client):
    assert client.get("/console/main.js", headers={"Accept": "text/css"}).status_code == 406


def test_the_console_needs_credentials(client):
    assert client.get("/", auth=None).status_code == 401
    assert client.get("/console/main.js", auth=None).status_code == 401


def test_no_script_makes_markup_of_text(client):
    for script in SCRIPTS:
        text = client.get(f"/console/{script}").text
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text), script


def test_the_page_works_at_an_address_with_credentials_in_it(client):
    """Chromium, Firefox: fetch refuses addresses that include a password, as relative ones then would."""
    calls = [
        call
        for script in SCRIPTS
        for call in re.findall(r"fetch\((.*)", client.get(f"/console/{script}").text)
    ]
    assert calls
    assert [call for call in calls if not call.startswith("location.origin + ")] == []


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/docs.js", "/docs/swagger-ui-bundle.js"])
def test_the_documentation_is_fenced_in(client, path):
    with client.get(path, auth=None, headers={"Host": "made.up"}) as answer:
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert b"made.up" not in answer.data
    assert "default-src 'none'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.replace("style-src 'self' 'unsafe-inline'", "")


def test_the_documentation_has_no_script_in_its_page_and_what_it_names_is_there(client):
    page = client.get("/docs").text
    assert page == client.get("/docs/").text
    assert not re.search(r"<script(?! src=)|<style| on\w+=", page)
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(sources) == 5
    for source in sources:
        assert source.startswith("/docs/")
        with client.get(source, auth=None) as answer:
            assert answer.status_code == 200


def test_the_documentation_works_at_an_address_with_credentials_in_it(client):
    """Like the console: Swagger UI fetches what `url` says, against the page's own address if relative."""
    script = client.get("/docs/docs.js").text
    assert 'url: location.origin + "/openapi.json"' in script
    assert "validatorUrl: null" in script


@pytest.mark.parametrize(
    "path", ["/docs/none.js", "/docs/../docs.py", "/docs/%2e%2e/docs.py", "/docs/index.html"]
)
def test_other_files_are_not_there(client, path):
    with client.get(path) as answer:
        assert answer.status_code == 404
