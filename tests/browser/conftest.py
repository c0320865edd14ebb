"""The console in a real browser: Chromium, against the API under gunicorn, on sample data.

`site` is the API on the sample data, which each test finds as `migration_job.samples` makes them. `visit`
opens a page; a test that uses it fails if a page wrote an error into the browser's console, or asked another
host for anything.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright
from sqlalchemy import select

from hiring_api.database.bookkeeping import identity
from hiring_api.database.engine import open_engine
from hiring_api.model.tables import Base, columns
from tests import chromium
from tests.conftest import empty
from tests.serving import Serving, load_samples

WIDE, NARROW = {"width": 1300, "height": 900}, {"width": 390, "height": 844}
USER, PASSWORD = "u", "p"
# What Chromium itself says of an answer that a test asked for
_REFUSED = "Failed to load resource"

expect.set_options(timeout=30_000)  # on a busy machine; a page that is right answers at once
# For tests of the page alone, to which the database makes no difference
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    program = chromium.installed()
    if program is None:
        said = "there is neither Chromium nor Chrome: run `make test`, which installs one where it can"
        pytest.fail(said) if chromium.required() else pytest.skip(said)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=chromium.FLAGS)
        yield browser
        browser.close()


class Site(Serving):
    """The API on the sample data, two processes of it."""

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def json(self, path, accept="application/json"):
        """What the API answers to a GET."""
        status, _, body = self.call("GET", path, headers={"Accept": accept})
        assert status == 200, body
        return json.loads(body) if accept == "application/json" else body.decode()


@pytest.fixture(scope="session")
def sample(root, database_url, tmp_path_factory):
    """A served database with the sample data, and its rows to put back."""
    folder = tmp_path_factory.mktemp("site")
    engine = open_engine(database_url)
    empty(engine)
    url = database_url.render_as_string(hide_password=False)
    load_samples(root, url, folder)
    with engine.connect() as connection:
        rows = {
            table: [row._asdict() for row in connection.execute(select(*(columns(table) or table.c)))]
            for table in Base.metadata.sorted_tables
            if table is not identity
        }
    with Site(root, url, folder, BACKUP_DIR=str(folder / "backups"), API_WORKERS="1") as site:
        yield site, engine, rows
    empty(engine)
    engine.dispose()


@pytest.fixture
def site(sample):
    """The API on the sample data; what the test changes is put back."""
    site, engine, rows = sample
    site.changed = False
    yield site
    if site.changed:
        if site.process is None:
            site.start()
        empty(engine)
        with engine.begin() as connection:
            for table, found in rows.items():
                if found:
                    connection.execute(table.insert(), found)
        for kept in Path(site.environ["BACKUP_DIR"]).glob("*"):
            kept.unlink()


@pytest.fixture
def empty_site(sample, site):
    """The API on an empty database."""
    _, engine, _ = sample
    site.changed = True
    empty(engine)
    return site


class Visits:
    """Pages of the console, and what went wrong in them."""

    def __init__(self, browser, site):
        self._browser, self._site = browser, site
        self._contexts = []
        self.errors, self.foreign = [], []
        self.refusals = []  # addresses of answers that were refused; a test that means that takes them out

    def __call__(self, path="overview", *, size=WIDE, user=USER, password=PASSWORD, scheme="light"):
        """Open a page of the console in a browser that knows nothing of others yet."""
        credentials = {"username": user, "password": password}
        return self.open(f"/#/{path}", viewport=size, http_credentials=credentials, color_scheme=scheme)

    def open(self, address, **browser):
        """Open a page; `browser` are properties of the browser, such as `http_credentials`."""
        context = self._browser.new_context(
            base_url=self._site.address,
            reduced_motion="reduce",
            timezone_id="America/Bogota",
            **browser,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.on("request", self._note_request)
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(address)
        return page

    def close(self):
        for context in self._contexts:
            context.close()

    def _note_request(self, request):
        if not request.url.startswith((f"{self._site.address}/", "data:", "blob:")):
            self.foreign.append(request.url)
        if request.method not in {"GET", "HEAD"}:
            self._site.changed = True

    def _note_message(self, message):
        if message.type in {"error", "warning"}:
            of_refusal = message.text.startswith(_REFUSED)
            (self.refusals if of_refusal else self.errors).append(f"{message.text} {message.location}")


@pytest.fixture
def visit(browser, site):
    """Opens pages of the console."""
    visits = Visits(browser, site)
    yield visits
    visits.close()
    assert (visits.errors, visits.foreign, visits.refusals) == ([], [], [])


@pytest.fixture(scope="session")
def violations():
    """Tells what axe finds wrong in a page."""
    axe = Axe()

    def found(page):
        rules = axe.run(page).response["violations"]
        return [(rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in rules]

    return found


def loaded(page):
    """Wait until a page has shown what it asked for."""
    expect(page.locator("main .page:not([aria-busy])")).to_be_attached()
    return page
