"""Upload: a file is checked first, shown in words, loaded when somebody says so; any size."""

import csv
import io

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import loaded, on_one_database

RIGHT = [[str(5000 + number), f"Ana {number}", "2021-07-27T16:02:08Z", "5", "1"] for number in range(30)]
WRONG = [["6000", "", "2021-07-27", "5", "1"], ["6001", "Zoë", "2021-07-27T16:02:08Z", "99", "1"]]


def csv_of(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return {
        "name": "Copy of hired_employees (1).csv",
        "mimeType": "text/csv",
        "buffer": text.getvalue().encode(),
    }


def test_a_file_is_checked_then_loaded_and_what_was_refused_is_kept(visit, site):
    page = loaded(visit("upload"))
    before = len(site.json("/employees", "text/csv").splitlines())
    page.get_by_label("File").set_input_files(csv_of(RIGHT + WRONG))
    main = page.locator("main")
    expect(main.get_by_text("32 rows read: 30 would be inserted, 2 refused.")).to_be_visible()
    expect(page.get_by_label("Into the table")).to_have_value("employees")
    refused = page.get_by_role("table", name="Refused rows").locator("tbody tr")
    expect(refused.first).to_contain_text("name is required: it is empty; datetime must be a date and time")
    expect(refused.first.locator("mark")).to_have_text(["(empty)", "2021-07-27"])
    expect(refused.nth(1).locator("mark")).to_have_text(["99"])
    assert len(site.json("/employees", "text/csv").splitlines()) == before
    page.get_by_role("button", name="Load 30 rows").click()
    page.get_by_role("dialog").get_by_role("button", name="Load").click()
    expect(main.get_by_text("32 rows read: 30 were inserted, 2 refused.")).to_be_visible()
    assert len(site.json("/employees", "text/csv").splitlines()) == before + 30
    newest = site.json("/rejects?limit=2")["items"]
    assert [reject["row"][0] for reject in newest] == ["6001", "6000"]
    page.get_by_role("link", name="See 2 rejects").click()
    expect(page).to_have_url(f"{site.address}/#/rejects?run={newest[0]['run']}")


@on_one_database
def test_a_file_that_is_no_csv_is_said(visit):
    page = loaded(visit("upload"))
    file = {"name": "jobs.xlsx", "mimeType": "text/csv", "buffer": b"PK\x03\x04" + bytes(500)}
    page.get_by_label("File").set_input_files(file)
    expect(page.locator("main").get_by_role("alert")).to_be_visible()
    visit.refusals.clear()


@on_one_database
def test_nothing_is_loaded_when_the_question_is_answered_no(visit, site):
    page = loaded(visit("upload"))
    page.get_by_label("File").set_input_files(csv_of(RIGHT))
    page.get_by_role("button", name="Load 30 rows").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert site.call("GET", "/employees/5000")[0] == 404


@on_one_database
def test_a_load_without_an_answer_is_said_and_the_next_check_tells_what_has_come_in(visit, site):
    page = loaded(visit("upload"))

    def lose_the_answer(route):
        route.fetch()
        route.abort()

    page.route("**/upload/employees?on_conflict=error", lose_the_answer)
    page.get_by_label("File").set_input_files(csv_of(RIGHT))
    page.get_by_role("button", name="Load 30 rows").click()
    page.get_by_role("dialog").get_by_role("button", name="Load").click()
    main = page.locator("main")
    expect(main.get_by_role("alert")).to_contain_text("whether this was done is not known")
    expect(main.locator("progress")).to_have_count(0)
    main.get_by_role("button", name="Try again").click()
    expect(main.get_by_text("30 rows read: 0 would be inserted, 30 unchanged.")).to_be_visible()
    visit.refusals.clear()


@on_one_database
@pytest.mark.parametrize("megabytes", [5, 50])
def test_large_files_are_checked(visit, tmp_path, megabytes):
    rows = megabytes * 1_000_000 // 250
    file = tmp_path / "jobs.csv"
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{number},{'x' * 230} {number:08}\n" for number in range(1000, 1000 + rows))
    assert file.stat().st_size >= megabytes * 1_000_000 * 0.97
    page = loaded(visit("upload"))
    page.get_by_label("File").set_input_files(file)
    expect(page.get_by_role("button", name=f"Load {rows:,} rows")).to_be_visible(timeout=120_000)
    expect(
        page.locator("main").get_by_text(f"{rows:,} rows read: {rows:,} would be inserted.")
    ).to_be_visible()
