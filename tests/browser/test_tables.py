"""Tables: what is shown is what the API says, filters and pages, one row added, corrected, deleted."""

import csv
import io
from contextlib import suppress

from playwright.sync_api import Error, expect

from tests.browser.conftest import loaded, on_one_database


def cells(page):
    """The texts of all rows of the first table."""
    return page.locator("table tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('.value')].map((cell) => cell.textContent))"
    )


def expected(site, items):
    """The rows as the page should show them: names for ids, minutes of an instant."""
    departments = {row["id"]: row["department"] for row in site.json("/departments?limit=1000")["items"]}
    jobs = {row["id"]: row["job"] for row in site.json("/jobs?limit=1000")["items"]}
    return [
        [
            str(row["id"]),
            row["name"],
            f"{row['datetime'][:10]} {row['datetime'][11:16]} UTC",
            departments[row["department_id"]],
            jobs[row["job_id"]],
        ]
        for row in items
    ]


def test_rows_are_shown_with_names_and_page_by_page(visit, site):
    page = loaded(visit("tables/employees"))
    first = site.json("/employees?limit=50")
    assert cells(page) == expected(site, first["items"])
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    second = site.json(first["next"])
    assert cells(page) == expected(site, second["items"])
    address = page.url
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    assert cells(page) == expected(site, first["items"])
    assert cells(loaded(visit(address.partition("#/")[2]))) == expected(site, second["items"])


def test_filters_are_in_the_address_and_in_the_csv(visit, site):
    page = loaded(visit("tables/employees"))
    page.get_by_label("Department").select_option("Engineering")
    expect(page).to_have_url(f"{site.address}/#/tables/employees?department_id=5")
    page.get_by_label("Hired from").fill("2022-01-01")
    page.get_by_label("Hired from").blur()
    expect(page).to_have_url(f"{site.address}/#/tables/employees?hired_from=2022-01-01&department_id=5")
    query = "/employees?department_id=5&hired_from=2022-01-01"
    expect(page.locator("tbody tr").first).to_contain_text("2022-")
    assert cells(page) == expected(site, site.json(f"{query}&limit=50")["items"])
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "employees.csv"
    saved = download.value.path().read_text(encoding="utf-8")
    assert saved.splitlines() == site.json(query, "text/csv").splitlines()
    assert len(list(csv.reader(io.StringIO(saved)))) > 50


def test_a_name_is_found_and_the_rows_are_counted(visit, site):
    page = loaded(visit("tables/employees"))
    stored = site.json("/employees", "text/csv").splitlines()[1:]
    main = page.locator("main")
    expect(main.get_by_text(f"50 of {len(stored):,} employees")).to_be_visible()
    page.get_by_role("searchbox", name="Search").fill("ZOË")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.address}/#/tables/employees?search=ZO%C3%8B")
    found = [line for line in stored if "zoë" in line.lower()]
    expect(main.get_by_text(f"{len(found)} employees", exact=True)).to_be_visible()
    assert [row[0] for row in cells(page)] == [line.split(",")[0] for line in found]
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text(encoding="utf-8").splitlines()[1:] == found
    page.get_by_role("searchbox", name="Search").fill("nobody % _")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No row is like that.")).to_be_visible()


def test_a_row_is_added_once_and_its_errors_stand_beside_the_fields(visit, site):
    page = loaded(visit("tables/departments"))
    page.get_by_role("button", name="Add a row").click()
    dialog = page.get_by_role("dialog", name="Add to departments")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("Department is required: it is empty.")).to_be_visible()
    expect(dialog.get_by_label("Department")).to_be_focused()
    dialog.get_by_label("Department").fill("Archive")
    dialog.get_by_role("button", name="Add").click()
    expect(page.locator("h1")).to_have_text("Archive")
    expect(page.locator("#notice")).to_have_text("The row was added.")
    found = [row for row in site.json("/departments?limit=1000")["items"] if row["department"] == "Archive"]
    assert len(found) == 1
    assert page.url.endswith(f"/#/tables/departments/{found[0]['id']}")
    visit.refusals.clear()


def test_a_row_whose_answer_was_lost_is_added_once(visit, site):
    page = loaded(visit("tables/departments"))

    def lose_the_answer(route):
        route.fetch()
        route.abort()

    page.route("**/departments", lose_the_answer, times=1)
    page.get_by_role("button", name="Add a row").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Department").fill("Archive")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("alert")).to_contain_text("whether this was done is not known")
    dialog.get_by_role("button", name="Add").click()
    expect(page.locator("h1")).to_have_text("Archive")
    stored = site.json("/departments?limit=1000")["items"]
    assert [row["department"] for row in stored].count("Archive") == 1
    visit.refusals.clear()


@on_one_database
def test_a_dialog_is_left_by_escape_and_the_focus_goes_back(visit):
    page = loaded(visit("tables/departments"))
    button = page.get_by_role("button", name="Add a row")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


@on_one_database
def test_a_row_that_is_not_there_is_said(visit):
    page = loaded(visit("tables/employees/99999"))
    expect(page.locator("main").get_by_role("alert")).to_contain_text("There is no id 99999 in employees.")
    visit.refusals.clear()


@on_one_database
def test_a_wrong_address_is_said(visit):
    page = loaded(visit("tables/employees?after=x"))
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Query parameter after")
    visit.refusals.clear()


@on_one_database
def test_an_answer_that_comes_late_does_not_take_the_place_of_a_newer_one(visit, site):
    page = loaded(visit("tables/employees"))
    slow = []

    def hold(route):
        slow.append(route)

    page.route("**/employees?department_id=4&*", hold)
    page.get_by_label("Department").select_option("Human Resources")
    expect(page).to_have_url(f"{site.address}/#/tables/employees?department_id=4")
    page.get_by_label("Department").select_option("Engineering")
    of_engineering = site.json("/employees?department_id=5&limit=50")["items"]
    expect(page.locator("tbody th .value").first).to_have_text(str(of_engineering[0]["id"]))
    for route in slow:
        with suppress(Error):  # the page itself has given it up
            route.continue_()
    page.wait_for_timeout(200)
    assert cells(loaded(page)) == expected(site, of_engineering)
    visit.refusals.clear()


@on_one_database
def test_what_was_shown_before_goes_when_an_address_is_wrong(visit):
    page = loaded(visit("tables/employees"))
    page.evaluate("location.hash = '/tables/employees?department_id=x'")
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Query parameter department_id")
    expect(page.get_by_role("table")).to_have_count(0)
    page.get_by_label("Department").select_option("Engineering")
    expect(page.locator("tbody").get_by_text("Engineering").first).to_be_visible()
    expect(page.locator("main").get_by_role("alert")).to_have_count(0)
    visit.refusals.clear()
