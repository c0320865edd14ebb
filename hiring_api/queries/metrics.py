"""The two questions of the stakeholders, as SELECTs.

Names are sorted here: databases' collations differ from each other.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, case, func, select

from hiring_api.model.tables import Department, Employee, Job

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_departments, _jobs, _employees = (model.__table__ for model in (Department, Job, Employee))
assert isinstance(_departments, Table)  # noqa: S101  # for mypy: declarative classes map to tables
assert isinstance(_jobs, Table)  # noqa: S101
assert isinstance(_employees, Table)  # noqa: S101

QUARTERS = ("q1", "q2", "q3", "q4")


def hired_by_quarter(connection: Connection, year: int) -> list[dict[str, Any]]:
    """How many were hired in each quarter of `year` (UTC), for each department and job that hired any.

    Rows `{department, job, q1, q2, q3, q4}`, ordered by department, then job.
    """
    columns = _employees.c
    starts = [datetime(year, month, 1) for month in (1, 4, 7, 10)]  # noqa: DTZ001  # naive UTC
    ends = [*starts[1:], _end(year)]
    counts = [
        func.sum(case((_between(start, end), 1), else_=0)).label(quarter)
        for quarter, start, end in zip(QUARTERS, starts, ends, strict=True)
    ]
    grouped = (
        select(columns.department_id, columns.job_id, *counts)
        .where(_between(starts[0], ends[-1]))
        .group_by(columns.department_id, columns.job_id)
        .subquery()
    )
    found = connection.execute(
        select(_departments.c.department, _jobs.c.job, *(grouped.c[quarter] for quarter in QUARTERS))
        .join(_departments, _departments.c.id == grouped.c.department_id)
        .join(_jobs, _jobs.c.id == grouped.c.job_id)
        .order_by(grouped.c.department_id, grouped.c.job_id)
    )
    rows = [
        {"department": row.department, "job": row.job} | {name: int(getattr(row, name)) for name in QUARTERS}
        for row in found
    ]
    return sorted(rows, key=lambda row: (_alphabetical(row["department"]), _alphabetical(row["job"])))


def above_mean(connection: Connection, year: int) -> list[dict[str, Any]]:
    """The departments that hired more in `year` (UTC) than the mean over all departments.

    Rows `{id, department, hired}`, most first, then by department. Departments without hires count for
    the mean.
    """
    hired = func.count(_employees.c.id)
    in_year = _between(datetime(year, 1, 1), _end(year))  # noqa: DTZ001  # naive UTC
    of_department = (_employees.c.department_id == _departments.c.id) & in_year
    found = connection.execute(
        select(_departments.c.id, _departments.c.department, hired.label("hired"))
        .outerjoin(_employees, of_department)
        .group_by(_departments.c.id, _departments.c.department)
    ).all()
    total = sum(row.hired for row in found)
    # Whole numbers: hired > total / departments, without rounding
    above = [row._asdict() for row in found if row.hired * len(found) > total]
    return sorted(above, key=lambda row: (-row["hired"], _alphabetical(row["department"]), row["id"]))


def _between(start: datetime, end: datetime | None) -> ColumnElement[bool]:
    since = _employees.c.datetime >= start
    return since if end is None else since & (_employees.c.datetime < end)


def _end(year: int) -> datetime | None:
    """The first instant of the next year; the year 9999 has none."""
    last = 9999
    return datetime(year + 1, 1, 1) if year < last else None  # noqa: DTZ001  # naive UTC


def _alphabetical(text: str) -> tuple[str, str]:
    """Case-insensitive, then by code point."""
    return text.casefold(), text
