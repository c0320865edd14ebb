"""What all pages share: addresses, errors as sentences, the keyboard, screen readers, text as text."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, PASSWORD, WIDE, loaded, on_one_database

# A few rows each, because axe looks at every cell
PAGES = [
    "overview",
    "metrics",
    "metrics?department_id=5",
    "tables/employees?department_id=5&hired_from=2022-12-15",
    "tables/employees/7",
    "upload",
    "rejects?before=6",
    "backups",
]


_GO = """(path) => new Promise((done) => {
    addEventListener("hashchange", () => setTimeout(done), { once: true });
    location.hash = path;
})"""


def each(page, paths):
    """Go from page to page."""
    for path in paths:
        page.evaluate(_GO, f"/{path}")
        expect(page.locator("main .page")).to_have_attribute("data-path", path.partition("?")[0])
        yield path, loaded(page)


@on_one_database
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_each_page_can_be_used_by_all_and_fits_its_screen(visit, violations, size, scheme):
    for path, page in each(loaded(visit("tables/jobs/1", size=size, scheme=scheme)), PAGES):
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, path
        levels = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))"
        )
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path


_HEIGHTS = "[...document.querySelectorAll('.choices .field')].map((field) => field.offsetHeight)"
# The number of lines that each cell with a table's name takes
_LINES = """[...document.querySelectorAll("td .value")].filter((cell) => cell.textContent === "employees")
    .map((cell) => cell.getClientRects().length)"""


@on_one_database
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_fields_of_a_line_are_level_and_no_word_is_broken(visit, size):
    pages = ["metrics", "tables/employees?department_id=5", "rejects", "backups"]
    for path, page in each(loaded(visit(size=size)), pages):
        heights = page.evaluate(_HEIGHTS)
        assert len(heights) > 1, path
        assert len(set(heights)) == 1, path
        if path == "rejects":
            assert set(page.evaluate(_LINES)) == {1}


@on_one_database
def test_each_page_has_an_address_and_says_where_one_is(visit):
    page = loaded(visit())
    expect(page).to_have_title("Overview · Hiring")
    for name in ("Metrics", "Tables", "Upload", "Rejects", "Backups", "Overview"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        loaded(page)
        assert page.url.endswith(f"/#/{name.lower()}")
        current = page.locator("nav[aria-label=Pages] [aria-current=page]")
        expect(current).to_have_text([name])
        expect(page.locator("h1")).to_be_focused()
    page.go_back()
    expect(page.locator("h1")).to_have_text("Backups")


@on_one_database
def test_all_pages_are_reached_by_the_keyboard_alone(visit):
    page = loaded(visit())
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for name in ("Rejects", "Tables"):
        page.evaluate("document.activeElement.blur()")
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == name:
                break
        page.keyboard.press("Enter")
        loaded(page)
        assert page.url.endswith(f"/#/{name.lower()}")


@on_one_database
def test_an_address_with_credentials_in_it_works(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.address.replace('//', '//u:p@')}/#/tables/departments")
    expect(page.get_by_role("cell", name="Engineering")).to_be_visible()
    context.close()


@on_one_database
def test_an_unknown_page_leads_to_the_overview(visit):
    page = loaded(visit("nowhere/%E0%A4%A/?x"))
    expect(page.locator("h1")).to_have_text("Overview")


@on_one_database
def test_an_api_that_is_away_is_said_and_found_again(visit, site):
    page = loaded(visit("tables/departments"))
    site.changed = True
    site.kill()
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("alert").filter(has_text="The API does not answer.")).to_be_visible()
    site.start()
    expect(page.get_by_role("cell", name="Accountant", exact=True)).to_be_visible(timeout=60_000)
    expect(page.locator("#trouble")).to_be_empty()
    visit.refusals.clear()


@on_one_database
def test_a_change_while_the_api_is_away_says_that_it_is_not_known(visit, site):
    page = loaded(visit("backups"))
    site.kill()
    page.get_by_role("button", name="Back up now").click()
    expect(page.locator("main").get_by_role("alert")).to_contain_text("whether this was done is not known")
    site.start()
    page.get_by_role("button", name="Back up now").click()
    expect(page.get_by_role("table", name="Kept backups")).to_be_visible()
    expect(page.locator("main").get_by_role("alert")).to_have_count(0)
    visit.refusals.clear()


@on_one_database
def test_a_password_that_is_no_longer_taken_is_said_and_tried_again_when_asked(visit):
    page = loaded(visit("tables/departments"))
    page.route("**/jobs?*", lambda route: route.fulfill(status=401, body="{}"), times=1)
    page.get_by_role("link", name="Jobs").click()
    expect(page.locator("#trouble")).to_contain_text("The API does not take this user and password.")
    page.get_by_role("button", name="Try again now").click()
    expect(page.get_by_role("cell", name="Accountant", exact=True)).to_be_visible()
    [refusal] = visit.refusals
    assert "401" in refusal
    visit.refusals.clear()


@on_one_database
def test_a_wrong_password_shows_nothing(visit, site):
    page = visit(password=PASSWORD + "?")
    assert "Hiring" not in page.title()
    assert page.locator("main").count() == 0
    visit.refusals.clear()


def test_an_empty_database_is_shown_in_words(empty_site, visit):
    for path, page in each(loaded(visit("tables/jobs")), PAGES[:4] + PAGES[5:]):
        assert page.locator("main .failure").count() == 0, path
        assert page.locator("main .empty, main .figure, main form").count() > 0, path


MARKUP = "<script>document.title='wrong'</script><img src=x onerror=\"document.title='wrong'\">"


@on_one_database
def test_a_name_that_is_markup_stays_text(visit, site):
    site.changed = True
    status, _, _ = site.call("POST", "/departments", [{"id": 66, "department": MARKUP}])
    assert status == 201
    row = {"id": 5000, "name": MARKUP, "datetime": "2021-07-27T16:02:08Z", "department_id": 66, "job_id": 1}
    assert site.call("POST", "/employees", [row, {**row, "id": 5001, "job_id": 99999}])[0] == 207
    page = visit("tables/employees?department_id=66")
    expect(page.get_by_role("link", name=MARKUP)).to_be_visible()
    for path in ("tables/employees/5000", "tables/departments/66", "rejects", "metrics"):
        page.goto(f"{site.address}/#/{path}")
        loaded(page)
        shown = page.locator("main :is(h1, dd, .value)").filter(has_text="<script>document")
        expect(shown.first).to_be_visible()
        assert page.title().endswith("· Hiring")
        assert page.locator("main img[src=x]").count() == 0


@on_one_database
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_longest_names_fit_the_page(visit, site, size):
    site.changed = True
    name = "W" * 255
    assert site.call("POST", "/departments", [{"id": 66, "department": name}])[0] == 201
    row = {"id": 5000, "name": name, "datetime": "2021-07-27T16:02:08Z", "department_id": 66, "job_id": 1}
    assert site.call("POST", "/employees", [row, {**row, "id": 5001, "job_id": 99999}])[0] == 207
    paths = ["tables/employees?department_id=66", "tables/employees/5000", "metrics", "rejects?field=job_id"]
    for path, page in each(loaded(visit(size=size)), paths):
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, path
