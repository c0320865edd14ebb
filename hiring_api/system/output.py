"""Output of the commands: tables or JSON on standard output, a bar on a terminal; and their end."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from hiring_api.log_lines import wants_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


MANY: Final = 10_000  # from here on a bar says 12.3k; of few rows that would be 12.0
_PIPE_CLOSED: Final = 141  # what a shell says of a program that SIGPIPE ended: 128 + 13


def exit_status(main: Callable[[], int]) -> int:
    """Run a program's `main`, write out all that it printed, and return its exit status.

    If nobody reads the output any more, as in `… | head -1`, the program ends as other Unix programs do:
    without a word, with the status 141. SIGPIPE itself stays ignored, since it would also end the program
    when the connection to a database is lost.
    """
    status = 0
    try:
        try:
            status = main()
        finally:
            print(end="", flush=True)
    except OSError as error:
        # Python tries to write the rest when it ends: that must not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return _PIPE_CLOSED
        if not status:
            print(f"standard output: {error.strerror}", file=sys.stderr)
        return status or 1
    return status


def show(lines: list[dict[str, Any]], items: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print `items` as JSON, or `lines` as a table whose columns are named as their members."""
    if as_json:
        print(json.dumps(items, indent=2))
    else:
        print(table(lines), end="")


def table(lines: list[dict[str, Any]]) -> str:
    """Lines of aligned columns below their names; nothing where there are none."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    rows = [names, *([str(line.get(name, "")) for name in names] for line in lines)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(names))]
    texts = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "".join(f"{text}\n" for text in texts) if lines else ""


def on_terminal() -> bool:
    """True if standard error is a terminal, where somebody sees it, and not a log of JSON."""
    return sys.stderr.isatty() and not wants_json()


def width() -> dict[str, Any]:
    """The arguments of tqdm for a bar as wide as the terminal, and 80 columns where it has none."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return {"dynamic_ncols": True} if columns else {"ncols": 80, "nrows": 24}


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on a terminal, and yield a function to call with numbers of rows done.

    Rows beyond the total are those of another pass over the same rows: the bar begins anew.
    """
    many = total is None or total >= MANY
    with tqdm(
        total=total, desc=what, unit=" rows", unit_scale=many, disable=not on_terminal(), **width()
    ) as shown:

        def tell(rows: int) -> None:
            if total and shown.n >= total:
                shown.reset()
            shown.update(rows)

        yield tell
