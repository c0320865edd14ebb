"""What Group Replication and Galera take in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hiring_api.database.dialects.dialect import TransactionLimit

if TYPE_CHECKING:
    from sqlalchemy import Connection

_GROUP, _BYTES, _ROWS = "group_replication_transaction_size_limit", "wsrep_max_ws_size", "wsrep_max_ws_rows"
_ASKED: Final = (
    "SHOW GLOBAL VARIABLES WHERE variable_name IN "
    f"('group_replication_group_name', '{_GROUP}', 'wsrep_on', '{_BYTES}', '{_ROWS}')"
)


def transaction_limits(connection: Connection) -> list[TransactionLimit]:
    """As `Dialect.transaction_limits`. A server may have a cluster's plugin and be in none; 0 is no limit."""
    found = {name.lower(): value for name, value in connection.exec_driver_sql(_ASKED).all()}
    names = [_GROUP] if found.get("group_replication_group_name") else []
    names += [_BYTES, _ROWS] if found.get("wsrep_on") == "ON" else []
    limits = [(name, int(found.get(name) or 0)) for name in names]
    return [TransactionLimit(name, most, of_rows=name == _ROWS) for name, most in limits if most]
