"""The two metrics, in every form."""

import re
import xml.etree.ElementTree as ET

import pytest

SVG = "{http://www.w3.org/2000/svg}"

DEPARTMENTS = [
    {"id": 1, "department": "sales"},
    {"id": 2, "department": "Sales"},
    {"id": 3, "department": "GIS Technical"},
    {"id": 4, "department": "General"},
    {"id": 5, "department": "Émigrés"},
]
JOBS = [{"id": 1, "job": "Clerk"}, {"id": 2, "job": "archivist"}]
HIRES = [  # department, job, when
    (1, 1, "2021-01-01T00:00:00Z"),
    (1, 1, "2021-03-31T23:59:59.999999Z"),
    (1, 1, "2021-04-01T00:00:00Z"),
    (1, 2, "2021-12-31T23:59:59.999999Z"),
    (2, 1, "2020-12-31T23:59:59.999999Z"),
    (2, 1, "2022-01-01T00:00:00Z"),
    (3, 1, "2021-07-01T00:00:00+01:00"),
    (4, 1, "2021-07-01T00:00:00Z"),
    (4, 1, "2021-10-01T00:00:00Z"),
]
BY_QUARTER = [
    {"department": "General", "job": "Clerk", "q1": 0, "q2": 0, "q3": 1, "q4": 1},
    {"department": "GIS Technical", "job": "Clerk", "q1": 0, "q2": 1, "q3": 0, "q4": 0},
    {"department": "sales", "job": "archivist", "q1": 0, "q2": 0, "q3": 0, "q4": 1},
    {"department": "sales", "job": "Clerk", "q1": 2, "q2": 1, "q3": 0, "q4": 0},
]
ABOVE_MEAN = [  # of 7 / 5 = 1.4
    {"id": 1, "department": "sales", "hired": 4},
    {"id": 4, "department": "General", "hired": 2},
]


@pytest.fixture
def hired(client):
    hires = [
        {"name": "Ana", "department_id": department, "job_id": job, "datetime": when}
        for department, job, when in HIRES
    ]
    answer = client.post("/batch", json={"departments": DEPARTMENTS, "jobs": JOBS, "employees": hires})
    assert answer.status_code == 201
    return client


@pytest.mark.parametrize("path", ["/metrics/hired-by-quarter", "/metrics/hired-by-quarter?year=2021"])
def test_hires_are_counted_in_their_quarter_in_utc_and_sorted_without_regard_to_case(hired, path):
    assert hired.get(path).json == {"items": BY_QUARTER, "next": None}


def test_the_mean_is_over_all_departments_and_its_equals_are_not_above_it(hired):
    assert hired.get("/metrics/above-mean").json == {"items": ABOVE_MEAN, "next": None}
    # 2022: one hire, mean 0.2
    assert hired.get("/metrics/above-mean?year=2022").json["items"] == [
        {"id": 2, "department": "Sales", "hired": 1}
    ]


def test_departments_that_all_hired_the_mean_are_none(client):
    client.post("/departments", json=DEPARTMENTS[:2])
    client.post("/jobs", json=JOBS)
    hires = [(1, 1, "2021-01-01T00:00:00Z"), (2, 1, "2021-01-01T00:00:00Z")]
    rows = [{"name": "A", "department_id": d, "job_id": j, "datetime": w} for d, j, w in hires]
    assert client.post("/employees", json=rows).status_code == 201
    assert client.get("/metrics/above-mean").json["items"] == []


@pytest.mark.parametrize("path", ["/metrics/hired-by-quarter", "/metrics/above-mean"])
def test_an_empty_database_has_empty_metrics(client, path):
    assert client.get(path).json == {"items": [], "next": None}
    picture = client.get(path, headers={"Accept": "image/svg+xml"}).text
    assert picture.startswith("<?xml")
    assert re.findall("<text[^>]*>([^<]*)</text>", picture) == [
        "Nobody was hired in 2021" if "quarter" in path else "No department hired more than the mean in 2021"
    ]


def test_metrics_come_as_csv(hired):
    answer = hired.get("/metrics/above-mean", headers={"Accept": "text/csv"})
    assert answer.mimetype == "text/csv"
    assert answer.text == "id,department,hired\r\n1,sales,4\r\n4,General,2\r\n"


@pytest.mark.parametrize("path", ["/metrics/hired-by-quarter", "/metrics/above-mean"])
def test_metrics_come_as_pictures_without_scripts_or_markup_from_names(hired, path):
    hired.post("/departments?on_conflict=update", json={"id": 1, "department": "$<script>$"})
    answer = hired.get(path, headers={"Accept": "image/svg+xml"})
    assert answer.mimetype == "image/svg+xml"
    assert b"<script" not in answer.data
    assert b"$&lt;script&gt;$" in answer.data
    assert hired.get(path, headers={"Accept": "image/svg+xml"}).data == answer.data


@pytest.mark.parametrize("path", ["/metrics/hired-by-quarter", "/metrics/above-mean"])
def test_pictures_have_every_figure_and_names_in_any_script_as_far_as_they_fit(hired, path):
    for name in ("漢字 👩‍👩‍👧", "عربي", "x" * 255):
        hired.post("/departments?on_conflict=update", json={"id": 1, "department": name})
        picture = hired.get(path, headers={"Accept": "image/svg+xml"}).text
        shown = re.findall("<text[^>]*>([^<]*)</text>", picture)
        assert (name if len(name) <= 32 else f"{'x' * 31}…") in shown
        assert "4" in shown


def test_a_picture_is_well_formed_whatever_a_name_holds(hired):
    name = "\ufffe\uffff<&\"'>\U0001fffe"
    hired.post("/departments?on_conflict=update", json={"id": 1, "department": name})
    for path in ("/metrics/hired-by-quarter", "/metrics/above-mean"):
        root = ET.fromstring(hired.get(path, headers={"Accept": "image/svg+xml"}).data)
        assert "\ufffd\ufffd<&\"'>\U0001fffe" in [text.text for text in root.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_figures(hired):
    root = ET.fromstring(hired.get("/metrics/above-mean", headers={"Accept": "image/svg+xml"}).data)
    widths = [float(bar.get("width")) for bar in root.iter(f"{SVG}rect") if bar.get("height") == "20"]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


def test_of_many_departments_the_first_are_drawn_and_the_title_says_so(client):
    client.post("/departments", json=[{"id": n, "department": f"D{n:03}"} for n in range(1, 101)])
    client.post("/jobs", json=JOBS)
    rows = [
        {"name": "A", "department_id": n, "job_id": 1, "datetime": "2021-05-05T00:00:00Z"}
        for n in range(1, 101)
    ]
    assert client.post("/employees", json=rows).status_code == 201
    picture = client.get("/metrics/hired-by-quarter", headers={"Accept": "image/svg+xml"}).text
    assert "Hired in 2021, by department and quarter (the first 60 of 100)" in picture
    assert "D060" in picture
    assert "D061" not in picture


def test_the_form_that_the_client_likes_best_is_sent(hired):
    browser_image = "image/avif,image/webp,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
    assert hired.get("/metrics/above-mean", headers={"Accept": browser_image}).mimetype == "image/svg+xml"
    assert hired.get("/metrics/above-mean", headers={"Accept": "*/*"}).mimetype == "application/json"


@pytest.mark.parametrize("year", ["", "21", "999", "10000", "2021.0", "+2021", "20²1", "2021 ", "x"])
def test_a_year_that_is_none_is_refused(client, year):
    answer = client.get("/metrics/above-mean", query_string={"year": year})
    assert answer.status_code == 422
    assert answer.json["detail"] == "query parameter year: must be a whole number from 1000 to 9999"


@pytest.mark.parametrize("year", ["1000", "9999"])
def test_the_first_and_last_year_are_taken(client, year):
    assert client.get(f"/metrics/above-mean?year={year}").json == {"items": [], "next": None}


def test_hires_in_the_last_instant_of_9999_are_counted(hired):
    row = {"name": "Z", "department_id": 1, "job_id": 1, "datetime": "9999-12-31T23:59:59.999999Z"}
    hired.post("/employees", json=row)
    assert hired.get("/metrics/hired-by-quarter?year=9999").json["items"][0]["q4"] == 1
