"""Users of the API beside API_USER, and who sent each refused row."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME

revision = "0008"
down_revision = "0007"

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Adds the column, then the table. What is there already is left from an upgrade that was killed."""
    connection = op.get_bind()
    if "user" not in _columns(connection, "rejects"):
        op.add_column("rejects", sa.Column("user", sa.String(255)))
    users = sa.Table(
        "api_users",
        sa.MetaData(),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("made_at", _moment(), nullable=False),
        sa.Column("changed_at", _moment(), nullable=False),
        **_OPTIONS,
    )
    if _columns(connection, users.name) != set(users.columns.keys()):
        users.create(connection, checkfirst=False)


def _columns(connection: sa.Connection, table: str) -> set[str]:
    """The names of a table's columns; none if there is no such table."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table):
        return set()
    return {column["name"] for column in inspector.get_columns(table)}


def _moment() -> sa.types.TypeEngine[Any]:
    return sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")


def downgrade() -> None:
    """Drops the table and the column."""
    op.drop_table("api_users")
    op.drop_column("rejects", "user")
