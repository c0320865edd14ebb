"""`Dialect`: what a database must be able to do for this program, each with what it gives and promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeAlias

from sqlalchemy import select, text

from hiring_api.model.checksum import Checksum
from hiring_api.model.row_lines import to_lines
from hiring_api.model.tables import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Table, TextClause
    from sqlalchemy.engine import URL

    from hiring_api.errors import HiringError
    from hiring_api.model.row_lines import RowLines, Values

Where: TypeAlias = "ColumnElement[bool] | TextClause"

NULL: Final = "\0"
"""A value of a line that stands for NULL: a control character, which no valid text has."""

_FETCHED: Final = 10_000  # rows


class Address(NamedTuple):
    """A database as people know it: its kind, the server's host (None without a server), and its name."""

    kind: str
    host: str | None
    name: str


class TransactionLimit(NamedTuple):
    """The most bytes, or rows, of a transaction, and the server's setting that says so."""

    setting: str
    most: int
    of_rows: bool


class JsonObjects(NamedTuple):
    """What stands in FROM behind the table that has the JSON, and the members of each object as columns."""

    source: FromClause | TextClause
    members: dict[str, ColumnElement[Any]]


class Dialect(ABC):
    """One kind of database. It has no state: each method is given the engine or connection.

    A method without a default must be written for each database. What PostgreSQL would do is said where it
    would do otherwise than those that are here.
    """

    # --- Connections ---

    has_server: ClassVar[bool] = True
    """False where the database is a file: it is there or not, and waiting for it is useless."""

    writers: ClassVar[int] = 2
    """How many transactions may write at a time without waiting for each other from the start."""

    hasty_arguments: ClassVar[dict[str, Any]]
    """Arguments of the driver's `connect` that make it fail after a second or less, instead of waiting."""

    snapshot_options: ClassVar[dict[str, Any]] = {"isolation_level": "REPEATABLE READ"}
    """Execution options of a connection whose reads all see one state. PostgreSQL: these."""

    @abstractmethod
    def engine_options(self, url: URL) -> dict[str, Any]:
        """The arguments of `create_engine`. Sessions are strict, in UTC, with all of Unicode, and each
        statement sees what others have committed (READ COMMITTED). PostgreSQL: the option `timezone=utc`.
        """

    def reading_options(self, url: URL, wanted: Callable[[], str | None]) -> dict[str, Any]:
        """As `engine_options`, for replicas: connections are made to the first server that has reached the
        position `wanted()`, and asked for it again before each use. No server has reached None.

        PostgreSQL: `SELECT pg_last_wal_replay_lsn() >= ...`. A file has no replicas.
        """
        return self.engine_options(url)

    def position(self, connection: Connection) -> str | None:
        """How far the server has come in what is committed on any server; None if it cannot tell.

        PostgreSQL: `SELECT pg_current_wal_insert_lsn()`.
        """
        return None

    def catch_up(self, connection: Connection) -> None:  # noqa: B027  # PostgreSQL: nothing
        """Wait until the server shows all that was committed before on others that are written as well."""

    def prepare(self, engine: Engine) -> None:  # noqa: B027  # PostgreSQL: nothing
        """Listen to the engine's events, where connections need more than options. May be called twice."""

    def may_exist(self, url: URL) -> bool:
        """False if connecting would make the database; a server is asked by connecting to it."""
        return True

    @abstractmethod
    def address(self, connection: Connection) -> Address:
        """The kind, host and name of the connection's database, for backups to carry."""

    def require_writable(self, connection: Connection) -> None:  # noqa: B027  # a file is just written to
        """Raise the driver's error if the server can only be read, as a replica.

        PostgreSQL: `SELECT pg_is_in_recovery()`.
        """

    def answered_soon(self, connection: Connection) -> AbstractContextManager[None]:
        """Within the block, a server that is silent for long is lost, if there is another one to go to.

        PostgreSQL: nothing, as long as there is one server.
        """
        return nullcontext()

    # --- Errors ---

    driver_error: ClassVar[type[Exception]]
    """The class of all errors of the driver, which SQLAlchemy sometimes lets through as they are."""

    @abstractmethod
    def meaning(
        self, engine: Engine, error: BaseException | None, *, lost: bool, committing: bool
    ) -> HiringError | None:
        """What an error of the driver means; None for a bug in the program.

        Args:
            engine: the database, which may be asked for more.
            error: the driver's error. PostgreSQL: by its SQLSTATE; 40001 and 40P01 are `failures.busy()`.
            lost: True if the connection is.
            committing: True if it came of the COMMIT, which may have been done where the connection is lost:
                `CommitUnsure`.
        """

    # --- Rows: all of them are valid, and written within the caller's transaction ---

    @abstractmethod
    def load(self, connection: Connection, table: Table, rows: RowLines) -> None:
        """Insert one row or more by the fastest way there is: exactly all of them, or none.

        PostgreSQL: COPY ... FROM STDIN of `rows.data`, in a savepoint.

        Raises:
            IntegrityError: an id is taken or stands twice, or a reference is unknown.
        """

    @abstractmethod
    def insert(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
    ) -> None:
        """Insert values of `columns`, one tuple per row; after an error some rows may be in.

        PostgreSQL: INSERT with psycopg's executemany.

        Raises:
            IntegrityError: as `load`.
        """

    @abstractmethod
    def insert_lines(
        self, connection: Connection, table: Table, columns: Sequence[str], lines: bytes
    ) -> None:
        """Insert values of `columns` from UTF-8 lines: tabs between values, a line feed after each row.

        There are no escapes, and no other control characters but `NULL`. PostgreSQL: as `load`.
        """

    @abstractmethod
    def insert_generated(
        self, connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Values]
    ) -> list[int]:
        """As `insert` for columns without `id`: returns the ids that the rows got, in their order.

        PostgreSQL: INSERT ... RETURNING id, with SQLAlchemy's sort_by_parameter_order.

        Raises:
            IntegrityError: as `load`, or the counter has no id left; a larger one than an id may be is
                returned as it is.
        """

    @abstractmethod
    def overwrite(self, connection: Connection, table: Table, rows: Sequence[Values]) -> None:
        """Insert rows, or write them over those that have their ids.

        PostgreSQL: INSERT ... ON CONFLICT (id) DO UPDATE, as SQLite.
        """

    def checksum(self, connection: Connection, table: Table, where: Where | None) -> Checksum:
        """The checksum of the stored rows (that fulfil `where`): that of the same rows as `RowLines`.

        It is computed by this process, where the server cannot: PostgreSQL has no CRC-32.
        """
        query = select(*columns(table))
        query = query if where is None else query.where(where)
        parts = connection.execute(query).partitions(_FETCHED)
        return sum((to_lines(table, [tuple(row) for row in part]).checksum for part in parts), Checksum())

    def digest(self, connection: Connection, table: Table, where: Where) -> str | None:
        """The SHA-256 (hexadecimal) of the lines of the stored rows that fulfil `where`, in the order of ids.

        None if there are no rows, or the server cannot compute it. PostgreSQL: sha256() of string_agg().
        """
        return None

    # --- Locks ---

    def references_held(self, connection: Connection, rows: RowLines) -> AbstractContextManager[bool]:
        """Within the block the parents of `rows` are proven and locked, so that the server need not look up
        each of them while the rows are loaded: gives True. False where the server checks each row itself.

        Only for speed: PostgreSQL leaves it so.
        """
        return nullcontext(False)

    @abstractmethod
    def lock_tables(self, connection: Connection, tables: Sequence[Table]) -> list[int]:
        """Keep others from writing into the tables until the transaction ends; return the rows in each.

        It is the first thing that a transaction does. PostgreSQL: LOCK TABLE ... IN SHARE ROW EXCLUSIVE MODE.
        """

    def transaction_limits(self, connection: Connection) -> list[TransactionLimit]:
        """What servers of a cluster refuse at the COMMIT, if that is known before. PostgreSQL: nothing."""
        return []

    # --- Temporary tables ---

    @abstractmethod
    def drop_temporary(self, connection: Connection, name: str) -> None:
        """Drop a temporary table, if there is one of this name, without ending the transaction.

        PostgreSQL: DROP TABLE IF EXISTS pg_temp.name.
        """

    def exact(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """SQL that is equal for two texts only if all their bytes are, whatever the collation."""
        return column

    # --- JSON ---

    @abstractmethod
    def json_objects(self, column: ColumnElement[str], *members: str) -> JsonObjects:
        """The objects of JSON arrays, each as a row beside the row of its array.

        Args:
            column: text with a JSON array of flat objects; its table is in the same FROM.
            members: those of the objects that are wanted: texts, or null.

        PostgreSQL: json_to_recordset().
        """

    # --- Backups ---

    @abstractmethod
    def packed_rows(self, connection: Connection, table: Table, first: int, last: int) -> tuple[int, bytes]:
        """The rows with ids from `first` to `last`: their number, and all their values in one.

        The values come in the order of columns, row after row (in the order of ids as far as that costs
        nothing), each as UTF-8 text with the byte 1F behind it. Numbers are in digits, instants in
        microseconds since 1970. All rows together have at most 4 MB.

        PostgreSQL: string_agg(concat_ws(chr(31), ...), chr(31)).
        """

    # --- The ids that the database gives ---

    @abstractmethod
    def next_id(self, connection: Connection, table: Table) -> int:
        """The id that the next row without one would get. PostgreSQL: from its sequence."""

    @abstractmethod
    def reset_next_id(self, engine: Engine, table: Table) -> None:
        """Set the counter of a table back, so that ids go on after the highest that is in it, and commit.

        PostgreSQL: setval().
        """

    # --- The schema, for its revisions ---

    @abstractmethod
    def computed_quarter(self, instant: str) -> str:
        """The definition of a column that the database computes from another one, which holds an instant.

        It is the year and the quarter in one number, as 20213. It is not stored in the row, so that adding it
        costs nothing, and is not among the columns of `SELECT *` where the database can hide it. PostgreSQL:
        STORED, with EXTRACT(YEAR FROM ...) and EXTRACT(QUARTER FROM ...).
        """

    def create_view(self, connection: Connection, name: str, query: str) -> None:
        """Create a view, or replace it. Whoever reads it needs the rights to read its tables.

        PostgreSQL: WITH (security_invoker = true).
        """
        connection.execute(text(f"DROP VIEW IF EXISTS {name}"))
        connection.execute(text(f"CREATE VIEW {name} AS {query}"))
