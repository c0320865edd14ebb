"""The two metrics, in every form."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

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

TOTALS = {
    "hired": 7,
    "q1": 2,
    "q2": 2,
    "q3": 1,
    "q4": 2,
    "departments": [
        {"id": 4, "department": "General", "hired": 2, "q1": 0, "q2": 0, "q3": 1, "q4": 1},
        {"id": 3, "department": "GIS Technical", "hired": 1, "q1": 0, "q2": 1, "q3": 0, "q4": 0},
        {"id": 1, "department": "sales", "hired": 4, "q1": 2, "q2": 1, "q3": 0, "q4": 1},
    ],
}
NO_HIRES = {"hired": 0, "q1": 0, "q2": 0, "q3": 0, "q4": 0, "departments": []}
NO_MEAN = {"mean": 0, "hired": 0, "departments": 0}


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
    assert hired.get(path).json == {"items": BY_QUARTER, "next": None, "totals": TOTALS}


def test_the_mean_is_over_all_departments_and_its_equals_are_not_above_it(hired):
    assert hired.get("/metrics/above-mean").json == {
        "items": ABOVE_MEAN,
        "next": None,
        "totals": {"mean": 1.4, "hired": 7, "departments": 5},
    }
    assert hired.get("/metrics/above-mean?year=2022").json == {
        "items": [{"id": 2, "department": "Sales", "hired": 1}],
        "next": None,
        "totals": {"mean": 0.2, "hired": 1, "departments": 5},
    }


def test_one_department_is_left_of_all_and_the_mean_stays_that_of_all(hired):
    of_sales = hired.get("/metrics/hired-by-quarter?department_id=1").json
    assert of_sales["items"] == BY_QUARTER[2:]
    assert of_sales["totals"] == {**NO_HIRES, "hired": 4, "q1": 2, "q2": 1, "q4": 1} | {
        "departments": TOTALS["departments"][2:]
    }
    assert hired.get("/metrics/above-mean?department_id=4").json == {
        "items": ABOVE_MEAN[1:],
        "next": None,
        "totals": {"mean": 1.4, "hired": 7, "departments": 5},
    }
    assert hired.get("/metrics/above-mean?department_id=3").json["items"] == []


def test_a_department_that_there_is_not_has_no_hires(hired):
    found = hired.get("/metrics/hired-by-quarter?department_id=99").json
    assert found == {"items": [], "next": None, "totals": NO_HIRES}
    assert hired.get("/metrics/above-mean?department_id=99").json["items"] == []


def test_rows_tell_ids_where_they_are_asked_for(hired):
    found = hired.get("/metrics/hired-by-quarter?ids=true&department_id=4").json["items"]
    assert found == [{**BY_QUARTER[0], "department_id": 4, "job_id": 1}]
    asked = "/metrics/hired-by-quarter?ids=true&department_id=4"
    assert hired.get(asked, headers={"Accept": "text/csv"}).text == (
        "department_id,department,job_id,job,q1,q2,q3,q4\r\n4,General,1,Clerk,0,0,1,1\r\n"
    )


@pytest.mark.parametrize(
    ("period", "hires"),
    [
        ("from=2021-01-01&until=2022-01-01", [2, 2, 1, 2]),
        ("from=2020-12-31&until=2022-01-02", [3, 2, 1, 3]),
        ("from=2020-10-01", [3, 2, 1, 3]),
        ("from=2021-01-01T00:00:00.000001Z&until=2021-10-01", [1, 2, 1, 0]),
        ("from=2021-10-01&until=2021-10-01T00:00:00.000001Z", [0, 0, 0, 1]),
        ("until=2021-01-01", [0, 0, 0, 1]),
        ("from=2021-03-31T23:59:59.999999Z&until=2021-04-01", [1, 0, 0, 0]),
        ("from=2023-01-01&until=9999-12-31", [0, 0, 0, 0]),
    ],
)
def test_hires_of_any_period_are_counted_in_the_quarter_of_their_year(hired, period, hires):
    totals = hired.get(f"/metrics/hired-by-quarter?{period}").json["totals"]
    assert [totals[quarter] for quarter in ("q1", "q2", "q3", "q4")] == hires
    assert hired.get(f"/metrics/above-mean?{period}").json["totals"]["hired"] == sum(hires)


@pytest.mark.parametrize("path", ["/metrics/hired-by-quarter", "/metrics/above-mean"])
@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("year=2021&from=2021-01-01", "from", "give either a year or a period, not both"),
        ("until=2021-01-01&year=2021", "until", "give either a year or a period, not both"),
        ("from=2021-01-01&until=2021-01-01", "until", "must be after from"),
        ("from=2021-01-02&until=2021-01-01T23:59:59.999999Z", "until", "must be after from"),
    ],
)
def test_a_period_that_is_none_is_refused(client, path, query, field, message):
    answer = client.get(f"{path}?{query}")
    assert (answer.status_code, answer.json["errors"]) == (422, [{"field": field, "message": message}])
    assert answer.json["detail"] == f"query parameter {field}: {message}"


def test_departments_of_one_name_are_told_apart(client):
    client.post("/departments", json=[{"id": 1, "department": "Twin"}, {"id": 2, "department": "Twin"}])
    client.post("/jobs", json=[{"id": 1, "job": "Twin"}, {"id": 2, "job": "Twin"}])
    rows = [
        {"name": "A", "department_id": department, "job_id": job, "datetime": "2021-01-01T00:00:00Z"}
        for department, job in ((1, 1), (1, 2), (2, 1), (2, 1))
    ]
    client.post("/employees", json=rows)
    found = client.get("/metrics/hired-by-quarter?ids=true").json
    assert [(row["department_id"], row["job_id"], row["q1"]) for row in found["items"]] == [
        (1, 1, 1),
        (1, 2, 1),
        (2, 1, 2),
    ]
    assert [(row["id"], row["hired"]) for row in found["totals"]["departments"]] == [(1, 2), (2, 2)]
    picture = ET.fromstring(client.get("/metrics/hired-by-quarter", headers={"Accept": "image/svg+xml"}).data)
    assert [text.text for text in picture.iter(f"{SVG}text")].count("Twin") == 2


def test_departments_that_all_hired_the_mean_are_none(client):
    client.post("/departments", json=DEPARTMENTS[:2])
    client.post("/jobs", json=JOBS)
    hires = [(1, 1, "2021-01-01T00:00:00Z"), (2, 1, "2021-01-01T00:00:00Z")]
    rows = [{"name": "A", "department_id": d, "job_id": j, "datetime": w} for d, j, w in hires]
    assert client.post("/employees", json=rows).status_code == 201
    assert client.get("/metrics/above-mean").json["items"] == []


@pytest.mark.parametrize("path", ["/metrics/hired-by-quarter", "/metrics/above-mean"])
def test_an_empty_database_has_empty_metrics(client, path):
    totals = NO_HIRES if "quarter" in path else NO_MEAN
    assert client.get(path).json == {"items": [], "next": None, "totals": totals}
    picture = client.get(path, headers={"Accept": "image/svg+xml"}).text
    assert picture.startswith("<?xml")
    sentence = "Nobody was hired" if "quarter" in path else "No department hired more than the mean"
    assert " ".join(re.findall("<text[^>]*>([^<]*)</text>", picture)) == f"{sentence} in 2021"


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
    for name in ("漢字 👩‍👩‍👧", "عربي", "x" * 52, "x" * 53):
        hired.post("/departments?on_conflict=update", json={"id": 1, "department": name})
        picture = hired.get(path, headers={"Accept": "image/svg+xml"}).text
        shown = re.findall("<text[^>]*>([^<]*)</text>", picture)
        assert (name if len(name) <= 52 else f"{'x' * 51}…") in shown
        assert "4" in shown


def test_a_picture_is_well_formed_whatever_a_name_holds(hired):
    name = "\ufffe\uffff<&\"'>\U0001fffe"
    hired.post("/departments?on_conflict=update", json={"id": 1, "department": name})
    for path in ("/metrics/hired-by-quarter", "/metrics/above-mean"):
        root = ET.fromstring(hired.get(path, headers={"Accept": "image/svg+xml"}).data)
        assert "\ufffd\ufffd<&\"'>\U0001fffe" in [text.text for text in root.iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_figures(hired):
    root = ET.fromstring(hired.get("/metrics/above-mean", headers={"Accept": "image/svg+xml"}).data)
    widths = [float(bar.get("width")) for bar in root.iter(f"{SVG}rect") if bar.get("height") == "24"]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


def picture_of(client, path):
    return ET.fromstring(client.get(path, headers={"Accept": "image/svg+xml"}).data)


def test_a_picture_tells_all_of_it_to_those_who_do_not_see_it(hired):
    of_quarters = picture_of(hired, "/metrics/hired-by-quarter")
    assert of_quarters.get("aria-labelledby") == "title description"
    assert of_quarters.find(f"{SVG}title").text == "Hired in 2021, by department and quarter"
    assert of_quarters.find(f"{SVG}desc").text == (
        "General: 2 (Q1 0, Q2 0, Q3 1, Q4 1); GIS Technical: 1 (Q1 0, Q2 1, Q3 0, Q4 0); "
        "sales: 4 (Q1 2, Q2 1, Q3 0, Q4 1)"
    )
    above = picture_of(hired, "/metrics/above-mean")
    assert above.find(f"{SVG}title").text == "Departments that hired more than the mean in 2021"
    assert above.find(f"{SVG}desc").text == "sales: 4; General: 2; mean: 1.4"


def test_the_mean_is_a_line_where_a_bar_of_its_length_would_end(hired):
    picture = picture_of(hired, "/metrics/above-mean")
    [line] = [line for line in picture.iter(f"{SVG}line") if line.get("stroke-dasharray")]
    bars = [bar for bar in picture.iter(f"{SVG}rect") if bar.get("height") == "24"]
    start, longest = float(bars[0].get("x")), float(bars[0].get("width"))
    assert float(line.get("x1")) == pytest.approx(start + longest * 1.4 / 4, abs=0.2)
    assert "mean 1.4" in [text.text for text in picture.iter(f"{SVG}text")]


def test_a_picture_of_one_department_has_a_bar_for_each_job(hired):
    picture = picture_of(hired, "/metrics/hired-by-quarter?department_id=1&from=2021-01-01&until=2021-07-01")
    title = "Hired into sales from 2021-01-01 until 2021-07-01 (excluded), by job and quarter"
    assert picture.find(f"{SVG}title").text == title
    assert picture.find(f"{SVG}desc").text == "Clerk: 3 (Q1 2, Q2 1, Q3 0, Q4 0)"
    below = picture_of(hired, "/metrics/above-mean?department_id=3")
    assert below.find(f"{SVG}title").text == "The department did not hire more than the mean in 2021"


def contrast(one, other):
    """The contrast of two colours, as WCAG 2.2 defines it."""

    def luminance(color):
        parts = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_neighbours_differ_in_lightness_and_labels_can_be_read(hired):
    picture = picture_of(hired, "/metrics/hired-by-quarter?department_id=1&from=2020-10-01")
    colors = [box.get("fill") for box in picture.iter(f"{SVG}rect") if box.get("height") == "18"]
    assert len(colors) == 4
    assert all(contrast(*pair) >= 3 for pair in pairwise(colors))
    labels = [text for text in picture.iter(f"{SVG}text") if re.match(r"Q\d \d", text.text)]
    assert labels
    for label in labels:
        assert contrast(label.get("fill"), colors[int(label.text[1]) - 1]) >= 4.5


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
    answer = client.get(f"/metrics/above-mean?year={year}").json
    assert answer == {"items": [], "next": None, "totals": NO_MEAN}


def test_hires_in_the_last_instant_of_9999_are_counted(hired):
    row = {"name": "Z", "department_id": 1, "job_id": 1, "datetime": "9999-12-31T23:59:59.999999Z"}
    hired.post("/employees", json=row)
    assert hired.get("/metrics/hired-by-quarter?year=9999").json["items"][0]["q4"] == 1
