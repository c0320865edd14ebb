"""The overview: figures of the API, each leads to its page."""

from playwright.sync_api import expect

from tests.browser.conftest import loaded, on_one_database


def test_each_figure_is_the_apis_and_leads_to_its_page(visit, site):
    site.changed = True
    assert site.call("POST", "/backups", b"")[0] == 201
    counts = {name: len(site.json(f"/{name}", "text/csv").splitlines()) - 1 for name in ("jobs", "employees")}
    rejects = site.json("/rejects?resolved=false&count=true&limit=1")["total"]
    page = loaded(visit())
    for name, rows in counts.items():
        page.get_by_role("link", name=f"{rows:,} {name}", exact=False).click()
        expect(page.locator("h1")).to_have_text(name.title())
        page.go_back()
    page.get_by_role("link", name=f"{rejects} open rejects").click()
    expect(page.locator("h1")).to_have_text("Rejects")
    page.go_back()
    expect(page.get_by_role("link", name="just now newest backup")).to_be_visible()
    expect(page.locator(".figure").filter(has_text="the database takes changes")).to_contain_text("Yes")
    load = page.get_by_role("row", name="Employees").locator(".value").all_text_contents()
    assert load[2:4] == [f"{counts['employees'] + rejects:,}", f"{counts['employees']:,}"]
    assert load[6] == str(rejects)
    assert load[7].endswith("hired_employees.csv")


@on_one_database
def test_without_a_backup_it_says_so(visit):
    page = loaded(visit())
    expect(page.get_by_text("No backup is kept yet.")).to_be_visible()
    expect(page.get_by_role("link", name="none newest backup")).to_be_visible()
