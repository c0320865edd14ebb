"""The two questions of the stakeholders, as SELECTs.

Names are sorted here: databases' collations differ from each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, String, Table, case, cast, func, select

from hiring_api.model.tables import Department, Employee, Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection

_departments, _jobs, _employees = (model.__table__ for model in (Department, Job, Employee))
assert isinstance(_departments, Table)  # noqa: S101  # for mypy: declarative classes map to tables
assert isinstance(_jobs, Table)  # noqa: S101
assert isinstance(_employees, Table)  # noqa: S101

QUARTERS = ("q1", "q2", "q3", "q4")


@dataclass(frozen=True, slots=True)
class Period:
    """The time from `since` (included) until `until` (excluded), naive UTC; None is no bound."""

    since: datetime | None
    until: datetime | None

    @classmethod
    def of_year(cls, year: int) -> Period:
        """A calendar year; 9999 has no end."""
        return cls(_new_year(year), None if year == datetime.max.year else _new_year(year + 1))

    def __str__(self) -> str:
        """Its words in a sentence: `in 2021`, or `from 2021-02-01 until 2021-03-01 (excluded)`."""
        if self.since is not None and self == Period.of_year(self.since.year):
            return f"in {self.since.year}"
        words = [] if self.since is None else [f"from {_words(self.since)}"]
        words += [] if self.until is None else [f"until {_words(self.until)} (excluded)"]
        return " ".join(words)


def hired_by_quarter(
    connection: Connection, period: Period, department_id: int | None = None
) -> list[dict[str, Any]]:
    """How many were hired in each quarter of the year, for each department and job that hired any.

    Rows `{department_id, department, job_id, job, q1, q2, q3, q4}`, ordered by department, then job. Of a
    period of several years, `q1` has the hires of all their first quarters. `department_id` leaves one
    department.
    """
    columns = _employees.c
    counts = [func.sum(case((_quarter() == number, 1), else_=0)) for number in range(1, 5)]
    grouped = (
        select(
            columns.department_id,
            columns.job_id,
            *(count.label(name) for count, name in zip(counts, QUARTERS, strict=True)),
        )
        .where(*_within(period))
        .group_by(columns.department_id, columns.job_id)
    )
    if department_id is not None:
        grouped = grouped.where(columns.department_id == department_id)
    hires = grouped.subquery()
    found = connection.execute(
        select(hires, _departments.c.department, _jobs.c.job)
        .join(_departments, _departments.c.id == hires.c.department_id)
        .join(_jobs, _jobs.c.id == hires.c.job_id)
    )
    rows = [row._asdict() | {name: int(getattr(row, name)) for name in QUARTERS} for row in found]
    return sorted(
        rows,
        key=lambda row: (
            _alphabetical(row["department"]),
            _alphabetical(row["job"]),
            row["department_id"],
            row["job_id"],
        ),
    )


def totals(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Sums of rows of `hired_by_quarter`: `{hired, q1, q2, q3, q4, departments}`.

    `departments` has such sums for each department, as `{id, department, hired, q1, q2, q3, q4}`, in the
    order of the rows.
    """
    departments: dict[int, dict[str, Any]] = {}
    for row in rows:
        key = row["department_id"]
        sums = departments.setdefault(
            key, {"id": key, "department": row["department"], "hired": 0} | dict.fromkeys(QUARTERS, 0)
        )
        for quarter in QUARTERS:
            sums[quarter] += row[quarter]
            sums["hired"] += row[quarter]
    of_all = {name: sum(sums[name] for sums in departments.values()) for name in ("hired", *QUARTERS)}
    return {**of_all, "departments": list(departments.values())}


class AboveMean(NamedTuple):
    """The departments above the mean, and what the mean is of.

    Attributes:
        rows: `{id, department, hired}`, most first, then by department.
        hired: by all departments.
        departments: how many there are, those without hires included.
    """

    rows: list[dict[str, Any]]
    hired: int
    departments: int

    @property
    def mean(self) -> float:
        """Hires per department; 0 where there is no department."""
        return self.hired / self.departments if self.departments else 0.0


def above_mean(connection: Connection, period: Period, department_id: int | None = None) -> AboveMean:
    """The departments that hired more in a period than the mean over all departments.

    Departments without hires count for the mean. `department_id` leaves one department of the answer; the
    mean stays that over all of them.
    """
    columns = _employees.c
    hires = (
        select(columns.department_id, func.count().label("hired"))
        .where(*_within(period))
        .group_by(columns.department_id)
        .subquery()
    )
    found = connection.execute(
        select(_departments.c.id, _departments.c.department, func.coalesce(hires.c.hired, 0).label("hired"))
        # A department without hires has no row to join
        .outerjoin(hires, hires.c.department_id == _departments.c.id)
    ).all()
    total = sum(int(row.hired) for row in found)
    rows = [
        row._asdict() | {"hired": int(row.hired)}
        for row in found
        # Whole numbers: hired > total / departments, without rounding
        if row.hired * len(found) > total and department_id in (None, row.id)
    ]
    rows.sort(key=lambda row: (-row["hired"], _alphabetical(row["department"]), row["id"]))
    return AboveMean(rows, total, len(found))


def _within(period: Period) -> list[ColumnElement[bool]]:
    hired = _employees.c.datetime
    since = [] if period.since is None else [hired >= period.since]
    return since if period.until is None else [*since, hired < period.until]


def _quarter() -> ColumnElement[Any]:
    """The quarter of the year, from 1 to 4. SQLite's own functions of dates would round a fraction up."""
    month = cast(func.substr(cast(_employees.c.datetime, String(26)), 6, 2), Integer)
    return case((month <= 3, 1), (month <= 6, 2), (month <= 9, 3), else_=4)  # noqa: PLR2004  # months


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1)  # noqa: DTZ001  # naive UTC


def _words(moment: datetime) -> str:
    """A date, with its time if it is not midnight."""
    return f"{moment.isoformat()}Z".removesuffix("T00:00:00Z")


def _alphabetical(text: str) -> tuple[str, str]:
    """Case-insensitive, then by code point."""
    return text.casefold(), text
