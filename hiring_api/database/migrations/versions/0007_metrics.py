"""The quarter of each hiring with its index, and the metrics of all years as views."""

import sqlalchemy as sa
from alembic import op

from hiring_api.database.dialects import dialect_of

revision = "0007"
down_revision = "0006"

_TABLE = "hired_employees"
_INDEX = "ix_hired_employees_quarter"
_INDEXED = ["department_id", "quarter", "job_id"]
_FORMER_INDEX = "ix_hired_employees_department_id"

# What `/` and SUM make of whole numbers differs between databases: CAST makes whole numbers of it again
_YEAR = "CAST((quarter - quarter % 10) / 10 AS SIGNED)"
_HIRED = "CAST(SUM(hired) AS SIGNED) AS hired"
_QUARTERS = ", ".join(
    f"CAST(SUM(CASE quarter % 10 WHEN {number} THEN hired ELSE 0 END) AS SIGNED) AS q{number}"
    for number in range(1, 5)
)


def _of_years(groups: str, sums: str) -> str:
    """A SELECT of sums over the hires of each year and group, which are counted in the order of the index."""
    counted = f"SELECT {groups}, quarter, COUNT(*) AS hired FROM {_TABLE} GROUP BY {groups}, quarter"
    return f"SELECT {_YEAR} AS year, {groups}, {sums} FROM ({counted}) AS counted GROUP BY {_YEAR}, {groups}"


_HIRED_BY_QUARTER = (
    "SELECT hires.year, departments.department, jobs.job, hires.q1, hires.q2, hires.q3, hires.q4 "
    f"FROM ({_of_years('department_id, job_id', _QUARTERS)}) AS hires "
    "JOIN departments ON departments.id = hires.department_id JOIN jobs ON jobs.id = hires.job_id"
)
_OF_DEPARTMENTS = _of_years("department_id", _HIRED)
_ABOVE_MEAN = (
    "SELECT hires.year, departments.id, departments.department, hires.hired "
    f"FROM ({_OF_DEPARTMENTS}) AS hires "
    f"JOIN (SELECT year, SUM(hired) AS hired FROM ({_OF_DEPARTMENTS}) AS years GROUP BY year) AS of_all "
    "ON of_all.year = hires.year "
    "JOIN departments ON departments.id = hires.department_id "
    "WHERE hires.hired * (SELECT COUNT(*) FROM departments) > of_all.hired"
)
_VIEWS = {"hired_by_quarter": _HIRED_BY_QUARTER, "departments_above_mean": _ABOVE_MEAN}


def upgrade() -> None:
    """Adds the column, then the index that takes the place of another one, then the views.

    Steps that were done before a kill are left out.
    """
    connection = op.get_bind()
    dialect = dialect_of(connection)
    if "quarter" not in {column["name"] for column in sa.inspect(connection).get_columns(_TABLE)}:
        op.execute(f"ALTER TABLE {_TABLE} ADD COLUMN quarter {dialect.computed_quarter('datetime')}")
    indexes = {index["name"] for index in sa.inspect(connection).get_indexes(_TABLE)}
    if _INDEX not in indexes:
        op.create_index(_INDEX, _TABLE, _INDEXED)
    if _FORMER_INDEX in indexes:
        op.drop_index(_FORMER_INDEX, _TABLE)
    for name, query in _VIEWS.items():
        dialect.create_view(connection, name, query)


def downgrade() -> None:
    """Drops the views, the index and the column."""
    for name in _VIEWS:
        op.execute(f"DROP VIEW IF EXISTS {name}")
    op.create_index(_FORMER_INDEX, _TABLE, ["department_id"])
    op.drop_index(_INDEX, _TABLE)
    op.drop_column(_TABLE, "quarter")
