"""The tables that hold no user's rows but what the program itself must remember, each with its reason."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CHAR,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.mysql import DATETIME, LONGBLOB, MEDIUMTEXT

from hiring_api.model.tables import OPTIONS, OPTIONS_WITHOUT_IDS, Base

LongText: Final = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
Moment: Final = DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")

# One row, written by the revision that makes the table: the id goes wherever the data goes by other ways
identity = Table(
    "identity",
    Base.metadata,
    Column("id", CHAR(32), primary_key=True),
    Column("made_at", Moment, nullable=False),
    **OPTIONS_WITHOUT_IDS,
)

# How far each load of a CSV file has come; one that ended is kept as a record
loads = Table(
    "loads",
    Base.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(64), nullable=False),
    Column("table_name", String(64), nullable=False),
    Column("source", String(512), nullable=False),
    Column("fingerprint", CHAR(64), nullable=False),
    Column("progress", Text, nullable=False),
    Column("begun_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Index("ix_loads_fingerprint", "fingerprint"),
    **OPTIONS,
)

# What a load under way has taken from its file; a row for each chunk, as one value would be written anew
# with every chunk
load_ids = Table(
    "load_ids",
    Base.metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("load_id", Integer, nullable=False, index=True),
    Column("ids", LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb"), nullable=False),
    **OPTIONS,
)

# Each refused row. `raw` (what came) and `errors` are JSON text; `row_id` is the refused row's own id, where
# that is valid, `resolved_by` the id of the row that repaired it, and `user` who sent it (null: the job)
rejects = Table(
    "rejects",
    Base.metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("table_name", String(64), nullable=False),
    Column("source", String(512), nullable=False),
    Column("run", String(64), nullable=False),
    Column("line", BigInteger),
    Column("record", BigInteger),
    Column("raw", LongText, nullable=False),
    Column("errors", LongText, nullable=False),
    Column("row_id", Integer),
    Column("refused_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Column("resolved_by", Integer),
    Column("user", String(255)),
    Index("ix_rejects_run", "run"),
    # For a line that comes again in the same file
    Index("ix_rejects_source", "table_name", "source", "line"),
    # For a repair that comes with its id alone, and for counting what is open
    Index("ix_rejects_open", "table_name", "resolved_at", "row_id"),
    **OPTIONS,
)

# The first answer to each request with an Idempotency-Key
answers = Table(
    "idempotency_keys",
    Base.metadata,
    Column("scope", CHAR(64), primary_key=True),
    Column("fingerprint", CHAR(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LongText, nullable=False),
    Column("kept_at", Moment, nullable=False),
    Index("ix_idempotency_keys_kept_at", "kept_at"),
    **OPTIONS_WITHOUT_IDS,
)

# What one process may do at a time. `fence` counts how often it was taken, `confirmed` how often it was
# renewed since then; `expires_at` is NULL where it was given back
leases = Table(
    "leases",
    Base.metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("confirmed", BigInteger, nullable=False),
    Column("expires_at", Moment),
    **OPTIONS_WITHOUT_IDS,
)

# How many wrong passwords each process of the API had from an address in a minute since 1970
wrong_passwords = Table(
    "wrong_passwords",
    Base.metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("address", String(64), primary_key=True),
    Column("process", CHAR(32), primary_key=True),
    Column("wrong", Integer, nullable=False),
    **OPTIONS_WITHOUT_IDS,
)

# The users of the API beside API_USER. `password` is a hash with its salt and parameters
users = Table(
    "api_users",
    Base.metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", String(255), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    **OPTIONS_WITHOUT_IDS,
)
