"""Many rows: pages to the end and back, one row among them, all as a file; nothing without a limit."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import loaded, on_one_database

ROWS, WRONG = 30_000, 1_000
FIRST = 10_001  # their first id


@pytest.fixture
def crowded(site):
    """The API with 30,000 employees more, one of them Ngozi, and 1,000 refused ones."""
    site.changed = True
    lines = [f"{FIRST + number},Ana {number},2022-03-04T05:06:07Z,5,7" for number in range(ROWS)]
    lines[ROWS // 2] = f"{FIRST + ROWS // 2},Ngozi 0,2022-03-04T05:06:07Z,5,7"
    lines += [f"{FIRST + ROWS + number},Ana,2022-03-04T05:06:07Z,5," for number in range(WRONG)]
    body = "\n".join(lines).encode()
    status, _, said = site.call("POST", "/upload/employees", body, {"Content-Type": "text/csv"})
    assert status == 207, said
    return site


def numbers(page):
    """The ids of the rows that are shown."""
    return [int(text) for text in page.locator("main tbody th .value").all_text_contents()]


def turned(page, name):
    """Turn to the next or the previous page, and wait until it is there."""
    first = page.locator("main tbody th .value").first
    before = first.text_content()
    page.get_by_role("link", name=name).click()
    expect(first).not_to_have_text(before)
    return loaded(page)


def test_pages_lead_to_the_end_and_back_and_no_request_is_without_a_limit(visit, crowded):
    page = visit("tables/employees?after=39860")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    shown = [numbers(loaded(page))]
    while page.get_by_role("link", name="Next").count():
        shown.append(numbers(turned(page, "Next")))
    assert [len(rows) for rows in shown] == [50, 50, 40]
    assert [row for rows in shown for row in rows] == list(range(39_861, 40_001))
    assert numbers(turned(page, "Previous")) == shown[1]
    stored = len(crowded.json("/employees", "text/csv").splitlines()) - 1
    expect(page.locator("main").get_by_text(f"50 of {stored:,} employees")).to_be_visible()
    lists = [urlsplit(address) for address in asked]
    limits = [
        parse_qs(at.query).get("limit") for at in lists if at.path in {"/departments", "/jobs", "/employees"}
    ]
    assert len(limits) >= 5
    assert all(limits)


def test_one_row_is_found_among_many_and_all_of_them_are_a_file(visit, crowded):
    page = loaded(visit("tables/employees"))
    search = page.get_by_role("searchbox", name="Search")
    search.fill("ngozi 0")
    search.press("Enter")
    expect(page.locator("main").get_by_text("1 employee", exact=True)).to_be_visible()
    assert numbers(page) == [FIRST + ROWS // 2]
    search.fill("ana ")
    search.press("Enter")
    found = [line for line in crowded.json("/employees", "text/csv").splitlines() if "ana " in line.lower()]
    assert len(found) >= ROWS - 1
    expect(page.locator("main").get_by_text(f"50 of {len(found):,} employees")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text(encoding="utf-8").splitlines()[1:] == found


@on_one_database
def test_many_rejects_are_counted_and_shown_by_the_page(visit, crowded):
    page = loaded(visit("rejects?field=job_id"))
    total = crowded.json("/rejects?resolved=false&field=job_id&count=true&limit=1")["total"]
    assert total >= WRONG
    expect(page.get_by_role("heading", name=f"{total:,} open rejects")).to_be_visible()
    rejects = page.get_by_role("table", name="Rejects, the newest first").locator("tbody th")
    expect(rejects).to_have_count(25)
    newest = int(rejects.first.locator(".value").text_content())
    page.get_by_role("link", name="Older").click()
    expect(rejects.first.locator(".value")).to_have_text(str(newest - 25))
    expect(rejects).to_have_count(25)


@on_one_database
def test_while_an_answer_is_awaited_the_page_says_so(visit):
    page = loaded(visit("metrics"))
    held = []
    page.route("**/metrics/hired-by-quarter?from=*", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_label("or from").fill("2021-02-01")
    page.get_by_label("or from").blur()
    expect(page.locator("main .page[aria-busy]")).to_be_attached()
    said = "getComputedStyle(document.querySelector('main .page'), '::before').content"
    assert page.evaluate(said) == '"Loading …"'
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(loaded(page).get_by_role("heading", name="Hires from 2021-02-01 by department")).to_be_visible()
    assert page.evaluate(said) == "none"
