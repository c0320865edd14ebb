"""The job as a user runs it, on the test database and files of the test's own."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from hiring_api.model.tables import columns, tables
from migration_job.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

DEPARTMENTS = "1,Sales\n2,Law\n"
JOBS = "1,Clerk\n2,Judge\n3,Cook\n"


@dataclass
class Runner:
    """Runs the job and looks at what it left."""

    folder: Path
    rejects_folder: Path
    engine: Any
    capsys: Any
    before: set[Path] = field(default_factory=set)

    def files(self, employees="", departments=DEPARTMENTS, jobs=JOBS):
        """Writes the three files; text in UTF-8, or bytes. None leaves a file as it is."""
        of = {"departments": departments, "jobs": jobs, "hired_employees": employees}
        for name, content in of.items():
            if content is not None:
                self.write(f"{name}.csv", content)

    def write(self, name, content):
        """Writes one file; its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def __call__(self, *arguments, source=None):
        """Runs it: exit status, standard output, standard error."""
        self.before = set(self.rejects_files())
        status = main([str(source or self.folder), *arguments])
        return (status, *self.capsys.readouterr())

    def rows(self, name):
        """The rows of a table in the order of their ids."""
        table = next(table for table in tables() if table.name == name)
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(select(*columns(table)).order_by(table.c.id))]

    def rejects_files(self):
        """The rejects files of all runs."""
        return sorted(self.rejects_folder.glob("*.csv"))

    def rejects_file(self, name="hired_employees"):
        """The rejects file of the last run; None where it refused nothing."""
        new = [path for path in self.rejects_files() if path not in self.before and name in path.name]
        return max(new, key=lambda path: path.stat().st_mtime_ns, default=None)

    def refused(self, name="hired_employees"):
        """The rows that the last run refused, as dicts."""
        path = self.rejects_file(name)
        if path is None:
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def job(engine, database_url, tmp_path, monkeypatch, capsys):
    """The job, its folder of files empty."""
    folder = tmp_path / "csv"
    folder.mkdir()
    monkeypatch.setenv("DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("REJECTS_DIR", str(tmp_path / "rejects"))
    return Runner(folder, tmp_path / "rejects", engine, capsys)
