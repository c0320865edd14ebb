"""How many wrong passwords came from where in the present minute, over all processes of the API.

Each process writes its own count, as a whole: no two write the same row, and one that could not be written
is made good by the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CHAR, BigInteger, Column, Integer, String, Table, delete, func, insert, select, update

from hiring_api.model.tables import OPTIONS, Base

from .driver_errors import translated

if TYPE_CHECKING:
    from sqlalchemy import Engine

wrong_passwords = Table(
    "wrong_passwords",
    Base.metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("address", String(64), primary_key=True),
    Column("process", CHAR(32), primary_key=True),
    Column("wrong", Integer, nullable=False),
    **{name: value for name, value in OPTIONS.items() if name != "sqlite_autoincrement"},
)


def note(engine: Engine, minute: int, address: str, process: str, wrong: int) -> int:
    """Notes how many wrong passwords `process` has had from `address` in `minute` (since 1970); answers how
    many the other processes have had.

    Raises:
        HiringError, SQLAlchemyError: the database is away, busy or full; nothing was noted.
    """
    noted = wrong_passwords.c
    here = (noted.minute == minute) & (noted.address == address)
    with translated(engine), engine.begin() as connection:
        if not connection.execute(
            update(wrong_passwords).where(here, noted.process == process).values(wrong=wrong)
        ).rowcount:
            row = {"minute": minute, "address": address, "process": process, "wrong": wrong}
            connection.execute(insert(wrong_passwords), row)
        others = select(func.sum(noted.wrong)).where(here, noted.process != process)
        return int(connection.execute(others).scalar() or 0)


def forget(engine: Engine, before: int) -> None:
    """Deletes what was noted in minutes before `before`.

    Raises:
        HiringError, SQLAlchemyError: see `note`.
    """
    with translated(engine), engine.begin() as connection:
        connection.execute(delete(wrong_passwords).where(wrong_passwords.c.minute < before))
