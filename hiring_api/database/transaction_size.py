"""What a cluster takes in one transaction, known before much work is done for one that it would refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hiring_api.errors import TransactionTooLarge

from .dialects import dialect_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hiring_api.model.row_lines import RowLines

# Of a row's line: what Galera was seen to send for employees; for shorter lines it is more, as keys count
# too. So only what is surely too large is refused here
_SENT: Final = 0.8
_MB: Final = 1_000_000


def require_taken(connection: Connection, sample: RowLines, rows: float) -> None:
    """Refuse a transaction of so many rows like those of `sample`, if the servers surely would at its end.

    Raises:
        TransactionTooLarge: they would; the message says which setting is in the way.
    """
    limits = dialect_of(connection).transaction_limits(connection) if sample else []
    for limit in limits:
        need = rows if limit.of_rows else rows * len(sample.data) / len(sample) * _SENT
        if need > limit.most:
            unit, many = ("rows", 1) if limit.of_rows else ("MB", _MB)
            raise TransactionTooLarge(
                f"this would be about {need / many:,.0f} {unit} in one transaction, and the database cluster "
                f"takes {limit.most / many:,.0f} {unit}; nothing was kept. Send it in parts, or have "
                f"{limit.setting} raised on all of its servers"
            )
