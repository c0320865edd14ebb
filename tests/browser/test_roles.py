"""What a role may not do is not in the page; what is sent all the same is refused in words."""

import json

import pytest
from playwright.sync_api import expect

from hiring_api.users import accounts, passwords
from tests.browser.conftest import loaded, on_one_database

PASSWORD = "correct horse of ann"
BUTTONS = {
    "reader": set(),
    "writer": {"Add a row", "Correct", "Delete"},
    "operator": {"Add a row", "Correct", "Delete", "Back up now"},
}


@on_one_database
@pytest.mark.parametrize("role", BUTTONS)
def test_each_role_sees_what_it_may_do(visit, site, sample, role):
    site.changed = True
    name = f"ann.{role}"  # the API remembers for some seconds what it knows of a name
    accounts.add(sample[1], name, role, passwords.hashed(PASSWORD))
    found = set()
    for path in ("tables/employees", "tables/employees/7", "backups"):
        page = loaded(visit(path, user=name, password=PASSWORD))
        found |= set(page.locator("main button").all_text_contents())
    expect(page.locator("#who")).to_have_text(f"Signed in as {name}, {role}")
    assert found & BUTTONS["operator"] == BUTTONS[role]
    expect(page.get_by_role("link", name="Upload")).to_have_count(0 if role == "reader" else 1)
    page = loaded(visit("upload", user=name, password=PASSWORD))
    expect(page.get_by_label("File")).to_have_count(0 if role == "reader" else 1)


@on_one_database
def test_a_role_that_was_taken_away_meanwhile_is_said(visit):
    page = loaded(visit("tables/departments"))
    said = "this needs the role writer, and yours is reader"
    problem = json.dumps({"status": 403, "detail": said})
    answer = {"status": 403, "content_type": "application/problem+json", "body": problem}
    page.route("**/departments", lambda route: route.fulfill(**answer))
    page.get_by_role("button", name="Add a row").click()
    page.get_by_role("dialog").get_by_label("Department").fill("Archive")
    page.get_by_role("dialog").get_by_role("button", name="Add").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(f"T{said[1:]}.")
    visit.refusals.clear()
