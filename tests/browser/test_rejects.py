"""Rejects: why rows were refused, one corrected in the page, others by a file; without a terminal."""

import csv
import io

from playwright.sync_api import expect

from tests.browser.conftest import loaded, on_one_database


def test_why_rows_were_refused_is_counted(visit, site):
    page = loaded(visit("rejects"))
    total = site.json("/rejects?resolved=false&count=true&limit=1")["total"]
    expect(page.get_by_role("heading", name=f"{total} open rejects")).to_be_visible()
    rows = page.get_by_role("table", name="Rejects by reason").locator("tbody tr")
    shown = [row.locator(".value").all_text_contents() for row in rows.all()]
    reasons = site.json("/rejects/summary")["items"]
    assert shown == [
        [f"{one['field']}: required", "employees", str(one["open"]), str(one["rejects"])] for one in reasons
    ]
    assert sum(int(row[2]) for row in shown) == total
    page.get_by_role("link", name="name: required").click()
    expect(page.get_by_role("heading", name=f"{reasons[1]['open']} open rejects")).to_be_visible()
    listed = page.get_by_role("table", name="Rejects, the newest first").locator("tbody tr")
    marked = listed.locator("mark")
    expect(marked).to_have_text(["(empty)"] * listed.count())


def test_a_row_is_corrected_in_the_page(visit, site):
    [reject] = site.json("/rejects?field=name&limit=1")["items"]
    page = loaded(visit(f"rejects/{reject['id']}"))
    expect(page.locator("dl mark")).to_have_text(["(empty)"])
    page.get_by_role("button", name="Send the corrected row").click()
    expect(page.get_by_text("Name is required: it is empty.").last).to_be_visible()
    page.get_by_label("Name").fill("Zoë O'Brien")
    page.get_by_role("button", name="Send the corrected row").click()
    expect(page.locator("#notice")).to_contain_text(f"Reject {reject['id']} is resolved.")
    assert site.json(f"/employees/{reject['row'][0]}")["name"] == "Zoë O'Brien"
    page = loaded(visit(f"rejects/{reject['id']}"))
    expect(page.get_by_text("It was resolved")).to_be_visible()
    expect(page.get_by_role("button", name="Send the corrected row")).to_have_count(0)
    visit.refusals.clear()


def test_five_rows_are_repaired_by_a_file(visit, site):
    page = loaded(visit("rejects?field=name"))
    open_before = site.json("/rejects?resolved=false&count=true&limit=1")["total"]
    with page.expect_download() as download:
        page.get_by_role("button", name="Download employees for repair").click()
    assert download.value.suggested_filename.startswith("hired_employees-")
    lines = list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    name = lines[0].index("name")
    for line in lines[1:6]:
        line[name] = "Repaired"
    text = io.StringIO()
    csv.writer(text).writerows(lines[:6])
    page.get_by_role("link", name="Upload").click()
    file = {
        "name": download.value.suggested_filename,
        "mimeType": "text/csv",
        "buffer": text.getvalue().encode(),
    }
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Load 5 rows").click()
    page.get_by_role("dialog").get_by_role("button", name="Load").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    assert site.json("/rejects?resolved=false&count=true&limit=1")["total"] == open_before - 5


@on_one_database
def test_a_reject_that_is_not_there_is_said(visit):
    page = loaded(visit("rejects/99999"))
    expect(page.locator("main").get_by_role("alert")).to_contain_text("There is no reject 99999.")
    visit.refusals.clear()
