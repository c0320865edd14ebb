"""Packs: up to 1000 refused rows of one request, or of one part of a file, as one row of a table.

A row for each of them costs the server as much as the rows of the batch would have cost had they been right;
so refusing a batch took longer than taking it. Packed it is a tenth, and what is said of many rows is said
once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hiring_api.model.row_errors import RowError, errors_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Row

MOST: Final = 1000  # rejects in a pack: they are numbered by it
_LARGEST: Final = 1_000_000  # characters of a pack, or of one raw row that is a pack of its own
_LARGEST_AGAIN: Final = 4_000_000  # after rejects have changed; the column holds 16 MB
_ROWS: Final = "rows"
_ENCODER: Final = json.JSONEncoder()


class Reject(NamedTuple):
    """One refused row. `raw` is the JSON value or the list of CSV fields as they came.

    `line` and `record` count from 1; a row of a batch has only its `record`.
    """

    raw: Any
    errors: Sequence[RowError]
    line: int | None = None
    record: int | None = None


class Kept(NamedTuple):
    """A reject on record. `key` names it among all; `resolved_at` is an ISO 8601 instant, or None, and
    `row_id` the id of the row that resolved it.
    """

    key: int
    reject: Reject
    resolved_at: str | None = None
    row_id: int | None = None


def pack_of(key: int) -> int:
    """The id of the pack in which the reject of this key is."""
    return (key - 1) // MOST + 1


def packed(refused: Sequence[Reject]) -> Iterator[dict[str, Any]]:
    """Rejects as rows of `reject_packs`, but for what they have in common: as few as the bounds allow."""
    for start in range(0, len(refused), MOST):
        yield from _halved(refused[start : start + MOST])


def _halved(refused: Sequence[Reject]) -> Iterator[dict[str, Any]]:
    content = _content(refused)
    if len(content) > _LARGEST and len(refused) > 1:
        middle = len(refused) // 2
        yield from _halved(refused[:middle])
        yield from _halved(refused[middle:])
        return
    lines = [reject.line for reject in refused if reject.line is not None]
    yield {
        "first_line": min(lines, default=None),
        "last_line": max(lines, default=None),
        "size": len(refused),
        "unresolved": len(refused),
        "content": content,
    }


def _content(refused: Sequence[Reject]) -> str:
    # ASCII escapes keep what no UTF-8 column can hold, such as a lone surrogate
    errors = [errors_json(tuple(reject.errors)) for reject in refused]
    numbers = {text: number for number, text in enumerate(dict.fromkeys(errors))}
    parts = {
        "raws": _raws(refused),
        "lines": _numbers([reject.line for reject in refused]),
        "records": _numbers([reject.record for reject in refused]),
        "reasons": _ENCODER.encode([numbers[text] for text in errors]),
        "errors": f"[{', '.join(numbers)}]",
    }
    return "{" + ", ".join([f'"{name}": {text}' for name, text in parts.items()]) + "}"


def _raws(refused: Sequence[Reject]) -> str:
    text = _ENCODER.encode([reject.raw for reject in refused])
    if len(refused) == 1 and len(text) > _LARGEST:  # such a row is an attack or an accident
        kept = text[1:-1]
        return _ENCODER.encode([f"{kept[:_LARGEST]}… ({len(kept)} characters)"])
    return text


def _numbers(numbers: list[int | None]) -> str:
    return "null" if numbers.count(None) == len(numbers) else _ENCODER.encode(numbers)


def unpacked(pack: Row[Any]) -> list[Kept]:
    """The rejects in a row of `reject_packs`."""
    content = json.loads(pack.content)
    resolved = json.loads(pack.resolved or "{}")
    rows = resolved.get(_ROWS, {})
    nowhere = [None] * pack.size
    errors = [tuple([RowError(**error) for error in one]) for one in content["errors"]]
    columns = (
        content["raws"],
        [errors[reason] for reason in content["reasons"]],
        content["lines"] or nowhere,
        content["records"] or nowhere,
    )
    first = (pack.id - 1) * MOST
    return [
        Kept(first + place, Reject(*values), resolved.get(str(place)), rows.get(str(place)))
        for place, values in enumerate(zip(*columns, strict=True), start=1)
    ]


def repacked(rejects: Sequence[Kept], before: Sequence[Kept]) -> dict[str, Any]:
    """The columns of a pack that change when its rejects do.

    Where the fields that came now are far longer than those before, and the pack would be too large, what it
    says of the rows stays as it was.
    """
    resolved = {place: kept.resolved_at for place, kept in enumerate(rejects, start=1) if kept.resolved_at}
    rows = {place: kept.row_id for place, kept in enumerate(rejects, start=1) if kept.row_id is not None}
    columns: dict[str, Any] = {
        "resolved": _ENCODER.encode({**resolved, _ROWS: rows}) if resolved else None,
        "unresolved": len(rejects) - len(resolved),
    }
    now = [kept.reject for kept in rejects]
    if now != [kept.reject for kept in before]:
        content = _content(now)
        if len(content) <= _LARGEST_AGAIN:
            columns["content"] = content
    return columns
