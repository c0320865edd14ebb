"""One row: corrected and deleted; what others have done meanwhile is said and not overwritten."""

from playwright.sync_api import expect

from tests.browser.conftest import loaded, on_one_database


def test_a_row_is_corrected(visit, site):
    page = loaded(visit("tables/employees/7"))
    page.get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog", name="Correct employee 7")
    dialog.get_by_label("Name").fill("  ")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Name is required: it is empty.")).to_be_visible()
    dialog.get_by_label("Name").fill("Zoë O'Brien")
    dialog.get_by_label("Department").select_option("Legal")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Zoë O'Brien")
    expect(page.locator("dl")).to_contain_text("Legal")
    stored = site.json("/employees/7")
    assert stored["name"] == "Zoë O'Brien"
    visit.refusals.clear()


def test_what_somebody_else_has_changed_is_said_and_not_overwritten_unasked(visit, site):
    page = loaded(visit("tables/departments/5"))
    page.get_by_role("button", name="Correct").click()
    status, _, _ = site.call("POST", "/departments?on_conflict=update", [{"id": 5, "department": "Machines"}])
    assert status == 201
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Department").fill("Engines")
    dialog.get_by_role("button", name="Save").click()
    said = "Department is now “Machines”, it was “Engineering”"
    expect(dialog.get_by_role("alert")).to_contain_text(said)
    assert site.json("/departments/5")["department"] == "Machines"
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Engines")
    assert site.json("/departments/5")["department"] == "Engines"
    visit.refusals.clear()


def test_a_parent_in_use_is_not_deleted_and_says_why(visit, site):
    page = loaded(visit("tables/departments/5"))
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("of employees refer to it")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("link", name="Employees with this department").click()
    expect(page).to_have_url(f"{site.address}/#/tables/employees?department_id=5")
    visit.refusals.clear()


def test_a_row_is_deleted_after_a_question(visit, site):
    page = loaded(visit("tables/employees/7"))
    name = page.locator("h1").text_content()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name=f"Delete “{name}”?").get_by_role("button", name="Delete").click()
    expect(page.locator("#notice")).to_contain_text(f"“{name}” is deleted.")
    assert site.call("GET", "/employees/7")[0] == 404


def test_a_row_shows_what_was_refused_of_it(visit, site):
    site.changed = True
    [reject] = site.json("/rejects?limit=1")["items"]
    row = {"id": 7, "name": "", "datetime": "2021-07-27T16:02:08Z", "department_id": 1, "job_id": 1}
    assert site.call("POST", "/employees", [row])[0] == 422
    page = loaded(visit("tables/employees/7"))
    refused = page.get_by_role("table", name="What was refused of this row").locator("tbody tr")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("name is required: it is empty")
    expect(refused.locator("th")).to_contain_text(str(reject["id"] + 1))
    page = loaded(visit("tables/employees/8"))
    expect(page.get_by_text("Nothing was ever refused of it.")).to_be_visible()


@on_one_database
def test_a_question_stays_open_while_its_answer_is_carried_out(visit):
    held = []

    def hold(route):
        held.append(route) if route.request.method == "PATCH" else route.continue_()

    page = loaded(visit("tables/departments/5"))
    page.route("**/departments/5", hold)
    page.get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Department").fill("Engines")
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_visible()
    [route] = held
    route.continue_()
    expect(page.locator("h1")).to_have_text("Engines")
    expect(dialog).to_have_count(0)


@on_one_database
def test_who_has_changed_something_is_shown_no_replica_that_may_be_behind(visit):
    page = loaded(visit("tables/departments/5"))
    with page.expect_request("**/departments?*") as before:
        page.goto(page.url.replace("departments/5", "departments"))
    assert "prefer" not in before.value.headers
    page.goto(page.url.replace("departments", "departments/5"))
    page.get_by_role("button", name="Correct").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Department").fill("Engines")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Engines")
    with page.expect_request("**/departments?*") as after:
        page.goto(page.url.replace("departments/5", "departments"))
    assert after.value.headers["prefer"] == "read=latest"
    with page.expect_request("**/departments?*") as again:
        page.reload()
    assert again.value.headers["prefer"] == "read=latest"
