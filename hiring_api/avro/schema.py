"""The Avro schema of a table, and what the fields of any Avro file mean for its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hiring_api.errors import InvalidFile
from hiring_api.model.tables import kinds

if TYPE_CHECKING:
    from sqlalchemy import Table

    from hiring_api.model.columns.kind import AvroReader

NAMESPACE: Final = "hiring"
_MAX_FIELDS: Final = 100
_MAX_FIXED: Final = 1024 * 1024  # bytes
_PRIMITIVES: Final = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


def avro_schema(table: Table) -> dict[str, Any]:
    """The schema of the files that hold rows of `table`."""
    fields = [{"name": name, "type": kind.avro_type()} for name, kind in kinds(table).items()]
    return {"type": "record", "name": table.name, "namespace": NAMESPACE, "fields": fields}


@dataclass(frozen=True, slots=True)
class Reading:
    """The way to read the records of a file: the reader's schema, and the field of each column.

    `schema` has the fields of the file in their order under names of ours, f0, f1, …; `columns` gives the
    name of the field, and how its values are read, for every column in the table's order.
    """

    schema: dict[str, Any]
    columns: list[tuple[str, AvroReader]]


def reading(table: Table, schema: Any, *, ignore_extra: bool = False) -> Reading:
    """Find the way to read a file with `schema` as rows of `table`.

    Fields may stand in any order, in any case, and be unions with null.

    Raises:
        InvalidFile: it is of another table, a column is missing or of a type that does not fit, or it has
            further fields and `ignore_extra` is false.
    """
    fields = _fields(table, schema)
    columns = [_column(table, name, fields) for name in kinds(table)]
    taken = {field for field, _ in columns}
    extra = [str(item["name"])[:64] for index, item in enumerate(fields) if f"f{index}" not in taken]
    if extra and not ignore_extra:
        raise InvalidFile(f"the file has fields that {table.name} does not have: {', '.join(extra)}")
    types = [
        {"name": f"f{index}", "type": _type_to_decode(table, item, index)}
        for index, item in enumerate(fields)
    ]
    return Reading({"type": "record", "name": "row", "fields": types}, columns)


def _fields(table: Table, schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise InvalidFile("the file does not hold records")
    fields = schema.get("fields")
    if not isinstance(fields, list) or not 1 <= len(fields) <= _MAX_FIELDS:
        raise InvalidFile(f"the file's records must have 1 to {_MAX_FIELDS} fields")
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in fields):
        raise InvalidFile("the file's schema is not one that Avro allows")
    if schema.get("namespace") == NAMESPACE and schema.get("name") != table.name:
        raise InvalidFile(f"the file holds {str(schema.get('name'))[:64]}, not {table.name}")
    return fields


def _column(table: Table, name: str, fields: list[dict[str, Any]]) -> tuple[str, AvroReader]:
    """The field that holds the column `name`: of just that name, else the only one that differs in case."""
    indexes = [index for index, item in enumerate(fields) if item["name"] == name]
    indexes = indexes or [index for index, item in enumerate(fields) if item["name"].lower() == name.lower()]
    if len(indexes) != 1:
        how = "no field" if not indexes else "more than one field"
        raise InvalidFile(f"the file has {how} {name}: it does not hold {table.name}")
    primitive, logical = _type(fields[indexes[0]].get("type"))
    reader = kinds(table)[name].avro_reader(primitive, logical)
    if reader is None:
        what = f"{primitive} ({logical})" if logical else primitive
        raise InvalidFile(
            f"the file's field {name} is of the type {what[:80]}, which {table.name} cannot take"
        )
    return f"f{indexes[0]}", reader


def _type(declared: Any) -> tuple[str, str | None]:
    """The primitive and logical type of a field; of a union with null that of its other branch."""
    if isinstance(declared, list):
        others = [branch for branch in declared if branch != "null"]
        return _type(others[0]) if len(others) == 1 and not isinstance(others[0], list) else ("union", None)
    if isinstance(declared, dict):
        inner, logical = declared.get("type"), declared.get("logicalType")
        return (inner if isinstance(inner, str) else "complex"), (None if logical is None else str(logical))
    return (declared if isinstance(declared, str) else "complex"), None


def _type_to_decode(table: Table, item: dict[str, Any], index: int) -> Any:
    """The field's type without logical types, which would cost time and lose digits.

    Types that contain others are refused before a library would follow them.
    """
    declared = item.get("type")
    branches = declared if isinstance(declared, list) else [declared]
    types = [_branch_to_decode(branch, f"t{index}_{number}") for number, branch in enumerate(branches)]
    if not types or None in types:
        name = item["name"][:64]
        raise InvalidFile(f"the file's field {name} is of a type that no column of {table.name} could be")
    return types if isinstance(declared, list) else types[0]


def _branch_to_decode(branch: Any, name: str) -> Any:
    inner = branch.get("type") if isinstance(branch, dict) else branch
    if isinstance(inner, str) and inner in _PRIMITIVES:
        return inner
    if inner == "enum" and isinstance(symbols := branch.get("symbols"), list):
        return {"type": "enum", "name": name, "symbols": [f"s{index}" for index in range(len(symbols))]}
    if inner == "fixed" and type(size := branch.get("size")) is int and 0 < size <= _MAX_FIXED:
        return {"type": "fixed", "name": name, "size": size}
    return None
