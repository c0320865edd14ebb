"""Metrics: every figure is the API's, in tables, on bars and in files; a link shows the same again."""

import csv
import io
import re
import struct
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, WIDE, loaded, on_one_database

QUARTERS = ("q1", "q2", "q3", "q4")


def figures(page, caption):
    """The texts of a table's rows, the last one its totals where it has some."""
    return page.get_by_role("table", name=caption).evaluate(
        "(table) => [...table.querySelectorAll('tbody tr, tfoot tr')]"
        ".map((row) => [...row.querySelectorAll('.value')].map((cell) => cell.textContent))"
    )


def totals_of_bars(page, index):
    """The figures behind the bars of a chart, from top to bottom."""
    return page.locator(".chart").nth(index).locator(".total").all_text_contents()


def sums(items):
    """The sum of each quarter for each department, from the API's rows, in their order."""
    found = {}
    for row in items:
        sums = found.setdefault(row["department"], [0, 0, 0, 0])
        for index, quarter in enumerate(QUARTERS):
            sums[index] += row[quarter]
    return found


@pytest.mark.parametrize(("year", "size"), [(2021, WIDE), (2022, NARROW)], ids=["wide", "narrow"])
def test_tables_and_bars_have_the_figures_of_the_api(visit, site, year, size):
    page = loaded(visit(f"metrics?year={year}", size=size))
    items = site.json(f"/metrics/hired-by-quarter?year={year}")["items"]
    of_departments = sums(items)
    expected = [[name, *map(str, row), str(sum(row))] for name, row in of_departments.items()]
    total = [sum(column) for column in zip(*of_departments.values(), strict=True)]
    expected.append(["Total", *map(str, total), str(sum(total))])
    assert figures(page, "Hires by department and quarter") == expected
    assert totals_of_bars(page, 0) == [row[-1] for row in expected[:-1]]
    above = site.json(f"/metrics/above-mean?year={year}")["items"]
    assert figures(page, "Departments above the mean") == [
        [row["department"], str(row["hired"])] for row in above
    ]
    assert totals_of_bars(page, 1) == [str(row["hired"]) for row in above]
    mean = sum(total) / len(site.json("/departments")["items"])
    assert page.locator(".chart .mean").text_content() == f"mean {mean:.1f}".removesuffix(".0")


@on_one_database
def test_hires_of_a_department_by_quarter_and_a_picture_for_a_slide_take_three_steps(visit, site):
    page = loaded(visit())
    page.get_by_role("link", name="Metrics").click()
    page.get_by_role("combobox", name="Department").select_option("Engineering")
    by_quarter = page.get_by_role("region", name="Hires of Engineering in 2021 by quarter")
    with page.expect_download() as download:
        by_quarter.get_by_role("button", name="PNG for a slide").first.click()
    assert download.value.suggested_filename == "hires-of-engineering-2021-by-quarter.png"
    picture = download.value.path().read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height > 200) == (1920, True)
    items = site.json("/metrics/hired-by-quarter?year=2021")["items"]
    expected = sums(items)["Engineering"]
    rows = [[f"Q{number}", str(hired)] for number, hired in enumerate(expected, start=1)]
    assert figures(page, "Hires by quarter") == [*rows, ["Total", str(sum(expected))]]
    assert totals_of_bars(page, 0) == list(map(str, expected))


@on_one_database
def test_the_picture_can_be_had_by_the_keyboard_alone(visit):
    page = loaded(visit("metrics"))

    def tab_to(what):
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name || document.activeElement.textContent") == what:
                return
        raise AssertionError(what)

    tab_to("department_id")
    page.keyboard.type("Engin")
    expect(page.get_by_role("heading", name="Hires of Engineering in 2021 by quarter")).to_be_visible()
    tab_to("PNG for a slide")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "hires-of-engineering-2021-by-quarter.png"


def test_a_click_on_a_department_leads_to_its_jobs_and_the_address_back_to_them(visit, site):
    page = loaded(visit("metrics?year=2022"))
    page.locator(".chart").first.get_by_text("Legal").click()
    expect(page).to_have_url(re.compile(r"#/metrics\?year=2022&department_id=\d+$"))
    expect(page.get_by_role("heading", name="Hires of Legal in 2022 by job")).to_be_visible()
    items = [
        row
        for row in site.json("/metrics/hired-by-quarter?year=2022")["items"]
        if row["department"] == "Legal"
    ]
    shown = figures(page, "Hires by job and quarter")
    assert shown[:-1] == [
        [row["job"], *(str(row[q]) for q in QUARTERS), str(sum(row[q] for q in QUARTERS))] for row in items
    ]
    again = loaded(visit(page.url.partition("#/")[2]))
    assert figures(again, "Hires by job and quarter") == shown
    page.go_back()
    expect(page.get_by_role("heading", name="Hires in 2022 by department")).to_be_visible()


def test_a_period_takes_the_place_of_the_year(visit, site):
    page = loaded(visit("metrics"))
    page.get_by_label("or from").fill("2021-02-01")
    page.get_by_label("until (excluded)").fill("2022-08-01")
    page.get_by_label("until (excluded)").blur()
    expect(page).to_have_url(re.compile(r"#/metrics\?from=2021-02-01&until=2022-08-01$"))
    hired = (
        len(site.json("/employees?hired_from=2021-02-01&hired_until=2022-08-01", "text/csv").splitlines()) - 1
    )
    expect(page.locator(".figure strong").first).to_have_text(f"{hired:,}")
    expect(page.get_by_label("Year")).to_have_value("")
    page.get_by_label("Year").fill("2022")
    page.get_by_label("Year").press("Enter")
    expect(page).to_have_url(re.compile(r"#/metrics\?year=2022$"))


@on_one_database
def test_the_files_have_what_is_shown(visit, site):
    page = loaded(visit("metrics?department_id=5"))
    jobs = page.get_by_role("region", name="Hires of Engineering in 2021 by job")
    with page.expect_download() as download:
        jobs.get_by_role("button", name="CSV").first.click()
    saved = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8"))))
    shown = figures(page, "Hires by job and quarter")
    assert [[row["job"], *(row[q] for q in QUARTERS)] for row in saved] == [row[:-1] for row in shown[:-1]]
    with page.expect_download() as download:
        jobs.get_by_role("button", name="SVG").first.click()
    picture = ET.parse(download.value.path())
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "Hires of Engineering in 2021 by job and quarter" in " ".join(texts)


@on_one_database
def test_a_year_without_hires_is_said(visit):
    page = loaded(visit("metrics?year=1999"))
    expect(page.get_by_text("Nobody was hired.").first).to_be_visible()


@on_one_database
def test_a_wrong_year_is_said(visit):
    page = loaded(visit("metrics?year=x"))
    expect(page.locator("main").get_by_role("alert")).to_contain_text("Query parameter year")
    visit.refusals.clear()
