"""Read the rows of an Avro file and validate them, a few thousand at a time, in bounded memory."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final, cast

import fastavro

from hiring_api.errors import InvalidFile
from hiring_api.model.tables import kinds, resource, tables
from hiring_api.model.validation import ValidatedRow, validate_record

from .container import NOT_READABLE, Container, block, header
from .schema import Reading, avro_schema, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Table

    from .container import FileChecksum

Values = tuple[Any, ...]  # of one row, in the order of the table's columns

_CHUNK: Final = 4000  # rows
_STEP: Final = 100
_SMALL: Final = 64 * 1024  # bytes; smaller blocks are decoded together
_SYNC: Final = b"16 bytes between"

# What fastavro raises for bytes that are no records of the schema: too few, no UTF-8, no such branch of a
# union or symbol, numbers beyond C's, strings larger than the memory
_DAMAGED = (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, StopIteration)


@dataclass(frozen=True, slots=True)
class AvroChunk:
    """Consecutive rows of a file.

    `first` is the number of the first row in the file, from 1. `values` has the valid rows; `wrong` the
    others, each with its number.
    """

    first: int
    values: list[Values]
    wrong: list[tuple[int, ValidatedRow]]

    def numbers(self) -> list[int]:
        """The number in the file of each of `values`."""
        wrong = {number for number, _ in self.wrong}
        return [number for number in range(self.first, self.after) if number not in wrong]

    @property
    def after(self) -> int:
        """The number of the row after the last one."""
        return self.first + len(self.values) + len(self.wrong)


class AvroRows:
    """The rows of `table` in an Avro file, which can be read several times.

    Raises:
        InvalidFile: the file is no readable Avro file, or not of this table.
    """

    def __init__(self, file: IO[bytes], table: Table, *, ignore_extra: bool = False) -> None:
        self._file = file
        self.table = table
        self.tell: Callable[[int], object] | None = None  # told the number of rows of each chunk that is read
        container = self._open()
        self.content: FileChecksum | None = container.content
        if self.content and container.schema != avro_schema(table):
            name = container.schema.get("name") if isinstance(container.schema, dict) else None
            other = name if isinstance(name, str) and name != table.name else "another version of it"
            raise InvalidFile(f"the file is not a backup of {table.name} but of {other[:64]}")
        self._reading = reading(table, container.schema, ignore_extra=ignore_extra)

    def _open(self) -> Container:
        self._file.seek(0)
        return Container(self._file)

    def verify(self) -> None:
        """Read the bytes of the file without decoding its rows.

        Raises:
            InvalidFile: it is damaged, or, where it carries a checksum, not what was saved.
        """
        for _ in self._open().blocks():
            pass

    def chunks(self) -> Iterator[AvroChunk]:
        """Yield all rows in the order of the file.

        Raises:
            InvalidFile: something in the file is damaged; at the latest after the last row.
        """
        number = 1
        for records in self._records():
            chunk = self._validate(records, number)
            number = chunk.after
            yield chunk
            if self.tell is not None:
                self.tell(len(records))

    def _records(self) -> Iterator[list[dict[str, Any]]]:
        rows, data = 0, b""
        for more, part in self._open().blocks():
            if rows and len(data) + len(part) > _SMALL:
                yield from _decode(self._reading, rows, data)
                rows, data = 0, b""
            rows, data = rows + more, data + part if data else part
        if rows or data:
            yield from _decode(self._reading, rows, data)

    def _validate(self, records: list[dict[str, Any]], first: int) -> AvroChunk:
        # A column is checked as a whole; only if one has a wrong value, rows are validated one by one
        fields = [[record[name] for record in records] for name, _ in self._reading.columns]
        columns = [
            reader.check_all(values)
            for values, (_, reader) in zip(fields, self._reading.columns, strict=True)
        ]
        wrong: list[tuple[int, ValidatedRow]] = []
        if all(column is not None for column in columns):
            return AvroChunk(first, list(zip(*columns, strict=True)), wrong)
        rows = list(zip(*fields, strict=True))
        return AvroChunk(first, list(self._validate_each(rows, first, wrong)), wrong)

    def _validate_each(
        self, rows: list[Values], first: int, wrong: list[tuple[int, ValidatedRow]]
    ) -> Iterator[Values]:
        names = list(kinds(self.table))
        readers = [reader for _, reader in self._reading.columns]
        for number, raw in enumerate(rows, start=first):
            row = tuple([reader.check(value) for reader, value in zip(readers, raw, strict=True)])
            if None not in row:
                yield row
                continue
            said = {name: reader.json(value) for name, reader, value in zip(names, readers, raw, strict=True)}
            validated = validate_record(self.table, said)
            if validated.errors:
                wrong.append((number, validated))
            else:
                yield tuple([validated.values[name] for name in names])


def table_of(file: IO[bytes], name: str) -> Table:
    """The table whose backup `file` is, else the one that the file's name begins with.

    Raises:
        InvalidFile: it is no Avro file, or of no table.
    """
    file.seek(0)
    schema = Container(file).schema
    said = str(schema.get("name")) if isinstance(schema, dict) else ""
    for table in tables():
        if said == table.name or name.startswith((table.name, resource(table))):
            return table
    raise InvalidFile(f"the file holds {said[:64]!r}, which is none of our tables")


def _chunk(records: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The next records, in small steps: within one, no other thread may run."""
    chunk: list[dict[str, Any]] = []
    while len(chunk) < _CHUNK and (step := list(islice(records, _STEP))):
        chunk += step
    return chunk


def _decode(how: Reading, rows: int, data: bytes) -> Iterator[list[dict[str, Any]]]:
    """Decode the records in `data`: fastavro reads them from a file of one uncompressed block.

    Raises:
        InvalidFile: they are not records of the schema, or end before the data or after it.
    """
    if rows * len(how.columns) > len(data):  # no value takes less than a byte
        raise InvalidFile(f"{NOT_READABLE}: a block claims {rows} rows in {len(data)} bytes")
    metadata = {"avro.schema": json.dumps(how.schema).encode(), "avro.codec": b"null"}
    file = io.BytesIO(b"".join([header(metadata, _SYNC), block(rows, data, _SYNC)]))
    try:
        for whole in fastavro.block_reader(file):
            records = iter(whole)
            while chunk := _chunk(cast("Iterator[dict[str, Any]]", records)):
                yield chunk
            if whole.bytes_.tell() != len(data):  # type: ignore[attr-defined]  # missing in its stubs
                raise InvalidFile(f"{NOT_READABLE}: a block has bytes after its last row")
    except _DAMAGED as error:
        raise InvalidFile(f"{NOT_READABLE}: a block is damaged") from error
