"""Refused rows by the thousand in a row: one by one they took the server longer than right ones."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME, MEDIUMTEXT

revision = "0003"
down_revision = "0002"

_MOST = 1000  # rejects in a pack
_LARGEST = 1_000_000  # characters of their raw rows
_FETCHED = 200
_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "sqlite_autoincrement": True,
}
_of_all = attrgetter("table_name", "source", "run", "refused_at")


def _instant() -> sa.types.TypeEngine[Any]:
    return sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")


def _long() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")


def _key() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only INTEGER counts up in SQLite
    return sa.Column("id", kind, primary_key=True, autoincrement=True)


def _origin() -> list[sa.Column[Any]]:
    return [
        sa.Column("table_name", sa.String(64), nullable=False),
        sa.Column("source", sa.String(512), nullable=False),
        sa.Column("run", sa.String(64), nullable=False),
    ]


def upgrade() -> None:
    """Packs what is on record. It gets new keys, above those given before, which name nothing any more.

    MySQL commits each change of the schema at once: after a kill all of it can be done again.
    """
    present = sa.inspect(op.get_bind()).get_table_names()
    if "rejects" in present:
        if "reject_packs" in present:
            op.drop_table("reject_packs")
        _pack(_create_packs())
        op.drop_table("rejects")


def _create_packs() -> sa.Table:
    return op.create_table(
        "reject_packs",
        _key(),
        *_origin(),
        sa.Column("first_line", sa.BigInteger()),
        sa.Column("last_line", sa.BigInteger()),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("unresolved", sa.Integer(), nullable=False),
        sa.Column("content", _long(), nullable=False),
        sa.Column("resolved", _long()),
        sa.Column("refused_at", _instant(), nullable=False),
        sa.Index("ix_reject_packs_table_name_source", "table_name", "source", "last_line"),
        sa.Index("ix_reject_packs_run", "run"),
        **_OPTIONS,
    )


def _pack(packs: sa.Table) -> None:
    connection = op.get_bind()
    rejects = sa.Table("rejects", sa.MetaData(), autoload_with=connection)
    highest = connection.execute(sa.select(sa.func.max(rejects.c.id))).scalar()
    number = 0 if highest is None else (highest - 1) // _MOST + 1
    for of_all, group in groupby(_rows(connection, rejects), _of_all):
        origin = dict(zip(("table_name", "source", "run", "refused_at"), of_all, strict=True))
        for pack in _parts(group):
            number += 1
            connection.execute(packs.insert(), {"id": number, **origin, **_columns(pack)})


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[sa.Row[Any]]:
    last = 0
    query = sa.select(table).order_by(table.c.id).limit(_FETCHED)
    while rows := connection.execute(query.where(table.c.id > last)).all():
        yield from rows
        last = rows[-1].id


def _parts(rejects: Iterator[sa.Row[Any]]) -> Iterator[list[sa.Row[Any]]]:
    part: list[sa.Row[Any]] = []
    size = 0
    for row in rejects:
        if part and (len(part) == _MOST or size + len(row.raw) > _LARGEST):
            yield part
            part, size = [], 0
        part.append(row)
        size += len(row.raw)
    yield part


def _columns(part: list[sa.Row[Any]]) -> dict[str, Any]:
    numbers = {text: number for number, text in enumerate(dict.fromkeys(row.errors for row in part))}
    lines = [row.line for row in part if row.line is not None]
    resolved = {
        place: f"{row.resolved_at.isoformat()}Z"
        for place, row in enumerate(part, start=1)
        if row.resolved_at is not None
    }
    content = {
        "raws": [json.loads(row.raw) for row in part],
        "lines": [row.line for row in part],
        "records": [row.record for row in part],
        "reasons": [numbers[row.errors] for row in part],
        "errors": [json.loads(text) for text in numbers],
    }
    return {
        "first_line": min(lines, default=None),
        "last_line": max(lines, default=None),
        "size": len(part),
        "unresolved": len(part) - len(resolved),
        "content": json.dumps(content),
        "resolved": json.dumps(resolved) if resolved else None,
    }


def downgrade() -> None:
    """Takes the packs apart; each reject keeps its key."""
    present = sa.inspect(op.get_bind()).get_table_names()
    if "reject_packs" in present:
        if "rejects" in present:
            op.drop_table("rejects")
        _unpack(_create_rejects())
        op.drop_table("reject_packs")


def _create_rejects() -> sa.Table:
    return op.create_table(
        "rejects",
        _key(),
        *_origin(),
        sa.Column("line", sa.BigInteger()),
        sa.Column("record", sa.BigInteger()),
        sa.Column("raw", _long(), nullable=False),
        sa.Column("errors", _long(), nullable=False),
        sa.Column("refused_at", _instant(), nullable=False),
        sa.Column("resolved_at", _instant()),
        sa.Index("ix_rejects_table_name_source", "table_name", "source", "line"),
        sa.Index("ix_rejects_run", "run"),
        **_OPTIONS,
    )


def _unpack(rejects: sa.Table) -> None:
    connection = op.get_bind()
    packs = sa.Table("reject_packs", sa.MetaData(), autoload_with=connection)
    last = 0
    query = sa.select(packs).order_by(packs.c.id).limit(1)
    while pack := connection.execute(query.where(packs.c.id > last)).first():
        connection.execute(rejects.insert(), list(_rejects_of(pack)))
        last = pack.id


def _rejects_of(pack: sa.Row[Any]) -> Iterator[dict[str, Any]]:
    content, resolved = json.loads(pack.content), json.loads(pack.resolved or "{}")
    for place in range(pack.size):
        at = resolved.get(str(place + 1))
        yield {
            "id": (pack.id - 1) * _MOST + place + 1,
            **dict(zip(("table_name", "source", "run", "refused_at"), _of_all(pack), strict=True)),
            "line": (content["lines"] or [None] * pack.size)[place],
            "record": (content["records"] or [None] * pack.size)[place],
            "raw": json.dumps(content["raws"][place]),
            "errors": json.dumps(content["errors"][content["reasons"][place]]),
            "resolved_at": None if at is None else datetime.fromisoformat(at[:-1]),
        }
