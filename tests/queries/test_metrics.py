"""The metrics against a plain count of the same rows, the views against the metrics, and their plans."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, make_url, text

from hiring_api.database import schema
from hiring_api.database.engine import open_engine
from hiring_api.database.transactions import snapshot, transaction
from hiring_api.model.tables import Department, Employee, Job
from hiring_api.queries import metrics
from hiring_api.queries.metrics import Period

DEPARTMENTS = {1: "Sales", 2: "sales", 3: "Émigrés", 7: "Sales"}  # 7 as 1
JOBS = {1: "Clerk", 2: "archivist", 5: "Clerk"}
QUARTER_OF = {1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 6: 1, 7: 2, 8: 2, 9: 2, 10: 3, 11: 3, 12: 3}
TICK = timedelta(microseconds=1)

# Most instants are at the border of a quarter, or within a microsecond of it
border = st.builds(datetime, st.integers(2020, 2023), st.sampled_from([1, 4, 7, 10]), st.just(1))
instants = st.one_of(
    border,
    border.map(lambda instant: instant - TICK),
    border.map(lambda instant: instant + TICK),
    st.datetimes(datetime(2020, 1, 1), datetime(2023, 12, 31)),
    st.sampled_from([datetime(1000, 1, 1), datetime.max, datetime(9999, 12, 31, 23, 59, 59)]),
)
hire = st.tuples(st.sampled_from(sorted(DEPARTMENTS)), st.sampled_from(sorted(JOBS)), instants)
bounds = st.one_of(st.none(), border, instants)
periods = st.one_of(
    st.sampled_from([1000, 2020, 2021, 2022, 9999]).map(Period.of_year), st.builds(Period, bounds, bounds)
)
PLENTY = [
    (department, job, datetime(2021, month, 1))
    for department in (1, 2)
    for job in (1, 2)
    for month in (1, 12)
]


def store(engine, hires, departments=DEPARTMENTS):
    def work(connection):
        for model in (Employee, Department, Job):
            connection.execute(delete(model))
        if departments:
            rows = [{"id": key, "department": name} for key, name in departments.items()]
            connection.execute(insert(Department), rows)
        connection.execute(insert(Job), [{"id": key, "job": name} for key, name in JOBS.items()])
        if hires:
            rows = [
                {"name": "x", "department_id": department, "job_id": job, "datetime": instant}
                for department, job, instant in hires
            ]
            connection.execute(insert(Employee.__table__), rows)

    transaction(engine, work)


def counted(hires, period, department_id=None):
    """The hires of a period for each department and job, as the four quarters; by the question's words."""
    quarters = {}
    for department, job, instant in hires:
        after = period.since is None or period.since <= instant
        before = period.until is None or instant < period.until
        if after and before and department_id in (None, department):
            quarters.setdefault((department, job), [0, 0, 0, 0])[QUARTER_OF[instant.month]] += 1
    return quarters


def in_order(keys):
    def order(key):
        department, job = DEPARTMENTS[key[0]], JOBS[key[1]]
        return department.casefold(), department, key[0], job.casefold(), job, key[1]

    return sorted(keys, key=order)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hire, max_size=25), periods, st.sampled_from([None, None, 1, 7, 99]))
@example(PLENTY, Period.of_year(2021), None)
@example(PLENTY, Period(datetime(2021, 1, 2), datetime(2021, 12, 2)), 1)
def test_both_metrics_are_those_of_a_plain_count(engine, hires, period, department_id):
    store(engine, hires)
    with snapshot(engine) as connection:
        rows = metrics.hired_by_quarter(connection, period, department_id)
        above = metrics.above_mean(connection, period, department_id)
    expected = counted(hires, period, department_id)
    assert [(row["department_id"], row["job_id"]) for row in rows] == in_order(expected)
    for row in rows:
        key = row["department_id"], row["job_id"]
        assert [row[quarter] for quarter in metrics.QUARTERS] == expected[key]
        assert (row["department"], row["job"]) == (DEPARTMENTS[key[0]], JOBS[key[1]])
    by_department = Counter(
        {
            department: sum(
                sum(counts) for (of, _), counts in counted(hires, period).items() if of == department
            )
            for department in DEPARTMENTS
        }
    )
    assert (above.hired, above.departments) == (by_department.total(), 4)
    assert above.mean == by_department.total() / 4
    over = {key: hired for key, hired in by_department.items() if hired > by_department.total() / 4}
    assert {row["id"]: row["hired"] for row in above.rows} == {
        key: hired for key, hired in over.items() if department_id in (None, key)
    }
    assert above.rows == sorted(above.rows, key=lambda row: -row["hired"])
    totals = metrics.totals(rows)
    assert (
        totals["hired"] == sum(map(sum, expected.values())) == sum(totals[name] for name in metrics.QUARTERS)
    )
    assert {of["id"]: of["hired"] for of in totals["departments"]} == {
        key: hired for key, hired in by_department.items() if hired and department_id in (None, key)
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hire, max_size=25))
@example([])
@example([(1, 1, datetime(2021, 1, 1)), (2, 1, datetime(2021, 1, 1) - TICK), (7, 5, datetime.max)])
def test_the_views_say_for_every_year_what_the_metrics_say(engine, hires):
    store(engine, hires)
    by_quarter, above = [], []
    with snapshot(engine) as connection:
        for year in sorted({instant.year for _, _, instant in hires}):
            for row in metrics.hired_by_quarter(connection, Period.of_year(year)):
                quarters = [row[quarter] for quarter in metrics.QUARTERS]
                by_quarter.append((year, row["department"], row["job"], *quarters))
            found = metrics.above_mean(connection, Period.of_year(year)).rows
            above += [(year, row["id"], row["department"], row["hired"]) for row in found]
        views = [
            list(map(tuple, connection.execute(text(query))))
            for query in (
                "SELECT year, department, job, q1, q2, q3, q4 FROM hired_by_quarter",
                "SELECT year, id, department, hired FROM departments_above_mean",
            )
        ]
    assert [sorted(view) for view in views] == [sorted(by_quarter), sorted(above)]
    assert all(type(value) in (int, str) for view in views for row in view for value in row)


def test_the_views_have_no_other_columns(engine):
    with snapshot(engine) as connection:
        names = [
            list(connection.execute(text(f"SELECT * FROM {view}")).keys())
            for view in ("hired_by_quarter", "departments_above_mean")
        ]
    assert names == [
        ["year", "department", "job", "q1", "q2", "q3", "q4"],
        ["year", "id", "department", "hired"],
    ]


def test_departments_without_any_hires_are_part_of_the_mean_in_the_view_as_well(engine):
    store(engine, [(1, 1, datetime(2021, 5, 5)), (2, 1, datetime(2021, 5, 5))])
    query = text("SELECT id, hired FROM departments_above_mean WHERE year = 2021 ORDER BY id")
    with snapshot(engine) as connection:
        assert list(map(tuple, connection.execute(query))) == [(1, 1), (2, 1)]


@pytest.mark.parametrize("count", [100, 101, 1501])
def test_however_many_departments_there_are_they_are_counted(engine, count):
    """Of 100 departments each has a SELECT for each quarter, of 1000 each is named."""
    departments = {key: f"D{key}" for key in range(1, count + 1)}
    days = [datetime(2020, 12, 31), datetime(2021, 5, 5), datetime(2022, 1, 1)]
    store(engine, [(key, 1, day) for key in (1, count) for day in days], departments)
    with snapshot(engine) as connection:
        above = metrics.above_mean(connection, Period.of_year(2021))
        rows = metrics.hired_by_quarter(connection, Period.of_year(2021))
    assert [row["id"] for row in above.rows] == [1, count]
    assert (above.hired, above.departments) == (2, count)
    assert [(row["department"], row["q2"]) for row in rows] == [("D1", 1), (f"D{count}", 1)]


def test_a_hiring_without_its_parents_is_not_counted(tmp_path):
    """As a program leaves it that writes into the file of SQLite with its foreign keys off."""
    engine = open_engine(make_url(f"sqlite:///{tmp_path / 'hiring.db'}"))
    schema.upgrade(engine)
    store(engine, [(1, 1, datetime(2021, 5, 5))])
    with engine.connect() as connection:
        connection.connection.execute("PRAGMA foreign_keys=OFF")
        for department, job in ((99, 1), (1, 99)):
            row = f"('x', '2021-05-05 00:00:00.000000', {department}, {job})"
            into = "INSERT INTO hired_employees (name, datetime, department_id, job_id) VALUES"
            connection.exec_driver_sql(f"{into} {row}")
        connection.commit()
    with snapshot(engine) as connection:
        rows = metrics.hired_by_quarter(connection, Period.of_year(2021))
        above = metrics.above_mean(connection, Period.of_year(2021))
        assert metrics.hired_by_quarter(connection, Period.of_year(2021), 99) == []
    assert [row["q2"] for row in rows] == [1]
    assert (above.hired, [row["id"] for row in above.rows]) == (2, [1])
    engine.dispose()


def plans(engine, ask):
    """What the database says about how it finds the rows of each of the statements that `ask` runs."""
    asked = []

    def note(connection, cursor, statement, parameters, context, executemany):
        asked.append((statement, parameters))

    with snapshot(engine) as connection:
        event.listen(engine, "before_cursor_execute", note)
        try:
            ask(connection)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        return [
            [row._asdict() for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
            for statement, parameters in asked
            if "hired_employees" in statement
        ]


@pytest.mark.parametrize("department_id", [None, 2])
@pytest.mark.parametrize("metric", [metrics.hired_by_quarter, metrics.above_mean])
def test_hires_of_whole_quarters_are_counted_in_the_index_in_its_order(engine, metric, department_id):
    """So a million take milliseconds: no row is read, and none sorted."""
    days = (datetime(2019, 1, 1) + timedelta(hours=hours) for hours in range(0, 30_000, 7))
    store(
        engine, [((1, 2, 3, 7)[number % 4], (1, 2)[number // 4 % 2], day) for number, day in enumerate(days)]
    )
    if engine.dialect.name != "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE TABLE hired_employees").all()
    [plan] = plans(engine, lambda connection: metric(connection, Period.of_year(2021), department_id))
    if engine.dialect.name == "sqlite":
        details = [step["detail"] for step in plan if "hired_employees" in step["detail"]]
        assert details
        assert all(
            "INDEX ix_hired_employees_quarter (department_id=? AND quarter=?)" in step for step in details
        )
        return
    steps = [step for step in plan if step["table"] == "hired_employees"]
    assert steps
    for step in steps:
        assert (step["key"], step["type"]) == ("ix_hired_employees_quarter", "ref")
        assert "Using index" in step["Extra"]
        assert "Using temporary" not in step["Extra"]
        assert "Using filesort" not in step["Extra"]


def test_a_period_of_many_years_counts_as_its_years_do(engine):
    """Of three departments and 33 years each quarter has a SELECT, of 34 the quarters are a range."""
    days = [datetime(1981 + number % 43, 1 + number % 12, 5) for number in range(1290)]
    store(engine, [(1 + number % 3, 1 + number % 2, day) for number, day in enumerate(days)])
    with engine.connect() as connection:
        for years in (range(2002, 2012), range(1985, 2018), range(1985, 2019), range(1981, 2024)):
            of_years = [
                metrics.totals(metrics.hired_by_quarter(connection, Period.of_year(y))) for y in years
            ]
            period = Period(datetime(years[0], 1, 1), datetime(years[-1] + 1, 1, 1))
            whole = metrics.totals(metrics.hired_by_quarter(connection, period))
            expected = sum(day.year in years for day in days)
            assert whole["hired"] == sum(one["hired"] for one in of_years) == expected
            assert [whole[q] for q in metrics.QUARTERS] == [
                sum(o[q] for o in of_years) for q in metrics.QUARTERS
            ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a server chooses by the number of rows
def test_hires_of_parts_of_quarters_are_counted_in_one_pass_over_the_table(engine):
    """To go from the index to each row, one by one, takes SQLite twice as long; servers know that."""
    store(engine, [(1, 1, datetime(2021, 2, 3)), (2, 1, datetime(2021, 2, 4))])
    period = Period(datetime(2021, 2, 1), datetime(2022, 8, 1))
    for metric in (metrics.hired_by_quarter, metrics.above_mean):
        [plan] = plans(engine, lambda connection, metric=metric: metric(connection, period))
        assert "SCAN hired_employees" in [step["detail"] for step in plan]
