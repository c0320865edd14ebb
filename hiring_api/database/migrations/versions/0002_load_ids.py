"""The ids that a load took from its file, chunk by chunk: as one value they were written anew each time."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGBLOB

revision = "0002"
down_revision = "0001"

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "sqlite_autoincrement": True,
}


def _ids(*, nullable: bool) -> sa.Column[bytes]:
    kind = sa.LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb")
    return sa.Column("taken" if nullable else "ids", kind, nullable=nullable)


def upgrade() -> None:
    """Gives the ids a table of their own; a load that was killed before can still go on."""
    op.create_table(
        "load_ids",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("load_id", sa.Integer(), nullable=False),
        _ids(nullable=False),
        **_OPTIONS,
    )
    op.create_index("ix_load_ids_load_id", "load_ids", ["load_id"])
    op.execute("INSERT INTO load_ids (load_id, ids) SELECT id, taken FROM loads WHERE taken IS NOT NULL")
    with op.batch_alter_table("loads", table_kwargs=_OPTIONS) as loads:
        loads.drop_column("taken")


def downgrade() -> None:
    """Puts the column back. Loads that were killed begin anew: what they took cannot be put together here."""
    op.drop_table("load_ids")
    op.execute("DELETE FROM loads WHERE ended_at IS NULL")
    with op.batch_alter_table("loads", table_kwargs=_OPTIONS) as loads:
        loads.add_column(_ids(nullable=True))
