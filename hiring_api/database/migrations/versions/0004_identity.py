"""An id for each database, made once: backups name the database that they are of."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME

revision = "0004"
down_revision = "0003"

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Creates the table with its one row; MySQL commits the first half of that at once."""
    if "identity" in sa.inspect(op.get_bind()).get_table_names():
        op.drop_table("identity")
    moment = sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")
    table = op.create_table(
        "identity",
        sa.Column("id", sa.CHAR(32), primary_key=True),
        sa.Column("made_at", moment, nullable=False),
        **_OPTIONS,
    )
    op.bulk_insert(table, [{"id": uuid4().hex, "made_at": datetime.now(UTC).replace(tzinfo=None)}])


def downgrade() -> None:
    """Drops it."""
    op.drop_table("identity")
