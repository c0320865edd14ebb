"""How many wrong passwords came from where in the present minute, over all processes of the API.

Each process writes its own count, as a whole: no two write the same row, and one that could not be written
is made good by the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from hiring_api.database.bookkeeping import wrong_passwords

from .driver_errors import translated

if TYPE_CHECKING:
    from sqlalchemy import Engine


def note(engine: Engine, minute: int, address: str, process: str, wrong: int) -> int:
    """Note how many wrong passwords `process` has had from `address` in `minute` (since 1970).

    Return how many the other processes have had.

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
    """Delete what was noted in minutes before `before`.

    Raises:
        HiringError, SQLAlchemyError: see `note`.
    """
    with translated(engine), engine.begin() as connection:
        connection.execute(delete(wrong_passwords).where(wrong_passwords.c.minute < before))
