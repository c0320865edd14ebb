"""Swagger UI at /docs: authorise, "Try it out", fill, send, and read the answer."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, USER, WIDE, on_one_database

pytestmark = on_one_database


@pytest.fixture
def docs(visit):
    """The page, to which user and password were given."""
    page = visit.open("/docs/", viewport=WIDE)
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    dialog.get_by_label("Username").fill(USER)
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close").first.click()
    return page


class Operation:
    """An operation of the page, opened and ready to be tried."""

    def __init__(self, page, tag, name):
        self._block = page.locator(f"#operations-{tag}-{name}")
        self._block.locator(".opblock-summary-control").first.click()
        self._block.get_by_role("button", name="Try it out").click()

    def body(self, text):
        """Write the body of the request."""
        self._block.locator("textarea.body-param__text").fill(text)

    def media_type(self, name):
        """Choose the form of the body."""
        self._block.get_by_label("Request content type").select_option(name)

    def example(self, name):
        """Choose one of the examples of the body."""
        self._block.locator(".opblock-section-request-body .examples-select-element").select_option(name)

    def parameter(self, name, value):
        """Choose the value of a parameter that has a list of them."""
        self._block.locator(f'tr[data-param-name="{name}"] select').select_option(value)

    def text(self, name, value):
        """Write the value of a parameter."""
        self._block.locator(f'tr[data-param-name="{name}"] input').fill(value)

    def file(self, content):
        """Choose a file as the body, or as its part."""
        sent = {"name": "from-here", "mimeType": "application/octet-stream", "buffer": content}
        self._block.locator("input[type=file]").set_input_files(sent)

    def send(self, status):
        """Send the request; the answer as the page shows it, parsed."""
        self._block.get_by_role("button", name="Execute").click()
        answer = self._block.locator(".live-responses-table .response").first
        expect(answer.locator(".response-col_status")).to_contain_text(str(status))
        text = answer.locator(".highlight-code code, .highlight-code pre").first.inner_text()
        self._block.get_by_role("button", name="Clear").click()
        return json.loads(text)


def test_the_example_of_a_batch_is_sent_as_it_stands_and_then_an_own_one(docs, site):
    batch = Operation(docs, "departments", "post_departments")
    assert batch.send(201)["inserted"] == 1
    batch.example("partly")
    assert [one["status"] for one in batch.send(207)["results"]] == ["inserted", "failed"]
    batch.body('[{"id": 700, "department": "Law"}]')
    batch.parameter("dry_run", "true")
    assert batch.send(200)["dry_run"] is True
    batch.parameter("dry_run", "false")
    assert batch.send(201)["results"] == [{"index": 0, "status": "inserted", "id": 700}]
    assert site.json("/departments/700") == {"id": 700, "department": "Law"}


def test_rows_of_several_tables_are_sent_at_once(docs, site):
    answer = Operation(docs, "batch", "post_batch").send(201)
    assert [answer[name]["inserted"] for name in ("departments", "jobs", "employees")] == [1, 1, 1]


def test_a_csv_is_uploaded_as_text_and_as_a_file_of_a_form(docs, site):
    upload = Operation(docs, "upload", "upload_departments")
    assert (upload.send(201)["table"], site.json("/departments/9101")["id"]) == ("departments", 9101)
    upload.media_type("multipart/form-data")
    upload.file(b"701,Law\n702,\n")
    answer = upload.send(207)
    assert (answer["inserted"], answer["rejects"][0]["row"]) == (1, ["702", ""])
    assert site.json("/departments/701") == {"id": 701, "department": "Law"}


def test_an_avro_file_is_restored_from_the_body_and_from_a_form(docs, site):
    backup = site.call("GET", "/backup/jobs")[2]
    more = site.call("POST", "/jobs", [{"id": 700, "job": "Clerk"}])
    assert more[0] == 201
    restore = Operation(docs, "backup", "restore_jobs")
    restore.file(backup)
    answer = restore.send(200)
    assert (answer["deleted"], answer["checksum"]) == (1, "verified")
    restore.media_type("multipart/form-data")
    restore.file(backup)
    answer = restore.send(200)
    assert (answer["deleted"], answer["unchanged"]) == (0, answer["received"])


def test_a_file_that_is_no_backup_is_refused_with_its_reason(docs, visit):
    restore = Operation(docs, "backup", "restore_jobs")
    restore.file(b"7,Clerk\n")
    assert restore.send(422)["status"] == 422
    visit.refusals.clear()


def test_lists_are_read_and_a_page_before_another(docs):
    jobs = Operation(docs, "jobs", "list_jobs")
    assert [row["id"] for row in jobs.send(200)["items"]] == list(range(1, 101))
    jobs.text("before", "51")  # beside `after`, of which the page sends the default, 0
    jobs.text("limit", "2")
    assert [row["id"] for row in jobs.send(200)["items"]] == [49, 50]
