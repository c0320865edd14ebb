"""What others do meanwhile: two people restore at once, a tab is closed in the middle of an upload."""

import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import loaded, on_one_database
from tests.browser.test_backups import rows_of

MEGABYTE = 1_000_000
SLOWLY = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 10 * MEGABYTE}


@pytest.fixture
def two_backups(site):
    """The rows of two kept backups, the newer one first."""
    site.changed = True
    states = []
    for name in ("Older", "Newer"):
        numbers = range(10_000, 30_000)
        lines = "\n".join(f"{number},{name} {number},2022-03-04T05:06:07Z,5,7" for number in numbers)
        path = "/upload/employees?on_conflict=update"
        assert site.call("POST", path, lines.encode(), {"Content-Type": "text/csv"})[0] == 201
        assert site.call("POST", "/backups", b"")[0] == 201
        states.insert(0, rows_of(site))
    assert site.call("DELETE", "/employees/7")[0] == 204
    return states


def test_of_two_who_restore_at_once_one_waits_and_the_rows_are_those_of_one_backup(visit, site, two_backups):
    wrecked = rows_of(site)
    kept = site.json("/backups")["items"]
    pages = [loaded(visit("backups")) for _ in kept]
    for page, backup in zip(pages, kept, strict=True):
        page.get_by_role("button", name="Restore the backup of").nth(kept.index(backup)).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill(backup["time"][:19].replace("T", " "))
    for page in pages:
        # Without waiting for what it does
        page.evaluate("setTimeout(() => document.querySelector('dialog form').requestSubmit(), 300)")
    refused = 0
    for page in pages:
        said = page.locator(".notice, dialog .failure")
        expect(said).to_be_visible(timeout=60_000)
        if page.get_by_role("dialog").count():
            refused += 1
            expect(said).to_contain_text("Another restore is under way: try again when it is done.")
    assert refused == 1
    first = rows_of(site)
    assert first in two_backups
    for page in pages:
        if page.get_by_role("dialog").count():
            page.get_by_role("dialog").get_by_role("button", name="Restore").click()
            expect(page.locator(".notice")).to_contain_text("is restored.", timeout=60_000)
            assert rows_of(site) == next(state for state in two_backups if state != first)
            page.get_by_role("button", name="Undo").click()
            expect(page.locator(".notice")).to_contain_text("It is as it was before.", timeout=60_000)
            assert rows_of(site) == first
            visit.refusals.clear()
    assert first != wrecked


ROWS = 200_000


@pytest.fixture
def large_file(tmp_path):
    """A file of 200,000 jobs, 50 MB."""
    file = tmp_path / "jobs.csv"
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{number},{'x' * 232} {number:08}\n" for number in range(1000, 1000 + ROWS))
    return file


def jobs(site):
    return site.json("/jobs?limit=1&total=true")["total"]


@pytest.mark.parametrize("closed", ["in the check", "in the load", "after the last line"])
def test_a_tab_that_is_closed_in_the_middle_of_an_upload_leaves_all_or_nothing(
    visit, site, large_file, closed
):
    before = jobs(site)
    page = loaded(visit("upload"))
    network = page.context.new_cdp_session(page)
    if closed == "in the check":
        network.send("Network.emulateNetworkConditions", SLOWLY)
    page.get_by_label("File").set_input_files(large_file)
    if closed != "in the check":
        page.get_by_role("button", name=f"Load {ROWS:,} rows").click(timeout=120_000)
        network.send("Network.emulateNetworkConditions", SLOWLY)
        page.get_by_role("dialog").get_by_role("button", name="Load").click()
    main = page.locator("main")
    expect(
        main.get_by_text(re.compile(rf"About [\d,]+ of {ROWS:,} lines sent \(.* of [\d.]+ MB\)"))
    ).to_be_visible()
    if closed == "after the last line":
        expect(main.get_by_text(f"All of {ROWS:,} lines sent; the API reads the rows")).to_be_visible()
    else:
        while page.evaluate("document.querySelector('main progress').value") < 0.5:
            page.wait_for_timeout(50)
    page.close()
    site.changed = True
    # All lines were given to the network, and perhaps not yet to the API: it may do them now, or never
    for _ in range(100 if closed == "after the last line" else 0):
        if jobs(site) == before + ROWS:
            break
        time.sleep(0.2)
    rows = jobs(site) - before
    assert rows in ({0, ROWS} if closed == "after the last line" else {0})
    # What was under way holds nothing: the next file goes in
    again = loaded(visit("upload"))
    again.get_by_label("File").set_input_files({"name": "jobs.csv", "mimeType": "", "buffer": b"901,Next"})
    again.get_by_role("button", name="Load 1 row").click()
    again.get_by_role("dialog").get_by_role("button", name="Load").click()
    expect(again.locator("main").get_by_text("1 row read: 1 was inserted.")).to_be_visible(timeout=60_000)
    assert jobs(site) == before + rows + 1


@on_one_database
def test_who_leaves_a_load_is_asked_and_who_goes_to_another_page_is_told(visit, site, large_file):
    page = loaded(visit("upload"))
    page.get_by_label("File").set_input_files(large_file)
    page.get_by_role("button", name=f"Load {ROWS:,} rows").click(timeout=120_000)
    network = page.context.new_cdp_session(page)
    network.send("Network.emulateNetworkConditions", SLOWLY)
    page.get_by_role("dialog").get_by_role("button", name="Load").click()
    expect(page.locator("main").get_by_text("lines sent")).to_be_visible()
    expect(page.locator("main form")).to_have_attribute("inert", "")
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("#notice")).to_contain_text("Sending jobs.csv was broken off")
