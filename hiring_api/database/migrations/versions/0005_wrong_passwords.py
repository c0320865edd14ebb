"""Wrong passwords by minute, address and process, so that all processes count together."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Creates the table; MySQL commits that before the revision is noted."""
    if "wrong_passwords" in sa.inspect(op.get_bind()).get_table_names():
        op.drop_table("wrong_passwords")
    op.create_table(
        "wrong_passwords",
        sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("address", sa.String(64), primary_key=True),
        sa.Column("process", sa.CHAR(32), primary_key=True),
        sa.Column("wrong", sa.Integer(), nullable=False),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    """Drops it."""
    op.drop_table("wrong_passwords")
