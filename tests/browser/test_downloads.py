"""Downloads: all of a file is saved or nothing; the page says when a connection breaks in the middle."""

import io
import socket
import threading
import zipfile
from contextlib import suppress
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visits, loaded, on_one_database


class Breaking:
    """A proxy in front of the API; `armed`, it breaks the connection in the middle of an answer."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.head, self.after, self.armed = b"", 0, True

    def __enter__(self):
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self._listener.close()

    def _listen(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        left = [None]  # bytes of the answer before it breaks
        with client, socket.create_connection(("127.0.0.1", self._target)) as server, suppress(OSError):
            threading.Thread(target=self._answer, args=(server, client, left), daemon=True).start()
            while sent := client.recv(65536):
                left[0] = self.after if self.armed and sent.startswith(self.head) else None
                server.sendall(sent)

    @staticmethod
    def _answer(server, client, left):
        with suppress(OSError):
            while answer := server.recv(4096):
                if left[0] is not None and len(answer) > left[0]:
                    client.sendall(answer[: left[0]])
                    break
                client.sendall(answer)
                left[0] = None if left[0] is None else left[0] - len(answer)
            client.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def breaking(site):
    with Breaking(site.port) as proxy:
        yield proxy


@pytest.fixture
def visit_through(browser, breaking):
    visits = Visits(browser, SimpleNamespace(address=breaking.address, changed=False))
    yield visits
    visits.close()
    assert (visits.errors, visits.foreign) == ([], [])


@on_one_database
@pytest.mark.parametrize(
    ("path", "button", "head", "after"),
    [
        ("backups", "Download all tables", b"GET /backup/all ", 8_000),
        # A stream: it has no length that the browser could compare
        ("tables/employees", "CSV", b"GET /employees HTTP", 30_000),
    ],
    ids=["of a known length", "of an unknown length"],
)
def test_a_connection_that_breaks_is_said_and_nothing_is_saved(
    visit_through, breaking, path, button, head, after
):
    breaking.head, breaking.after = head, after
    page = loaded(visit_through(path))
    saved = []
    page.on("download", lambda file: saved.append(file))  # noqa: PLW0108  # Playwright wants a function of Python's
    page.get_by_role("button", name=button).click()
    said = page.locator("main").get_by_role("alert")
    expect(said).to_contain_text("The connection broke after")
    expect(said).to_contain_text("nothing is saved. Please try again.")
    expect(page.get_by_role("button", name=button, exact=True)).to_be_enabled()
    page.wait_for_timeout(100)
    assert saved == []
    breaking.armed = False
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    assert download.value.path().stat().st_size > after
    expect(said).to_have_count(0)


@on_one_database
def test_a_kept_backup_is_saved_whole_under_its_name(visit, site):
    site.changed = True
    assert site.call("POST", "/backups", b"")[0] == 201
    [kept] = site.json("/backups")["items"]
    page = loaded(visit("backups"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the backup of").click()
    assert download.value.suggested_filename == f"{kept['name']}.zip"
    content = download.value.path().read_bytes()
    assert len(content) == kept["bytes"]
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
