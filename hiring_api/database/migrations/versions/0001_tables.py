"""The three tables of hiring records and the rejects."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME, LONGBLOB, MEDIUMTEXT

revision = "0001"
down_revision = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "sqlite_autoincrement": True,
}


def _instant() -> sa.types.TypeEngine[Any]:
    return sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")


def _long() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Creates the tables."""
    for table, column in (("departments", "department"), ("jobs", "job")):
        op.create_table(
            table,
            sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
            sa.Column(column, sa.String(255), nullable=False),
            **_OPTIONS,
        )
    op.create_table(
        "hired_employees",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("datetime", _instant(), nullable=False),
        _reference("department_id", "departments"),
        _reference("job_id", "jobs"),
        **_OPTIONS,
    )
    for column in ("department_id", "job_id"):
        op.create_index(f"ix_hired_employees_{column}", "hired_employees", [column])
    _create_rejects()
    _create_idempotency_keys()
    _create_loads()


def _reference(column: str, table: str) -> sa.Column[int]:
    target = sa.ForeignKey(
        f"{table}.id", name=f"fk_hired_employees_{column}", ondelete="RESTRICT", onupdate="RESTRICT"
    )
    return sa.Column(column, sa.Integer(), target, nullable=False)


def _create_rejects() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts up in SQLite
    op.create_table(
        "rejects",
        sa.Column("id", big, primary_key=True, autoincrement=True),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("line", sa.BigInteger()),
        sa.Column("record", sa.BigInteger()),
        sa.Column("raw", _long(), nullable=False),
        sa.Column("errors", _long(), nullable=False),
        sa.Column("refused_at", _instant(), nullable=False),
        sa.Column("resolved_at", _instant()),
        **_OPTIONS,
    )
    op.create_index("ix_rejects_table_name_source", "rejects", ["table_name", "source", "line"])
    op.create_index("ix_rejects_run", "rejects", ["run"])


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.CHAR(64), primary_key=True),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", _long(), nullable=False),
        sa.Column("kept_at", _instant(), nullable=False),
        **{option: value for option, value in _OPTIONS.items() if option != "sqlite_autoincrement"},
    )
    op.create_index("ix_idempotency_keys_kept_at", "idempotency_keys", ["kept_at"])


def _create_loads() -> None:
    op.create_table(
        "loads",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("taken", sa.LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")),
        sa.Column("begun_at", _instant(), nullable=False),
        sa.Column("ended_at", _instant()),
        **_OPTIONS,
    )
    op.create_index("ix_loads_fingerprint", "loads", ["fingerprint"])


def downgrade() -> None:
    """Drops the tables, children first."""
    for table in ("loads", "idempotency_keys", "rejects", "hired_employees", "jobs", "departments"):
        op.drop_table(table)
