"""Completion of arguments in a shell: `--completion bash` prints what bash runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# bash completes by a command's name, which is python here: go on with the module that python is to run
_OF_MODULES: Final = """
_complete_module_of_python() {
  local module=${COMP_WORDS[2]-}
  if [[ ${COMP_WORDS[1]-} == -m && $COMP_CWORD -gt 2 ]] && declare -F "_shtab_$module" >/dev/null; then
    COMP_WORDS=("$module" "${COMP_WORDS[@]:3}")
    COMP_CWORD=$((COMP_CWORD - 2))
    "_shtab_$module"
  fi
}
complete -o bashdefault -o default -F _complete_module_of_python python python3
"""


def add_completion(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `python -m MODULE` the argument `--completion`, which prints and ends."""
    parser.add_argument(
        "--completion",
        action=_Completion,
        choices=["bash"],
        help="print a script that completes arguments, and end: source <(… --completion bash)",
    )


def completed_as_file(action: argparse.Action) -> None:
    """Let the values of an argument be completed by names of files."""
    action.complete = {"bash": "_shtab_compgen_files"}  # type: ignore[attr-defined]  # shtab looks for it


class _Completion(argparse.Action):
    """Print the script for a shell, and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        import shtab

        parser.prog = parser.prog.rpartition(" ")[2]  # the module: a word that may be part of names in bash
        sys.stdout.write(shtab.complete(parser, str(values)) + _OF_MODULES)
        parser.exit()
