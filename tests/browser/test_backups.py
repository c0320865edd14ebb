"""Backups: back up, wreck, restore, see that nothing is missing; undo; what is damaged is said."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, loaded, on_one_database


def rows_of(site):
    return {name: site.json(f"/{name}", "text/csv") for name in ("departments", "jobs", "employees")}


def back_up(page):
    page.get_by_role("button", name="Back up now").click()
    expect(page.locator(".notice")).to_contain_text("is kept.")


def test_back_up_wreck_restore_and_see_that_nothing_is_missing(visit, site):
    page = loaded(visit("backups"))
    before = rows_of(site)
    back_up(page)
    assert site.call("DELETE", "/employees/7")[0] == 204
    assert site.call("POST", "/jobs?on_conflict=update", [{"id": 1, "job": "Wrecked"}])[0] == 201
    assert site.call("POST", "/departments", [{"department": "New"}])[0] == 201
    wrecked = rows_of(site)
    kept = site.json("/backups")["items"][0]
    page.get_by_role("button", name="Restore the backup of").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Departments: 13 rows become 12; 1 goes.")
    expect(dialog).to_contain_text("Jobs: 183 rows become 183; 1 changes.")
    expect(dialog).to_contain_text("Employees: 1,928 rows become 1,929; 1 comes back.")
    dialog.get_by_role("button", name="Restore").click()
    assert rows_of(site) == wrecked
    dialog.get_by_role("textbox").fill(kept["time"][:19].replace("T", " "))
    dialog.get_by_role("button", name="Restore").click()
    expect(page.locator(".notice")).to_contain_text("is restored.")
    assert rows_of(site) == before
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".notice")).to_contain_text("It is as it was before.")
    assert rows_of(site) == wrecked


def test_a_file_is_restored_after_a_dry_run(visit, site):
    page = loaded(visit("backups"))
    before = rows_of(site)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all tables").click()
    file = {"name": "all.zip", "mimeType": "application/zip", "buffer": download.value.path().read_bytes()}
    assert site.call("DELETE", "/employees/7")[0] == 204
    site.changed = True
    page.get_by_label("A zip of all tables").set_input_files(file)
    page.get_by_role("button", name="See what it would do").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Employees: 1,928 rows become 1,929; 1 comes back.")
    dialog.get_by_role("textbox").fill("all.zip")
    dialog.get_by_role("button", name="Restore").click()
    expect(page.locator(".notice")).to_contain_text("All.zip is restored.")
    assert rows_of(site) == before


@on_one_database
def test_the_wrong_file_is_refused_in_a_sentence(visit):
    page = loaded(visit("backups"))
    wrong = {"name": "jobs.avro", "mimeType": "application/avro", "buffer": b"no backup at all"}
    page.get_by_label("A zip of all tables").set_input_files(wrong)
    expect(page.get_by_label("Into")).to_have_value("jobs")
    page.get_by_role("button", name="See what it would do").click()
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Avro")
    visit.refusals.clear()


@on_one_database
def test_a_backup_is_verified_and_a_damaged_one_is_said(visit, site):
    page = loaded(visit("backups"))
    back_up(page)
    page.get_by_role("button", name="Verify the backup of").click()
    expect(page.locator(".notice")).to_contain_text("is right: every row of it can be read.")
    expect(page.get_by_role("row").nth(1)).to_contain_text("right, just now")
    [file] = Path(site.environ["BACKUP_DIR"]).glob("*.zip")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    page.get_by_role("button", name="Verify the backup of").click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("damaged, just now")
    expect(page.locator("main").get_by_role("alert")).to_be_visible()
    visit.refusals.clear()


@on_one_database
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_backup_is_deleted_after_a_question(visit, site, violations, size):
    page = loaded(visit("backups", size=size))
    back_up(page)
    assert violations(page) == []
    page.get_by_role("button", name="Delete the backup of").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No backup is kept yet.")).to_be_visible()
    assert site.json("/backups")["items"] == []
