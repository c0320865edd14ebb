"""The two questions of the stakeholders, as SELECTs.

A hiring without its department or job, which only a statement that switches foreign keys off leaves, is not
counted. Names are sorted here: databases' collations differ from each other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import Integer, Table, cast, func, select, union_all

from hiring_api.model.tables import Department, Employee, Job

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select

    Counted: TypeAlias = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]

_departments, _jobs, _employees = (model.__table__ for model in (Department, Job, Employee))
assert isinstance(_departments, Table)  # noqa: S101  # for mypy: declarative classes map to tables
assert isinstance(_jobs, Table)  # noqa: S101
assert isinstance(_employees, Table)  # noqa: S101

QUARTERS = ("q1", "q2", "q3", "q4")
_NAMED_DEPARTMENTS, _NAMED_QUARTERS = 1000, 40
_FETCHED = 500  # rows at a time: they are added up while the server counts on
_LOOKUPS = 400  # SELECTs that a statement is made of: SQLite takes 500


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
    departments = _names(connection, _departments.c.id, _departments.c.department)
    jobs = _names(connection, _jobs.c.id, _jobs.c.job)
    counted = _counted(period, departments if department_id is None else [department_id], _employees.c.job_id)
    # Added up here: a server would first store what it counted, which takes longer than to send it
    hires: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * len(QUARTERS)))
    for part in connection.execute(counted, execution_options={"yield_per": _FETCHED}).partitions():
        for department, quarter, job, hired in part:
            hires[department][job][quarter % 10 - 1] += hired
    rank = {job: number for number, job in enumerate(jobs)}
    return [
        {
            "department_id": department,
            "department": name,
            "job_id": job,
            "job": jobs[job],
            **dict(zip(QUARTERS, hires[department][job], strict=True)),
        }
        for department, name in departments.items()
        for job in sorted(hires[department].keys() & jobs.keys(), key=rank.__getitem__)
    ]


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
    departments = _names(connection, _departments.c.id, _departments.c.department)
    counted = _counted(period, departments).subquery()
    group = counted.c.department_id
    found = connection.execute(select(group, cast(func.sum(counted.c.hired), Integer)).group_by(group))
    hires = [(key, hired) for key, hired in found if key in departments]
    total = sum(hired for _, hired in hires)
    rows = [
        {"id": key, "department": departments[key], "hired": hired}
        for key, hired in hires
        # Whole numbers: hired > total / departments, without rounding
        if hired * len(departments) > total and department_id in (None, key)
    ]
    rows.sort(key=lambda row: (-row["hired"], _alphabetical(row["department"]), row["id"]))
    return AboveMean(rows, total, len(departments))


def _names(connection: Connection, key: ColumnElement[int], name: ColumnElement[str]) -> dict[int, str]:
    """The names in a table of parents, by id; in their order, and those of one name by id."""
    found = {row[0]: row[1] for row in connection.execute(select(key, name))}
    return dict(sorted(found.items(), key=lambda item: (_alphabetical(item[1]), item[0])))


def _counted(period: Period, departments: Collection[int], *groups: ColumnElement[Any]) -> Counted:
    """The SELECT of the hires of each department, quarter and further `groups`, with their number as `hired`.

    Of whole quarters it groups as the index is ordered, so that rows are only counted, neither fetched nor
    sorted; whoever wants other groups sums those. A SELECT for each department and quarter is a quarter
    quicker than one for all: servers ask of each row in a range once more whether it fulfils the conditions,
    but not of one that they find by equality.
    """
    bounds = [moment for moment in (period.since, period.until) if moment is not None]
    if not all(map(_begins_quarter, bounds)):
        return _in_one_pass(period, departments, *groups)
    department, quarter = _employees.c.department_id, _employees.c.quarter
    hires = _hires(department, quarter, *groups)
    quarters = _quarters(period)
    if 0 < len(departments) * len(quarters) <= _LOOKUPS:
        each = [hires.where(department == key, quarter == one) for key in departments for one in quarters]
        return union_all(*each)
    if 0 < len(quarters) <= _NAMED_QUARTERS:  # for a range of them MySQL reads the whole index
        conditions: list[ColumnElement[bool]] = [quarter.in_(quarters)]
    else:
        since, until = (moment and _quarter(moment) for moment in (period.since, period.until))
        conditions = _between(quarter, since, until)
    if len(departments) <= _NAMED_DEPARTMENTS:
        conditions.append(department.in_(departments))
    return hires.where(*conditions)


def _in_one_pass(period: Period, departments: Collection[int], *groups: ColumnElement[Any]) -> Counted:
    """As `_counted`, of a period that does not begin and end with a quarter; quarters are 1 to 4.

    From the index to each row, one by one, would take three times as long as to read the table. SQLite would
    do so for the sake of the index's order; a sum has none.
    """
    columns = _employees.c
    conditions = _between(columns.datetime, period.since, period.until)
    if len(departments) == 1:
        conditions.append(columns.department_id.in_(departments))
    return _hires(columns.department_id + 0, columns.quarter % 10, *groups).where(*conditions)


def _hires(
    department: ColumnElement[int], quarter: ColumnElement[int], *groups: ColumnElement[Any]
) -> Select[Any]:
    keys = (department.label("department_id"), quarter.label("quarter"), *groups)
    return select(*keys, func.count().label("hired")).group_by(department, quarter, *groups)


def _quarters(period: Period) -> list[int]:
    """The quarters of a period that begins and ends with one; none of a period without bounds."""
    if period.since is None or period.until is None:
        return []
    first, end = _quarter(period.since), _quarter(period.until)
    years = range(period.since.year, period.until.year + 1)
    return [one for year in years for one in range(year * 10 + 1, year * 10 + 5) if first <= one < end]


def _between(column: ColumnElement[Any], since: Any, until: Any) -> list[ColumnElement[bool]]:
    """Conditions on a column: from `since` (included) until `until` (excluded); None is no bound."""
    conditions = [] if since is None else [column >= since]
    return conditions if until is None else [*conditions, column < until]


def _quarter(moment: datetime) -> int:
    """The year and the quarter of an instant, as the column `quarter` has them: 20213."""
    return moment.year * 10 + (moment.month + 2) // 3


def _begins_quarter(moment: datetime) -> bool:
    return moment == datetime(moment.year, (moment.month - 1) // 3 * 3 + 1, 1)  # noqa: DTZ001  # naive UTC


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1)  # noqa: DTZ001  # naive UTC


def _words(moment: datetime) -> str:
    """A date, with its time if it is not midnight."""
    return f"{moment.isoformat()}Z".removesuffix("T00:00:00Z")


def _alphabetical(text: str) -> tuple[str, str]:
    """Case-insensitive, then by code point."""
    return text.casefold(), text
