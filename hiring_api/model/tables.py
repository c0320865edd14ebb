"""The tables, each declared once. Everything that handles rows is driven by these classes.

The examples, which the OpenAPI document shows, are the first row of the sample data.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, FetchedValue, Index, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hiring_api.model.columns import Id, Instant, Kind, Reference, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

# Constraint names are given, so that a migration can name what it changes on every database
_NAMES = {
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# For each database that needs some, as SQLAlchemy knows them; those of other databases are passed over.
# utf8mb4_bin is the one collation that MySQL, MariaDB and SQLite's default agree on: by code point.
# AUTOINCREMENT keeps SQLite from giving the id of a deleted row to another one, as MySQL does.
OPTIONS_WITHOUT_IDS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}
OPTIONS: dict[str, Any] = {**OPTIONS_WITHOUT_IDS, "sqlite_autoincrement": True}


class Base(DeclarativeBase):
    """Holds the metadata of all tables."""

    metadata = MetaData(naming_convention=_NAMES)


def options(resource: str) -> dict[str, Any]:
    """The `__table_args__` of a table whose rows users send and read under `/resource`."""
    return {**OPTIONS, "info": {"resource": resource}}


class Department(Base):
    """A department that people are hired into."""

    __tablename__ = "departments"
    __table_args__ = options("departments")

    id: Mapped[int] = Id().column("department_id")
    department: Mapped[str] = Text(example="Product Management").column("department_name", "name")


class Job(Base):
    """A job that people are hired for."""

    __tablename__ = "jobs"
    __table_args__ = options("jobs")

    id: Mapped[int] = Id().column("job_id")
    job: Mapped[str] = Text(example="Accountant").column("job_name", "job_title", "title", "name")


class Employee(Base):
    """One hiring: who, when, into which department, for which job."""

    __tablename__ = "hired_employees"
    # For the metrics, which it gives their groups in order; the key's own index in one
    __table_args__ = (
        Index("ix_hired_employees_quarter", "department_id", "quarter", "job_id"),
        options("employees"),
    )

    id: Mapped[int] = Id().column("employee_id")
    name: Mapped[str] = Text(example="Harold Kim").column("employee", "employee_name", "full_name")
    datetime: Mapped[Any] = Instant("hired", example="2021-07-17T02:43:11Z").column(
        "date", "hire_date", "hired_at", "hire_datetime"
    )
    department_id: Mapped[int] = Reference("departments", example=6).column(index=False)
    job_id: Mapped[int] = Reference("jobs", example=130).column()

    # Computed by the database of `datetime`: 20213 is the third quarter of 2021
    quarter: Mapped[int | None] = mapped_column(Integer, FetchedValue())


def tables() -> list[Table]:
    """The tables that users send rows to, parents before the tables that refer to them."""
    return [table for table in Base.metadata.sorted_tables if "resource" in table.info]


def resource(table: Table) -> str:
    """The name of a table in URLs."""
    name: str = table.info["resource"]
    return name


def columns(table: Table) -> list[Column[Any]]:
    """The columns of the rows that users send and read, in declared order; not what the database computes."""
    return [column for column in table.columns if "kind" in column.info]


@cache
def kinds(table: Table) -> Mapping[str, Kind]:
    """The kind of each of these columns, by name, in declared order."""
    # Remembered, as each wrong row asks for it: SQLAlchemy's columns are slow to go through
    return {column.name: column.info["kind"] for column in columns(table)}


def references(table: Table) -> dict[str, Table]:
    """The table that each reference points to, by the name of the referring column."""
    return {
        name: Base.metadata.tables[kind.table]
        for name, kind in kinds(table).items()
        if isinstance(kind, Reference)
    }


def synonyms(table: Table, column: str) -> tuple[str, ...]:
    """Other names that a CSV header may have for a column."""
    words: tuple[str, ...] = table.columns[column].info["synonyms"]
    return words
