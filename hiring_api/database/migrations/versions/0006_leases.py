"""Leases: what one process may do at a time. The numbers 0002 to 0005 were taken before the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.schema import CreateTable

revision = "0006"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table, which is mostly there already: an upgrade itself holds a lease."""
    table = sa.Table(
        "leases",
        sa.MetaData(),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.execute(CreateTable(table, if_not_exists=True))


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("leases")
