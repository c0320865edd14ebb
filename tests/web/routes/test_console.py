"""The page for people, and the documentation."""

import re

import pytest


def test_the_console_lists_the_tables_and_takes_nothing_from_other_sites(client):
    page = client.get("/")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert re.findall(r'data-list="/(\w+)\?limit=20"', page.text) == [
        "departments",
        "jobs",
        "employees",
        "rejects",
    ]
    sources = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert sources
    assert not [source for source in sources if not source.startswith(("/", "data:"))]


def test_what_the_page_names_is_there(client):
    page = client.get("/").text
    for source in re.findall(r'(?:src|href)="(/console[^"]+)"', page):
        with client.get(source) as answer:
            assert answer.status_code == 200


def test_the_console_needs_credentials(client):
    assert client.get("/", auth=None).status_code == 401
    assert client.get("/console.js", auth=None).status_code == 401


def test_the_page_works_at_an_address_with_credentials_in_it(client):
    """Chromium, Firefox: fetch refuses addresses that include a password, as relative ones then would."""
    script = client.get("/console.js").text
    calls = re.findall(r"fetch\((\w+)", script)
    assert calls
    assert set(calls) == {"at"}
    assert "return location.origin + path;" in script


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
