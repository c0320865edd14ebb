"""MySQL and MariaDB, through PyMySQL.

Reading order: `mysql` (the dialect), `servers` (which of several is connected to), `positions` (how far a
replica has come), `sessions` (how a connection is set up), `error_numbers` (what those of the server mean),
`load_data` and `inserts` (many rows in), `checksums` (of stored rows), `locks`, `parent_locks` (of what new
rows refer to), `limits` (of a cluster's transactions), `next_ids`.
"""

from .mysql import MySQL

__all__ = ["MySQL"]
