"""Ctrl-C before a program has begun: while it still loads what it is made of."""

import subprocess
import sys

import pytest

# Presses Ctrl-C when the program named first asks for the module named second
CODE = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("module", ["hiring_api.settings", "sqlalchemy", "tqdm"])
@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("migration_job", 130, "migration_job: stopped before it began\n"),
        ("hiring_api", 130, "interrupted: nothing was changed\n"),
    ],
)
def test_ctrl_c_while_it_starts_is_no_traceback(root, program, status, said, module):
    command = [sys.executable, "-c", CODE, program, module]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", said)
