"""All tables: the hiring records, and what the program itself must remember."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME, LONGBLOB, MEDIUMTEXT

revision = "0001"
down_revision = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_COUNTING: dict[str, Any] = {**_OPTIONS, "sqlite_autoincrement": True}  # for keys that the database gives


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")


def _long_text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """Create the tables, parents first.

    MySQL commits each table at once. Where an upgrade was killed before all were there, those are made anew.
    """
    metadata = sa.MetaData()
    _hiring_records(metadata)
    identity = _bookkeeping(metadata)
    connection = op.get_bind()
    metadata.drop_all(connection, [table for table in metadata.sorted_tables if _is_left(connection, table)])
    metadata.create_all(connection, checkfirst=False)
    op.bulk_insert(identity, [{"id": uuid4().hex, "made_at": datetime.now(UTC).replace(tzinfo=None)}])


def _is_left(connection: sa.Connection, table: sa.Table) -> bool:
    """True if a killed upgrade may have left this table; one with other columns, or rows, is not ours."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name):
        return False
    if {column["name"] for column in inspector.get_columns(table.name)} != set(table.columns.keys()):
        return False
    return connection.execute(sa.select(table).limit(1)).first() is None


def _hiring_records(metadata: sa.MetaData) -> None:
    for table, column in (("departments", "department"), ("jobs", "job")):
        sa.Table(
            table,
            metadata,
            sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
            sa.Column(column, sa.String(255), nullable=False),
            **_COUNTING,
        )
    sa.Table(
        "hired_employees",
        metadata,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("datetime", _moment(), nullable=False),
        _reference("department_id", "departments"),
        _reference("job_id", "jobs"),
        **_COUNTING,
    )


def _reference(column: str, table: str) -> sa.Column[int]:
    name = f"fk_hired_employees_{column}"
    target = sa.ForeignKey(f"{table}.id", name=name, ondelete="RESTRICT", onupdate="RESTRICT")
    return sa.Column(column, sa.Integer(), target, nullable=False, index=True)


def _bookkeeping(metadata: sa.MetaData) -> sa.Table:
    """Add the other tables; the one that is to have a row."""
    sa.Table(
        "rejects",
        metadata,
        # Only INTEGER counts up in SQLite
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("line", sa.BigInteger()),
        sa.Column("record", sa.BigInteger()),
        sa.Column("raw", _long_text(), nullable=False),
        sa.Column("errors", _long_text(), nullable=False),
        sa.Column("row_id", sa.Integer()),
        sa.Column("refused_at", _moment(), nullable=False),
        sa.Column("resolved_at", _moment()),
        sa.Column("resolved_by", sa.Integer()),
        sa.Index("ix_rejects_run", "run"),
        sa.Index("ix_rejects_source", "table_name", "source", "line"),
        sa.Index("ix_rejects_open", "table_name", "resolved_at", "row_id"),
        **_COUNTING,
    )
    sa.Table(
        "loads",
        metadata,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("begun_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment()),
        sa.Index("ix_loads_fingerprint", "fingerprint"),
        **_COUNTING,
    )
    sa.Table(
        "load_ids",
        metadata,
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("load_id", sa.Integer(), nullable=False, index=True),
        sa.Column("ids", sa.LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb"), nullable=False),
        **_COUNTING,
    )
    sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("scope", sa.CHAR(64), primary_key=True),
        sa.Column("fingerprint", sa.CHAR(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", _long_text(), nullable=False),
        sa.Column("kept_at", _moment(), nullable=False),
        sa.Index("ix_idempotency_keys_kept_at", "kept_at"),
        **_OPTIONS,
    )
    sa.Table(
        "wrong_passwords",
        metadata,
        sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("address", sa.String(64), primary_key=True),
        sa.Column("process", sa.CHAR(32), primary_key=True),
        sa.Column("wrong", sa.Integer(), nullable=False),
        **_OPTIONS,
    )
    return sa.Table(
        "identity",
        metadata,
        sa.Column("id", sa.CHAR(32), primary_key=True),
        sa.Column("made_at", _moment(), nullable=False),
        **_OPTIONS,
    )


def downgrade() -> None:
    """Drop the tables, children first."""
    metadata = sa.MetaData()
    _hiring_records(metadata)
    _bookkeeping(metadata)
    metadata.drop_all(op.get_bind())
