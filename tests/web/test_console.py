"""The page for people."""

import re


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
